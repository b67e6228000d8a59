"""An AIRFLOW_HOME with the connections, the DAGs and the watch of a run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.local_airflow import write_config
from dev.processes import ROOT
from tests.canary import remains
from tests.canary.cells import Canaries, Cell
from tests.canary.hosts import Hosts
from tests.canary.search import Find, Search
from tests.canary.ways import Pace

DAGS = Path(__file__).parent / "dags"

Plan = Mapping[str, Sequence[Cell]]


@dataclass(frozen=True)
class Stand:
    """
    What a run needs.

    :param home: AIRFLOW_HOME.
    :param canaries: the keys.
    :param hosts: the servers, which run.
    :param plan: the cells of each DAG.
    """

    home: Path
    canaries: Canaries
    hosts: Hosts
    plan: Plan

    @classmethod
    @contextmanager
    def prepared(
        cls, migrated: Path, home: Path, plan: Plan, *, seed: str, pace: Pace, longest_pause: float = 0.0
    ) -> Iterator[Stand]:
        """
        Copy a home with a new database, watch that, write the plan and start the hosts.

        :param longest_pause: of the provider, where all tasks run in one process; 0 for its own pauses.
        """
        shutil.copytree(migrated, home, dirs_exist_ok=True)
        write_config(home, dags=DAGS)
        remains.watch(home / "airflow.db")
        canaries = Canaries(seed)
        with Hosts(canaries).running() as hosts:
            stand = cls(home, canaries, hosts, plan)
            stand._write(pace, longest_pause)
            yield stand

    @property
    def cells(self) -> list[Cell]:
        """All cells."""
        return [cell for cells in self.plan.values() for cell in cells]

    @property
    def videos(self) -> Path:
        """Where videos and manifests land."""
        return self.home / "videos"

    @property
    def variables(self) -> dict[str, str]:
        """What the environment of Airflow has besides."""
        return {
            **self.canaries.environment(self.cells, self.hosts.base_url),
            "CANARY_PLAN": str(self.home / "plan.json"),
            # For tests.canary in the DAG file.
            "PYTHONPATH": str(ROOT),
        }

    def finds(self) -> list[Find]:
        """Return all that is found in what is left."""
        search = Search(self.canaries.index(self.cells), self.hosts.tokens)
        return [
            *search.run(remains.files(self.home, self.videos)),
            *search.run(remains.rows(self.home / "airflow.db")),
        ]

    def _write(self, pace: Pace, longest_pause: float) -> None:
        plan = {
            "dags": {
                name: [[cell.variant, cell.server, cell.way] for cell in cells] for name, cells in self.plan.items()
            },
            "pace": pace.to_json(),
            "longest_pause": longest_pause,
            "output": f"{self.videos.as_uri()}/",
        }
        (self.home / "plan.json").write_text(json.dumps(plan), "utf-8")
