"""What others are told of each landed file: consumers of asset events, and whoever follows lineage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.fields import number as number_of
from airflow_provider_kling.lifecycle.item import Complete
from airflow_provider_kling.lifecycle.record import FILES
from airflow_provider_kling.storage.uris import uri_of

if TYPE_CHECKING:
    from airflow_provider_kling.execution.item import Item
    from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId


def clips_of(items: Sequence[Item], job: Job, instance: TaskInstanceId) -> list[dict[str, Any]]:
    """
    Return a small dict of plain JSON for each landed file: what it is, where it lies and what was paid for it.

    No link is in it, and what has no value is left out.

    :param items: the complete ones count, of those whose manifest is known.
    """
    return [clip for item in items if isinstance(item.state, Complete) for clip in _clips(item, job, instance)]


def _clips(item: Item, job: Job, instance: TaskInstanceId) -> Iterator[dict[str, Any]]:
    manifest = item.record.manifest or {}
    sizes = {file.path: file.size for file in item.record.landed}
    for number, (path, file) in enumerate(_landed(manifest), 1):
        facts = {
            "uri": uri_of(path),
            "path": path,
            "key": item.key,
            "meta": dict(item.meta),
            "capability": job.capability.name,
            "model": job.model(item.body),
            "seconds": file.get("duration"),
            "bytes": sizes.get(path),
            "units": number_of(manifest.get("units")),
            "task_id": item.record.task_id or manifest.get("task_id"),
            "external_task_id": item.record.external_task_id,
            "file": number if number > 1 else None,
            "dag_id": instance.dag_id,
            "run_id": instance.run_id,
        }
        yield {name: value for name, value in facts.items() if value not in (None, {})}


def _landed(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each path with what the manifest says of the file: at a path that people chose, one format is landed."""
    files = [file for name in FILES for file in manifest.get(name, ())]
    paths = list(manifest.get("output_paths", ()))
    if len(files) != len(paths):
        formats = {path.rpartition(".")[2].lower() for path in paths}
        files = [file for file in files if file.get("format") in formats]
    for number, path in enumerate(paths):
        yield path, files[number] if number < len(files) else {}


def identity(clip: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return what a clip is known by, wherever it lies and whatever it is called: by what was paid for."""
    return clip.get("external_task_id"), clip.get("file", 1)
