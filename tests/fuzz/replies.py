"""The cases of the answers: what the host says to one request, and what is true of it."""

from __future__ import annotations

import json
import random
from typing import Any, NamedTuple

from airflow_provider_kling.api.dialects import DIALECTS
from tests.fuzz.flaws import LINK, Effect, May, spoil
from tests.fuzz.forms import ROWS, Form
from tests.fuzz.host import KEY
from tests.fuzz.odd import Raw, dumped, odd_json
from tests.fuzz.verdicts import chance
from tests.fuzz.wire import raw

FORMS = {form.name: form for form in ROWS if form.name in DIALECTS}

REFUSALS = {1000, 1001, 1002, 1003, 1004, 1100, 1101, 1102, 1103, 1200, 1201, 1202, 1203, 1300, 1301, 1302, 1303, 1304}
# Behind these the request may have reached Kling: a proxy gave up, or the client did, or somebody else was first.
OPEN_4XX = {408, 409, 423, 425, 499}
_STATUSES = (
    *(200, 201, 202, 203, 204, 205, 206, 226, 101, 102, 103, 300, 301, 302, 303, 304, 305, 307, 308),
    *range(400, 430),
    *(431, 444, 451, 460, 494, 495, 497, 499),
    *(500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 521, 522, 523, 524, 525, 526, 529, 530, 599, 600, 666, 999),
)
_TOO_LARGE = 17 << 20


class Reply(NamedTuple):
    """
    One case.

    :param operation: what is asked: ``create``, ``get``, ``aget``, ``poll``, ``list`` or ``alist``.
    :param asked: the id that is asked for, or that is submitted.
    :param raw: the answer.
    :param answer: whether a task may, or must, be made of it.
    :param success: whether a success may, or must.
    :param refused: whether it proves that a create made nothing.
    :param items: in a list, what may be said of each task, by its own id.
    :param notes: what was done to it.
    :param task: the task alone, as a list of tasks would hold it, and whether it may be taken for a success there.
    """

    number: int
    form: Form
    operation: str
    asked: str
    raw: bytes
    answer: May
    success: May
    refused: bool
    items: dict[str, May]
    notes: str
    task: tuple[str, May] = ("", May.NEVER)


class _Said(NamedTuple):
    """A status and a body, and what is true of them."""

    status: int
    body: bytes
    effect: Effect
    refused: bool
    notes: str
    items: dict[str, May] | None = None
    task: tuple[str, May] = ("", May.NEVER)


def make(seed: int, number: int) -> Reply:
    """Return a case."""
    rng = chance(seed, number)
    form = rng.choice(list(FORMS.values()))
    operations, weights = ["create", "get", "aget", "poll", "list", "alist"], [7, 4, 4, 4, 2, 2]
    operation = rng.choices(operations[: 6 if form.lists else 4], weights[: 6 if form.lists else 4])[0]
    asked = rng.choice(["case-{:06d}", "9000{:06d}"]).format(number)
    said = rng.choices([_tasks, _refusal, _page, _odd_body], [12, 4, 3, 1])[0](rng, form, operation, asked)
    answer, may, readable = raw(rng, said.status, said.body, odds=0.12)
    if said.status < 200 or said.status in (204, 205):
        may = min(may, May.MAY)
    return Reply(
        number,
        form,
        operation,
        asked,
        answer,
        min(may, said.effect.answer),
        min(may, said.effect.success),
        # Of a body that came garbled, the status is all that is left.
        refused=readable and (said.refused or (may < May.MUST and _proven(said.status))),
        items=said.items or {},
        notes=said.notes,
        task=said.task,
    )


def _proven(status: int) -> bool:
    return 300 <= status < 500 and status not in OPEN_4XX


def _videos(rng: random.Random, asked: str) -> list[dict[str, Any]]:
    count = rng.choices([1, 2, 3], [8, 1, 1])[0]
    return [{"id": f"v{index}", "url": f"{LINK}&of={asked}-{index}", "duration": "5.041"} for index in range(count)]


