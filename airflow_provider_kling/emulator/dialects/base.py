"""What the emulator needs to know of one wire dialect, and what the dialects share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from airflow_provider_kling.emulator.fields import parse_json
from airflow_provider_kling.emulator.reading.shop import Shop
from airflow_provider_kling.emulator.refusals import Refusal
from airflow_provider_kling.emulator.service import Service
from airflow_provider_kling.emulator.task import File, Task

JSON = dict[str, Any]


class Endpoint(NamedTuple):
    """One path of a dialect, relative to its base URL. ``subject`` is the capability or the family it is for."""

    method: str
    path: str
    operation: str
    subject: str = ""


class Answer(NamedTuple):
    """The body of an answer, and the tasks it is about."""

    body: JSON
    tasks: tuple[Task, ...] = ()


@dataclass(frozen=True)
class Desk:
    """One request as a dialect sees it."""

    service: Service
    account: str
    subject: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    raw: bytes
    origin: str

    @property
    def shop(self) -> Shop:
        """Where its body is read."""
        return Shop(self.service, self.account)

    def body(self) -> JSON:
        """The body as a JSON object, or a ``Refusal``."""
        return parse_json(self.raw)

    def link(self, task: Task, file: File) -> str:
        """The signed link to a file, on the host that the client asked."""
        return self.origin + self.service.link(task, file)


class Dialect(Protocol):
    """One vendor's way of saying things.

    ``prefix`` is the first part of its base URL, and the account it sees; two dialects can share one. ``takes_jwt``
    says whether access key and secret key work. Each operation of an endpoint is a method of its name.
    """

    name: str
    prefix: str
    takes_jwt: bool
    endpoints: tuple[Endpoint, ...]

    def create(self, desk: Desk) -> Answer:
        """Make a task, or raise a ``Refusal``."""

    def get(self, desk: Desk) -> Answer:
        """Tell of the tasks asked for."""

    def list(self, desk: Desk) -> Answer:
        """Tell of many."""

    def external_task_id(self, body: JSON) -> object:
        """The caller's own id in a create body that may be wrong in every way."""

    def none_found(self, desk: Desk) -> Answer:
        """What is answered about a task that is not found, or a ``Refusal``."""

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


def videos(desk: Desk, task: Task, *, lengths: bool = True) -> list[JSON]:
    """The videos of a task; pages give ``duration`` as a string, and a live clip of 5 s says more than "5"."""
    found = []
    for file in [] if task.no_videos else task.files("video"):
        url = desk.link(task, file)
        video = {"id": task.video_id, "url": url}
        video |= {"duration": f"{task.wish.seconds:.1f}"} if lengths else {}
        found.append({**video, "watermark_url": url} if task.wish.watermark else video)
    return found


def images(desk: Desk, task: Task) -> list[JSON]:
    """The pictures of a task."""
    links = [desk.link(task, file) for file in ([] if task.no_videos else task.files("image"))]
    return [{"url": url, "watermark_url": url} if task.wish.watermark else {"url": url} for url in links]


def sounds(desk: Desk, task: Task) -> list[tuple[str, str]]:
    """The links to each sound of a task, as mp3 and as wav."""
    files = [] if task.no_videos else task.files("audio")
    return [(desk.link(task, files[0]), desk.link(task, files[1]))] if files else []
