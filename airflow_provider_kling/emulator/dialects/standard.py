"""Kling's new standard: the model in the path, one ``/tasks`` for all that the account made, an API key only.

It is another way to speak to the same account: ``/tasks`` tells of tasks made on the legacy paths too (seen live).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from airflow_provider_kling.emulator.dialects.base import (
    JSON,
    Answer,
    Desk,
    Endpoint,
    images,
    milliseconds,
    sounds,
    videos,
)  # fmt: skip
from airflow_provider_kling.emulator.dialects.kling import envelope, refused
from airflow_provider_kling.emulator.fields import Fields
from airflow_provider_kling.emulator.prices import plain
from airflow_provider_kling.emulator.reading import standard
from airflow_provider_kling.emulator.reading.offers import FAMILIES
from airflow_provider_kling.emulator.refusals import Reason, Refusal, invalid
from airflow_provider_kling.emulator.task import Task

MOST_IDS = 20
DEFAULT_LIMIT, HIGHEST_LIMIT = 100, 500
_MONTH_MS = 30 * 24 * 3600 * 1000
STATUSES = {"submitted": "submitted", "processing": "processing", "succeed": "succeeded", "failed": "failed"}
_FILTERS = {"status": tuple(STATUSES.values()), "product_type": ("video", "image", "try_on")}


class StandardDialect:
    """The ``kling-v3`` dialect, named as the provider's connections call it."""

    name = "kling-v3"
    prefix = "kling"
    takes_jwt = False
    endpoints = (
        *(Endpoint("POST", f"/{family}/{{model}}", "create", family) for family in FAMILIES),
        Endpoint("GET", "/tasks", "get"),
        Endpoint("POST", "/tasks", "list"),
    )

    def create(self, desk: Desk) -> Answer:
        wish = standard.wish(desk.subject, desk.path["model"], desk.body(), desk.shop)
        task = desk.service.create(desk.account, wish)
        return Answer(envelope(_head(task)), (task,))

    def get(self, desk: Desk) -> Answer:
        """Those of up to twenty tasks that can be found; the others are simply not there (seen live)."""
        own, external = _ids(desk, "task_ids"), _ids(desk, "external_task_ids")
        if len(own) + len(external) > MOST_IDS:
            # Seen live, word for word.
            raise Refusal(Reason.INVALID_FIELD, f"task_ids and external_task_ids cannot exceed {MOST_IDS} in total")
        if bool(own) == bool(external):
            raise invalid("task_ids", "or external_task_ids must be given, and not both")
        found = [desk.service.task(task_id) for task_id in own]
        found += [desk.service.by_external_id(desk.account, name) for name in external]
        tasks = [task for task in found if task is not None and task.dialect == desk.account and task.visible]
        return Answer(envelope([_item(desk, task) for task in tasks]), tuple(tasks))

    def list(self, desk: Desk) -> Answer:
        """By cursor, newest first (the order is a guess). The cursor keeps the times, and where it stopped."""
        given = Fields(desk.body(), ("start_time", "end_time", "cursor", "limit", "filters"))
        limit = given.whole("limit", 1, HIGHEST_LIMIT, DEFAULT_LIMIT)
        allowed = _filters(given)
        start, end, after = _cursor(given) if given.text("cursor") else (*_times(given, desk), "")
        tasks = [task for task in _after(desk, after) if start <= milliseconds(task.created_at) <= end]
        tasks = [task for task in tasks if _passes(task, allowed)]
        page, more = tasks[:limit], len(tasks) > limit
        data = {
            "result": [_item(desk, task) for task in page],
            "count": len(page),
            "next_cursor": _pack(start, end, page[-1].task_id) if more else "",
            "has_more": more,
        }
        return Answer(envelope(data))

    def external_task_id(self, body: JSON) -> object:
        options = body.get("options")
        return options.get("external_task_id") if isinstance(options, dict) else None

    def none_found(self, desk: Desk) -> Answer:
        return Answer(envelope([]))

    def refused(self, refusal: Refusal) -> tuple[int, JSON]:
        return refused(refusal)


def _ids(desk: Desk, name: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in desk.query.get(name, "").split(",") if part.strip()))


def _head(task: Task) -> JSON:
    return {
        "id": task.task_id,
        "status": STATUSES[task.status],
        "message": task.status_message,
        "create_time": milliseconds(task.created_at),
        "update_time": milliseconds(task.updated_at),
        "external_id": task.external_task_id or "",
    }


def _item(desk: Desk, task: Task) -> JSON:
    item = _head(task)
    done = item["status"] == "succeeded"
    billed = {"charge_type": "unit", "amount": plain(task.wish.units), "package_type": task.wish.product}
    return {**item, "outputs": _outputs(desk, task) if done else [], "billing": [billed] if done else []}


def _outputs(desk: Desk, task: Task) -> list[JSON]:
    length = f"{task.wish.seconds:.1f}"
    found = [{"type": "video", **video} for video in videos(desk, task)]
    found += [{"type": "image", **image} for image in images(desk, task)]
    for mp3, wav in sounds(desk, task):
        lengths = {"mp3_duration": length, "wav_duration": length}
        found.append({"type": "audio", "id": f"{task.task_id}-a", "mp3_url": mp3, "wav_url": wav, **lengths})
    return found


def _times(given: Fields, desk: Desk) -> tuple[int, int]:
    """Documented as number on two pages and as text on twelve, so both are taken; by default the last 30 days."""
    end = _time(given, "end_time", milliseconds(desk.service.clock.now()))
    start = _time(given, "start_time", end - _MONTH_MS)
    if start >= end:
        raise given.wrong("start_time", "must be before end_time")
    return start, end


def _time(given: Fields, name: str, default: int) -> int:
    value: Any = given.body.get(name)
    if value in (None, ""):
        return default
    text = str(value)
    if isinstance(value, bool | float) or not text.isdecimal():
        raise given.wrong(name, f"must be milliseconds since 1970, not {value!r}")
    return int(text)


def _filters(given: Fields) -> dict[str, set[str]]:
    allowed: dict[str, set[str]] = {}
    for item in given.objects("filters", ("key", "values"), most=10):
        key = item.choice("key", _FILTERS, "")
        values = item.body.get("values")
        if not isinstance(values, list) or not values or not set(map(str, values)) <= set(_FILTERS[key]):
            raise item.wrong("values", f"must be a list out of {', '.join(_FILTERS[key])}")
        allowed.setdefault(key, set()).update(values)
    return allowed


def _passes(task: Task, allowed: dict[str, set[str]]) -> bool:
    told = {"status": STATUSES[task.status], "product_type": task.wish.product}
    return all(told[key] in values for key, values in allowed.items())


def _after(desk: Desk, task_id: str) -> Iterable[Task]:
    tasks = desk.service.listed(desk.account)
    places = [number for number, task in enumerate(tasks) if task.task_id == task_id]
    return tasks[places[0] + 1 :] if places else tasks


def _pack(start: int, end: int, task_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([start, end, task_id]).encode()).decode()


def _cursor(given: Fields) -> tuple[int, int, str]:
    try:
        start, end, task_id = json.loads(base64.urlsafe_b64decode(given.text("cursor")))
        return int(start), int(end), str(task_id)
    except (ValueError, TypeError):
        raise given.wrong("cursor", "is none that was given out") from None
