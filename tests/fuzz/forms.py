"""How each dialect's answers look: one row each, and no parser. A new dialect is a new row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Path = tuple[str, ...]


class Form(NamedTuple):
    """
    One dialect's answers.

    :param name: of the dialect.
    :param envelope: whether the task stands in ``data`` beside a ``code``.
    :param many: whether a poll is answered with an array.
    :param lists: whether there is a list of tasks.
    :param task: makes a task of own id, external id, status and videos.
    :param paths: where the fields are, by the name of the flaw they can have.
    :param success: the word for it.
    """

    name: str
    envelope: bool
    many: bool
    lists: bool
    task: Callable[[str, str, str, list[dict[str, Any]]], dict[str, Any]]
    paths: Mapping[str, Path]
    success: str = "succeed"

    def body(self, task: Any, *, polled: bool = False) -> Any:
        """Return the whole answer around a task, or an array of them."""
        if not self.envelope:
            return task
        data = [task] if polled and self.many else task
        return {"code": 0, "message": "SUCCEED", "request_id": "req-1", "data": data}


def _task(own: str, external: str, status: str, videos: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "task_id": own,
        "task_status": status,
        "task_status_msg": "",
        "task_info": {"external_task_id": external},
        "task_result": {"videos": videos},
        "created_at": 1722769557708,
        "updated_at": 1722769557908,
        "final_unit_deduction": "1",
    }


_PATHS: dict[str, Path] = {
    "own": ("task_id",),
    "external": ("task_info", "external_task_id"),
    "info": ("task_info",),
    "status": ("task_status",),
    "message": ("task_status_msg",),
    "result": ("task_result",),
    "videos": ("task_result", "videos"),
    "created": ("created_at",),
    "updated": ("updated_at",),
    "units": ("final_unit_deduction",),
}


def _task_v3(own: str, external: str, status: str, videos: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": own,
        "status": status,
        "message": "",
        "external_id": external,
        "create_time": 1722769557708,
        "update_time": 1722769557908,
        "outputs": [{"type": "video", **video} for video in videos],
        "billing": [{"charge_type": "unit", "amount": "1", "package_type": "video"}],
    }


_PATHS_V3: dict[str, Path] = {
    "own": ("id",),
    "external": ("external_id",),
    "status": ("status",),
    "message": ("message",),
    "result": ("outputs",),
    "videos": ("outputs",),
    "created": ("create_time",),
    "updated": ("update_time",),
    "units": ("billing",),
}

ROWS = (
    Form("llmprovider", False, False, False, _task, _PATHS),
    Form("kling", True, False, True, _task, _PATHS),
    # Played as soon as the provider knows the dialect.
    Form("kling-v3", True, True, False, _task_v3, _PATHS_V3, success="succeeded"),
)


def put(task: dict[str, Any], path: Path, value: Any) -> None:
    """Set a field that may lie within others."""
    for name in path[:-1]:
        inner = task.get(name)
        if not isinstance(inner, dict):
            inner = task[name] = {}
        task = inner
    task[path[-1]] = value


def drop(task: dict[str, Any], path: Path) -> None:
    """Leave a field out that may lie within others."""
    for name in path[:-1]:
        inner = task.get(name)
        if not isinstance(inner, dict):
            return
        task = inner
    task.pop(path[-1], None)
