"""
``airflow dags test``, which is ``dag.test()``, many times in one process: Airflow takes seconds to import.

As a program it answers each DAG id on its standard input with a marked line, amid whatever Airflow prints. It is a
process of its own, for Airflow reads its settings on import, and the tests import it too.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.processes import ROOT, tail

MARK = "@@dag_runner "


@dataclass(frozen=True)
class Run:
    """A finished run, read from Airflow's database."""

    state: str
    tasks: dict[tuple[str, int], str]
    xcoms: dict[tuple[str, int, str], Any]


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
            return Run(
                state,
                {(task, index): value for task, index, value in database.execute(tasks, (dag_id, run_id))},
                {
                    (task, index, key): json.loads(value)
                    for task, index, key, value in database.execute(xcoms, (dag_id, run_id))
                },
            )

    def close(self) -> None:
        """End the process; there is nothing in it to lose, and Airflow takes its time to leave."""
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
