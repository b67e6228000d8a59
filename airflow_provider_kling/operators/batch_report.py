"""What a batch tells: how far it is, and at the end the manifest of each item, or what failed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.exceptions import KlingBatchError, KlingError

if TYPE_CHECKING:
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.lifecycle.record import Record
    from airflow_provider_kling.operators.batch_items import Item
    from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator


def progress(items: Sequence[Item], seconds: float, units: float) -> str:
    """
    Say how far a batch is.

    :param seconds: how long this try has taken so far.
    :param units: spent on what is done.
    """
    done = sum(item.done for item in items)
    failed = sum(item.error is not None for item in items)
    running = sum(item.running for item in items)
    landing = sum(item.ended is not None for item in items)
    waiting = len(items) - done - failed - running - landing
    text = f"Batch: {done} done, {running} running, {waiting} waiting, {failed} failed"
    if landing:
        text += f", {landing} to be landed"
    if units:
        text += f"; {units:g} units"
    if done and running + waiting:
        text += f"; about {(running + waiting) * seconds / done / 60:.0f} min left"
    return text + "."


def result(items: Sequence[Item], operator: KlingText2VideoBatchOperator, hook: KlingHook, name: str) -> dict[str, Any]:
    """
    Return what goes to XCom: counts, and the manifests or the path of the file that holds them.

    :param name: name of that file, beside the videos; a line of JSON each.
    :raises KlingBatchError: when items failed, and were not to be passed over.
    :raises KlingDownloadError: when the file cannot be written.
    """
    counts: dict[str, Any] = {
        "succeeded": sum(item.done for item in items),
        "failed": sum(item.error is not None for item in items),
        "not_submitted": sum(not item.settled for item in items),
    }
    fatal = counts["failed"] and (operator.on_item_failure == "fail" or any(item.stops for item in items))
    rows = _rows(items, operator, hook)
    try:
        told = {**counts, **_told(rows, operator.output_path, name)}
    except KlingError as error:
        if not fatal:
            raise
        # What failed before matters more.
        operator.log.warning("%s", error)
    if fatal:
        raise _batch_error(items, counts)
    return told


def _told(rows: Iterator[dict[str, Any]], output_path: str | None, name: str) -> dict[str, Any]:
    if not output_path:
        return {"items": list(rows)}
    from airflow_provider_kling.storage.landing import write_lines

    return {"manifest_path": write_lines(output_path, name, map(json.dumps, rows))}


def _rows(items: Sequence[Item], operator: KlingText2VideoBatchOperator, hook: KlingHook) -> Iterator[dict[str, Any]]:
    for item in items:
        row = {"position": item.position, "prompt": item.body["prompt"], "error": None}
        if item.done:
            yield {**row, **_manifest(item, operator, hook)}
        elif item.error:
            yield {**row, **_known(item.record, operator, "failed"), "error": str(item.error)}


def _manifest(item: Item, operator: KlingText2VideoBatchOperator, hook: KlingHook) -> Mapping[str, Any]:
    """Return the manifest of a done item; after a deferral the store knows it, or else a poll Kling."""
    record = item.record
    if not record.manifest:
        try:
            record = item.store.load() or record
        except KlingError as error:
            operator.log.warning("Item %d: %s", item.position, error.message)
    if record.manifest:
        return record.manifest
    seen = hook.poll_task(record.task_id or record.external_task_id, operator.capability)
    if isinstance(seen, KlingError):
        operator.log.warning("Item %d is done, and its manifest is lost: %s", item.position, seen)
        return _known(record, operator, "succeed")
    manifest = seen.manifest(operator.capability.name, _paths(operator, record, seen))
    return {**manifest, "external_task_id": record.external_task_id}


def _known(record: Record, operator: KlingText2VideoBatchOperator, task_status: str) -> dict[str, Any]:
    """Return a manifest without videos, of the same keys."""
    return {
        "task_id": record.task_id,
        "external_task_id": record.external_task_id,
        "capability": operator.capability.name,
        "task_status": task_status,
        "videos": [],
        "output_paths": [],
        "created_at": None,
        "updated_at": None,
    }


def _paths(operator: KlingText2VideoBatchOperator, record: Record, task: KlingTask) -> list[str]:
    if not operator.output_path:
        return []
    from airflow_provider_kling.storage.landing import targets

    return [str(path) for path in targets(operator.output_path, record.external_task_id, len(task.videos))]


def _batch_error(items: Sequence[Item], counts: Mapping[str, Any]) -> KlingBatchError:
    errors = [(item.position, item.error) for item in items if item.error]
    lines = "".join(f"\n  - item {position}: {error}" for position, error in errors)
    return KlingBatchError(
        f"{counts['failed']} items failed, {counts['succeeded']} succeeded, {counts['not_submitted']} were not "
        f"submitted:{lines}\n",
        # One item that a retry can help is worth a retry: the others are taken up or refused again at no cost.
        retryable=any(error.retryable for _, error in errors),
    )
