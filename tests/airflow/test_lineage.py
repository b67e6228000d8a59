"""What OpenLineage's own provider makes of a run: real DAG runs, whose events go to a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator import KlingEmulator
from tests.airflow.dag_runner import DagRunner
from tests.airflow.fixtures import SPEED
from tests.rig import needs_store

pytestmark = pytest.mark.airflow


class Lineage:
    """An Airflow whose lineage goes to a file."""

    def __init__(self, runner: DagRunner, file: Path) -> None:
        self._runner = runner
        self._file = file

    def events_of(self, dag_id: str, task_id: str) -> dict[str, dict[str, Any]]:
        """Run a DAG and return the last event of each type of one of its tasks."""
        seen = self._lines()
        assert self._runner.run(dag_id).state == "success"
        events = [json.loads(line) for line in self._lines()[len(seen) :]]
        return {one["eventType"]: one for one in events if one["job"]["name"] == f"{dag_id}.{task_id}"}

    def text(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        return self._file.read_text("utf-8").splitlines() if self._file.exists() else []


@pytest.fixture(scope="module")
def emulator() -> Iterator[KlingEmulator]:
    with KlingEmulator(speed=SPEED, height=90) as running:
        yield running


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def running(
    emulator: KlingEmulator, videos: Path, migrated_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lineage]:
    home = tmp_path_factory.mktemp("lineage")
    file = home / "lineage.jsonl"
    transport = {"type": "file", "log_file_path": str(file), "append": True}
    settings = {"openlineage": {"transport": json.dumps(transport), "namespace": "tests"}}
    with DagRunner.over(migrated_home / "airflow.db", home, emulator.connection(), videos, settings) as runner:
        yield Lineage(runner, file)


@pytest.fixture
def lineage(running: Lineage, emulator: KlingEmulator) -> Iterator[Lineage]:
    emulator.reset()
    yield running
    assert emulator.api_key not in running.text()
    assert "Signature" not in running.text()
    assert ".part" not in running.text()


def test_a_landed_video_is_an_output(lineage: Lineage, emulator: KlingEmulator, videos: Path) -> None:
    """The operator deferred; the one that came back tells all the same."""
    events = lineage.events_of("example_kling_landed", "make_video")

    (charge,) = emulator.ledger
    started, done = events["START"], events["COMPLETE"]
    assert started["run"]["facets"]["kling"]["request"]["prompt"].startswith("Close-up of a paper boat")
    landed = videos / f"{charge.external_task_id}.mp4"
    (output,) = done["outputs"]
    assert (output["namespace"], output["name"]) == ("file", str(landed))
    assert output["outputFacets"]["outputStatistics"]["size"] == landed.stat().st_size
    facet = done["run"]["facets"]["kling"]
    assert facet["request"]["prompt"].startswith("Close-up of a paper boat")
    assert {name: facet[name] for name in ("capability", "dialect", "kling_conn_id", "models", "units")} == {
        "capability": "text2video",
        "dialect": "llmprovider",
        "kling_conn_id": "kling_default",
        "models": ["kling-video-v1-6"],
        "units": 2.0,
    }
    (video,) = facet["videos"]
    assert (video["task_id"], video["external_task_id"]) == (charge.task_id, charge.external_task_id)


# dag.test() loses what a deferral carries; without a store, each item is then looked for at Kling for two minutes.
@needs_store
def test_the_files_of_a_batch_are_outputs_and_so_is_its_manifest(lineage: Lineage, emulator: KlingEmulator) -> None:
    done = lineage.events_of("example_kling_batch", "make_videos")["COMPLETE"]

    outputs = [Path(output["name"]) for output in done["outputs"]]
    assert {path.stem for path in outputs if path.suffix == ".mp4"} == {
        charge.external_task_id for charge in emulator.ledger
    }
    (manifest,) = (path for path in outputs if path.suffix == ".jsonl")
    assert len(manifest.read_text("utf-8").splitlines()) == 6
    facet = done["run"]["facets"]["kling"]
    assert (facet["requests"], facet["succeeded"], facet["failed"], facet["units"]) == (6, 6, 0, 12.0)
    assert len(facet["videos"]) == 6


def test_a_sensor_tells_which_video_it_waited_for(lineage: Lineage, emulator: KlingEmulator) -> None:
    done = lineage.events_of("example_kling_two_steps", "wait")["COMPLETE"]

    (charge,) = emulator.ledger
    # It has none of its own. OpenLineage then takes what Airflow has noted in this process, which dag.test() shares
    # with the tests before: no name of a part (see the fixture).
    (video,) = done["run"]["facets"]["kling"]["videos"]
    assert (video["task_id"], video["external_task_id"]) == (charge.task_id, charge.external_task_id)
