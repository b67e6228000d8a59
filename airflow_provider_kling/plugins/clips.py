"""
A clip as the gallery shows it, from what a task instance recorded: the summary of this release, or the result alone.

Pure. What is read here was written by a worker, but anybody who may write XComs may have written it again: nothing of
it is taken for granted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unicodedata import normalize

from airflow_provider_kling.lifecycle.record import FILES

KEPT_AT_KLING = timedelta(days=30)

RUNNING = ("approval", "waiting", "running", "landing", "submitted")
STATUSES = (*RUNNING, "done", "failed", "moderated")
# Of the videos of one task; Kling makes up to nine images.
_MOST_FILES = 20
_LONGEST = 4000
_ENDED = frozenset({"success", "failed", "skipped", "removed", "upstream_failed"})


@dataclass(frozen=True, slots=True)
class Clip:
    """
    One video, or one that is to be.

    :param number: addresses it within its task instance: the position; a further file of one task has ``-2``, ``-3``.
    :param path: where it was landed; never leaves the server as an address to be read from.
    :param url: Kling's signed link, where the result holds one.
    """

    number: str
    position: int
    status: str
    key: str | None = None
    prompt: str | None = None
    model: str | None = None
    seconds: float | None = None
    units: float | None = None
    estimate: float | None = None
    task_id: str | None = None
    external_task_id: str | None = None
    ahead: float | None = None
    submitted_at: datetime | None = None
    usual_seconds: float | None = None
    ended_at: datetime | None = None
    landed_at: datetime | None = None
    path: str | None = None
    url: str | None = None
    error: str | None = None

    @property
    def deleted_at(self) -> datetime | None:
        """When Kling deletes its copy."""
        return self.ended_at + KEPT_AT_KLING if self.ended_at and self.status == "done" else None

    def matches(self, words: str) -> bool:
        """Whether a text is part of its key, its ids or its prompt, however Unicode writes its letters."""
        wanted = _folded(words)
        return any(
            wanted in _folded(text)
            for text in (self.key, self.external_task_id, self.task_id, self.prompt, self.model)
            if text
        )


def _folded(text: str) -> str:
    return normalize("NFC", text.casefold())


def clips_of(
    summary: Mapping[str, Any] | None, result: Any, lines: Sequence[Any] | None, state: str | None
) -> list[Clip]:
    """
    Return the clips of a task instance, in their order.

    :param summary: the XCom of this release.
    :param result: what the task returned, where that is known.
    :param lines: the manifests of a batch, read from their file.
    :param state: of the task instance, which knows of a killed worker what the worker could not tell.
    """
    told = list(_of_summary(summary)) if summary else []
    rows = lines if lines is not None else _rows(result)
    if rows is not None:
        told = _joined(told, rows, summary)
    elif not told:
        told = list(_of_manifest(result, 0)) if _is_manifest(result) else []
    elif _is_manifest(result) and submitted_alone(summary):
        told = [_asked_for_by(told[0], clip) for clip in _of_manifest(result, 0)]
    elif _is_manifest(result):
        # The summary holds no signed link.
        urls = _urls(result)
        told = [replace(clip, url=urls[i]) if i < len(urls) else clip for i, clip in enumerate(told)]
    return [_seen_with(clip, state) for clip in told]


def submitted_alone(summary: Mapping[str, Any] | None) -> str | None:
    """Return the id of the one task that was submitted and not waited for, or ``None``."""
    clips = (summary or {}).get("clips")
    clip = clips[0] if isinstance(clips, list) and len(clips) == 1 else None
    if not isinstance(clip, Mapping) or clip.get("status") != "submitted":
        return None
    return _text(clip.get("task_id"))


def waited_for(summary: Mapping[str, Any] | None, result: Any) -> Mapping[str, Any] | None:
    """Return what a sensor found out, as a manifest: its result, or what it pushed of a task that ended badly."""
    if summary is None:
        return result if _is_manifest(result) else None
    clips = summary.get("clips")
    clip = clips[0] if summary.get("waited") is True and isinstance(clips, list) and clips else None
    if not isinstance(clip, Mapping):
        return None
    return {
        "task_id": clip.get("task_id"),
        "task_status": "failed",
        "error": clip.get("error"),
        "moderated": clip.get("status") == "moderated",
        "videos": [],
    }


def manifest_path(summary: Mapping[str, Any] | None, result: Any) -> str | None:
    """Return the path of the file that holds the manifests of a batch."""
    for source in (summary, result):
        if isinstance(source, Mapping) and (path := _text(source.get("manifest_path"))):
            return path
    return None


def _rows(result: Any) -> Sequence[Any] | None:
    items = result.get("items") if isinstance(result, Mapping) else None
    return items if isinstance(items, list) else None


def _is_manifest(result: Any) -> bool:
    return isinstance(result, Mapping) and "task_status" in result and any(name in result for name in FILES)


def _joined(told: list[Clip], rows: Sequence[Any], summary: Mapping[str, Any] | None) -> list[Clip]:
    """Return what the manifests say, and of what the summary tells the rest: items that have no manifest."""
    model = _text((summary or {}).get("model"))
    known = {clip.position: clip for clip in told}
    found: list[Clip] = []
    for order, row in enumerate(rows):
        if isinstance(row, Mapping):
            position = _whole(row.get("position"), order)
            extra = known.pop(position, None)
            found += [_completed(clip, extra, model) for clip in _of_manifest(row, position)]
    return sorted([*found, *known.values()], key=lambda clip: clip.position)


def _completed(clip: Clip, told: Clip | None, model: str | None) -> Clip:
    return replace(
        clip,
        model=clip.model or (told.model if told else None) or model,
        key=clip.key or (told.key if told else None),
        landed_at=told.landed_at if told else None,
        estimate=clip.estimate if clip.estimate is not None else (told.estimate if told else None),
    )


def _asked_for_by(told: Clip, clip: Clip) -> Clip:
    """Return a clip that one task instance asked for and another has the result of."""
    names = ("key", "prompt", "model", "submitted_at", "usual_seconds")
    known = {name: value for name in names if (value := getattr(told, name)) is not None}
    return replace(clip, **known, estimate=told.estimate if clip.estimate is None else clip.estimate)


def _of_manifest(row: Mapping[str, Any], position: int) -> Iterator[Clip]:
    """Yield the clips of one manifest: of a single result, or of a line of a batch."""
    videos = [file for file in _files(row) if isinstance(file, Mapping)]
    error = _text(row.get("error"))
    first = Clip(
        number=str(position),
        position=position,
        status=_status_of(row, error),
        key=_text(row.get("key")),
        prompt=_text(row.get("prompt")),
        model=_text(row.get("model")),
        seconds=_number(videos[0].get("duration")) if videos else None,
        units=_number(row.get("units")),
        estimate=_units_of(row.get("estimate")),
        task_id=_text(row.get("task_id")),
        external_task_id=_text(row.get("external_task_id")),
        submitted_at=_moment(row.get("created_at")),
        ended_at=_moment(row.get("updated_at")),
        error=error,
    )
    yield from _with_files(first, _listed(row.get("output_paths")), _urls(row))


def _status_of(row: Mapping[str, Any], error: str | None) -> str:
    if row.get("moderated") is True:
        return "moderated"
    return "failed" if error or row.get("task_status") == "failed" else "done"


def _of_summary(summary: Mapping[str, Any]) -> Iterator[Clip]:
    for order, told in enumerate(_listed(summary.get("clips"), most=1000)):
        if not isinstance(told, Mapping):
            continue
        position = _whole(told.get("position"), order)
        status = told.get("status")
        facts: dict[str, Any] = {name: read(told.get(name)) for read, names in _FACTS for name in names}
        clip = Clip(str(position), position, status if status in STATUSES else "running", **facts)
        yield from _with_files(clip, _listed(told.get("paths")), ())


def _with_files(clip: Clip, paths: Sequence[Any], urls: Sequence[str | None]) -> Iterator[Clip]:
    for index in range(max(len(paths), len(urls), 1)):
        yield replace(
            clip,
            number=clip.number if index == 0 else f"{clip.number}-{index + 1}",
            path=_text(paths[index]) if index < len(paths) else None,
            url=urls[index] if index < len(urls) else None,
            # What was paid was paid for all of them.
            units=clip.units if index == 0 else None,
            estimate=clip.estimate if index == 0 else None,
        )


def _seen_with(clip: Clip, state: str | None) -> Clip:
    if clip.status not in RUNNING or state not in _ENDED:
        return clip
    if clip.status in ("waiting", "approval"):
        return replace(clip, status="failed", error="The task ended before this one was submitted.")
    if state == "success":
        return replace(clip, status="submitted") if clip.status != "submitted" else clip
    why = (
        f"The task instance ended as {state} before the video did. What was paid for is taken up by a retry or a clear."
    )
    return replace(clip, status="failed", error=clip.error or why)


def _urls(row: Any) -> list[str | None]:
    files = _files(row) if isinstance(row, Mapping) else []
    return [_link(file.get("url")) if isinstance(file, Mapping) else None for file in files]


def _files(row: Mapping[str, Any]) -> list[Any]:
    return [file for name in FILES for file in _listed(row.get(name))]


def _link(value: Any) -> str | None:
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else None


def _listed(value: Any, *, most: int = _MOST_FILES) -> list[Any]:
    return value[:most] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) and value else None


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000_000 else otherwise


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _units_of(estimate: Any) -> float | None:
    return _number(estimate.get("units") if isinstance(estimate, Mapping) else estimate)


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        # Days are added to it.
        return moment if moment.year < datetime.max.year else None
    except (TypeError, ValueError, OverflowError):
        return None


_FACTS: tuple[tuple[Callable[[Any], Any], tuple[str, ...]], ...] = (
    (_text, ("key", "prompt", "model", "task_id", "external_task_id", "error")),
    (_number, ("seconds", "units", "usual_seconds", "ahead")),
    (_moment, ("submitted_at", "ended_at", "landed_at")),
    (_units_of, ("estimate",)),
)
