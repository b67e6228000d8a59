"""Counts what happens in a try for Airflow's metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kling.compat import clock
from airflow_provider_kling.execution.observers import Observer
from airflow_provider_kling.hooks import metrics

if TYPE_CHECKING:
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.exceptions import KlingError
    from airflow_provider_kling.execution.item import Item
    from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId


class Metrics(Observer):
    """
    Sends the metrics of one try.

    :param job: what is wanted.
    :param instance: for which task instance.
    """

    purpose = "The count for Airflow's metrics"

    def __init__(self, job: Job, instance: TaskInstanceId) -> None:
        self._job = job
        self._tags = {
            "dag_id": instance.dag_id,
            "task_id": instance.task_id,
            "capability": job.capability.name,
            "dialect": job.account.dialect,
        }

    def submitted(self, item: Item, task: KlingTask, *, created: bool) -> None:
        metrics.count(metrics.SUBMITTED if created else metrics.ADOPTED, tags=self._tags_of(item))

    def completed(self, item: Item, task: KlingTask) -> None:
        tags = self._tags_of(item)
        metrics.count(metrics.SUCCEEDED, tags=tags)
        metrics.count(metrics.UNITS, item.record.cost, tags=tags)
        if seconds := _seconds(item, task):
            metrics.add_time(metrics.DURATION, seconds, tags=tags)

    def failed(self, item: Item, error: KlingError) -> None:
        kind = type(error).__name__
        metrics.count(metrics.FAILED, tags={**self._tags_of(item), "error": kind}, part=kind)

    def _tags_of(self, item: Item) -> dict[str, str | None]:
        return {**self._tags, "model": self._job.model(item.body)}


def _seconds(item: Item, task: KlingTask) -> float | None:
    """Return how long Kling took: by its own clock where it tells, which may not be ours."""
    if task.created_at and task.updated_at:
        return (task.updated_at - task.created_at).total_seconds()
    return clock.now() - item.record.submitted_at if item.record.submitted_at else None
