"""An Airflow that notices killed processes within seconds, on an emulator that lets a double submit through."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_kling.emulator import Fault, KlingEmulator
from dev.local_airflow import LocalAirflow, Settings

DAGS = Path(__file__).parent / "dags"
DAG_IDS = ("kills", "clear_reuse", "clear_new")
TASK_ID = "make_video"
FINISHED = ("success", "failed")

# How long the emulator holds an answer back: wide enough to be hit on purpose.
STALL = 1.5
# Most submits and downloads are affected: mostly held back, now and then lost, spoiled or refused.
FAULT_RATE = 0.7
FAULTS = (
    *[Fault("stall", on="create", seconds=STALL)] * 8,
    Fault("lost_after"), Fault("lost_before"), Fault("error_after"), Fault("html", commit=True), Fault("rate_limited"),
    *[Fault("stall", on="download", seconds=STALL)] * 4,
    Fault("truncated_mp4"),
)  # fmt: skip

# Kling's limit of unfinished tasks (1303) spreads the submits over the round, so that kills meet them all along.
CONCURRENCY = 15

# Airflow's defaults take minutes to notice a death.
IMPATIENT: Settings = {
    "scheduler": {
        "scheduler_heartbeat_sec": "2",
        "scheduler_health_check_threshold": "10",
        "orphaned_tasks_check_interval": "5",
        "task_instance_heartbeat_timeout": "15",
        "task_instance_heartbeat_timeout_detection_interval": "3",
    },
    "triggerer": {"job_heartbeat_sec": "2", "triggerer_health_check_threshold": "10"},
    "workers": {"min_heartbeat_interval": "2"},
}


@dataclass(frozen=True)
class Stand:
    """A running Airflow whose ``kling_default`` points to an emulator in this process."""

    airflow: LocalAirflow
    emulator: KlingEmulator
    output: Path
    seed: int

    @classmethod
    @contextlib.contextmanager
    def up(cls, home: Path, *, seed: int, speed: float, videos: int, mode: str) -> Iterator[Stand]:
        """
        Start both.

        ``duplicates="accept"``: Kling's own refusal of a repeated external id must not hide that one was sent.
        """
        output = home / "videos"
        extra = {"KILLS_VIDEOS": str(videos), "KILLS_MODE": mode, "KILLS_OUTPUT": f"{output.as_uri()}/"}
        with (
            KlingEmulator(speed=speed, seed=seed, duplicates="accept", height=90) as emulator,
            LocalAirflow(
                home, dags=DAGS, expect=DAG_IDS, connection=emulator.connection(),
                settings=IMPATIENT, extra_env=extra,
            ) as airflow,
        ):  # fmt: skip
            yield cls(airflow, emulator, output, seed)

    def inject_faults(self) -> None:
        """Let answers be held back and lost, by the seed, and slots be scarce."""
        self.emulator.settings.concurrency = CONCURRENCY
        self.emulator.faults.seeded(self.seed, FAULT_RATE, FAULTS)

    def landed(self, dag_id: str) -> list[Path]:
        """Return the files landed."""
        return sorted((self.output / dag_id).glob("*.mp4"))

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        return str(
            self.airflow.query("SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?", dag_id, run_id)[0][0]
        )

    def states(self, dag_id: str) -> dict[str, int]:
        """Return how many videos are in each state."""
        sql = "SELECT state, count(*) FROM task_instance WHERE dag_id = ? AND map_index >= 0 GROUP BY state"
        return {str(state): count for state, count in self.airflow.query(sql, dag_id)}

    def tries(self, dag_id: str) -> int:
        """Return how many tries were begun in all."""
        sql = "SELECT sum(try_number) FROM task_instance WHERE dag_id = ? AND map_index >= 0"
        return int(self.airflow.query(sql, dag_id)[0][0] or 0)

    def instances(self) -> dict[str, tuple[int, int]]:
        """Return (map index, try) by the id of each task instance; every new try has a new id."""
        found = {}
        for table, name in (("task_instance_history", "task_instance_id"), ("task_instance", "id")):
            for key, index, number in self.airflow.query(f"SELECT {name}, map_index, try_number FROM {table}"):
                found[str(key).replace("-", "")] = (int(index), int(number))
        return found

    def wait_until_running(self, dag_id: str, timeout: float = 60.0) -> None:
        """Return once the first videos were begun."""
        until = time.monotonic() + timeout
        while not self.states(dag_id).keys() & {"running", "deferred", "success"}:
            if time.monotonic() > until:
                raise TimeoutError(f"No task of {dag_id} was begun within {timeout:g} s.")
            time.sleep(0.1)
