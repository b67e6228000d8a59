"""Many videos by one batch task, against a mapped task each, in a real Airflow that is new for each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from benchmarks.airflow_rig import Rig
from benchmarks.numbers import duration, times
from benchmarks.report import Section, Table, Target
from dev.local_airflow import airflow_version

BATCH, MAPPED = "batch", "mapped"
SLOTS = 8
# Not Airflow's default of 5 s, with which the mapped tasks would wait for slots that nobody uses.
HEARTBEAT = 1
TIMEOUT = 3600.0
COMPONENTS = {
    "scheduler": "scheduler",
    "workers and tasks": "workers and their tasks",
    "api-server": "API server",
    "triggerer": "triggerer",
    "dag-processor": "DAG processor",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What one way took.

    :param wall: seconds from the trigger to the run's end.
    :param submitted: seconds from the trigger to the last submit.
    :param cpu: seconds by component.
    :param requests: by kind.
    :param instances: task instances.
    :param retries: tries beyond the first of each.
    :param database: bytes by which it grew.
    """

    wall: float
    submitted: float
    cpu: dict[str, float]
    requests: Counter[str]
    instances: int
    retries: int
    database: int
    charges: int
    landed: int

    @property
    def airflow_cpu(self) -> float:
        """Seconds of all of Airflow."""
        return sum(self.cpu[role] for role in COMPONENTS)


def run(quick: bool) -> Section:
    """Make the same videos in both ways."""
    # The first poll is at 80 s: with shorter videos the figures would not be there sooner.
    videos, generation = (20, 75.0) if quick else (500, 105.0)
    # Of mapped. Twenty videos cost Airflow little more than its idling, which is the same in both.
    most_cpu = 0.75 if quick else 0.25
    batch, mapped = (_measure(way, videos, generation) for way in (BATCH, MAPPED))
    return Section(
        title="Batch",
        method=(
            f"{videos} videos by one `KlingText2VideoBatchOperator` with `max_active={videos}`, and by as many mapped "
            f"`KlingText2VideoOperator`, both deferrable and landing the mp4 in a local directory. Each way has a new "
            f"Airflow {airflow_version()} with {SLOTS} slots of LocalExecutor and SQLite to itself, and the emulator, "
            f"whose videos take {generation:.0f} s in real time. All of that runs on one machine, and the emulator "
            "draws every video anew when it is fetched, in both ways. `[workers] min_heartbeat_interval` is 1 s: with "
            "Airflow's 5 s, mapped tasks hold their slots longer."
        ),
        targets=[
            Target(
                "charges",
                f"{videos} and {videos}",
                f"{batch.charges} and {mapped.charges}",
                batch.charges == mapped.charges == videos,
            ),
            Target(
                "videos landed",
                f"{videos} and {videos}",
                f"{batch.landed} and {mapped.landed}",
                batch.landed == mapped.landed == videos,
            ),
            Target(
                "time",
                "less than mapped",
                f"{duration(batch.wall)} against {duration(mapped.wall)}",
                batch.wall < mapped.wall,
            ),
            Target(
                "CPU of all of Airflow",
                f"at most {most_cpu:g} of mapped",
                f"{duration(batch.airflow_cpu)} against {duration(mapped.airflow_cpu)} "
                f"({times(batch.airflow_cpu, mapped.airflow_cpu)})",
                batch.airflow_cpu <= most_cpu * mapped.airflow_cpu,
            ),
        ],
        parts=[Table(["", "one batch", "mapped", "mapped against batch"], _rows(batch, mapped))],
    )


def _measure(way: str, videos: int, generation: float) -> Outcome:
    dag_id = f"batching_{way}"
    with Rig.up(
        dag_id,
        [dag_id],
        generation_seconds=generation,
        slots=SLOTS,
        heartbeat=HEARTBEAT,
        variables={"BATCHING_WAY": way, "BATCHING_VIDEOS": str(videos)},
    ) as rig:
        cpu, database = rig.cpu(), _database(rig)
        run = rig.trigger(dag_id)
        ended_at = rig.wait(run, TIMEOUT)
        cpu = {role: seconds - cpu[role] for role, seconds in rig.cpu().items()}
        tries = rig.tries(run)
        return Outcome(
            wall=ended_at - run.triggered_at,
            submitted=max(rig.ends().values()) - generation - run.triggered_at,
            cpu=cpu,
            requests=sum(rig.requests().values(), Counter()),
            instances=len(tries),
            retries=sum(one.number - 1 for one in tries),
            database=_database(rig) - database,
            charges=sum(rig.charges().values()),
            landed=sum(1 for _ in rig.output.rglob("*.mp4")),
        )


def _database(rig: Rig) -> int:
    return sum(path.stat().st_size for path in rig.airflow.home.glob("airflow.db*"))


def _rows(batch: Outcome, mapped: Outcome) -> list[list[str]]:
    def seconds(what: str, its: float, others: float) -> list[str]:
        return [what, duration(its), duration(others), times(others, its)]

    def number(what: str, its: float, others: float) -> list[str]:
        return [what, f"{its:,.0f}", f"{others:,.0f}", times(others, its)]

    kinds = {"create": "submits", "get": "polls", "download": "downloads"}
    return [
        seconds("from the trigger to the run's end", batch.wall, mapped.wall),
        seconds("from the trigger to the last submit", batch.submitted, mapped.submitted),
        *(seconds(f"CPU, {label}", batch.cpu[role], mapped.cpu[role]) for role, label in COMPONENTS.items()),
        seconds("CPU, all of Airflow", batch.airflow_cpu, mapped.airflow_cpu),
        seconds("CPU, emulator", batch.cpu["emulator"], mapped.cpu["emulator"]),
        *(number(f"requests, {label}", batch.requests[kind], mapped.requests[kind]) for kind, label in kinds.items()),
        number("task instances", batch.instances, mapped.instances),
        number("retries", batch.retries, mapped.retries),
        number("database, kB more", batch.database / 1000, mapped.database / 1000),
    ]