def _tasks(rng: random.Random, form: Form, operation: str, asked: str) -> _Said:
    if operation in ("list", "alist"):
        return _list(rng, form, asked)
    by_own = rng.random() < 0.5 and operation != "create"
    own, external = (asked, f"ext-{asked}") if by_own else (f"own-{asked}", asked)
    task = form.task(own, external, form.success, _videos(rng, asked))
    effect, notes = spoil(rng, form, task, rng.choices([0, 1, 2], [2, 6, 2])[0])
    if operation == "create":
        # A new task has any id of its own, and whatever else is wrong with it is asked for again; one that was
        # submitted by another external id is another's.
        effect = Effect(May.MAY if notes else May.MUST, May.MAY)
        if "another" in notes and "-ext" in dumped(task):
            effect = Effect(May.NEVER, May.NEVER)
    said = _sent(rng, form, form.body(task, polled=operation != "create"), effect, ", ".join(notes))
    return said._replace(task=(dumped(task), min(effect.success, May.MAY)))


def _list(rng: random.Random, form: Form, asked: str) -> _Said:
    tasks: list[Any] = []
    items: dict[str, May] = {}
    notes: list[str] = []
    for index in range(rng.choice([0, 1, 3, 6])):
        own = f"{asked}-{index}"
        task = form.task(own, f"ext-{own}", form.success, _videos(rng, own))
        effect, flaws = spoil(rng, form, task, rng.choices([0, 1], [2, 1])[0])
        # In a list, another's task is another's task: whoever waits for it may have it.
        named = _read(dumped(task.get(form.paths["own"][0], "")))
        allowed = May.MAY if flaws == ["another"] else effect.success
        items[named] = min(allowed, items.get(named, allowed))
        tasks.append(Raw(dumped(task)))
        notes += flaws
    effect = Effect(May.MAY, May.MAY) if notes else Effect(May.MUST, May.MUST)
    return _sent(rng, form, form.body(tasks), effect, ", ".join(notes))._replace(items=items)


