"""What a job reports: how far it is, and at the end the manifest of each video, or what failed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.exceptions import KlingBatchError, KlingError
from airflow_provider_kling.lifecycle.item import Complete, Ended, Failed, State, holds_slot, is_settled

if TYPE_CHECKING:
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.execution.item import Item
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId
    from airflow_provider_kling.lifecycle.record import Record

log = logging.getLogger(__name__)


def units(record: Record) -> float:
    """Return the units that Kling reports for a finished video, 0 where it reports none."""
    return float((record.manifest or {}).get("units", 0))


def of_one(item: Item, *, wait_for_completion: bool) -> Any:
    """
    Return what the task of one video returns: the manifest, or Kling's task id where nobody waits.

    :raises KlingError: what the video failed with.
    """
    if isinstance(item.state, Failed):
        raise item.state.error
    return dict(item.record.manifest or {}) if wait_for_completion else item.record.task_id


def progress(states: Sequence[State], seconds: float, spent: float) -> str:
    """
    Say how far a batch is.

    :param seconds: how long this try has taken so far.
    :param spent: units spent on what is done.
    """
    done, failed = _count(states, Complete), _count(states, Failed)
    landing = _count(states, Ended)
    running = sum(map(holds_slot, states))
    waiting = len(states) - done - failed - running - landing
    text = f"Batch: {done} done, {running} running, {waiting} waiting, {failed} failed"
    if landing:
        text += f", {landing} to be landed"
    if spent:
        text += f"; {spent:g} units"
    if done and running + waiting:
        text += f"; about {(running + waiting) * seconds / done / 60:.0f} min left"
    return text + "."


def _count(states: Sequence[State], kind: type) -> int:
    return sum(isinstance(state, kind) for state in states)


def of_batch(items: Sequence[Item], job: Job, hook: KlingHook, instance: TaskInstanceId) -> dict[str, Any]:
    """
    Return what goes to XCom: counts, and the manifests or the path of the file that holds them.

    :raises KlingBatchError: when items failed, and were not to be passed over.
    :raises KlingDownloadError: when the file cannot be written.
    """
    failures = [(item.position, item.state) for item in items if isinstance(item.state, Failed)]
    counts: dict[str, Any] = {
        "succeeded": sum(isinstance(item.state, Complete) for item in items),
        "failed": len(failures),
        "not_submitted": sum(not is_settled(item.state) for item in items),
    }
    fatal = failures and (job.on_item_failure == "fail" or any(state.stops for _, state in failures))
    try:
        result = {**counts, **_listed(_rows(items, job, hook), job.output_path, instance)}
    except KlingError as error:
        if not fatal:
            raise
        # What failed before matters more.
        log.warning("%s", error)
    if fatal:
        raise _batch_error([(position, state.error) for position, state in failures], counts)
    return result


def _listed(rows: Iterator[dict[str, Any]], output_path: str | None, instance: TaskInstanceId) -> dict[str, Any]:
    if not output_path:
        return {"items": list(rows)}
    from airflow_provider_kling.storage.landing import write_lines

    parts = [instance.dag_id, instance.run_id, instance.task_id]
    parts += [str(instance.map_index)] if instance.map_index >= 0 else []
    return {"manifest_path": write_lines(output_path, "-".join(parts), map(json.dumps, rows))}


def _rows(items: Sequence[Item], job: Job, hook: KlingHook) -> Iterator[dict[str, Any]]:
    for item in items:
        row = {"position": item.position, "prompt": item.body["prompt"], "error": None}
        if isinstance(item.state, Complete):
            yield {**row, **_manifest(item, job, hook)}
        elif isinstance(item.state, Failed):
            yield {**row, **_without_videos(item.record, job, "failed"), "error": str(item.state.error)}


def _manifest(item: Item, job: Job, hook: KlingHook) -> Mapping[str, Any]:
    """Return the manifest of a done item; after a deferral the store knows it, or else Kling."""
    record = item.record
    if not record.manifest:
        try:
            record = item.store.load() or record
        except KlingError as error:
            log.warning("Item %d: %s", item.position, error.message)
    if record.manifest:
        return record.manifest
    seen = hook.poll_task(record.task_id or record.external_task_id, job.capability)
    if isinstance(seen, KlingError):
        log.warning("Item %d is done, and its manifest is lost: %s", item.position, seen)
        return _without_videos(record, job, "succeed")
    manifest = seen.manifest(job.capability.name, _paths(record, job, seen))
    return {**manifest, "external_task_id": record.external_task_id}


def _without_videos(record: Record, job: Job, task_status: str) -> dict[str, Any]:
    """Return a manifest of the same keys."""
    return {
        "task_id": record.task_id,
        "external_task_id": record.external_task_id,
        "capability": job.capability.name,
        "task_status": task_status,
        "videos": [],
        "output_paths": [],
        "created_at": None,
        "updated_at": None,
    }


def _paths(record: Record, job: Job, task: KlingTask) -> list[str]:
    if not job.output_path:
        return []
    from airflow_provider_kling.storage.landing import targets

    return [str(path) for path in targets(job.output_path, record.external_task_id, len(task.videos))]


def _batch_error(failures: Sequence[tuple[int, KlingError]], counts: Mapping[str, Any]) -> KlingBatchError:
    lines = "".join(f"\n  - item {position}: {error}" for position, error in failures)
    return KlingBatchError(
        f"{counts['failed']} items failed, {counts['succeeded']} succeeded, {counts['not_submitted']} were not "
        f"submitted:{lines}\n",
        # One item that a retry can help is worth a retry: the others are taken up or refused again at no cost.
        retryable=any(error.retryable for _, error in failures),
    )
