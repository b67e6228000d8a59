"""
Tell the consumers of assets of each landed file, and once.

Airflow writes events in the transaction in which a try becomes a success. A try that fails has announced nothing, so
the one that succeeds announces what any of them landed; one that is cleared asks Airflow what was announced before.

An alias takes an event for each file, of an asset for each. One asset takes one event from a task: of more than one at
once, Airflow's scheduler gives the DAG that waits for it the first, and the rest with the run after that, whenever it
comes (seen on 3.3.2). So the videos of a batch go there as a list.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.compat import assets
from airflow_provider_kling.execution.clips import clips_of, identity
from airflow_provider_kling.execution.manifest import lines_path
from airflow_provider_kling.execution.observers import Observer

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.execution.item import Item
    from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId

log = logging.getLogger(__name__)

Clip = dict[str, Any]

_LONGEST_PARTITION_KEY = 250


class AssetEvents(Observer):
    """
    Fills the outlet events of one try.

    :param job: what is wanted.
    :param context: Airflow's context of the running task.
    :param instance: its coordinates.
    """

    purpose = "The announcement of the landed files to the task's outlets"

    def __init__(self, job: Job, context: Context, instance: TaskInstanceId) -> None:
        self._job = job
        self._context = context
        self._instance = instance
        self._submitted_at: dict[str, float | None] = {}

    def succeeded(self, items: Sequence[Item]) -> None:
        # What Airflow reads when the task has ended. The operator's own list belongs to its DAG.
        task: Any = self._context["ti"].task
        outlets = list(task.outlets or ()) if self._job.output_path else []
        if not any(assets.is_alias(outlet) or assets.is_asset(outlet) for outlet in outlets):
            return
        clips = clips_of(items, self._job, self._instance)
        self._submitted_at = {item.record.external_task_id: item.record.submitted_at for item in items}
        task.outlets = [outlet for given in outlets for outlet in self._announced(given, clips)]

    def _announced(self, outlet: Any, clips: Sequence[Clip]) -> Iterator[Any]:
        """Yield an outlet for Airflow to look at when the task has ended, unless there is nothing new for it."""
        if assets.is_alias(outlet):
            self._announce_by(outlet, self._new(outlet, clips))
            yield outlet
        elif not assets.is_asset(outlet):
            yield outlet
        elif new := self._new(outlet, clips):
            self._announce(outlet, new)
            yield outlet
        else:
            # Airflow emits an event for each asset among the outlets of a success, whatever the task did.
            log.info("No event for %s: all of its files were announced before.", outlet)

    def _new(self, outlet: Any, clips: Sequence[Clip]) -> list[Clip]:
        if not clips or self._context["ti"].try_number <= 1:
            return list(clips)
        try:
            events = assets.events_before(self._context, outlet, *self._instance[:4])
        except Exception as error:
            log.warning(
                "Airflow does not tell what was announced to %s before (%s): all of its files are announced, perhaps "
                "once more.",
                outlet,
                type(error).__name__,
            )
            return list(clips)
        if self._job.partition_by_key:
            told_at = {event.partition_key: event.timestamp for event in sorted(events, key=lambda e: e.timestamp)}
            return [clip for clip in clips if self._is_after(told_at.get(_partition_of(clip)), clip)]
        known = {identity(clip) for event in events for clip in _told(event.extra or {})}
        return [clip for clip in clips if identity(clip) not in known]

    def _is_after(self, told_at: datetime | None, clip: Clip) -> bool:
        """Whether a clip is another one than its partition was announced with: one extra for all names none of them."""
        submitted_at = self._submitted_at.get(clip["external_task_id"])
        return told_at is None or (submitted_at is not None and submitted_at > told_at.timestamp())

    def _announce(self, asset: Any, clips: Sequence[Clip]) -> None:
        accessor: Any = self._context["outlet_events"][asset]
        accessor.extra.update(self._extra(clips))
        if self._job.partition_by_key:
            accessor.add_partitions([_partition_of(clip) for clip in clips])

    def _extra(self, clips: Sequence[Clip]) -> Clip:
        if not self._job.is_batch and len(clips) == 1:
            return clips[0]
        extra = {name: clips[0][name] for name in ("capability", "dag_id", "run_id")}
        if self._job.is_batch and self._job.output_path:
            extra["manifest_path"] = lines_path(self._job.output_path, self._instance)
        # The events of all partitions have the same extra: with each clip in each it would grow with their square.
        return extra if self._job.partition_by_key else {**extra, "clips": list(clips)}

    def _announce_by(self, alias: Any, clips: Sequence[Clip]) -> None:
        from airflow.sdk import Asset

        accessor: Any = self._context["outlet_events"][alias]
        for clip in clips:
            accessor.add(Asset(uri=clip["uri"]), extra=assets.for_alias(clip))


def _told(extra: Clip) -> Sequence[Clip]:
    clips: Sequence[Clip] = extra.get("clips", (extra,))
    return clips


def _partition_of(clip: Clip) -> str:
    key = str(clip.get("key") or "")
    # Airflow refuses a blank one, and with it those of all other clips.
    key = key if key.strip() else str(clip["external_task_id"])
    if len(key) <= _LONGEST_PARTITION_KEY:
        return key
    digest = sha256(key.encode()).hexdigest()[:16]
    return f"{key[: _LONGEST_PARTITION_KEY - 17]}-{digest}"
