"""The fuzzer of arguments: a request is refused by the name of its field, or its body is strict JSON."""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api.auth import Credentials
from airflow_provider_kling.api.dialects import DIALECTS
from airflow_provider_kling.exceptions import KlingError, KlingValidationError
from airflow_provider_kling.hooks.settings import Settings
from airflow_provider_kling.lifecycle.identity import Account
from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId
from airflow_provider_kling.lifecycle.paths import directory_of, place_at
from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator, KlingText2VideoOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from tests.fuzz.odd import Undecided, odd
from tests.fuzz.verdicts import LONGEST_MESSAGE, OTHER, Finding, Tally, chance, escaped, faults_of_text, quiet, show

_INSTANCE = TaskInstanceId("clips", "manual", "clip", -1, 0)

# What is known to work, so that one odd value is met by the checks behind the first.
_GOOD: dict[str, list[Any]] = {
    "prompt": ["A cat on a fence"],
    "model": ["kling-v1", "kling-video-v1-6", "kling-v3"],
    "negative_prompt": ["dogs"],
    "cfg_scale": [0.5, "0.5", 1],
    "mode": ["std", "pro"],
    "camera_control": [{"type": "simple", "config": {"pan": 1}}, {"type": "down_back"}],
    "aspect_ratio": ["1:1"],
    "duration": ["5", 5],
    "extra_body": [{"sound": "on"}, {"multi_shot": True}, {"watermark_info": {"enabled": False}}],
}
_OF_ALL: tuple[str, ...] = (
    "extra_body",
    "kling_conn_id",
    "output_path",
    "on_clear",
    "on_lost_submit",
    "on_moderation",
    "timeout",
    "poll_interval",
)
_OF_ALL += ("wait_for_completion", "deferrable", "external_task_id", "key", "meta")
_SWITCHES = ("wait_for_completion", "deferrable", "start_from_trigger")
_OF_ONE = (*KlingText2VideoOperator.request_fields, *_OF_ALL)
_OF_BATCH = ("items", "request_defaults", "max_active", "on_item_failure", *_OF_ALL)
_OF_SENSOR = ("kling_task_id", "capability", "kling_conn_id", "deferrable", "start_from_trigger", "on_moderation")
_RENDERED = {*KlingText2VideoOperator.template_fields, *KlingText2VideoBatchOperator.template_fields}
_PATHS = (
    "{tmp}/out/",
    "{tmp}/clip.mp4",
    "nowhere://x/",
    "s3://",
    "file:///{tmp}/\x00/",
    "http://[bad/",
    "{tmp}/\ud800/",
    "{tmp}/out/{{key}}.mp4",
    "{tmp}/{{index}}/{{key}}-{{external_task_id}}.mp4",
    "s3://{{key}}/",
    "{tmp}/{{sku}}.mp4",
)
# Of a row: text that wants to leave its directory, and numbers.
_KEYS: tuple[Any, ...] = ("a", "A", 4711, 0.5, "../b", "..", "\u202e/é", "k" * 300, "~", "a\nb")


class Case(NamedTuple):
    """
    One set of arguments.

    :param kind: ``one``, ``batch`` or ``sensor``.
    :param given: to the constructor.
    :param rendered: what templates made of fields afterwards.
    """

    kind: str
    given: dict[str, Any]
    rendered: dict[str, Any]


def make(seed: int, number: int, tmp: str) -> Case:
    """Return a case."""
    rng = chance(seed, number)
    kind = rng.choices(["one", "batch", "sensor"], [6, 5, 1])[0]
    if kind == "one":
        given = {name: rng.choice(values) for name, values in _GOOD.items() if rng.random() < 0.3}
        given.setdefault("prompt", "x")
        names = _OF_ONE
    elif kind == "batch":
        given, names = {"items": _items(rng)}, _OF_BATCH
    else:
        given, names = {"kling_task_id": "42"}, _OF_SENSOR
    if rng.random() < 0.2 and kind != "sensor":
        path = rng.choice(_PATHS if kind == "one" else ("{tmp}/out/", *_PATHS))
        given |= {"output_path": path.format(tmp=tmp), "wait_for_completion": True}
    rendered: dict[str, Any] = {}
    for name in rng.sample(names, rng.choices([0, 1, 2, 3], [1, 10, 4, 1])[0]):
        late = name in _RENDERED and rng.random() < 0.4
        value = _items(rng) if name == "items" else odd(rng)
        # A switch has the truth that Python finds in it.
        (rendered if late else given)[name] = name if name in _SWITCHES and isinstance(value, Undecided) else value
    return Case(kind, given, rendered)


def _items(rng: random.Random) -> Any:
    if rng.random() < 0.15:
        return odd(rng)
    return [_item(rng) for _ in range(rng.randint(0, 4))]


