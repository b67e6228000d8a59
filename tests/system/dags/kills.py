"""The DAGs of tests.system.kills: many videos at once, singly or in batches, and a clear under each policy."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator, KlingText2VideoOperator

MODE = os.environ.get("KILLS_MODE")
VIDEOS = int(os.environ.get("KILLS_VIDEOS", "50"))
BATCH = 5


def common(dag_id: str) -> dict[str, Any]:
    """Return what all operators have in common."""
    return {
        "task_id": "make_video",
        "deferrable": MODE != "sync",
        # The emulator is several times as fast as Kling, for which the usual intervals are made.
        "poll_interval": 4,
        "output_path": f"{os.environ['KILLS_OUTPUT']}{dag_id}/",
        # Each kill uses one up, and nothing keeps chance from hitting the same video again and again.
        "retries": 25,
        "retry_delay": timedelta(seconds=2),
    }


def videos(dag_id: str, count: int, on_clear: str = "reuse") -> DAG:
    """Return a DAG of ``count`` mapped videos, each landed under ``KILLS_OUTPUT``."""
    with DAG(dag_id=dag_id, start_date=datetime(2026, 1, 1), schedule=None) as dag:
        KlingText2VideoOperator.partial(wait_for_completion=True, on_clear=on_clear, **common(dag_id)).expand(
            prompt=[f"Video {number}: a paper boat on a river" for number in range(count)]
        )
    return dag


def batches(dag_id: str, count: int) -> DAG:
    """Return a DAG of ``count`` videos in mapped batches; the number in a prompt is that of its batch."""
    items = [f"Video {number // BATCH}: paper boat number {number} on a river" for number in range(count)]
    with DAG(dag_id=dag_id, start_date=datetime(2026, 1, 1), schedule=None) as dag:
        KlingText2VideoBatchOperator.partial(max_active=3, **common(dag_id)).expand(
            items=[items[first : first + BATCH] for first in range(0, count, BATCH)]
        )
    return dag


kills = (batches if MODE == "batch" else videos)("kills", VIDEOS)
clear_reuse = videos("clear_reuse", 20)
clear_new = videos("clear_new", 20, on_clear="new")
