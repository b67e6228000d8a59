"""What the emulator needs to know of one wire dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from airflow_provider_kling.emulator.refusals import Refusal
from airflow_provider_kling.emulator.settings import Settings
from airflow_provider_kling.emulator.task import Task, Wish

JSON = dict[str, Any]


class Dialect(Protocol):
    """One vendor's way of saying things. The paths are relative to the dialect's base URL.

    ``list_path`` is None where no list is documented; ``takes_jwt`` says whether access key and secret key work.
    """

    name: str
    create_path: str
    get_path: str
    list_path: str | None
    takes_jwt: bool

    def wish(self, body: JSON, settings: Settings) -> Wish:
        """Read a create body, or raise a ``Refusal``."""

    def created(self, task: Task) -> JSON:
        """The answer to a create."""

    def shown(self, task: Task, video_url: str) -> JSON:
        """The answer to a get."""

    def listed(self, tasks: list[tuple[Task, str]]) -> JSON:
        """The answer to a list: tasks with the links to their videos."""

    def page(self, query: Mapping[str, str]) -> tuple[int, int]:
        """Page number and size that a list asks for, or raise a ``Refusal``."""

    def refused(self, refusal: Refusal) -> tuple[int, JSON]:
        """HTTP status and body of a refusal."""


def milliseconds(seconds: float) -> int:
    """Both vendors tell times in milliseconds since the Unix epoch."""
    return round(seconds * 1000)


def task_info(task: Task) -> JSON:
    """``task_info``; an empty object without an external id, as a gateway's page shows it."""
    return {"external_task_id": task.external_task_id} if task.external_task_id else {}


def head(task: Task) -> JSON:
    """The keys that every answer about a task starts with."""
    return {
        "task_id": task.task_id,
        "task_info": task_info(task),
        "task_status": task.status,
        "created_at": milliseconds(task.created_at),
        "updated_at": milliseconds(task.updated_at),
    }


def videos(task: Task, video_url: str, *, watermark: bool) -> JSON:
    """``task_result``; both pages give ``duration`` as a string, and a live clip of 5 s says more than "5"."""
    if task.no_videos:
        return {"videos": []}
    video = {"id": f"{task.task_id}-0", "url": video_url, "duration": f"{task.wish.seconds:.1f}"}
    return {"videos": [{**video, "watermark_url": video_url} if watermark else video]}
