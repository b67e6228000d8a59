"""Ten thousand waiting triggers where the API has a list: the requests no longer grow with the videos."""

from __future__ import annotations

from benchmarks.numbers import duration, percentile
from benchmarks.observing import DELAY, Observed, observe
from benchmarks.pollers import INTERVAL, LISTED, LISTED_V3
from benchmarks.report import Section, Table, Target


def run(quick: bool) -> Section:
    """Observe the shared poller with the lists of both of Kling's dialects."""
    seconds = 10.0 if quick else 40.0
    seen = {"kling": observe(LISTED, seconds), "kling-v3": observe(LISTED_V3, seconds)}
    return Section(
        title="Waiting, with the list",
        method=(
            f"{LISTED.waiting:,} triggers in one event loop, every {INTERVAL} s each; the server answers after "
            f"{DELAY * 1000:.0f} ms, 500 tasks a page, by number (dialect `kling`) or by cursor (`kling-v3`, where one "
            f"request can ask for 20 tasks too). Measured as above, over {seconds:.0f} s; a poll at a task is one at "
            "the page that it is on."
        ),
        targets=[target for dialect, found in seen.items() for target in _targets(dialect, found)],
        parts=[Table(["figure", *(f"`{dialect}`" for dialect in seen)], _rows(list(seen.values())))],
    )


def _targets(dialect: str, seen: Observed) -> list[Target]:
    requests, lag = seen.looks_per_second * INTERVAL, percentile(seen.lags, 99)
    return [
        Target(f"{dialect}: requests in {INTERVAL} s", "at most 40", f"{requests:.1f}", requests <= 40),
        Target(f"{dialect}: CPU", "under 25 % of one core", f"{seen.cpu_share:.1%}", seen.cpu_share < 0.25),
        Target(f"{dialect}: event-loop lag p99", "under 20 ms", duration(lag), lag < 0.02),
    ]


def _rows(seen: list[Observed]) -> list[list[str]]:
    return [list(row) for row in zip(_NAMES, *(_figures(each) for each in seen), strict=True)]


_NAMES = (
    "lateness p50, p99",
    "loop lag p50, p99, max",
    "loop lag max at the start",
    "until all were polled",
    "connections at most",
    "memory",
)


def _figures(seen: Observed) -> list[str]:
    late = [duration(percentile(seen.lateness, percent)) for percent in (50, 99)]
    lags = [duration(value) for value in (percentile(seen.lags, 50), percentile(seen.lags, 99), max(seen.lags))]
    return [
        ", ".join(late),
        ", ".join(lags),
        duration(seen.start_lag),
        "never" if seen.first_round is None else duration(seen.first_round),
        str(seen.connections),
        f"{seen.memory / 2**20:.0f} MiB",
    ]
