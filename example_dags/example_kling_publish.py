"""A DAG that is scheduled on the clips of another, and meets each of them once."""

from __future__ import annotations

# [START publish]
from datetime import datetime
from typing import Any

from airflow.sdk import DAG, AssetAlias, task

CLIPS = AssetAlias("kling_clips")

with DAG(
    dag_id="example_kling_publish",
    schedule=CLIPS,
    start_date=datetime(2026, 1, 1),
    tags=["kling", "example"],
):

    @task
    def new_clips(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        """Return what was announced since the run before this one."""
        return [event.extra for event in triggering_asset_events[CLIPS]]

    @task
    def publish(clip: dict[str, Any]) -> str:
        """Stand in for whatever is done with a clip."""
        print(f"{clip['path']}: {clip['seconds']} seconds by {clip['model']}")
        return str(clip["key"])

    publish.expand(clip=new_clips())
# [END publish]
