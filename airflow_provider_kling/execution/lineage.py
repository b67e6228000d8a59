"""
What OpenLineage is told of a task: the request as a run facet, the landed files as output datasets.

OpenLineage's provider asks the operator for it, by names of methods; only then is anything of OpenLineage imported.
It may ask in a process of its own, where Airflow cannot be asked: all is known already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.content import as_text
from airflow_provider_kling.api.preview import preview
from airflow_provider_kling.execution.clips import clips_of
from airflow_provider_kling.lifecycle.item import Complete, Failed, Moderated
from airflow_provider_kling.storage.uris import dataset_of

if TYPE_CHECKING:
    from airflow_provider_kling.execution.item import Item
    from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId

KEY = "kling"
"""Name of the run facet."""

# A backend reads an event as a whole. Of more files, the manifest is among the outputs all the same.
MOST_OUTPUTS = 1000
MOST_VIDEOS = 100


def of_request(capability: str, request: Mapping[str, Any]) -> Any:
    """
    Return the lineage of a task that has not begun.

    :param request: as it was given.
    """
    return _lineage({"capability": capability, "request": preview(as_text(request))}, [])


def of_try(job: Job, items: Sequence[Item], instance: TaskInstanceId, result: Any) -> Any:
    """
    Return the lineage of a try that has ended, well or not: files that it landed, or found landed, are its outputs.

    :param result: what the task returned; ``None`` where it failed.
    """
    facts = {
        "capability": job.capability.name,
        "dialect": job.account.dialect,
        "kling_conn_id": job.account.conn_id,
        "models": sorted({str(job.model(item.body)) for item in items}),
        "requests": len(items),
        "succeeded": sum(isinstance(item.state, Complete) for item in items),
        "failed": sum(isinstance(item.state, Failed) for item in items),
        "units": round(sum(item.record.cost for item in items if item.record.may_exist), 4),
        "videos": [_video(item) for item in items[:MOST_VIDEOS]],
    }
    if items and not job.is_batch:
        facts["request"] = preview(as_text(items[0].body))
    files = [(clip["path"], clip.get("bytes")) for clip in clips_of(items, job, instance)[:MOST_OUTPUTS]]
    if isinstance(result, Mapping) and result.get("manifest_path"):
        files.append((result["manifest_path"], None))
    return _lineage(facts, files)


def of_manifest(manifest: Mapping[str, Any]) -> Any:
    """Return the lineage of a task that waited for a video and landed nothing."""
    names = ("task_id", "external_task_id", "units")
    video = {name: manifest[name] for name in names if manifest.get(name) is not None}
    return _lineage({"capability": manifest.get("capability"), "requests": 1, "videos": [video]}, [])


def _video(item: Item) -> dict[str, Any]:
    facts = {
        "key": item.key,
        "task_id": item.record.task_id,
        "external_task_id": item.record.external_task_id,
        "units": item.record.units,
        "estimated_units": (item.record.estimate or {}).get("units"),
        "error": type(item.state.error).__name__ if isinstance(item.state, (Failed, Moderated)) else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _lineage(facts: Mapping[str, Any], files: Sequence[tuple[str, int | None]]) -> Any:
    from airflow.providers.common.compat.openlineage.facet import OutputDataset, OutputStatisticsOutputDatasetFacet
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_kling.execution.facet import KlingRunFacet

    outputs = []
    for path, size in files:
        namespace, name = dataset_of(path)
        facets: dict[str, Any] = {}
        if size is not None:
            facets["outputStatistics"] = OutputStatisticsOutputDatasetFacet(size=size)
        outputs.append(OutputDataset(namespace=namespace, name=name, outputFacets=facets))
    return OperatorLineage(outputs=outputs, run_facets={KEY: KlingRunFacet(**facts)})
