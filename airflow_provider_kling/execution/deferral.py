"""Hand a task to the triggerer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_kling.compat import clock

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_kling.execution.deferred_state import DeferredState
    from airflow_provider_kling.execution.item import Item
    from airflow_provider_kling.execution.items import Items
    from airflow_provider_kling.lifecycle.batch import Defer
    from airflow_provider_kling.lifecycle.job import Job
    from airflow_provider_kling.lifecycle.waiting import PollPolicy

# Airflow's own deferral timeout is only the net below the trigger's deadline.
_NET = timedelta(minutes=10)


def defer(job: Job, items: Items, step: Defer, all_items: Sequence[Item], state: DeferredState) -> NoReturn:
    """
    Hand the task to the triggerer.

    :raises TaskDeferred: always.
    """
    from airflow.providers.common.compat.sdk import TaskDeferred

    watched = [(all_items[position], items.poll_policy(all_items[position])) for position in step.watch]
    trigger = _trigger(job, step, watched)
    latest = max((policy.deadline for _, policy in watched), default=None)
    net = None if latest is None else timedelta(seconds=max(0.0, latest - clock.now())) + _NET
    raise TaskDeferred(trigger=trigger, method_name="resume", kwargs={"carried": state.to_json()}, timeout=net)


def _trigger(job: Job, step: Defer, watched: Sequence[tuple[Item, PollPolicy]]) -> BaseTrigger:
    # airflow.triggers.base takes 8 ms to import, which a task that does not defer need not pay.
    if not watched:
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger

        return DateTimeTrigger(datetime.fromtimestamp(step.until or clock.now(), tz=UTC))
    if not job.is_batch:
        from airflow_provider_kling.triggers.kling import KlingTaskTrigger

        ((item, policy),) = watched
        return KlingTaskTrigger(
            kling_conn_id=job.account.conn_id,
            kling_task_id=str(item.record.task_id),
            external_task_id=item.record.external_task_id,
            capability=job.capability.name,
            submitted_at=policy.submitted_at,
            deadline=policy.deadline,
            poll_interval=job.poll_interval,
            typical=policy.typical,
        )
    from airflow_provider_kling.triggers.batch import KlingBatchTrigger

    return KlingBatchTrigger(
        kling_conn_id=job.account.conn_id,
        tasks=[[item.record.task_id, p.submitted_at, p.deadline, p.typical] for item, p in watched],
        enough=step.enough,
        wake_at=step.until,
        capability=job.capability.name,
        poll_interval=job.poll_interval,
    )
