"""Submit in one task, wait in another: no worker while Kling works, and each step is seen on its own."""

from __future__ import annotations

# [START two_steps]
from datetime import datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_kling.operators.kling import KlingText2VideoOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor

with DAG(
    dag_id="example_kling_two_steps",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    params={"subject": "a lighthouse at dusk"},
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    tags=["kling", "example"],
):
    submit = KlingText2VideoOperator(
        task_id="submit",
        prompt="Slow aerial shot of {{ params.subject }}, {{ dag_run.run_after | ds }}",
        negative_prompt="text, watermark",
        aspect_ratio="16:9",
        duration="5",
    )

    KlingTaskSensor(
        task_id="wait",
        kling_task_id=submit.output,
        start_from_trigger=True,
        poke_interval=5,
        timeout=3600,
    )
# [END two_steps]
