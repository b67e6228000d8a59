"""
``airflow dags test``, which is ``dag.test()``, many times in one process: Airflow takes seconds to import.

As a program it answers each DAG id on its standard input with a marked line, amid whatever Airflow prints. It is a
process of its own, for Airflow reads its settings on import, and the tests import it too.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from dev.processes import ROOT, tail

MARK = "@@dag_runner "


@dataclass(frozen=True)
class Run:
    """A finished run, read from Airflow's database."""

    state: str
    tasks: dict[tuple[str, int], str]
    xcoms: dict[tuple[str, int, str], Any]
    rendered: dict[tuple[str, int], dict[str, Any]]


class DagRunner:
    """
    Runs DAGs in the Airflow of one AIRFLOW_HOME.

    :param home: AIRFLOW_HOME with a database.
    :param env: environment of the process.
    """

    def __init__(self, home: Path, env: Mapping[str, str]) -> None:
        self.home = home
        self.log = home / "dag_runner.log"
        with self.log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.airflow.dag_runner"],
                env=env,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    @classmethod
    @contextlib.contextmanager
    def over(
        cls, database: Path, home: Path, connection: Mapping[str, Any], videos: Path, settings: Any = None
    ) -> Iterator[DagRunner]:
        """
        Run the example DAGs on a copy of a database: a scheduler on the same one would take up their runs too.

        :param home: becomes AIRFLOW_HOME.
        :param connection: ``kling_default``.
        :param videos: where they land theirs.
        :param settings: of ``airflow.cfg``.
        """
        from dev.local_airflow import environment, write_config

        shutil.copyfile(database, home / "airflow.db")
        write_config(home, settings=settings)
        runner = cls(home, environment(home, connection=connection, output=f"{videos.as_uri()}/"))
        try:
            yield runner
        finally:
            runner.close()

    def run(self, dag_id: str) -> Run:
        """
        Run a DAG to its end.

        :raises RuntimeError: when Airflow itself fails, with the end of its log.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{dag_id}\n")
        self._process.stdin.flush()
        with self.log.open("a", encoding="utf-8") as log:
            for line in self._process.stdout:
                if line.startswith(MARK):
                    return self._read(dag_id)
                log.write(line)
        raise RuntimeError(f"dag.test() of {dag_id} ended Airflow; the log ends:\n{tail(self.log)}")

    def _read(self, dag_id: str) -> Run:
        with contextlib.closing(sqlite3.connect(self.home / "airflow.db")) as database:
            newest = "SELECT run_id, state FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1"
            run_id, state = database.execute(newest, (dag_id,)).fetchone()
            tasks = "SELECT task_id, map_index, state FROM task_instance WHERE dag_id = ? AND run_id = ?"
            xcoms = "SELECT task_id, map_index, key, value FROM xcom WHERE dag_id = ? AND run_id = ?"
            fields = (
                "SELECT task_id, map_index, rendered_fields FROM rendered_task_instance_fields "
                "WHERE dag_id = ? AND run_id = ?"
            )
            return Run(
                state,
                {(task, index): value for task, index, value in database.execute(tasks, (dag_id, run_id))},
                {
                    (task, index, key): json.loads(value)
                    for task, index, key, value in database.execute(xcoms, (dag_id, run_id))
                },
                {(task, index): json.loads(value) for task, index, value in database.execute(fields, (dag_id, run_id))},
            )

    def close(self) -> None:
        """End the process; there is nothing in it to lose, and Airflow takes its time to leave."""
        # OpenLineage has a process of its own for the events of DAG runs, which would keep the pipe open.
        for process in psutil.Process(self._process.pid).children(recursive=True):
            process.kill()
        self._process.kill()
        # Waits, and closes the pipes.
        self._process.communicate()


def main() -> None:
    """Run each DAG that is named."""
    from airflow.cli.cli_parser import get_parser

    for line in sys.stdin:
        arguments = get_parser().parse_args(["dags", "test", line.strip()])
        with contextlib.suppress(SystemExit):
            # A run that failed is left by SystemExit; its state is in the database.
            arguments.func(arguments)
        sys.stdout.write(f"{MARK}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
