"""What a sensor tells the gallery of a task that ended badly; of one that ended well, its result says all."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.preview import cut
from airflow_provider_kling.execution.summary import KEY, LONGEST_ERROR, VERSION
from airflow_provider_kling.lifecycle.waiting import is_moderated

if TYPE_CHECKING:
    from airflow_provider_kling.exceptions import KlingError

log = logging.getLogger(__name__)


def push_failure(ti: Any, capability: str, task_id: str, error: KlingError) -> None:
    """
    Push a summary with the reason. Never raises.

    :param ti: Airflow's running task instance.
    :param task_id: Kling's id.
    """
    status = "moderated" if is_moderated(error) else "failed"
    clip = {"position": 0, "status": status, "task_id": task_id, "error": cut(error.message, LONGEST_ERROR)}
    summary = {"version": VERSION, "capability": capability, "is_batch": False, "counts": {status: 1}, "clips": [clip]}
    try:
        ti.xcom_push(key=KEY, value={**summary, "waited": True})
    except Exception as problem:
        log.warning("The summary for the gallery failed (%s); going on.", type(problem).__name__)
