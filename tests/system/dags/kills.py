"""The DAGs of tests.system.kills: many videos at once, and a clear under each policy."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_kling.operators.kling import KlingText2VideoOperator


def videos(dag_id: str, count: int, on_clear: str = "reuse") -> DAG:
    """Return a DAG of ``count`` mapped videos, each landed under ``KILLS_OUTPUT``."""
    with DAG(dag_id=dag_id, start_date=datetime(2026, 1, 1), schedule=None) as dag:
        KlingText2VideoOperator.partial(
            task_id="make_video",
            wait_for_completion=True,
            deferrable=os.environ.get("KILLS_MODE") != "sync",
            # The emulator is several times as fast as Kling, for which the usual intervals are made.
            poll_interval=4,
            output_path=f"{os.environ['KILLS_OUTPUT']}{dag_id}/",
            on_clear=on_clear,
            # Each kill uses one up, and nothing keeps chance from hitting the same video again and again.
            retries=25,
            retry_delay=timedelta(seconds=2),
        ).expand(prompt=[f"Video {number}: a paper boat on a river" for number in range(count)])
    return dag


kills = videos("kills", int(os.environ.get("KILLS_VIDEOS", "50")))
clear_reuse = videos("clear_reuse", 20)
clear_new = videos("clear_new", 20, on_clear="new")
