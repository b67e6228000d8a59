"""``BATCHING_VIDEOS`` videos in one task, or in a mapped task each: ``BATCHING_WAY`` says which, to parse no other."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator, KlingText2VideoOperator

VIDEOS = int(os.environ.get("BATCHING_VIDEOS", "1"))
WAY = os.environ.get("BATCHING_WAY", "batch")
OUTPUT = os.environ.get("BENCH_OUTPUT", "file:///var/tmp/kling-videos/")
PROMPTS = [f"Video {number}: a paper boat on a river" for number in range(VIDEOS)]

with DAG(
    dag_id=f"batching_{WAY}",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    # A retry costs no video; without one, a hiccup of a machine at its limit would cost the whole measurement.
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
):
    if WAY == "batch":
        KlingText2VideoBatchOperator(
            task_id="videos", items=PROMPTS, max_active=max(1, VIDEOS), deferrable=True, output_path=OUTPUT
        )
    else:
        KlingText2VideoOperator.partial(
            task_id="video", wait_for_completion=True, deferrable=True, output_path=OUTPUT
        ).expand(prompt=PROMPTS)
