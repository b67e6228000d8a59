"""All who are informed of a try."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from airflow_provider_kling.execution.asset_events import AssetEvents
from airflow_provider_kling.execution.headline import Headline
from airflow_provider_kling.execution.metrics import Metrics
from airflow_provider_kling.execution.observers import Observer, Observers
from airflow_provider_kling.execution.progress import ProgressLog
from airflow_provider_kling.execution.summary import Reporter

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId


def observers_of(
    job: Job,
    context: Context,
    instance: TaskInstanceId,
    started_at: float,
    progress: Callable[[], str],
    held: Collection[int] = (),
) -> Observer:
    """
    Return who passes on what happens in a try to all that want to know.

    :param job: what is wanted.
    :param context: Airflow's context of the running task.
    :param instance: its coordinates.
    :param started_at: when the try began, seconds since the epoch.
    :param progress: says how far it is.
    :param held: positions of what nobody has approved yet.
    """
    return Observers(
        Reporter(job, context["ti"], instance, started_at, held),
        Headline(job, context["ti"], instance),
        ProgressLog(job, progress),
        AssetEvents(job, context, instance),
        Metrics(job, instance),
    )
