"""What a job reports: how far it is, and at the end the manifest of each video, or what failed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.task import UNKNOWN_PRICE
from airflow_provider_kling.exceptions import (
    KlingApprovalError,
    KlingBatchError,
    KlingBudgetError,
    KlingError,
    KlingRejectedError,
    KlingTaskTimeoutError,
    TaskState,
)
from airflow_provider_kling.execution.landing import paths_of
from airflow_provider_kling.lifecycle.budget import listed
from airflow_provider_kling.lifecycle.item import Complete, Failed, Moderated, is_settled
from airflow_provider_kling.lifecycle.paths import directory_of
from airflow_provider_kling.lifecycle.record import FILES, without_links
from airflow_provider_kling.lifecycle.waiting import is_moderated

if TYPE_CHECKING:
    from airflow_provider_kling.execution.item import Item
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId
    from airflow_provider_kling.lifecycle.record import Record

log = logging.getLogger(__name__)

_NOT_SUBMITTED = (KlingBudgetError, KlingApprovalError)


def units(record: Record) -> float:
    """Return the units that Kling reports for a finished video, 0 where it reports none."""
    return float((record.manifest or {}).get("units", 0))


def of_one(item: Item, job: Job) -> Any:
    """
    Return what the task of one video returns: the manifest, or Kling's task id where nobody waits.

    :raises KlingError: what the video failed with.
    :raises AirflowSkipException: when moderation refused it, and that is to be a skip.
    """
    if isinstance(item.state, Failed):
        raise item.state.error
    if isinstance(item.state, Moderated):
        if item.state.skips:
            raise _skipped(str(item.state.error))
        return {**_label(item), **_refused(item, job, item.state)}
    if not job.wait_for_completion:
        return item.record.task_id
    return _shown(item.record.manifest or {}, item, job)


def _skipped(why: str) -> Exception:
    from airflow.providers.common.compat.sdk import AirflowSkipException

    return AirflowSkipException(why)


def _shown(manifest: Mapping[str, Any], item: Item, job: Job) -> dict[str, Any]:
    shown = dict(manifest) if job.xcom_links else without_links(manifest)
    # A manifest that an earlier release kept has none.
    shown.setdefault("estimate", dict[str, Any](item.record.estimate or UNKNOWN_PRICE))
    # The record does not keep them: they may be others by now.
    return {**_label(item), **shown}


def _label(item: Item) -> dict[str, Any]:
    return {"key": item.key, "meta": dict(item.meta)}


def timed_out(job: Job, progress: str) -> KlingTaskTimeoutError:
    """Return the error for a batch whose ``execution_timeout`` has passed."""
    return KlingTaskTimeoutError(
        f"execution_timeout of {job.execution_timeout:g} s has passed. {progress}",
        task_state=TaskState.EXISTS,
        retryable=True,
    )


def of_batch(items: Sequence[Item], job: Job, hook: KlingHook, instance: TaskInstanceId) -> dict[str, Any]:
    """
    Return what goes to XCom: counts, and the manifests or the path of the file that holds them.

    :raises KlingBatchError: when items failed, and were not to be passed over.
    :raises KlingRejectedError: when nothing failed but that somebody said no.
    :raises AirflowSkipException: when every item is skipped.
    :raises KlingDownloadError: when the file cannot be written.
    """
    failures = [(item.position, item.state) for item in items if isinstance(item.state, Failed)]
    left_out = [position for position, state in failures if isinstance(state.error, _NOT_SUBMITTED)]
    counts: dict[str, Any] = {
        "succeeded": sum(isinstance(item.state, Complete) for item in items),
        "failed": len(failures) - len(left_out),
        "not_submitted": sum(not is_settled(item.state) for item in items) + len(left_out),
        **_moderated_counts(items, job),
    }
    if over := [position for position, state in failures if isinstance(state.error, KlingBudgetError)]:
        log.warning("Items %s were left out: they would have passed max_units.", listed(over))
    fatal = failures and (job.on_item_failure == "fail" or any(state.stops for _, state in failures))
    try:
        result = {**counts, **_listed(_rows(items, job, hook), job.output_path, instance)}
    except KlingError as error:
        if not fatal:
            raise
        # What failed before matters more.
        log.warning("%s", error)
    errors = [(position, state.error) for position, state in failures]
    if errors and (fatal or not counts["succeeded"]) and all(isinstance(e, KlingRejectedError) for _, e in errors):
        raise _rejected(errors, counts)
    if fatal:
        raise _batch_error(errors, counts)
    if items and counts.get("skipped") == len(items):
        where = f" The reasons are in {result['manifest_path']}." if job.output_path else ""
        first = next(item.state.error for item in items if isinstance(item.state, Moderated))
        raise _skipped(f"Kling's moderation refused every item.{where} The first of them: {first}")
    return result


def _rejected(errors: Sequence[tuple[int, KlingError]], counts: Mapping[str, Any]) -> KlingRejectedError:
    landed = f"; {counts['succeeded']} were paid for before" if counts["succeeded"] else ""
    where = listed([position for position, _ in errors])
    return KlingRejectedError(f"{errors[0][1].message} Items {where} were not submitted{landed}.")


def _moderated_counts(items: Sequence[Item], job: Job) -> dict[str, int]:
    """Return the counts of what a job asks for: one that fails of moderation has the same as ever."""
    asked = {job.on_moderation_at(item.position) for item in items}
    states = [item.state for item in items if isinstance(item.state, Moderated)]
    skipped = sum(state.skips for state in states)
    counts = {"skip": ("skipped", skipped), "return": ("moderated", len(states) - skipped)}
    return dict(counts[how] for how in sorted(asked & counts.keys()))


def _listed(rows: Iterator[dict[str, Any]], output_path: str | None, instance: TaskInstanceId) -> dict[str, Any]:
    if not output_path:
        return {"items": list(rows)}
    from airflow_provider_kling.storage.landing import write_lines

    return {"manifest_path": write_lines(directory_of(output_path), _lines_name(instance), map(_line, rows))}


def lines_path(output_path: str, instance: TaskInstanceId) -> str:
    """Return the path of the file that holds the manifests of a batch, once it has ended."""
    from airflow_provider_kling.storage.landing import path_of_lines

    return str(path_of_lines(directory_of(output_path), _lines_name(instance)))


def _lines_name(instance: TaskInstanceId) -> str:
    parts = [instance.dag_id, instance.run_id, instance.task_id]
    return "-".join([*parts, str(instance.map_index)] if instance.map_index >= 0 else parts)


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, allow_nan=False)


def _rows(items: Sequence[Item], job: Job, hook: KlingHook) -> Iterator[dict[str, Any]]:
    for item in items:
        row: dict[str, Any] = {"position": item.position, **_label(item), "prompt": item.body.get("prompt")}
        row |= {"error": None, "moderated": False}
        if isinstance(item.state, Complete):
            shown = _shown(_manifest(item, job, hook), item, job)
            # The keys are the same in every line; Kling does not always say what it deducted.
            yield {**row, **shown, "units": shown.get("units")}
        elif isinstance(item.state, Failed):
            status = "not_submitted" if isinstance(item.state.error, _NOT_SUBMITTED) else "failed"
            refused = {"moderated": is_moderated(item.state.error)}
            yield {**row, **_failed(item, job, status, item.state.error), **refused}
        elif isinstance(item.state, Moderated):
            yield {**row, **_refused(item, job, item.state)}


def _manifest(item: Item, job: Job, hook: KlingHook) -> Mapping[str, Any]:
    """
    Return the manifest of a done item; after a deferral the store knows it, or else Kling.

    The store keeps no signed links. Where nothing was landed they are the result, so Kling is asked. The item keeps it
    for who wants it next.
    """
    record = item.record
    if not record.manifest:
        try:
            record = item.store.load() or record
        except KlingError as error:
            log.warning("Item %d: %s", item.position, error.message)
    if record.manifest and (job.output_path or not job.xcom_links or _has_links(record.manifest)):
        item.record = record
        return record.manifest
    seen = hook.poll_task(record.task_id or record.external_task_id, job.capability)
    if isinstance(seen, KlingError):
        log.warning("Item %d is done, and its manifest is lost: %s", item.position, seen)
        manifest = {**_without_videos(record, job, "succeed"), "output_paths": _place_of_video(item, job, record)}
        item.record = replace(record, manifest=manifest)
        return manifest
    suffixes = [file.suffix for file in seen.outputs]
    paths = paths_of(job, item, suffixes, record) if job.output_path else []
    manifest = seen.manifest(job.capability.name, paths, record.estimate)
    manifest["external_task_id"] = record.external_task_id
    item.record = replace(record, manifest=manifest)
    return manifest


def _place_of_video(item: Item, job: Job, record: Record) -> list[str]:
    """Return where a done video was landed, which is known without its manifest; of images there may be many."""
    is_video = job.output_path and job.capability.results == "videos"
    return paths_of(job, item, ["mp4"], record) if is_video else []


def _has_links(manifest: Mapping[str, Any]) -> bool:
    return all(file["url"] for name in FILES for file in manifest.get(name, ()))


def _without_videos(record: Record, job: Job, task_status: str) -> dict[str, Any]:
    """Return a manifest of the same keys."""
    return {
        "task_id": record.task_id,
        "external_task_id": record.external_task_id,
        "capability": job.capability.name,
        "task_status": task_status,
        "videos": [],
        job.capability.results: [],
        "output_paths": [],
        "estimate": dict(record.estimate or UNKNOWN_PRICE),
        "created_at": None,
        "updated_at": None,
        "units": None if record.units is None else f"{record.units:g}",
    }


def _refused(item: Item, job: Job, state: Moderated) -> dict[str, Any]:
    """Return the manifest of what moderation refused."""
    status = "skipped" if state.skips else "failed"
    return {**_failed(item, job, status, state.error), "moderated": True}


def _failed(item: Item, job: Job, task_status: str, error: KlingError) -> dict[str, Any]:
    # Of a task that a lookup found, and found ended, no record may tell.
    task_id = item.record.task_id or error.task_id
    return {**_without_videos(item.record, job, task_status), "task_id": task_id, "error": str(error)}


def _batch_error(failures: Sequence[tuple[int, KlingError]], counts: Mapping[str, Any]) -> KlingBatchError:
    moderated = "".join(f", {counts[name]} {name}" for name in ("skipped", "moderated") if counts.get(name))
    lines = "".join(f"\n  - {error_line}" for error_line in _error_lines(failures))
    return KlingBatchError(
        f"{counts['failed']} items failed, {counts['succeeded']} succeeded, {counts['not_submitted']} were not "
        f"submitted{moderated}:{lines}\n",
        # One item that a retry can help is worth a retry: the others are taken up or refused again at no cost.
        retryable=any(error.retryable for _, error in failures),
    )


def _error_lines(failures: Sequence[tuple[int, KlingError]]) -> Iterator[str]:
    """Yield a line for each item that failed, and one for all that were left out for a reason."""
    yield from (f"item {position}: {error}" for position, error in failures if not isinstance(error, _NOT_SUBMITTED))
    for reason in _NOT_SUBMITTED:
        left_out = {position: error for position, error in failures if isinstance(error, reason)}
        if left_out:
            positions = list(left_out)
            yield f"items {listed(positions)}, left out; the first of them: {left_out[positions[0]]}"
