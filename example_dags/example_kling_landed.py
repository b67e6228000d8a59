"""One task from prompt to mp4: it waits in the triggerer and lands the video in object storage."""

from __future__ import annotations

import os

# Any ObjectStoragePath: s3://conn@bucket/clips/, gs://…, abfs://…, file://…
OUTPUT_PATH = os.environ.get("KLING_EXAMPLE_OUTPUT", "file:///tmp/kling-videos/")

# [START landed]
from datetime import datetime, timedelta  # noqa: E402

from airflow.sdk import DAG  # noqa: E402

from airflow_provider_kling.operators.kling import KlingText2VideoOperator  # noqa: E402

with DAG(
    dag_id="example_kling_landed",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    params={"subject": "a paper boat on a rain-soaked street"},
    tags=["kling", "example"],
):
    KlingText2VideoOperator(
        task_id="make_video",
        prompt="Close-up of {{ params.subject }}, soft light",
        model="kling-video-v1-6",
        cfg_scale=0.5,
        wait_for_completion=True,
        deferrable=True,
        poll_interval=5,
        output_path=OUTPUT_PATH,
        retries=2,
        retry_delay=timedelta(seconds=30),
    )
# [END landed]
