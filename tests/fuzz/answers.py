"""The fuzzer of answers: what the hook and the poller make of bytes that a host may send."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, aclosing
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_provider_kling.api.capabilities import TEXT2VIDEO
from airflow_provider_kling.api.task import KlingOutput, KlingTask, TaskStatus
from airflow_provider_kling.exceptions import KlingError, TaskState
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.lifecycle.waiting import Done, Failed, PollPolicy
from airflow_provider_kling.triggers.poller import SharedPoller
from airflow_provider_kling.triggers.waiters import Waiter
from tests.fuzz.flaws import May
from tests.fuzz.host import KEY, WALK, Host, conn_id, connected
from tests.fuzz.replies import FORMS, Reply, is_strict, make
from tests.fuzz.verdicts import (
    FALSE_NOT_CREATED,
    FALSE_SUCCESS,
    OTHER,
    Finding,
    Tally,
    escaped,
    faults_of_text,
    quiet,
    show,
)

SECRETS = (KEY, quote(KEY, safe=""), KEY.replace("/", "\\/"), "Signature=")
_SYNC = ("create", "get", "list")
_TOGETHER = 40
# Of a page, so that the number of the case is in its size.
LISTS = 1_000_000
_AT_ONCE = 400

_TEXT, _MAYBE_TEXT = (str,), (str, type(None))
_TYPES: dict[str, tuple[type, ...]] = {
    "task_id": _TEXT,
    "task_status": (TaskStatus,),
    "raw_status": _TEXT,
    "task_status_msg": _TEXT,
    "external_task_id": _MAYBE_TEXT,
    "videos": (tuple,),
    "created_at": (datetime, type(None)),
    "updated_at": (datetime, type(None)),
    "units": _MAYBE_TEXT,
    "request_id": _MAYBE_TEXT,
}
_VIDEO_TYPES: dict[str, tuple[type, ...]] = {"url": _TEXT, "id": _MAYBE_TEXT, "duration": (float, int, type(None))}


def usable(url: object) -> bool:
    """Whether a link can be downloaded from; said anew here, and not by the provider."""
    try:
        parts = urlsplit(str(url))
        str(url).encode("utf-8")
        return isinstance(url, str) and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _faults_of_fields(task: KlingTask) -> Iterable[str]:
    for name, types in _TYPES.items():
        if not isinstance(getattr(task, name), types):
            yield f"{name} is {show(getattr(task, name), 60)}"
    for video in task.videos:
        if not isinstance(video, KlingOutput):
            yield f"a video is {show(video, 60)}"
            continue
        for name, types in _VIDEO_TYPES.items():
            value = getattr(video, name)
            if not isinstance(value, types) or isinstance(value, bool):
                yield f"the video's {name} is {show(value, 60)}"


def faults_of_task(task: KlingTask) -> Iterable[str]:
    """Yield what is wrong with a task in itself, whatever was asked for."""
    yield from _faults_of_fields(task)
    if not task.task_id:
        yield "it has no id"
    try:
        text = json.dumps(task.manifest(TEXT2VIDEO.name), allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")
        if any(secret in text for secret in SECRETS[:3]):
            yield "its manifest holds the key"
    except Exception as error:
        yield f"its manifest is no JSON: {type(error).__name__}: {show(error, 80)}"


def judge_task(reply: Reply, task: KlingTask, success: May) -> Iterable[tuple[str, str]]:
    """Yield (kind, fault) of a task that was made of an answer."""
    faults = list(faults_of_task(task))
    yield from ((OTHER, fault) for fault in faults)
    if task.task_status is not TaskStatus.SUCCEED or not (task.videos or reply.operation == "poll"):
        # Without a video it is no success to anybody who waits: the poller, asked as well, raises.
        return
    if reply.operation != "create" and success is May.NEVER:
        yield FALSE_SUCCESS, f"a success with {show([video.url for video in task.videos], 150)}"
    elif task.videos and not all(usable(video.url) for video in task.videos):
        yield FALSE_SUCCESS, f"a link that is none: {show([video.url for video in task.videos], 150)}"
    elif faults and reply.operation != "create":
        yield FALSE_SUCCESS, f"a success of which {faults[0]}"


def judge_tasks(reply: Reply, tasks: list[KlingTask]) -> Iterable[tuple[str, str]]:
    """Yield (kind, fault) of what a list was taken for."""
    if reply.answer is May.NEVER and tasks:
        yield OTHER, f"{len(tasks)} tasks made of an answer that holds none"
    for task in tasks:
        yield from judge_task(reply, task, reply.items.get(task.task_id, May.NEVER))


def judge_one(reply: Reply, task: KlingTask) -> Iterable[tuple[str, str]]:
    """Yield (kind, fault) of a task that was asked for, or submitted."""
    if reply.answer is May.NEVER:
        yield FALSE_SUCCESS if task.videos else OTHER, "a task made of an answer that holds none of this id"
    if reply.operation != "create" and reply.asked not in (task.task_id, task.external_task_id):
        yield FALSE_SUCCESS, f"task {show(task.task_id, 60)} for {reply.asked}"
    if reply.success is May.MUST and not (task.task_status is TaskStatus.SUCCEED and task.videos):
        yield OTHER, f"a plain success was taken for {task.task_status}"
    yield from judge_task(reply, task, reply.success)


def judge_error(reply: Reply, error: KlingError) -> Iterable[tuple[str, str]]:
    """Yield (kind, fault) of an answer that was refused."""
    yield from ((OTHER, fault) for fault in faults_of_text(error, SECRETS))
    if reply.answer is May.MUST:
        yield OTHER, f"a plain answer was refused: {show(error, 150)}"
    if reply.operation != "create":
        return
    if error.task_state is None:
        yield OTHER, "the error of a create says nothing of the money"
    if error.task_state is TaskState.NOT_CREATED and not reply.refused:
        yield FALSE_NOT_CREATED, show(str(error), 200)


def judge(reply: Reply, outcome: Any) -> list[Finding]:
    """Return the promises that were not kept: the outcome is what was returned or raised."""
    shown = f"{reply.form.name} {reply.operation} of {reply.asked}: {reply.notes}; {show(reply.raw[:300], 500)}"
    if isinstance(outcome, KlingError):
        found = judge_error(reply, outcome)
    elif isinstance(outcome, BaseException):
        return [escaped(reply.number, outcome, shown)]
    else:
        found = judge_tasks(reply, outcome) if isinstance(outcome, list) else judge_one(reply, outcome)
    return [Finding(kind, reply.number, what, shown) for kind, what in found]


def _sync(hook: KlingHook, reply: Reply) -> Any:
    try:
        if reply.operation == "create":
            return hook.create_task({"model": "kling-v1", "prompt": "x", "external_task_id": reply.asked})
        if reply.operation == "get":
            return hook.get_task(reply.asked)
        return list(hook.list_tasks(page_size=LISTS + reply.number, max_pages=1))
    except Exception as error:
        return error


async def _async(hook: KlingHook, reply: Reply) -> Any:
    try:
        if reply.operation == "aget":
            return await hook.aget_task(reply.asked)
        return list((await hook.alist_page(TEXT2VIDEO, "", LISTS + reply.number)).tasks)
    except Exception as error:
        return error


async def _polled(poller: SharedPoller, reply: Reply) -> Any:
    """Let the poller of the triggers poll once: the deadline is now."""
    now = time.time()
    waiter = Waiter(reply.asked, TEXT2VIDEO, PollPolicy(submitted_at=now, deadline=now))
    try:
        async with aclosing(poller.follow(waiter)) as news:  # type: ignore[type-var]
            async for _, verdict in news:
                if isinstance(verdict, Done):
                    return verdict.task
                if isinstance(verdict, Failed):
                    return verdict.error
    except Exception as error:
        return error
    raise AssertionError("the poller went quiet")


async def _play_poller(host: Host, replies: list[Reply]) -> list[tuple[Reply, Any]]:
    """Play those that one poller polls together: singly, or where there is a list, perhaps by a walk over it."""
    walks = replies[0].form.lists and replies[0].number % 2 == 0
    if walks:
        listed = ",".join(reply.task[0] for reply in replies if is_strict(reply.task[0]))
        body = f'{{"code":0,"message":"SUCCEED","request_id":"r","data":[{listed}]}}'.encode("utf-8", "surrogatepass")
        host.answers[WALK] = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
        replies = [reply._replace(success=max(reply.success, reply.task[1])) for reply in replies]
        # What the walk finds is never asked for singly.
        replies = [reply._replace(answer=May.MAY) if reply.task[1] else reply for reply in replies]
    poller = SharedPoller(conn_id(replies[0].form.name))
    outcomes = await asyncio.gather(*(_polled(poller, reply) for reply in replies))
    host.answers.pop(WALK, None)
    return list(zip(replies, outcomes, strict=True))


def _groups(replies: list[Reply]) -> Iterable[list[Reply]]:
    """Yield those that may share a poller: a Retry-After would keep all its others waiting."""
    yield from ([reply] for reply in replies if b"retry-after" in reply.raw)
    for name, form in FORMS.items():
        alike = [reply for reply in replies if reply.form.name == name and b"retry-after" not in reply.raw]
        # One request would ask for many, and the answer for one of them be the answer for all.
        together = 1 if form.many else _TOGETHER
        yield from (alike[start : start + together] for start in range(0, len(alike), together))


async def _play_async(host: Host, replies: list[Reply]) -> list[tuple[Reply, Any]]:
    gate = asyncio.Semaphore(_TOGETHER)
    hooks = {name: KlingHook(conn_id(name), max_connections=_TOGETHER) for name in FORMS}

    async def play(reply: Reply) -> tuple[Reply, Any]:
        async with gate:
            return reply, await _async(hooks[reply.form.name], reply)

    try:
        played = await asyncio.gather(*(play(reply) for reply in replies if reply.operation != "poll"))
        for group in _groups([reply for reply in replies if reply.operation == "poll"]):
            played += await _play_poller(host, group)
        return played
    finally:
        for hook in hooks.values():
            await hook.aclose()


def _key(reply: Reply) -> int:
    return -(LISTS + reply.number) if reply.operation in ("list", "alist") else reply.number


def run(seed: int, cases: int, *, first: int = 0, replies: Callable[[int, int], Reply] = make) -> Tally:
    """Play that many cases."""
    tally, began = Tally("answers", seed), time.perf_counter()
    with ExitStack() as stack:
        stack.enter_context(quiet())
        host = stack.enter_context(Host())
        stack.enter_context(connected(host, list(FORMS)))
        hooks = {name: stack.enter_context(KlingHook(conn_id(name))) for name in FORMS}
        for start in range(first, first + cases, _AT_ONCE):
            batch = [replies(seed, number) for number in range(start, min(start + _AT_ONCE, first + cases))]
            host.answers = {_key(reply): reply.raw for reply in batch}
            played = [(reply, _sync(hooks[reply.form.name], reply)) for reply in batch if reply.operation in _SYNC]
            played += asyncio.run(_play_async(host, [reply for reply in batch if reply.operation not in _SYNC]))
            for reply, outcome in played:
                tally.outcomes[f"{reply.operation} {type(outcome).__name__}"] += 1
                tally.findings += judge(reply, outcome)
            host.asked.clear()
            tally.cases += len(batch)
    tally.seconds = time.perf_counter() - began
    return tally
