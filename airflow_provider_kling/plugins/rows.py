"""
The task instances that made videos, from Airflow's own tables, newest first.

There is no table of ours. A task instance is found by an XCom that only we push: the summary, or, of what ran before
there was one, the button. Airflow has an index on the key.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import aliased

from airflow_provider_kling.execution.summary import KEY

if TYPE_CHECKING:
    from sqlalchemy import Exists, Select, Subquery
    from sqlalchemy.orm import Session

RESULT = "return_value"
BUTTON = "_link_KlingVideoLink"

# Newest first, and the same order each time.
_ORDER = (XComModel.timestamp, XComModel.dag_run_id, XComModel.task_id, XComModel.map_index)


class Place(NamedTuple):
    """Which task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int


class Position(NamedTuple):
    """Where in the order a row stands."""

    timestamp: datetime
    dag_run_id: int
    task_id: str
    map_index: int


@dataclass(frozen=True, slots=True)
class Filters:
    """
    What is asked for.

    :param dag_ids: DAGs that the user may read, or those of them that are asked for.
    :param place: one task instance alone.
    """

    dag_ids: Collection[str]
    run_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """
    A task instance, and what it recorded.

    :param shown_elsewhere: whether another task instance of its run shows its video.
    """

    place: Place
    position: Position
    summary: dict[str, Any] | None
    result: Any
    state: str | None
    try_number: int
    operator: str | None
    started_at: datetime | None
    ended_at: datetime | None
    shown_elsewhere: bool = False


def dag_ids(session: Session) -> set[str]:
    """Return the DAGs that have made videos."""
    found = session.scalars(select(XComModel.dag_id).where(XComModel.key.in_((KEY, BUTTON))).distinct())
    return set(found)


def rows(session: Session, filters: Filters, *, after: Position | None, limit: int) -> list[Row]:
    """
    Return task instances, newest first.

    :param after: those that come after this one.
    """
    columns: Any = select(*_ORDER, XComModel.dag_id, XComModel.run_id, XComModel.key)
    query = _narrowed(columns, filters)
    if after is not None:
        query = query.where(_comes_after(after))
    # The values stay out of what the database has to sort.
    newest = query.order_by(*(column.desc() for column in _ORDER)).limit(limit).subquery()
    found = session.execute(_with_instances(newest)).all()
    places = {Position(*one[:4]): Place(one.dag_id, one.run_id, one.task_id, one.map_index) for one in found}
    summaries = values(session, KEY, [position for position, one in zip(places, found, strict=True) if one.key == KEY])
    results = values(session, RESULT, [p for p in places if _needs_result(summaries.get(p[1:]))])
    return [
        Row(place, position, _summary(summaries.get(position[1:])), results.get(position[1:]), *_facts(one))
        for (position, place), one in zip(places.items(), found, strict=True)
    ]


def _with_instances(newest: Subquery) -> Select[Any]:
    columns, ti = newest.c, TaskInstance
    is_its = and_(
        ti.dag_id == columns.dag_id,
        ti.run_id == columns.run_id,
        ti.task_id == columns.task_id,
        ti.map_index == columns.map_index,
    )
    query = select(newest, ti.state, ti.try_number, ti.operator, ti.start_date, ti.end_date).join(ti, is_its)
    return query.order_by(*(columns[column.key].desc() for column in _ORDER))


def _facts(one: Any) -> tuple[Any, ...]:
    state = None if one.state is None else str(one.state)
    return (state, one.try_number, one.operator, one.start_date, one.end_date)


def _narrowed(query: Select[Any], filters: Filters) -> Select[Any]:
    query = query.where(or_(XComModel.key == KEY, and_(XComModel.key == BUTTON, ~has_summary())))
    if place := filters.place:
        query = query.where(XComModel.task_id == place.task_id, XComModel.map_index == place.map_index)
    wanted: list[Any] = [XComModel.dag_id.in_(filters.dag_ids)]
    if filters.run_id is not None:
        wanted.append(XComModel.run_id == filters.run_id)
    if filters.since is not None:
        wanted.append(XComModel.timestamp >= filters.since)
    if filters.until is not None:
        wanted.append(XComModel.timestamp < filters.until)
    return query.where(*wanted)


def has_summary() -> Exists:
    """Return the condition that the task instance of an XCom pushed a summary too."""
    summary = aliased(XComModel)
    is_its = (
        summary.dag_run_id == XComModel.dag_run_id,
        summary.task_id == XComModel.task_id,
        summary.map_index == XComModel.map_index,
    )
    return select(summary.key).where(*is_its, summary.key == KEY).exists()


def _comes_after(position: Position) -> Any:
    """Return the comparison of rows in words that every database knows."""
    condition: Any = None
    for column, value in reversed(list(zip(_ORDER, position, strict=True))):
        less = column < value
        condition = less if condition is None else or_(less, and_(column == value, condition))
    return condition


def values(session: Session, key: str, positions: Sequence[Position]) -> dict[tuple[Any, ...], Any]:
    """Return the values of one XCom of some task instances, by run, task and map index."""
    if not positions:
        return {}
    names = ("dag_run_id", "task_id", "map_index")
    columns = [getattr(XComModel, name) for name in names]
    wanted = [column.in_({getattr(p, name) for p in positions}) for name, column in zip(names, columns, strict=True)]
    query = select(*columns, XComModel.value).where(XComModel.key == key, *wanted)
    return {tuple(place): _decoded(value) for *place, value in session.execute(query)}


def _needs_result(summary: Any) -> bool:
    """Whether the summary does not say all: there is none, or a video of it is at Kling alone."""
    summary = _summary(summary)
    if summary is None:
        return True
    if summary.get("is_batch"):
        return not summary.get("manifest_path")
    clips = summary.get("clips")
    return any(isinstance(c, dict) and c.get("status") == "done" and not c.get("paths") for c in clips or ())


def _summary(value: Any) -> dict[str, Any] | None:
    # A later release may write another form; the result is then all that is understood.
    return value if isinstance(value, dict) and value.get("version") == 1 and _is_list(value.get("clips")) else None


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _decoded(value: Any) -> Any:
    """Return an XCom's value: JSON that some ways of writing encode once more."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def run_of(session: Session, place: Place) -> Any:
    """Return what is known of the run, or ``None``."""
    query = select(DagRun.state, DagRun.run_type, DagRun.logical_date, DagRun.run_after)
    return session.execute(query.where(DagRun.dag_id == place.dag_id, DagRun.run_id == place.run_id)).first()
