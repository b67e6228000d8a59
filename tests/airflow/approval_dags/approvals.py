"""Tasks that have what they pay for approved."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_kling.decorators.kling import kling_text2video
from airflow_provider_kling.operators.kling import KlingBatchOperator, KlingText2VideoOperator

ARGUMENTS: dict[str, Any] = {
    "require_approval": True,
    "wait_for_completion": True,
    "deferrable": True,
    "poll_interval": 1,
    "retries": 3,
    "retry_delay": timedelta(seconds=1),
}

CHOICES: dict[str, dict[str, Any]] = {
    "one": {},
    "kept": {"allow_modifications": False},
    "late": {"approval_timeout": 4, "on_approval_timeout": "reject"},
    "fails": {"fail_on_reject": True},
    "changing": {"prompt": "{{ var.value.approval_prompt }}"},
}

for name, more in CHOICES.items():
    with DAG(f"approve_{name}", schedule=None, start_date=datetime(2026, 1, 1), default_args=ARGUMENTS) as dag:
        KlingText2VideoOperator(
            task_id="make", **{"prompt": "A <b>cat</b> on a fence `![x](https://example.com/x.png)`", **more}
        )
    globals()[f"approve_{name}"] = dag

with DAG("approve_batch", schedule=None, start_date=datetime(2026, 1, 1), render_template_as_native_obj=True):
    KlingBatchOperator(
        task_id="make",
        items="{{ dag_run.conf['items'] }}",
        output_path=f"file://{os.environ.get('APPROVALS_OUTPUT', '/tmp')}/",
        **ARGUMENTS,
    )

with DAG("approve_mapped", schedule=None, start_date=datetime(2026, 1, 1)):
    KlingText2VideoOperator.partial(task_id="make", **ARGUMENTS).expand(prompt=["A cat", "A dog"])

with DAG("approve_function", schedule=None, start_date=datetime(2026, 1, 1)):

    @kling_text2video(task_id="make", **ARGUMENTS)
    def make() -> str:
        """Say what is to be seen."""
        return "A cat, said by a function"

    make()
