"""A video per row of a table: dynamic task mapping, each row paid for once whatever is retried or cleared."""

from __future__ import annotations

# [START mapped]
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_kling.operators.kling import KlingText2VideoOperator

with DAG(
    dag_id="example_kling_mapped",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    tags=["kling", "example"],
):

    @task
    def products() -> list[dict[str, Any]]:
        """Stand in for a query: one dict of operator arguments per row."""
        return [
            {"prompt": "A ceramic mug turning slowly on a wooden table", "aspect_ratio": "1:1"},
            {"prompt": "Running shoes on wet asphalt, low camera", "aspect_ratio": "9:16"},
            {"prompt": "A wristwatch, light moving over its dial", "aspect_ratio": "16:9"},
        ]

    @task
    def publish(videos: list[dict[str, Any]]) -> None:
        """Use the manifests of all videos."""
        for video in videos:
            print(video["task_id"], video["videos"][0]["url"])

    clips = KlingText2VideoOperator.partial(
        task_id="make_video",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=5,
        retries=2,
        retry_delay=timedelta(seconds=30),
    ).expand_kwargs(products())

    publish(clips.output)  # type: ignore[arg-type]
# [END mapped]
