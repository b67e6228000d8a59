"""Applies a fault to a call: each kind is one small function that decides what is carried out and what is answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.responses import HTMLResponse, Response

from airflow_provider_kling.emulator import refusals as said
from airflow_provider_kling.emulator.call import APICall, Call
from airflow_provider_kling.emulator.download import DownloadCall
from airflow_provider_kling.emulator.faults import Fault
from airflow_provider_kling.emulator.refusals import Reason, Refusal
from airflow_provider_kling.emulator.transport import CutShort, Dropped, Held

_STALL_SECONDS = 30.0
_INVISIBLE_SECONDS = 10.0
# No text of a failure other than moderation was seen live: a guess.
_GENERATION_FAILED = "Internal generation error"
_ERRORS: dict[int, tuple[Reason, str]] = {
    500: (Reason.INTERNAL, "Server internal error"),
    502: (Reason.BAD_GATEWAY, "Bad gateway"),
    503: (Reason.UNAVAILABLE, "Server temporarily unavailable, usually due to maintenance"),
    504: (Reason.TIMEOUT, "Server internal timeout, usually due to a backlog"),
}
_PAGE = "<!doctype html><html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"


def _error(status: int | None) -> Refusal:
    return Refusal(*_ERRORS[status or 500])


def _lost_before(call: Call, fault: Fault) -> Response:
    return Dropped()


def _lost_after(call: Call, fault: Fault) -> Response:
    call.answer()
    return Dropped()


def _error_before(call: Call, fault: Fault) -> Response:
    return call.refuse(_error(fault.status))


def _error_after(call: Call, fault: Fault) -> Response:
    call.answer()
    return call.refuse(_error(fault.status))


def _html(call: Call, fault: Fault) -> Response:
    if fault.commit:
        call.answer()
    status = fault.status or 502
    return HTMLResponse(_PAGE.format("502 Bad Gateway" if status >= 400 else "Welcome"), status)


def _truncated_json(call: Call, fault: Fault) -> Response:
    if fault.commit is False:
        return Response(b'{"code":0,"mess', media_type="application/json")
    whole = call.answer()
    body = bytes(whole.body)
    return Response(body[: int(len(body) * fault.fraction)], whole.status_code, media_type="application/json")


def _stall(call: Call, fault: Fault) -> Response:
    service, resets = call.service, call.service.resets
    answer = call.refuse(_error(504)) if fault.commit is False else call.answer()
    seconds = _STALL_SECONDS if fault.seconds is None else fault.seconds
    return Held(answer, seconds, released=lambda: service.stopping or service.resets != resets)


def _invisible(call: Call, fault: Fault) -> Response:
    answer = call.answer()
    if call.task is not None:
        seconds = _INVISIBLE_SECONDS if fault.seconds is None else fault.seconds
        call.task.visible_from = call.service.clock.now() + seconds
    return answer


def _duplicate(call: Call, fault: Fault) -> Response:
    """The first try worked and its answer was lost somewhere else: the second is told that the id is taken."""
    assert isinstance(call, APICall)
    external_task_id = call.external_task_id()
    try:
        call.service.refuse_duplicate(call.account, external_task_id)
    except Refusal as refusal:
        return call.refuse(refusal)
    answer = call.answer()
    return answer if call.task is None else call.refuse(said.duplicate(external_task_id))


def _generation_failed(call: Call, fault: Fault) -> Response:
    answer = call.answer()
    if call.task is not None:
        call.task.failure = _GENERATION_FAILED
    return answer


def _no_videos(call: Call, fault: Fault) -> Response:
    """The task will have no videos, ever; a get is answered by that already."""
    answer = call.answer()
    if call.task is None:
        return answer
    call.task.no_videos = True
    return call.answer() if isinstance(call, APICall) and call.operation == "get" else answer


def _unknown_status(call: Call, fault: Fault) -> Response:
    answer = call.answer()
    body = json.loads(bytes(answer.body))
    _rename_status(body, fault.value)
    return Response(json.dumps(body), answer.status_code, media_type="application/json")


def _rename_status(node: Any, value: str) -> None:
    for item in node if isinstance(node, list) else [node]:
        if isinstance(item, dict):
            for name in ("task_status", "status"):
                if name in item:
                    item[name] = value
            _rename_status(item.get("data") or item.get("result"), value)


def _not_found(call: Call, fault: Fault) -> Response:
    assert isinstance(call, APICall)
    return call.nothing_found()


def _cut(*, honest_length: bool) -> Callable[[Call, Fault], Response]:
    def cut_short(call: Call, fault: Fault) -> Response:
        assert isinstance(call, DownloadCall)
        if call.problem is not None:
            return call.problem
        keep = int(len(call.content) * fault.fraction)
        return CutShort(call.content, keep, call.media_type, honest_length=honest_length)

    return cut_short


def _expired_url(call: Call, fault: Fault) -> Response:
    """This link is dead from now on; a get gives a fresh one, as Kling's own plugin tells its users."""
    assert isinstance(call, DownloadCall)
    if call.task is not None:
        call.task.url_version += 1
    return call.expired()


_STRIKES: dict[str, Callable[[Call, Fault], Response]] = {
    "lost_before": _lost_before,
    "lost_after": _lost_after,
    "error_before": _error_before,
    "error_after": _error_after,
    "html": _html,
    "truncated_json": _truncated_json,
    "stall": _stall,
    "invisible": _invisible,
    "duplicate": _duplicate,
    "rate_limited": lambda call, fault: call.refuse(said.too_fast(fault.retry_after)),
    "busy": lambda call, fault: call.refuse(said.busy(fault.retry_after)),
    "no_balance": lambda call, fault: call.refuse(said.no_balance()),
    "unauthorized": lambda call, fault: call.refuse(Refusal(Reason.AUTH_EXPIRED, "Authorization has expired")),
    "generation_failed": _generation_failed,
    "no_videos": _no_videos,
    "unknown_status": _unknown_status,
    "not_found": _not_found,
    "truncated_mp4": _cut(honest_length=True),
    "truncated_mp4_chunked": _cut(honest_length=False),
    "expired_url": _expired_url,
}


def respond(call: Call, fault: Fault | None) -> Response:
    """The answer to ``call``, spoiled by ``fault`` if there is one."""
    return call.answer() if fault is None else _STRIKES[fault.kind](call, fault)
