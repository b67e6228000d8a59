"""
What a task instance tells the gallery while it runs: one small XCom, pushed again whenever something has changed.

Airflow's own tables are the only place that the gallery reads, and XCom the only one that every Airflow 3 lets a worker
write. It is wiped at each new try, so each try pushes it anew. It holds no signed link, whatever ``xcom_links``
says: a link is read from the result itself, by who may read that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.fields import number
from airflow_provider_kling.api.models import typical_seconds
from airflow_provider_kling.api.preview import LONGEST_PROMPT, cut, preview
from airflow_provider_kling.compat import clock
from airflow_provider_kling.execution.landing import paths_of
from airflow_provider_kling.execution.observers import Observer
from airflow_provider_kling.lifecycle.item import Complete, Ended, Failed, Moderated, Submitted, Unresolved
from airflow_provider_kling.lifecycle.record import FILES
from airflow_provider_kling.lifecycle.waiting import is_moderated

if TYPE_CHECKING:
    from airflow_provider_kling.execution.item import Item
    from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId

KEY = "kling_videos"
VERSION = 1

# What a batch pushes at most: the manifest has all of them in the end.
MOST_CLIPS = 100
_BATCH_EVERY = 30.0

_LONGEST_PROMPT_OF_MANY = 160
LONGEST_ERROR = 600

# Where all cannot be shown: first what needs somebody, then what moves.
_RANK = {
    "failed": 0,
    "moderated": 0,
    "running": 1,
    "landing": 1,
    "done": 2,
    "submitted": 2,
    "waiting": 3,
    "approval": 3,
}


class Reporter(Observer):
    """
    Pushes the summary of one try.

    :param job: what is wanted.
    :param ti: Airflow's running task instance.
    :param instance: its coordinates.
    :param started_at: when the try began, seconds since the epoch.
    :param held: positions of what nobody has approved yet.
    """

    purpose = "The summary for the gallery"

    def __init__(
        self, job: Job, ti: Any, instance: TaskInstanceId, started_at: float, held: Collection[int] = ()
    ) -> None:
        self._job = job
        self._ti = ti
        self._instance = instance
        self._started_at = started_at
        self._held = held
        self._pushed: dict[str, Any] | None = None
        self._pushed_at = 0.0
        # When a video was landed is known only to who saw it not landed before.
        self._incomplete: set[int] = set()
        self._landed_at: dict[int, float] = {}

    def stepped(self, items: Sequence[Item], *, ends: bool = False, at_once: bool = False) -> None:
        """
        Push what has changed; a batch does so now and then.

        :param ends: whether nothing more will be done in this try.
        :param at_once: however short a time ago a batch pushed.
        """
        now = clock.now()
        self._take_note(items, now)
        if self._job.is_batch and not (ends or at_once) and now - self._pushed_at < _BATCH_EVERY:
            return
        summary = self._summary(items, ends=ends)
        if summary != self._pushed:
            self._ti.xcom_push(key=KEY, value=summary)
            self._pushed, self._pushed_at = summary, now

    def _take_note(self, items: Sequence[Item], now: float) -> None:
        for item in items:
            if not isinstance(item.state, Complete):
                self._incomplete.add(item.position)
            elif item.position in self._incomplete:
                self._incomplete.discard(item.position)
                self._landed_at[item.position] = now

    def _summary(self, items: Sequence[Item], *, ends: bool) -> dict[str, Any]:
        statuses = [self._status(item) for item in items]
        shown = sorted(range(len(items)), key=lambda number: _RANK[statuses[number]])[:MOST_CLIPS]
        waiting = [number for number, status in enumerate(statuses) if status == "waiting"]
        ahead = {number: place for place, number in enumerate(waiting)}
        summary: dict[str, Any] = {
            "version": VERSION,
            "capability": self._job.capability.name,
            "is_batch": self._job.is_batch,
            "started_at": _time(self._started_at),
            "counts": dict(Counter(statuses)),
            "clips": [self._clip(items[number], statuses[number], ahead.get(number)) for number in sorted(shown)],
        }
        models = {self._job.model(item.body) for item in items}
        if len(models) == 1:
            # The lines of a manifest do not name it.
            summary["model"] = models.pop()
        if not self._job.is_batch:
            model = self._job.model(items[0].body)
            summary["request"] = preview({**({"model": model} if model else {}), **items[0].body})
        elif ends and self._job.output_path:
            from airflow_provider_kling.execution.manifest import lines_path

            summary["manifest_path"] = lines_path(self._job.output_path, self._instance)
        return summary

    def _status(self, item: Item) -> str:
        match item.state:
            case Failed(error):
                # Whatever becomes of the task, as a manifest has it.
                return "moderated" if is_moderated(error) else "failed"
            case Moderated():
                return "moderated"
            case Complete():
                return "done" if self._job.wait_for_completion else "submitted"
            case Ended():
                return "landing"
            case Submitted() | Unresolved():
                return "running"
            case _:
                return "approval" if item.position in self._held else "waiting"

    def _clip(self, item: Item, status: str, ahead: int | None) -> dict[str, Any]:
        record, manifest = item.record, item.record.manifest or {}
        videos = [file for name in FILES for file in manifest.get(name, ())] or [{}]
        longest = _LONGEST_PROMPT_OF_MANY if self._job.is_batch else LONGEST_PROMPT
        landed_at = self._landed_at.get(item.position) if self._job.output_path else None
        facts = {
            "position": item.position,
            "status": status,
            # How many of this batch get a slot before it; Kling tells of no place in a queue of its own.
            "ahead": ahead or None,
            "key": item.key,
            "prompt": cut(str(item.body.get("prompt") or ""), longest),
            "model": self._job.model(item.body),
            "seconds": videos[0].get("duration") or number(item.body.get("duration")),
            "task_id": record.task_id,
            "external_task_id": record.external_task_id,
            "submitted_at": _time(record.submitted_at),
            "usual_seconds": typical_seconds(item.body, self._job.capability.name),
            "ended_at": manifest.get("updated_at"),
            "landed_at": _time(landed_at),
            "paths": self._paths(item, manifest),
            "units": manifest.get("units"),
            "estimate": manifest.get("estimate") or record.estimate,
            "error": cut(item.state.error.message, LONGEST_ERROR)
            if isinstance(item.state, (Failed, Moderated))
            else None,
        }
        return {name: value for name, value in facts.items() if value not in (None, [], "")}

    def _paths(self, item: Item, manifest: Mapping[str, Any]) -> list[str]:
        if not (self._job.output_path and isinstance(item.state, Complete)):
            return []
        if paths := manifest.get("output_paths"):
            return list(paths)
        if self._job.capability.results != "videos":
            return []
        # A deferral carries no manifest along; the place of a video is known without.
        return paths_of(self._job, item, ["mp4"])


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds")
