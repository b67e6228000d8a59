"""A prompt that Kling refuses neither fails the others nor hides: it is returned with its reason, or skipped."""

from __future__ import annotations

# [START moderated]
import json
from datetime import datetime
from typing import Any

from airflow.sdk import DAG, ObjectStoragePath, task

from airflow_provider_kling.operators.kling import KlingBatchOperator, KlingText2VideoOperator

OUTPUT = "{{ var.value.get('kling_output', 'file:///var/tmp/kling-videos/') }}"

with DAG(
    dag_id="example_kling_moderated",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    tags=["kling", "example"],
):

    @task
    def to_rewrite(result: dict[str, Any]) -> list[str]:
        """Return the prompts that moderation refused, for somebody to write anew."""
        lines = ObjectStoragePath(result["manifest_path"]).read_text().splitlines()
        return [line["prompt"] for line in map(json.loads, lines) if line.get("moderated")]

    @task
    def publish(manifest: dict[str, Any]) -> None:
        """Stand in for what comes next; skipped where there is no video."""
        print(manifest["output_paths"])

    clips = KlingBatchOperator(
        task_id="make_clips",
        items=[
            "A paper boat on a rain-soaked street",
            # The emulator's moderation ends what has "risk-control" in it.
            "A risk-control room at night, its screens glowing",
            # Without this one there is no catalogue.
            {"prompt": "The front cover, turning slowly", "on_moderation": "fail"},
        ],
        on_moderation="return",
        deferrable=True,
        poll_interval=5,
        output_path=OUTPUT,
    )
    teaser = KlingText2VideoOperator(
        task_id="make_teaser",
        prompt="Through a risk-control room, low camera",
        on_moderation="skip",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=5,
        output_path=OUTPUT,
    )
    to_rewrite(clips.output)  # type: ignore[arg-type]
    publish(teaser.output)  # type: ignore[arg-type]
# [END moderated]
