"""
Not too fast for Airflow: hold an event back while the process that deferred may still count as running.

A supervisor may notice up to ``[workers] min_heartbeat_interval`` (5 s) late that its task deferred. Before Airflow
3.2.2, a task that is queued again when that news arrives may be taken for killed: it is retried for nothing, or fails
for good where it has no retries (apache/airflow#66374, #67287; seen on 3.0.6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kling.compat import clock
from airflow_provider_kling.compat.versions import airflow_is_at_least

if TYPE_CHECKING:
    from airflow_provider_kling.exceptions import KlingError

# The news goes through the executor and one round of the scheduler.
_MARGIN = 3.0


# How long a trigger that cannot poll keeps that to itself, see report_later().
_REPORT_AFTER = 60.0


async def report_later(error: KlingError, kling_task_id: str, log: Any, began: float) -> None:
    """
    Log that a task cannot be polled, and return a minute after the start of the trigger, before its event.

    The worker that it wakes may well be able to (the key or the way out may be missing in the triggerer alone), and
    hands a task that is still running to a trigger again.
    """
    log.warning("Task %s cannot be polled here: %s", kling_task_id, error)
    await clock.asleep(max(0.0, began + _REPORT_AFTER - clock.now()))


async def wait_for_news_of_deferral(began: float) -> None:
    """
    Return when an event does no harm any more; at once since Airflow 3.2.2.

    :param began: when the trigger started.
    """
    left = began + _news_takes() - clock.now()
    if left > 0:
        await clock.asleep(left)


def _news_takes() -> float:
    from airflow.providers.common.compat.sdk import conf

    if airflow_is_at_least("3.2.2"):
        return 0.0
    return float(conf.getint("workers", "min_heartbeat_interval", fallback=5)) + _MARGIN