def _read(text: str) -> str:
    try:
        return str(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _sent(rng: random.Random, form: Form, body: Any, effect: Effect, notes: str) -> _Said:
    """Send a body, mostly as it should be."""
    if form.envelope and rng.random() < 0.15:
        name = rng.choice(["code", "data", "request_id", "message"])
        body[name] = odd_json(rng)
        notes += f", odd {name} {body[name][:20]}"
        # A code that is no number, or no code at all, is nobody's promise; another code than 0 is a refusal.
        never = name == "data" or (name == "code" and body[name] in ("42", "-1", "1.5", "1e308", "true"))
        effect = Effect(min(effect.answer, May.MAY), May.NEVER if never else min(effect.success, May.MAY))
    text, clean = dumped(body), effect.answer is May.MUST
    status = 200 if rng.random() < 0.9 else rng.choice(_STATUSES)
    if status != 200:
        notes += f", status {status}"
        limit = May.MAY if status < 300 else May.NEVER
        effect = Effect(min(effect.answer, limit), min(effect.success, limit))
    encoded, limit, how = _encoded(rng, text)
    effect = Effect(min(effect.answer, limit), min(effect.success, limit))
    # A task in the body of a 4xx is a contradiction; a redirect's body is never looked at.
    refused = 300 <= status < 400 or (_proven(status) and not (clean and limit is May.MUST))
    return _Said(status, encoded, effect, refused, notes + how)


def _encoded(rng: random.Random, text: str) -> tuple[bytes, May, str]:
    body, drawn = text.encode("utf-8", "surrogatepass"), rng.random()
    if drawn > 0.06:
        return body, May.MUST, ""
    if drawn < 0.02:
        return body[: rng.randrange(len(body))], May.NEVER, ", truncated"
    if drawn < 0.03:
        return body[:1] + b" " * _TOO_LARGE + body[1:], May.NEVER, ", too large"
    odd: list[bytes] = [
        text.encode("utf-16", "surrogatepass"),
        b"\xef\xbb\xbf" + body,
        body.replace(b"SUCCEED", b"\xff\xfe").replace(b"v0", b"\xe9"),
        body + b"garbage",
        body + body,
        b")]}',\n" + body,
        b"\0" * 50 + body,
    ]
    return rng.choice(odd), May.MAY, ", odd encoding"


def _refusal(rng: random.Random, form: Form, operation: str, asked: str) -> _Said:
    """The API's own form of a no, or what looks like it."""
    code: Any = rng.choice([*sorted(REFUSALS), *[5000, 5001, 5002] * 2, 0, 1, 1250, 1305, 2000, 9999, -1, 10**30])
    status = rng.choice([400, 401, 402, 403, 404, 422, 429, 500, 503, 504, 200, rng.choice(_STATUSES)])
    if rng.random() < 0.1:
        code = rng.choice([str(code), odd_json(rng), "invalid_request", "task_not_exist"])
    said = rng.choice(
        ["Bad", f"key {KEY} is unknown", "Task not found", f"see {LINK}", "m" * 9000, odd_json(rng), "é" * 3000]
    )
    body: dict[str, Any] = {"code": code, "message": said, "request_id": rng.choice(["req-9", KEY, odd_json(rng)])}
    if not form.envelope and rng.random() < 0.8:
        body = {"error": rng.choice([body, {"message": said, "type": "x", "code": None}, said, odd_json(rng)])}
    shown = dumped(body)
    refused = _proves(status, body) or (_proven(status) and not is_strict(shown))
    return _Said(status, shown.encode(), Effect(May.NEVER, May.NEVER), refused, f"refusal {status} {shown[:80]}")


def _proves(status: int, body: dict[str, Any]) -> bool:
    inner = body.get("error")
    code = (inner if isinstance(inner, dict) else body).get("code")
    if isinstance(code, str) and code.isdigit() and len(code) < 10:
        code = int(code)
    if isinstance(code, int) and not isinstance(code, bool):
        if code in REFUSALS:
            return True
        if code in (0, 5000, 5001, 5002):
            return 300 <= status < 400
    return _proven(status)


def is_strict(text: str) -> bool:
    """Whether a text is JSON as others read it."""
    try:
        json.loads(text, parse_constant=int)
    except (ValueError, RecursionError):
        return False
    return True


def _page(rng: random.Random, form: Form, operation: str, asked: str) -> _Said:
    """What stands between Airflow and Kling says something, and Kling nothing."""
    status = rng.choice(_STATUSES)
    pages = [
        b"<html><h1>Bad Gateway</h1>nginx</html>",
        f"<html>{KEY} {LINK}</html>".encode(),
        b"",
        b"OK",
        b"upstream connect error",
        f"denied for {KEY}; see {LINK} ".encode() * 40,
        b"<" * 5000,
        "é".encode("latin-1") * 300,
        b"\0\1\2\xff",
        b"<?xml version='1.0'?><Error/>",
        b"error code: 1020",
        b"{",
        b'{"error"',
        b" \n ",
    ]
    body = rng.choice(pages)
    return _Said(status, body, Effect(May.NEVER, May.NEVER), _proven(status), f"page {status} {body[:40]!r}")


def _odd_body(rng: random.Random, form: Form, operation: str, asked: str) -> _Said:
    """JSON that is no answer of any API."""
    body = odd_json(rng)
    status = rng.choice([200, 200, 400, 404, rng.choice(_STATUSES)])
    effect = Effect(May.MAY if body == "[]" else May.NEVER, May.NEVER)
    return _Said(status, body.encode(), effect, _proven(status), f"odd body {status} {body[:60]}")
