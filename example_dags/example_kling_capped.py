"""A catalogue with a price cap: what would pass it is not submitted, over retries and clears alike."""

from __future__ import annotations

# [START capped]
from datetime import datetime
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator

with DAG(
    dag_id="example_kling_capped",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    tags=["kling", "example"],
):

    @task
    def report(result: dict[str, Any]) -> None:
        """Say what was made of the money, and what the cap left out."""
        for line in result["items"]:
            told = (
                line["error"]
                or f"{line['videos'][0]['url']}, estimated {line['estimate']}, deducted {line.get('units')}"
            )
            print(f"item {line['position']}: {told}")

    videos = KlingText2VideoBatchOperator(
        task_id="make_videos",
        items=[
            "A paper boat on a rain-soaked street",
            {"prompt": "A lighthouse at dusk, slow aerial shot", "duration": "10"},
            "A ceramic mug turning slowly on a wooden table",
            "Running shoes on wet asphalt, low camera",
        ],
        # Units of Kling's price list, for all items together.
        max_units=7,
        on_item_failure="continue",
        deferrable=True,
        poll_interval=5,
        retries=2,
    )
    report(videos.output)  # type: ignore[arg-type]
# [END capped]
