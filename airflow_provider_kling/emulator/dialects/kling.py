"""Kling's own legacy API: ``model_name`` in the body, ``{code, message, request_id, data}`` around every answer."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from airflow_provider_kling.emulator.costs import costs
from airflow_provider_kling.emulator.dialects.base import (
    JSON,
    Answer,
    Desk,
    Endpoint,
    head,
    images,
    sounds,
    videos,
)  # fmt: skip
from airflow_provider_kling.emulator.kinds import KINDS
from airflow_provider_kling.emulator.prices import plain
from airflow_provider_kling.emulator.refusals import Reason, Refusal, invalid, not_found
from airflow_provider_kling.emulator.task import Task

LAST_PAGE, LARGEST_PAGE = 1000, 500

# HTTP status and service code: documented, but for INVALID_FIELD, DUPLICATE and NOT_FOUND, which were seen live. With
# which code a retired model is refused was not written down, only the words.
ANSWERS: dict[Reason, tuple[int, int]] = {
    Reason.AUTH_SIGNATURE: (401, 1000),
    Reason.AUTH_EMPTY: (401, 1001),
    Reason.AUTH_INVALID: (401, 1002),
    Reason.AUTH_NOT_YET: (401, 1003),
    Reason.AUTH_EXPIRED: (401, 1004),
    Reason.NO_BALANCE: (429, 1102),
    Reason.BAD_JSON: (400, 1200),
    Reason.INVALID_FIELD: (400, 1201),
    Reason.RETIRED: (400, 1201),
    Reason.DUPLICATE: (400, 1201),
    Reason.NOT_FOUND: (400, 1201),
    Reason.NO_ROUTE: (404, 1202),
    Reason.UNKNOWN_MODEL: (404, 1203),
    Reason.CONTENT_POLICY: (400, 1301),
    Reason.RATE_LIMITED: (429, 1302),
    Reason.BUSY: (429, 1303),
    Reason.INTERNAL: (500, 5000),
    Reason.BAD_GATEWAY: (502, 5000),
    Reason.UNAVAILABLE: (503, 5001),
    Reason.TIMEOUT: (504, 5002),
}


def envelope(data: object) -> JSON:
    """A good answer."""
    return {"code": 0, "message": "SUCCEED", "request_id": str(uuid.uuid4()), "data": data}


def refused(refusal: Refusal) -> tuple[int, JSON]:
    """A bad one. Seen live: it has no ``data`` key."""
    status, code = ANSWERS[refusal.reason]
    return status, {"code": code, "message": refusal.message, "request_id": str(uuid.uuid4())}


def _endpoints() -> tuple[Endpoint, ...]:
    found = [Endpoint("GET", "/account/costs", "costs")]
    for kind in KINDS.values():
        if kind.at_once:
            found.append(Endpoint("POST", kind.path, "identify", kind.name))
            continue
        found += [
            Endpoint("POST", kind.path, "create", kind.name),
            Endpoint("GET", kind.path, "list", kind.name),
            Endpoint("GET", kind.path + "/{task_id}", "get", kind.name),
        ]
    return tuple(found)


class KlingDialect:
    """The ``kling`` dialect."""

    name = "kling"
    prefix = "kling"
    takes_jwt = True
    endpoints = _endpoints()

    def create(self, desk: Desk) -> Answer:
        task = desk.service.create(desk.account, KINDS[desk.subject].wish(desk.body(), desk.shop))
        return Answer(envelope(head(task)), (task,))

    def get(self, desk: Desk) -> Answer:
        task = desk.service.find(desk.account, desk.path["task_id"], desk.subject)
        return Answer(envelope(_item(desk, task)), (task,))

    def list(self, desk: Desk) -> Answer:
        number, size = _whole(desk.query, "pageNum", 1, LAST_PAGE), _whole(desk.query, "pageSize", 30, LARGEST_PAGE)
        tasks = desk.service.page(desk.account, number, size, desk.subject)
        return Answer(envelope([_item(desk, task) for task in tasks]))

    def identify(self, desk: Desk) -> Answer:
        """One face, from the beginning of the video to its end."""
        session = desk.service.at_once(desk.account, KINDS[desk.subject].wish(desk.body(), desk.shop))
        face = {"face_id": "0", "start_time": 0, "end_time": round(session.wish.seconds * 1000)}
        face |= {"face_image": images(desk, session)[0]["url"]}
        data = {"session_id": session.task_id, "face_data": [face], **_deduction(session)}
        return Answer(envelope(data), (session,))

    def costs(self, desk: Desk) -> Answer:
        """``GET /account/costs``."""
        return Answer(envelope(costs(desk.service, desk.account, desk.query)))

    def external_task_id(self, body: JSON) -> object:
        return body.get("external_task_id")

    def none_found(self, desk: Desk) -> Answer:
        raise not_found(desk.path["task_id"])

    def refused(self, refusal: Refusal) -> tuple[int, JSON]:
        return refused(refusal)


def _deduction(task: Task) -> JSON:
    """``final_balance_deduction`` belongs to accounts that pay in money; this one pays in units."""
    return {"final_unit_deduction": plain(task.wish.units)}


def _item(desk: Desk, task: Task) -> JSON:
    item = {
        **head(task),
        "task_status_msg": task.status_message,
        "watermark_info": {"enabled": task.wish.watermark},
    }
    if task.wish.parent is not None and KINDS[task.wish.kind].tells_parent:
        item["task_info"] = {**item["task_info"], "parent_video": _parent(desk, task)}
    if item["task_status"] == "succeed":
        item |= {"task_result": _result(desk, task), **_deduction(task)}
    return item


def _parent(desk: Desk, task: Task) -> JSON:
    parent = task.wish.parent
    assert parent is not None
    origin = desk.service.task(parent.task_id)
    url = parent.url or (desk.link(origin, origin.files("video")[0]) if origin else "")
    return {"id": parent.video_id, "url": url, "duration": f"{parent.seconds:.1f}"}


def _result(desk: Desk, task: Task) -> JSON:
    result: JSON = {}
    length = f"{task.wish.seconds:.1f}"
    if "video" in task.wish.media:
        result["videos"] = videos(desk, task, lengths=KINDS[task.wish.kind].lengths)
    if "image" in task.wish.media:
        result["images"] = [{"index": number, **image} for number, image in enumerate(images(desk, task))]
    if "audio" in task.wish.media:
        result["audios"] = [
            {
                "id": f"{task.task_id}-a", "url_mp3": mp3, "url_wav": wav, "duration_mp3": length,
                "duration_wav": length,
            }
            for mp3, wav in sounds(desk, task)
        ]  # fmt: skip
    return result


def _whole(query: Mapping[str, str], name: str, default: int, highest: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= highest:
        raise invalid(name, f"must be a whole number from 1 to {highest}, not {text!r}")
    return int(text)
