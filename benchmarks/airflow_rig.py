"""A real Airflow over benchmarks/dags, and the emulator in a process of its own: both new for each measurement."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.places import SCRATCH
from dev.emulator import EmulatorProcess
from dev.local_airflow import LocalAirflow
from dev.processes import wait_until

DAGS = Path(__file__).parent / "dags"
# The pictures are not what is measured.
HEIGHT = 90


@dataclass(frozen=True, slots=True)
class Run:
    """A DAG run; times in seconds since the epoch."""

    dag_id: str
    run_id: str
    triggered_at: float


@dataclass(frozen=True, slots=True)
class Try:
    """The last try of a task instance."""

    key: str
    task_id: str
    number: int
    ended_at: float


@dataclass(frozen=True, slots=True)
class Rig:
    """
    Airflow and emulator, running.

    :param output: where a DAG lands videos that does.
    """

    airflow: LocalAirflow
    emulator: EmulatorProcess
    output: Path

    @classmethod
    @contextmanager
    def up(
        cls,
        name: str,
        dag_ids: Collection[str],
        *,
        generation_seconds: float,
        slots: int,
        heartbeat: int,
        variables: Mapping[str, str],
    ) -> Iterator[Rig]:
        """
        Start both, with everything forgotten that an earlier one of this name left behind.

        :param dag_ids: which are to be parsed before this returns.
        :param generation_seconds: what each video takes, in real time.
        :param slots: of the executor.
        :param heartbeat: ``[workers] min_heartbeat_interval``: so late a supervisor may notice that its task has ended.
        :param variables: what the DAG files read; ``BENCH_OUTPUT`` is added.
        """
        home = SCRATCH / "airflow" / name
        output = home / "videos"
        settings = {
            "core": {"parallelism": str(slots)},
            "workers": {"min_heartbeat_interval": str(heartbeat)},
            # Airflow's own; the tests' Airflow is in more of a hurry.
            "dag_processor": {"refresh_interval": "300", "min_file_process_interval": "30"},
        }
        shutil.rmtree(home, ignore_errors=True)
        options = ("--generation-seconds", str(generation_seconds))
        with EmulatorProcess(*options, log=home / "emulator.log") as emulator:
            emulator.change(height=HEIGHT)
            with LocalAirflow(
                home,
                dags=DAGS,
                expect=dag_ids,
                connection=emulator.connection(),
                settings=settings,
                extra_env={**variables, "BENCH_OUTPUT": f"{output.as_uri()}/"},
            ) as airflow:
                yield cls(airflow, emulator, output)

    # --- runs -----------------------------------------------------------------------------------------------------

    def trigger(self, dag_id: str) -> Run:
        """Start a run."""
        return Run(dag_id, run_id=self.airflow.api.trigger(dag_id), triggered_at=time.time())

    def wait(self, run: Run, timeout: float) -> float:
        """
        Return when a run succeeded, in seconds since the epoch.

        :raises RuntimeError: when it failed.
        """
        sql = "SELECT state, end_date FROM dag_run WHERE dag_id = ? AND run_id = ?"
        row: tuple[Any, ...] = ()

        def finished() -> bool:
            nonlocal row
            (row,) = self.airflow.query(sql, run.dag_id, run.run_id)
            return row[0] in ("success", "failed")

        wait_until(finished, timeout=timeout, what=f"the end of {run.dag_id} in {self.airflow.home}", pause=1)
        if row[0] != "success":
            raise RuntimeError(f"{run.dag_id} failed; its logs are in {self.airflow.home}.")
        return _epoch(row[1])

    def tries(self, run: Run) -> list[Try]:
        """Return the task instances of a run that has ended."""
        sql = "SELECT id, task_id, try_number, end_date FROM task_instance WHERE dag_id = ? AND run_id = ?"
        found = self.airflow.query(sql, run.dag_id, run.run_id)
        return [Try(plain(key), task_id, number, _epoch(ended)) for key, task_id, number, ended in found]

    # --- the emulator's books -------------------------------------------------------------------------------------

    def requests(self) -> dict[str, Counter[str]]:
        """Return how many requests of each kind there were, by prompt."""
        prompts = {task["task_id"]: task["prompt"] for task in self.emulator.tasks()}
        counts: dict[str, Counter[str]] = {}
        for entry in self.emulator.requests():
            counts.setdefault(prompts.get(entry["task_id"], ""), Counter())[entry["operation"]] += 1
        return counts

    def charges(self) -> Counter[str]:
        """Return how often each prompt was paid for."""
        return Counter(charge["prompt"] for charge in self.emulator.ledger()["charges"])

    def ends(self) -> dict[str, float]:
        """Return when the video of each prompt was done, in seconds since the epoch."""
        return {task["prompt"]: task["finishes_at"] for task in self.emulator.tasks()}

    # --- processes ------------------------------------------------------------------------------------------------

    def cpu(self) -> dict[str, float]:
        """Return the seconds of CPU used by each component so far, those of its ended processes included."""
        used = {"emulator": _cpu([self.emulator.pid])}
        pids = self.airflow.pids()
        for role in ("api-server", "dag-processor", "triggerer"):
            used[role] = _cpu(pids[role])
        main, *below = pids["scheduler"]
        used["scheduler"] = _cpu([main], children=False)
        # The executor's processes, the tasks below them, and those of both that have ended.
        used["workers and tasks"] = _cpu(below) + _cpu([main]) - used["scheduler"]
        return used


def plain(key: str) -> str:
    """Return the id of a task instance as the database writes it."""
    return key.replace("-", "")


def _cpu(pids: Collection[int], *, children: bool = True) -> float:
    seconds = 0.0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            times = psutil.Process(pid).cpu_times()
            seconds += times.user + times.system
            seconds += times.children_user + times.children_system if children else 0.0
    return seconds


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