def _item(rng: random.Random) -> Any:
    if rng.random() < 0.15:
        return odd(rng)
    item = {name: rng.choice(values) for name, values in _GOOD.items() if rng.random() < 0.2}
    item.pop("extra_body", None)
    if rng.random() < 0.5:
        item["key"] = rng.choice(_KEYS)
    if rng.random() < 0.3:
        item[rng.choice([*_GOOD, "key", "meta"])] = odd(rng)
    return item


def _settings() -> list[Settings]:
    return [
        Settings(Account("kling_default", dialect.default_host, name), dialect, Credentials("fuzz-key-0123456789"))
        for name, dialect in DIALECTS.items()
    ]


def _play(case: Case, settings: Settings) -> list[str]:
    """Do what Airflow does up to the first request; return what is wrong with what would be sent."""
    if case.kind == "sensor":
        return _poke(KlingTaskSensor(task_id="clip", **case.given))
    make_it: Callable[..., Any] = KlingText2VideoOperator if case.kind == "one" else KlingText2VideoBatchOperator
    operator = make_it(task_id="clip", **case.given)
    # Past Airflow's own __setattr__, as what is rendered here holds no XComs.
    operator.__dict__.update(case.rendered)
    job = operator.job(settings)
    for request in job.requests:
        json.dumps(request, allow_nan=False, ensure_ascii=False).encode("utf-8")
    # What is done with a job before its first request.
    for wish in job.wishes(_INSTANCE):
        wish.external_task_id(1).encode("utf-8")
    timedelta(seconds=job.timeout) + timedelta(minutes=10)
    timedelta(seconds=job.poll_interval or 0.0)
    return [*_misplaced(job), *([] if job.digest else ["no digest"])]


def _misplaced(job: Job) -> list[str]:
    """Return what is wrong with where the videos would land, and with what is kept of their labels."""
    faults, seen = [], set()
    for position, label in enumerate(job.labels):
        json.dumps([label.key, dict(label.meta)], allow_nan=False, ensure_ascii=False).encode("utf-8")
        if job.output_path:
            place = place_at(job.output_path, f"af-{position}", key=label.key, number=position)
            within = os.path.normpath(directory_of(job.output_path))
            if not os.path.normpath(place.path).startswith(within):
                faults.append(f"{place.path} is not in {within}")
            seen.add((place.path, place.name))
    return faults if not seen or len(seen) == len(job.labels) else [*faults, "two videos land on one file"]


def _poke(sensor: KlingTaskSensor) -> list[str]:
    """Poke with what is no id: everything else would be sent."""
    if isinstance(sensor.kling_task_id, str):
        return []
    context: Any = {"ti": SimpleNamespace(start_date=None)}
    try:
        if not isinstance(sensor.kling_task_id, int):
            sensor.poke(context)
    except AirflowFailException as error:
        text = str(error)
        faults = [] if text.startswith("kling_task_id") else ["the message names no kling_task_id"]
        return faults if len(text) <= LONGEST_MESSAGE else [*faults, f"the message has {len(text):,} characters"]
    return []


def _faults_of_refusal(case: Case, error: KlingError) -> list[str]:
    faults = faults_of_text(error, ())
    names = {*case.given, *case.rendered}
    if isinstance(error, KlingValidationError):
        if not error.faults:
            faults.append("the error lists no fault")
        roots = {field.partition(".")[0].partition("[")[0] for field, _ in error.faults}
        if roots - {*_OF_ONE, *_OF_BATCH, "kling_task_id"}:
            faults.append(f"the error names {sorted(roots)}, which are no arguments")
    if not any(name in str(error) for name in names):
        faults.append(f"the message names none of {sorted(names)}: {show(str(error))}")
    return faults


def _shown(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={show(value, 150)}" for name, value in arguments.items())


def judge(number: int, case: Case, settings: Settings) -> tuple[str, list[Finding]]:
    """Play a case; return how it ended, and the promises that were not kept."""
    shown = f"{case.kind} {settings.dialect.name} given ({_shown(case.given)}), rendered ({_shown(case.rendered)})"
    try:
        faults, outcome = _play(case, settings), "accepted"
    except KlingError as error:
        faults, outcome = _faults_of_refusal(case, error), type(error).__name__
    except Exception as error:
        return "escaped", [escaped(number, error, shown)]
    return outcome, [Finding(OTHER, number, fault, shown) for fault in faults]


def run(seed: int, cases: int, *, first: int = 0) -> Tally:
    """Play that many cases."""
    tally, began = Tally("arguments", seed), time.perf_counter()
    settings = _settings()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as tmp, quiet():
        for number in range(first, first + cases):
            outcome, findings = judge(number, make(seed, number, tmp), settings[number % len(settings)])
            tally.outcomes[outcome] += 1
            tally.findings += findings
            tally.cases += 1
    tally.seconds = time.perf_counter() - began
    return tally
