"""What a real Airflow passes on: clips to the DAGs that wait for them, metrics to a StatsD server."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from airflow_provider_kling.compat.versions import airflow_is_at_least
from dev.airflow_api import AirflowAPI
from dev.processes import wait_until
from tests.airflow.fixtures import Stand
from tests.rig import HAS_STORE

pytestmark = pytest.mark.airflow

PRODUCER = "example_kling_clips"
MAPPED = "example_kling_mapped"
CONSUMER = "example_kling_publish"
VARIABLE = "kling_catalogue"


@pytest.fixture
def stand(local_airflow: Stand) -> Stand:
    local_airflow.emulator.reset()
    return local_airflow


@pytest.mark.skipif(
    not airflow_is_at_least("3.1"),
    reason="Airflow 3.0 gives a DAG that waits for an alias no events of assets that are new to it",
)
def test_a_downstream_dag_meets_each_clip_once(stand: Stand) -> None:
    api, emulator = stand.airflow.api, stand.emulator
    rows = [_row("bicycle", "A red bicycle"), _row("teapot", "A blue teapot")]
    api.call("POST", "/variables", json={"key": VARIABLE, "value": json.dumps(rows)})
    run_id = api.trigger(PRODUCER)
    assert api.wait(PRODUCER, run_id) == "success"

    first = {str(charge.external_task_id) for charge in emulator.ledger}
    assert len(first) == 2
    assert _published(api, until=2) == ["bicycle", "teapot"]
    assert {event["extra"]["external_task_id"] for event in _events(api, run_id)} == first
    assert all(emulator.api_key not in json.dumps(event) for event in _events(api, run_id))

    # Rows moved and a key renamed: the cleared task pays nothing and announces nothing.
    rows = [rows[1], _row("renamed", "A red bicycle")]
    _clear(api, run_id, rows)
    assert len(emulator.ledger) == 2
    assert len(_events(api, run_id)) == 2

    if not HAS_STORE:
        # There a new row in a cleared task is looked for at Kling for two minutes first.
        return

    # A row more is a clip more.
    _clear(api, run_id, [_row("parasol", "A green parasol"), *rows])
    assert len(emulator.ledger) == 3
    assert _published(api, until=3) == ["bicycle", "parasol", "teapot"]
    # What would come too often comes within seconds.
    time.sleep(5)
    assert _published(api, until=3) == ["bicycle", "parasol", "teapot"]
    runs = api.call("GET", f"/dags/{CONSUMER}/dagRuns")["dag_runs"]
    assert {run["run_type"] for run in runs} == {"asset_triggered"}
    assert len(runs) == 2


def test_workers_and_the_triggerer_send_metrics(stand: Stand) -> None:
    stand.statsd.forget()
    run_id = stand.airflow.api.trigger(MAPPED)
    assert stand.airflow.api.wait(MAPPED, run_id) == "success"

    tags = {"dag_id": MAPPED, "task_id": "make_video", "capability": "text2video", "model": "kling-video-v1-6"}
    assert stand.statsd.total("kling.submitted", **tags) == 3
    assert stand.statsd.total("kling.succeeded", **tags) == 3
    assert stand.statsd.total("kling.units", **tags) == stand.emulator.ledger.total_units
    assert len(stand.statsd.samples("kling.duration", **tags)) == 3
    # A worker polls once when it is back: the triggerer polled the rest.
    polls = stand.emulator.journal_for("get")
    assert len(polls) > 3
    assert stand.statsd.total("kling.polls", capability="text2video") == len(polls)


def _row(key: str, prompt: str) -> dict[str, Any]:
    return {"key": key, "prompt": prompt, "meta": {"shelf": "top"}}


def _clear(api: AirflowAPI, run_id: str, rows: list[dict[str, Any]]) -> None:
    body = {"key": VARIABLE, "value": json.dumps(rows)}
    api.call("PATCH", f"/variables/{VARIABLE}", json=body)
    api.clear(PRODUCER, run_id)
    assert api.wait(PRODUCER, run_id) == "success"


def _events(api: AirflowAPI, run_id: str) -> list[dict[str, Any]]:
    params = {"source_dag_id": PRODUCER, "source_run_id": run_id, "limit": 100}
    return list(api.call("GET", "/assets/events", params=params)["asset_events"])


def _published(api: AirflowAPI, *, until: int) -> list[str]:
    """Return what all runs of the downstream DAG have published, once it is so many."""
    found: list[str] = []

    def is_enough() -> bool:
        runs = api.call("GET", f"/dags/{CONSUMER}/dagRuns")["dag_runs"]
        instances = [
            (run["dag_run_id"], one["map_index"])
            for run in runs
            for one in api.task_instances(CONSUMER, run["dag_run_id"])
            if one["task_id"] == "publish" and one["state"] == "success"
        ]
        found[:] = [api.xcom(CONSUMER, run_id, "publish", map_index=index) for run_id, index in instances]
        return len(found) >= until

    wait_until(is_enough, timeout=60, what=f"{until} published clips", pause=0.5)
    return sorted(found)
