"""Asset events: what the versions of Airflow let a running task write and read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.compat.versions import airflow_is_at_least

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

PARTITIONS_SINCE = "3.3"
"""Which Airflow lets a task give its asset events a partition key."""


def is_alias(outlet: Any) -> bool:
    """Whether an outlet is an ``AssetAlias``."""
    from airflow.sdk import AssetAlias

    return isinstance(outlet, AssetAlias)


def is_asset(outlet: Any) -> bool:
    """Whether an outlet is an ``Asset``, or a reference to one by name or URI."""
    from airflow.sdk import Asset
    from airflow.sdk.definitions.asset import AssetRef

    return isinstance(outlet, (Asset, AssetRef))


def for_alias(extra: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the ``extra`` of an event that goes through an alias.

    Airflow 3.0 fails the task for a list or a dict in it; there it is JSON as text.
    """
    if airflow_is_at_least("3.1"):
        return dict(extra)
    return {name: json.dumps(value) if isinstance(value, (dict, list)) else value for name, value in extra.items()}


def events_before(
    context: Context, outlet: Any, dag_id: str, run_id: str, task_id: str, map_index: int
) -> Sequence[Any]:
    """
    Return the events that earlier tries of this task instance, in this DAG run, have emitted for one of its outlets.

    Airflow keeps events with the success of the try that emitted them, or not at all. So its own table is the one
    place that tells what consumers were told, over retries, clears and whatever became of any other store.

    :raises Exception: whatever Airflow raises when it cannot be asked.
    """
    # Airflow has the same for what a task declares as its inlets: context["inlet_events"].
    from airflow.sdk.execution_time.context import InletEventsAccessors

    found: Any = InletEventsAccessors([outlet])[outlet]
    run: Any = context["dag_run"]
    if hasattr(found, "after") and getattr(run, "run_after", None):
        # Since 3.2; before, all events that there ever were are fetched.
        found = found.after(run.run_after.isoformat())
    source = (dag_id, run_id, task_id, map_index)
    # Another of the mapped tasks may have a video of the same key.
    return [event for event in found if _source_of(event) == source]


def _source_of(event: Any) -> tuple[Any, ...]:
    return event.source_dag_id, event.source_run_id, event.source_task_id, event.source_map_index
