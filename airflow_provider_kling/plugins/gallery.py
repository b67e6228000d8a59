"""What the pages show, as JSON."""

from __future__ import annotations

import re
from collections import OrderedDict
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.plugins import rows as tables
from airflow_provider_kling.plugins.clips import Clip, clips_of, manifest_path
from airflow_provider_kling.plugins.files import Manifests, kind_of, shown
from airflow_provider_kling.plugins.paging import Cursor, Wanted, page
from airflow_provider_kling.plugins.rows import Filters, Place, Row
from airflow_provider_kling.plugins.waits import joined

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_NUMBER = re.compile(r"(\d{1,6})(?:-\d{1,2})?", re.ASCII)
_MOST_ON_A_PAGE = 500
_BATCHES_KEPT = 64
# Of lists and dicts within each other; a request of ours has four.
_DEEPEST = 20


class Gallery:
    """Reads task instances, and shows their clips."""

    def __init__(self) -> None:
        self._manifests = Manifests()
        self._batches: OrderedDict[Place, tuple[Row, Any, list[Clip]]] = OrderedDict()

    def page(
        self, session: Session, filters: Filters, wanted: Wanted, cursor: Cursor | None, size: int
    ) -> dict[str, Any]:
        """Return a page of clips, newest first."""
        found = page(
            lambda after, limit: joined(session, tables.rows(session, filters, after=after, limit=limit)),
            lambda row: [] if row.shown_elsewhere else self._clips(row),
            wanted,
            cursor,
            size,
        )
        return {
            "clips": [_plain(_shown(row, clip)) for row, clip in found.clips],
            "next": found.cursor.text() if found.cursor else None,
            "searched_until": _iso(found.searched),
        }

    def task(self, session: Session, place: Place, first: int) -> dict[str, Any] | None:
        """Return the page of a task instance, or ``None`` where it made no videos."""
        row = self._row(session, place)
        if row is None:
            return None
        summary, clips = row.summary or {}, self._clips(row)
        run = tables.run_of(session, place)
        told = {
            **place._asdict(),
            "state": row.state,
            "try_number": row.try_number,
            "operator": row.operator,
            "started_at": _iso(row.started_at),
            "ended_at": _iso(row.ended_at),
            "run_state": None if run is None else str(run.state),
            "logical_date": None if run is None else _iso(run.logical_date),
            "capability": _text(summary.get("capability")),
            "is_batch": bool(summary.get("is_batch")) or len({clip.position for clip in clips}) > 1,
            "request": summary.get("request") if isinstance(summary.get("request"), dict) else None,
            "total": len(clips),
            "counts": _counts(clips, summary),
            "units": sum(clip.units or 0 for clip in clips) if any(clip.units is not None for clip in clips) else None,
            "clips": [_shown(row, clip) for clip in clips[first : first + _MOST_ON_A_PAGE]],
        }
        return {str(name): _plain(value) for name, value in told.items()}

    def clip(self, session: Session, place: Place, number: str) -> Clip | None:
        """Return one clip, addressed by its number alone."""
        row = self._row(session, place) if _NUMBER.fullmatch(number) else None
        return next((clip for clip in self._clips(row) if clip.number == number), None) if row else None

    def _row(self, session: Session, place: Place) -> Row | None:
        filters = Filters({place.dag_id}, run_id=place.run_id, place=place)
        return next(iter(joined(session, tables.rows(session, filters, after=None, limit=1))), None)

    def _clips(self, row: Row) -> list[Clip]:
        path = manifest_path(row.summary, row.result)
        if path is None:
            return clips_of(row.summary, row.result, None, row.state)
        lines = self._manifests.lines(path)
        kept = self._batches.get(row.place)
        if kept and kept[0] == row and kept[1] is lines:
            return kept[2]
        clips = clips_of(row.summary, row.result, lines, row.state)
        self._batches[row.place] = (row, lines, clips)
        # Threads may meet here: then one more or less is kept.
        while len(self._batches) > _BATCHES_KEPT:
            with suppress(KeyError):
                self._batches.popitem(last=False)
        return clips


def _shown(row: Row, clip: Clip) -> dict[str, Any]:
    """Return a clip for the browser: no signed link, and no path to read from."""
    return {
        **row.place._asdict(),
        "number": clip.number,
        "position": clip.position,
        "status": clip.status,
        "key": clip.key,
        "prompt": clip.prompt,
        "model": clip.model,
        "seconds": clip.seconds,
        "units": clip.units,
        "estimate": clip.estimate,
        "kling_task_id": clip.task_id,
        "external_task_id": clip.external_task_id,
        "ahead": clip.ahead,
        "submitted_at": _iso(clip.submitted_at),
        "usual_seconds": clip.usual_seconds,
        "ended_at": _iso(clip.ended_at),
        "landed_at": _iso(clip.landed_at),
        "reported_at": _iso(row.position.timestamp),
        "deleted_at": _iso(clip.deleted_at),
        "error": clip.error,
        "state": row.state,
        "kind": kind_of(clip.path) if clip.path else None,
        "file": shown(clip.path) if clip.path else None,
        "at_kling": clip.url is not None,
    }


def _counts(clips: list[Clip], summary: dict[str, Any]) -> dict[str, int]:
    """Return how many clips are in which status; the summary of a large batch lists not all of them."""
    told = summary.get("counts")
    if isinstance(told, dict) and sum(n for n in told.values() if isinstance(n, int)) > len(clips):
        return {str(status): n for status, n in told.items() if isinstance(n, int)}
    counts: dict[str, int] = {}
    for clip in clips:
        counts[clip.status] = counts.get(clip.status, 0) + 1
    return counts


def _plain(value: Any, depth: int = _DEEPEST) -> Any:
    """Return what JSON in UTF-8 can carry: one XCom that somebody wrote must not take the page from all others."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if not isinstance(value, (dict, list)):
        return value
    if depth == 0:
        return None
    if isinstance(value, list):
        return [_plain(item, depth - 1) for item in value]
    return {_plain(str(name)): _plain(item, depth - 1) for name, item in value.items()}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
