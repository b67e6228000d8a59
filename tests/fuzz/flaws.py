"""What can be wrong with a task in an answer, and what is true of the answer then."""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.fuzz.forms import Form, drop, put
from tests.fuzz.host import KEY
from tests.fuzz.odd import Raw, odd_json


class May(IntEnum):
    """Whether something may be made of an answer; the lowest of an answer's flaws counts."""

    NEVER = 0
    MAY = 1
    MUST = 2


class Effect(NamedTuple):
    """
    What a flaw leaves.

    :param answer: whether the answer may be taken for the asked task's.
    :param success: whether it may be taken for a success.
    """

    answer: May
    success: May


_MAY = Effect(May.MAY, May.MAY)
_NO_SUCCESS = Effect(May.MAY, May.NEVER)
_NEVER = Effect(May.NEVER, May.NEVER)

LINK = "https://cdn.example/v.mp4?Expires=1&Signature=secretsignature"

BAD_LINKS = (
    Raw('["https://cdn.example/v.mp4"]'),
    Raw('{"url":"https://cdn.example/v.mp4"}'),
    Raw("42"),
    Raw("1.5"),
    Raw("true"),
    Raw("NaN"),
    "SUCCEED",
    "http://[bad",
    "https://[::1/v.mp4",
    "https://cdn.example:99999/v.mp4",
    "https://cdn.example:port/v.mp4",
    "https://",
    "https:///v.mp4",
    "//cdn.example/v.mp4",
    "/v.mp4",
    "cdn.example/v.mp4",
    "ftp://cdn.example/v.mp4",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:video/mp4;base64,AAAA",
    "gopher://cdn.example/",
    "None",
    "null",
    "",
    " ",
    Raw("null"),
    Raw('"https://cdn.example/\\ud800.mp4"'),
    Raw('"https://cdn\\ud800.example/v.mp4"'),
)


def _another(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
    other = f"other-{rng.randrange(10**6)}"
    put(task, form.paths["own"], other)
    if rng.random() < 0.3:
        drop(task, form.paths["external"])
    else:
        put(task, form.paths["external"], f"{other}-ext")
    return _NEVER


def _odd_own(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
    put(task, form.paths["own"], odd_json(rng))
    return _MAY


def _no_own(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
    drop(task, form.paths["own"])
    return _MAY


def _own_as_number(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
    own = str(task.get(form.paths["own"][0]))
    put(task, form.paths["own"], Raw(own if own.isdigit() else "42"))
    return _MAY


def _odd_field(name: str) -> Callable[[random.Random, Form, dict[str, Any]], Effect]:
    def flaw(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
        put(task, form.paths.get(name, form.paths["external"]), odd_json(rng))
        return _MAY

    return flaw


def _odd_status(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
    word = rng.choice(
        [odd_json(rng), "SUCCEED", "Success", "completed", " succeed", "succeeded!", Raw('{"succeed":1}')]
    )
    put(task, form.paths["status"], word)
    return _NO_SUCCESS


def _odd_result(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
    put(task, form.paths["result"], odd_json(rng))
    return _NO_SUCCESS


def _odd_videos(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
    value: Any = odd_json(rng) if rng.random() < 0.5 else [odd_json(rng), odd_json(rng)]
    put(task, form.paths["videos"], value)
    return _NO_SUCCESS


def _videos(rng: random.Random, form: Form, task: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the videos, made anew where another flaw took them."""
    value: Any = task
    for name in form.paths["videos"]:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, list) and value and all(isinstance(video, dict) for video in value):
        return value
    return []


def _bad_link(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
    videos = _videos(rng, form, task)
    for video in videos:
        if rng.random() < 0.1:
            del video["url"]
        else:
            video["url"] = rng.choice(BAD_LINKS)
    return _NO_SUCCESS


def _one_bad_link(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
    videos = _videos(rng, form, task)
    if videos:
        videos.append({**videos[0], "url": rng.choice(BAD_LINKS)})
        rng.shuffle(videos)
    return _MAY


def _odd_video_field(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
    for video in _videos(rng, form, task):
        video[rng.choice(["id", "duration"])] = odd_json(rng)
    return _MAY


def _quotes(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
    """The vendor's words quote the key or a signed link, at length or not."""
    said = rng.choice([KEY, quote(KEY, safe=""), LINK, f"x{LINK}x" * 30, KEY * 90, "y" * 90_000])
    put(task, form.paths["message"], f"risk: {said} was not fetched")
    return _MAY


def _fails(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
    put(task, form.paths["status"], "failed")
    if rng.random() < 0.7:
        _quotes(rng, form, task)
    return _NO_SUCCESS


def _more(rng: random.Random, form: Form, task: dict[str, Any]) -> Effect:
    task[rng.choice(["new_field", "parent_video", "code"])] = odd_json(rng)
    return _MAY


FLAWS: tuple[tuple[int, Callable[[random.Random, Form, dict[str, Any]], Effect]], ...] = (
    (5, _another),
    (3, _odd_own),
    (1, _no_own),
    (2, _own_as_number),
    (4, _odd_field("external")),
    (2, _odd_field("info")),
    (4, _odd_status),
    (4, _odd_result),
    (4, _odd_videos),
    (7, _bad_link),
    (3, _one_bad_link),
    (4, _odd_video_field),
    (2, _odd_field("message")),
    (3, _odd_field("created")),
    (3, _odd_field("updated")),
    (3, _odd_field("units")),
    (2, _quotes),
    (3, _fails),
    (2, _more),
)


def spoil(rng: random.Random, form: Form, task: dict[str, Any], flaws: int) -> tuple[Effect, list[str]]:
    """Give a task that many flaws; return what is left of it, and their names."""
    answer = success = May.MUST
    names = []
    chosen = rng.choices([flaw for _, flaw in FLAWS], [weight for weight, _ in FLAWS], k=flaws)
    # Another's id comes last: no other flaw may take it away again.
    for flaw in sorted(chosen, key=lambda flaw: flaw is _another):
        effect = flaw(rng, form, task)
        answer, success = min(answer, effect.answer), min(success, effect.success)
        names.append(flaw.__name__.strip("_") or "flaw")
    return Effect(answer, success), names
