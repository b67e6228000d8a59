"""A DAG that runs once for each clip of another: partitions of an asset, since Airflow 3.3."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG, Asset, task

from airflow_provider_kling.operators.kling import KlingBatchOperator

CLIPS = Asset("partitioned_clips")

with DAG(dag_id="make_clips", schedule=None, start_date=datetime(2026, 1, 1)):
    KlingBatchOperator(
        task_id="make_videos",
        items=[{"key": key, "prompt": f"A {key} on a white table"} for key in ("bicycle", "teapot", "parasol")],
        outlets=[CLIPS],
        partition_by_key=True,
        output_path="{{ var.value.kling_output }}",
    )

try:
    from airflow.sdk import PartitionedAssetTimetable
except ImportError:
    # An older Airflow shows the operator's own error.
    pass
else:
    with DAG(
        dag_id="publish_clip",
        schedule=PartitionedAssetTimetable(assets=CLIPS),
        start_date=datetime(2026, 1, 1),
        # Each clip has a run of its own.
        max_active_runs=8,
    ):

        @task
        def publish(dag_run: object = None) -> str:
            """Return which clip this run is for."""
            return str(getattr(dag_run, "partition_key", None))

        publish()
