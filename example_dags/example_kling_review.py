"""Somebody approves what is paid for, watches what came of it, and has it published, or another take made."""

from __future__ import annotations

# [START review]
from datetime import datetime
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, task

from airflow_provider_kling.operators.kling import KlingText2VideoOperator

with DAG(
    dag_id="example_kling_review",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"subject": "a paper boat on a rain-soaked street"},
    tags=["kling", "example"],
):
    video = KlingText2VideoOperator(
        task_id="make_video",
        prompt="Close-up of {{ params.subject }}, soft light",
        # Before it is paid for: Airflow's form shows the prompt, which can be changed there, and the estimate.
        require_approval=True,
        # Cleared, it asks and pays for another take.
        on_clear="new",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=5,
        output_path="{{ var.value.get('kling_output', 'file:///var/tmp/kling-videos/') }}",
        retries=2,
    )

    review = ApprovalOperator(
        task_id="review",
        subject="Publish this clip?",
        body="[Watch it]({{ ti.xcom_pull(task_ids='make_video', key='_link_KlingVideoLink') }}).\n\n"
        "For another take, clear the task `make_video` with all downstream of it.",
    )

    @task
    def publish(manifest: dict[str, Any]) -> list[str]:
        """Stand in for whatever takes the clip from here."""
        print(f"Published {manifest['output_paths']}")
        return list(manifest["output_paths"])

    video >> review >> publish(video.output)  # type: ignore[arg-type]
# [END review]
