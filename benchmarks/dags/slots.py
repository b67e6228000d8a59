"""The ways to wait for a video, a DAG each, with ``SLOTS_VIDEOS`` videos in each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow.sdk import DAG

from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator, KlingText2VideoOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor

VIDEOS = int(os.environ.get("SLOTS_VIDEOS", "1"))


def dag(way: str) -> DAG:
    """Return an empty DAG."""
    return DAG(dag_id=f"slots_{way}", start_date=datetime(2026, 1, 1), schedule=None)


def prompts(way: str) -> list[str]:
    """Return a prompt per video, by which its requests are told from others."""
    return [f"{way} {number}" for number in range(VIDEOS)]


def by_operator(way: str, *, deferrable: bool) -> None:
    """One task that submits and waits."""
    with dag(way):
        for number, prompt in enumerate(prompts(way)):
            KlingText2VideoOperator(
                task_id=f"video_{number}", prompt=prompt, wait_for_completion=True, deferrable=deferrable
            )


def by_sensor(way: str, arguments: Mapping[str, Any]) -> None:
    """One task that submits, and one that waits; mapped ones could not start from the trigger."""
    with dag(way):
        for number, prompt in enumerate(prompts(way)):
            submit = KlingText2VideoOperator(task_id=f"submit_{number}", prompt=prompt, deferrable=False)
            KlingTaskSensor(task_id=f"wait_{number}", kling_task_id=submit.output, **arguments)


by_operator("sync", deferrable=False)
by_operator("deferrable", deferrable=True)
by_sensor("reschedule_sensor", {"mode": "reschedule", "poke_interval": 10})
by_sensor("deferrable_sensor", {"deferrable": True})
by_sensor("triggerer_sensor", {"start_from_trigger": True})
with dag("batch"):
    KlingText2VideoBatchOperator(task_id="videos", items=prompts("batch"), deferrable=True)
