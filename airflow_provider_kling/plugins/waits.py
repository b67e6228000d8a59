"""
One video of two task instances: an operator that only submits, and the sensor that waits for it in the same run.

They are one clip. It stands where the operator is, which knows the request, with the result that the sensor returned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.models.xcom import XComModel
from sqlalchemy import select

from airflow_provider_kling.execution.summary import KEY
from airflow_provider_kling.plugins.clips import submitted_alone, waited_for
from airflow_provider_kling.plugins.rows import BUTTON, RESULT, Position, Row, has_summary, values

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TASK_ID = "task_id"
"""Key of the XCom by which an operator passes Kling's id on to a sensor."""


# A run and a map index: a sensor that is mapped over the operator's output has those of the operator.
_Pair = tuple[int, int]


def joined(session: Session, rows: Sequence[Row]) -> list[Row]:
    """
    Return the rows, what a sensor found out with the row of the operator that submitted it.

    The sensor's own row is marked as shown elsewhere.
    """
    results = _waited_for(session, [_pair(row.position) for row in rows if submitted_alone(row.summary)])
    given = _passed_on(session, [_pair(row.position) for row in rows if _waited(row)])
    return [_joined(row, results, given) for row in rows]


def _joined(row: Row, results: Mapping[Any, Any], given: Collection[Any]) -> Row:
    if task_id := submitted_alone(row.summary):
        return replace(row, result=results.get((_pair(row.position), task_id), row.result))
    return replace(row, shown_elsewhere=True) if (_pair(row.position), _waited(row)) in given else row


def _pair(position: Position) -> _Pair:
    return position.dag_run_id, position.map_index


def _waited(row: Row) -> str | None:
    """Return the task that a row of a sensor tells the end of."""
    return _task_of(waited_for(row.summary, row.result))


def _task_of(manifest: Mapping[str, Any] | None) -> str | None:
    task_id = (manifest or {}).get("task_id")
    return task_id if isinstance(task_id, str) else None


def _waited_for(session: Session, pairs: Sequence[_Pair]) -> dict[tuple[_Pair, str], Any]:
    """Return what the sensors beside some operators found out, by the task that each waited for."""
    results = values(session, RESULT, _places(session, BUTTON, pairs, with_summary=False))
    summaries = values(session, KEY, _places(session, KEY, pairs, with_summary=True))
    found = [(place, waited_for(None, result)) for place, result in results.items()]
    found += [(place, waited_for(summary, None)) for place, summary in summaries.items() if isinstance(summary, dict)]
    return {((run, index), of): manifest for (run, _, index), manifest in found if (of := _task_of(manifest))}


def _passed_on(session: Session, pairs: Sequence[_Pair]) -> set[tuple[_Pair, str]]:
    """Return the tasks that the operators beside some sensors tell of by themselves."""
    told = values(session, TASK_ID, _places(session, TASK_ID, pairs, with_summary=True))
    # Kling's own ids are digits, and read as a number where they stand alone.
    return {((run, index), str(task_id)) for (run, _, index), task_id in told.items()}


def _places(session: Session, key: str, pairs: Sequence[_Pair], *, with_summary: bool) -> list[Position]:
    if not pairs:
        return []
    columns = (XComModel.timestamp, XComModel.dag_run_id, XComModel.task_id, XComModel.map_index)
    runs, indexes = map(set, zip(*pairs, strict=True))
    is_beside = (XComModel.dag_run_id.in_(runs), XComModel.map_index.in_(indexes), XComModel.key == key)
    is_told = has_summary() if with_summary else ~has_summary()
    return [Position(*found) for found in session.execute(select(*columns).where(*is_beside, is_told))]
