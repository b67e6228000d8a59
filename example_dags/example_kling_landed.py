"""One task from prompt to mp4: it waits in the triggerer and lands the video in object storage."""

from __future__ import annotations

# [START landed]
from datetime import datetime

from airflow.sdk import DAG

from airflow_provider_kling.operators.kling import KlingText2VideoOperator

with DAG(
    dag_id="example_kling_landed",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"subject": "a paper boat on a rain-soaked street"},
    tags=["kling", "example"],
):
    KlingText2VideoOperator(
        task_id="make_video",
        prompt="Close-up of {{ params.subject }}, soft light",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=5,
        output_path="{{ var.value.get('kling_output', 'file:///var/tmp/kling-videos/') }}",
        retries=2,
    )
# [END landed]
