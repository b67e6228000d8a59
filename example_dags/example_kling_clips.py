"""Announce clips: each that is landed is an event of an asset of its own, for the DAGs that wait for any."""

from __future__ import annotations

# [START clips]
from datetime import datetime
from typing import Any

from airflow.sdk import DAG, AssetAlias, Variable, task

from airflow_provider_kling.operators.kling import KlingBatchOperator

ROWS = [
    {"key": "4711", "prompt": "A red bicycle against a white wall", "meta": {"shelf": "sports"}},
    {"key": "4712", "prompt": "A blue teapot, steam rising", "meta": {"shelf": "kitchen"}},
]

with DAG(
    dag_id="example_kling_clips",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    tags=["kling", "example"],
):

    @task
    def catalogue() -> list[dict[str, Any]]:
        """Return the rows; another day, or after a clear, there may be others."""
        rows: list[dict[str, Any]] = Variable.get("kling_catalogue", default=ROWS, deserialize_json=True)
        return rows

    KlingBatchOperator(
        task_id="make_videos",
        items=catalogue(),
        outlets=[AssetAlias("kling_clips")],
        deferrable=True,
        poll_interval=5,
        output_path="{{ var.value.get('kling_output', 'file:///var/tmp/kling-videos/') }}",
        retries=2,
    )
# [END clips]
