"""With partition keys, a real scheduler runs a DAG once for each clip of another."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from airflow_provider_kling.compat.versions import airflow_is_at_least
from airflow_provider_kling.emulator import KlingEmulator
from dev.local_airflow import LocalAirflow
from dev.processes import wait_until
from tests.airflow.fixtures import SPEED

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(not airflow_is_at_least("3.3"), reason="partition keys came with Airflow 3.3"),
]

DAGS = Path(__file__).parent / "dags"


def test_a_run_for_each_clip(migrated_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "airflow"
    shutil.copytree(migrated_home, home)
    output = f"{(tmp_path / 'videos').as_uri()}/"
    with (
        KlingEmulator(speed=SPEED, height=90) as emulator,
        LocalAirflow(
            home, dags=DAGS, expect={"make_clips", "publish_clip"}, connection=emulator.connection(), output=output
        ) as airflow,
    ):
        api = airflow.api
        run_id = api.trigger("make_clips")
        assert api.wait("make_clips", run_id) == "success"

        def published() -> list[str]:
            runs = api.call("GET", "/dags/publish_clip/dagRuns")["dag_runs"]
            done = [run["dag_run_id"] for run in runs if run["state"] == "success"]
            return sorted(str(api.xcom("publish_clip", run_id, "publish")) for run_id in done)

        wait_until(lambda: len(published()) == 3, timeout=90, what="a run for each clip", pause=0.5)
        assert published() == ["bicycle", "parasol", "teapot"]
        assert len(emulator.ledger) == 3

        # Nothing new: no partition, and no run.
        api.clear("make_clips", run_id)
        assert api.wait("make_clips", run_id) == "success"
        events = api.call("GET", "/assets/events", params={"source_dag_id": "make_clips"})["asset_events"]
        assert sorted(event["partition_key"] for event in events) == ["bicycle", "parasol", "teapot"]
