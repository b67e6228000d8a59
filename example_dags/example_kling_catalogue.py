"""From a CSV to clips/dt=.../<sku>.mp4: a video per product, found by its key, with the other columns beside it."""

from __future__ import annotations

# [START catalogue]
import csv
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, ObjectStoragePath, task

from airflow_provider_kling.operators.kling import KlingBatchOperator
from airflow_provider_kling.storage.manifest import KlingManifest

OUTPUT = "{{ var.value.get('kling_output', 'file:///var/tmp/kling-videos/') }}"
PRODUCTS = Path(__file__).with_name("catalogue.csv")

with DAG(
    dag_id="example_kling_catalogue",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    tags=["kling", "example"],
):

    @task
    def read_products(path: str) -> list[dict[str, Any]]:
        """Return an item per row: what to make, what to call it, and the other columns as they are."""
        lines = ObjectStoragePath(path or str(PRODUCTS)).read_text().splitlines(keepends=True)
        rows = list(csv.DictReader(lines))
        return [{"prompt": row.pop("prompt"), "key": row.pop("sku"), "meta": row} for row in rows]

    @task
    def publish(result: dict[str, Any]) -> dict[str, str]:
        """Stand in for the shop: which file belongs to which product."""
        return {row["key"]: row["output_paths"][0] for row in KlingManifest.read(result) if row["output_paths"]}

    clips = KlingBatchOperator(
        task_id="make_clips",
        items=read_products("{{ var.value.get('kling_products', '') }}"),
        request_defaults={"aspect_ratio": "1:1"},
        # The date of the run stays the same when it is cleared.
        output_path=OUTPUT + "clips/dt={{ dag_run.run_after | ds }}/{key}.mp4",
        on_moderation="return",
        on_item_failure="continue",
        deferrable=True,
        poll_interval=5,
        retries=2,
    )
    publish(clips.output)  # type: ignore[arg-type]
# [END catalogue]
