"""A catalogue of clips in one task: at most three at Kling at once, each paid for once, with a manifest beside them."""

from __future__ import annotations

# [START batch]
from datetime import datetime

from airflow.sdk import DAG, task

from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator

with DAG(
    dag_id="example_kling_batch",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    tags=["kling", "example"],
):

    @task
    def catalogue() -> list[str]:
        """Stand in for a query: a prompt per product."""
        return [f"Product number {number} turning slowly on a white table" for number in range(1, 7)]

    KlingText2VideoBatchOperator(
        task_id="make_videos",
        items=catalogue(),
        request_defaults={"aspect_ratio": "1:1"},
        max_active=3,
        on_item_failure="continue",
        deferrable=True,
        poll_interval=5,
        output_path="{{ var.value.get('kling_output', 'file:///var/tmp/kling-videos/') }}",
        retries=2,
    )
# [END batch]
