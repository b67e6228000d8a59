"""How many polls a video costs, and how long after its end the poll comes that sees it: arithmetic, no waiting."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from airflow_provider_kling.lifecycle.waiting import poll_delay
from benchmarks.numbers import percentile, times
from benchmarks.report import Section, Table, Target

FIXED = 10.0
# As published for 5 s clips: 83 to 253 s, median 105 s. Between them a log-normal, which generation times resemble.
SHORTEST, MEDIAN, LONGEST, SPREAD = 83.0, 105.0, 253.0, 0.25

Schedule = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Cost:
    """Polls and delays of many videos under one schedule."""

    polls: Sequence[int]
    delays: Sequence[float]

    @property
    def mean_looks(self) -> float:
        """Polls per video."""
        return sum(self.polls) / len(self.polls)

    @property
    def mean_delay(self) -> float:
        """Seconds from the end of a video to the poll that sees it."""
        return sum(self.delays) / len(self.delays)


def run(quick: bool) -> Section:
    """Compare our schedule with a fixed interval."""
    draw = random.Random(7)
    number = 2_000 if quick else 100_000
    ends = [_end(draw) for _ in range(number)]
    ours = _cost(ends, poll_delay, draw)
    started = _cost(ends, poll_delay, draw, jitter=True)
    fixed = _cost(ends, lambda age: FIXED, draw)
    fixed_jittered = _cost(ends, lambda age: FIXED, draw, jitter=True)
    rows = [
        _row("ours", ours, fixed),
        _row("fixed, every 10 s", fixed, fixed),
        _row("ours, with the poller's jitter at the start", started, fixed),
        _row("fixed, with the same jitter", fixed_jittered, fixed),
    ]
    by_end = [
        _by_end(low, high, ends, ours, fixed) for low, high in ((83, 95), (95, 115), (115, 150), (150, 200), (200, 254))
    ]
    met_looks = ours.mean_looks <= 0.5 * fixed.mean_looks
    return Section(
        title="Poll schedule",
        method=(
            f"{number:,} completion times from a log-normal with median {MEDIAN:.0f} s, cut at {SHORTEST:.0f} and "
            f"{LONGEST:.0f} s, played through `lifecycle.waiting.poll_delay`; answers take no time. No clock is "
            "involved, so this table is the same on every machine."
        ),
        targets=[
            Target(
                "polls per video",
                "at most half of a fixed 10 s interval",
                f"{ours.mean_looks:.2f} against {fixed.mean_looks:.2f} ({ours.mean_looks / fixed.mean_looks:.3f} x)",
                met_looks,
            ),
            Target(
                "mean delay after completion",
                "not above the fixed interval's",
                f"{ours.mean_delay:.2f} s against {fixed.mean_delay:.2f} s",
                ours.mean_delay <= fixed.mean_delay,
            ),
        ],
        parts=[
            Table(["schedule", "polls per video", "mean delay", "delay p95", "polls against fixed"], rows),
            Table(["done after", "videos", "polls, ours", "polls, fixed", "delay, ours", "delay, fixed"], by_end),
        ],
    )


def _end(draw: random.Random) -> float:
    return min(LONGEST, max(SHORTEST, MEDIAN * draw.lognormvariate(0, SPREAD)))


def _cost(ends: Sequence[float], schedule: Schedule, draw: random.Random, *, jitter: bool = False) -> Cost:
    polls: list[int] = []
    delays: list[float] = []
    for end in ends:
        # The poller spreads the first polls over up to ten seconds before they are due.
        first = schedule(0.0)
        age, count = first - (draw.uniform(0, min(first, 10.0)) if jitter else 0.0), 1
        while age < end:
            age += schedule(age)
            count += 1
        polls.append(count)
        delays.append(age - end)
    return Cost(polls, delays)


def _row(name: str, cost: Cost, fixed: Cost) -> list[str]:
    return [
        name,
        f"{cost.mean_looks:.2f}",
        f"{cost.mean_delay:.2f} s",
        f"{percentile(cost.delays, 95):.1f} s",
        times(cost.mean_looks, fixed.mean_looks),
    ]


def _by_end(low: float, high: float, ends: Sequence[float], ours: Cost, fixed: Cost) -> list[str]:
    chosen = [number for number, end in enumerate(ends) if low <= end < high]

    def mean(values: Sequence[float]) -> float:
        return sum(values[number] for number in chosen) / max(1, len(chosen))

    return [
        f"{low:.0f} to {min(high, LONGEST):.0f} s",
        f"{len(chosen) / len(ends):.0%}",
        f"{mean(ours.polls):.1f}",
        f"{mean(fixed.polls):.1f}",
        f"{mean(ours.delays):.1f} s",
        f"{mean(fixed.delays):.1f} s",
    ]
