"""A function says what to make; what it returns is data, and reaches Kling as it is, braces and all."""

from __future__ import annotations

# [START taskflow]
from datetime import datetime

from airflow.sdk import DAG, task

from airflow_provider_kling.decorators.kling import kling_text2video

with DAG(
    dag_id="example_kling_taskflow",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    tags=["kling", "example"],
):

    @task
    def slogans() -> list[str]:
        """Stand in for a query: texts that people wrote."""
        return ["Fresh every morning", "Save {{ 20 }} percent"]

    # @task.kling_text2video is the same; imported, type checkers know its arguments.
    @kling_text2video(
        aspect_ratio="1:1",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=5,
        output_path="{{ var.value.get('kling_output', 'file:///var/tmp/kling-videos/') }}",
        retries=2,
    )
    def make_video(slogan: str) -> str:
        return f"A neon sign on a brick wall that reads: {slogan}"

    make_video.expand(slogan=slogans())
# [END taskflow]
