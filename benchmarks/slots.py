"""How long a video holds a worker slot, by the way in which it is waited for, in a real Airflow."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from statistics import fmean

from benchmarks.airflow_rig import Rig, Try
from benchmarks.numbers import duration
from benchmarks.report import Section, Table, Target
from benchmarks.visits import Visits
from dev.local_airflow import airflow_version

SYNC = "sync"
LABELS = {
    SYNC: "operator",
    "reschedule_sensor": 'submit, then sensor with `mode="reschedule"`',
    "deferrable_sensor": "submit, then sensor with `deferrable=True`",
    "triggerer_sensor": "submit, then sensor with `start_from_trigger=True`",
    "deferrable": "operator with `deferrable=True`",
    "batch": "batch operator with `deferrable=True`",
}
IN_THE_TRIGGERER = ("deferrable_sensor", "triggerer_sensor", "deferrable", "batch")
# Of the slot seconds of the operator that waits in a worker; most of them are Airflow's own (see the method).
MOST = 0.15

# Airflow's default.
HEARTBEAT = 5
# Nobody shall wait for one.
SLOTS = 24
TIMEOUT = 900.0


@dataclass(frozen=True, slots=True)
class Cost:
    """
    What one way took for all of its videos.

    :param seconds: of worker slots.
    :param visits: at a worker.
    :param polls: at Kling.
    :param delays: from the end of each video to the end of the task that waits for it.
    """

    videos: int
    seconds: float
    visits: int
    polls: int
    charges: int
    delays: list[float]

    @property
    def slot_seconds(self) -> float:
        """Of one video."""
        return self.seconds / self.videos


def run(quick: bool) -> Section:
    """Let each way make some videos in the same Airflow."""
    # The first poll is at 80 s: with shorter videos the figures would not be there sooner.
    videos, generation, gap = (1, 75.0, 5.0) if quick else (6, 105.0, 15.0)
    costs = _measure(videos, generation, gap)
    shares = {way: cost.slot_seconds / costs[SYNC].slot_seconds for way, cost in costs.items()}
    worst = max(IN_THE_TRIGGERER, key=lambda way: shares[way])
    charges = sum(cost.charges for cost in costs.values())
    rows = [
        [
            LABELS[way],
            f"{cost.slot_seconds:.1f} s",
            f"{shares[way]:.1%}",
            f"{cost.visits / videos:.4g}",
            f"{cost.polls / videos:.4g}",
            duration(fmean(cost.delays)),
            duration(max(cost.delays)),
            str(cost.charges),
        ]
        for way, cost in costs.items()
    ]
    return Section(
        title="Worker slots",
        method=(
            f"A real Airflow {airflow_version()} with LocalExecutor and the emulator on the same machine; each way "
            f"makes {videos} videos side by side, which take {generation:.0f} s in real time; the ways begin "
            f"{gap:.0f} s apart, so that not all processes start at once. Intervals are the defaults. A slot is held "
            "from when a worker of the executor takes a task up until it is free again, polled 20 times a second; "
            "the task that submits counts too. That is longer than the process of a task lives: Airflow may notice up "
            f"to {HEARTBEAT} s late that it has ended (`[workers] min_heartbeat_interval`, at its default), and chance "
            "decides how late."
        ),
        targets=[
            Target(
                "charges",
                f"one for each of {videos * len(costs)} videos",
                str(charges),
                all(cost.charges == videos for cost in costs.values()),
            ),
            Target(
                "worker slot of a way that waits in the triggerer",
                f"at most {MOST:.0%} of the waiting operator's",
                f"{shares[worst]:.1%} or less",
                shares[worst] <= MOST,
            ),
        ],
        parts=[
            Table(
                [
                    "way", "slot seconds a video", "against the first", "visits at a worker a video",
                    "polls a video", "delay after the video's end", "at most", "charges",
                ],
                rows,
            )
        ],
    )  # fmt: skip


def _measure(videos: int, generation: float, gap: float) -> dict[str, Cost]:
    dags = {way: f"slots_{way}" for way in LABELS}
    with Rig.up(
        "slots",
        dags.values(),
        generation_seconds=generation,
        slots=SLOTS,
        heartbeat=HEARTBEAT,
        variables={"SLOTS_VIDEOS": str(videos)},
    ) as rig:
        with Visits(rig.airflow.pids()["workers"]) as visits:
            runs = {}
            for way, dag_id in dags.items():
                runs[way] = rig.trigger(dag_id)
                time.sleep(gap)
            for run in runs.values():
                rig.wait(run, TIMEOUT)
            # A worker is let go a little after its task has ended.
            time.sleep(HEARTBEAT + 1)
        return {way: _cost(way, videos, rig.tries(run), rig, visits) for way, run in runs.items()}


def _cost(way: str, videos: int, tries: list[Try], rig: Rig, visits: Visits) -> Cost:
    prompts = [f"{way} {number}" for number in range(videos)]
    requests, charges, ends = rig.requests(), rig.charges(), rig.ends()
    return Cost(
        videos,
        seconds=sum(visits.seconds[one.key] for one in tries),
        visits=sum(visits.visits[one.key] for one in tries),
        polls=sum(requests.get(prompt, Counter())["get"] for prompt in prompts),
        charges=sum(charges[prompt] for prompt in prompts),
        delays=[_ended_at(number, tries) - ends[prompt] for number, prompt in enumerate(prompts)],
    )


def _ended_at(video: int, tries: list[Try]) -> float:
    return max(one.ended_at for one in tries if one.task_id == "videos" or one.task_id.endswith(f"_{video}"))
