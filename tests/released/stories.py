"""
What an earlier commit of ``main`` left in Airflow's tables, and how to go on from there.

A story runs a task to a certain moment. ``record.py`` keeps what stands in the task state store and in the deferral at
that moment, and how it ends; ``test_released.py`` puts the same tasks into an emulator, hands over what was kept, and
lets the code of today end it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.hooks.transport import AsyncTransport, SyncTransport
from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator, KlingText2VideoOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from tests.rig import Instance, WorkerCrash, use_clock_of

# The host is part of a wish's identity, so it must not have the emulator's port in it.
HOST = "http://kling.test"
BEGAN = 1_790_000_000.0
OUT = "OUT/"

OPERATORS = {
    operator.__name__: operator for operator in (KlingText2VideoOperator, KlingText2VideoBatchOperator, KlingTaskSensor)
}
ONE: dict[str, Any] = {
    "task_id": "clip",
    "prompt": "A cat on a fence",
    "wait_for_completion": True,
    "output_path": OUT,
}
MANY: dict[str, Any] = {
    "task_id": "clips",
    "items": ["A cat", "A dog", "risk-control", "A cat", "A bird", "A fish"],
    "max_active": 2,
    "deferrable": True,
    "on_item_failure": "continue",
    "output_path": OUT,
}
BY_KEY: dict[str, Any] = {
    **MANY,
    "items": [{"prompt": item, "key": f"sku/{at}", "meta": {"row": at}} for at, item in enumerate(MANY["items"])],
    "output_path": f"{OUT}{{key}}.mp4",
}
MODERATED: dict[str, Any] = {
    **MANY,
    "items": ["A cat", "content-policy", {"prompt": "risk-control", "on_moderation": "return"}, "A dog", "A bird"],
    "on_item_failure": "fail",
    "on_moderation": "skip",
}
SENSOR: dict[str, Any] = {"task_id": "wait", "kling_task_id": "sku-1", "deferrable": True}


@dataclass
class Story:
    """
    A task and the moment at which it is recorded.

    :param operator: class name.
    :param deferrals: recorded at this deferral, from 1; 0: when a try has ended.
    :param tries: how many tries come to their end, or to their crash, before that.
    :param crash: the worker dies with the answer to this POST unread, from 1.
    :param faults: at the emulator, from the start.
    :param before: requests that were submitted before the story begins.
    """

    operator: str
    arguments: dict[str, Any]
    dialect: str = "llmprovider"
    deferrals: int = 0
    tries: int = 1
    crash: int = 0
    with_store: bool = True
    faults: list[dict[str, Any]] = field(default_factory=list)
    before: list[dict[str, Any]] = field(default_factory=list)


_one, _many = KlingText2VideoOperator.__name__, KlingText2VideoBatchOperator.__name__
STORIES = {
    "landed": Story(_one, ONE),
    "intent alone": Story(_one, ONE, crash=1),
    "waiting": Story(_one, {**ONE, "deferrable": True}, deferrals=1),
    "waiting without a store": Story(
        _one, {**ONE, "deferrable": True, "poll_interval": 7}, deferrals=1, with_store=False
    ),
    "waiting for a slot": Story(
        _one, {**ONE, "deferrable": True}, deferrals=1, faults=[{"kind": "busy", "times": 5, "retry_after": 20}]
    ),
    "second generation": Story(
        _one, {**ONE, "on_clear": "new"}, "kling", tries=2, crash=2, faults=[{"kind": "generation_failed"}]
    ),
    "own id": Story(_one, {**ONE, "external_task_id": "sku-7", "deferrable": True}, "kling", deferrals=1),
    "batch": Story(_many, MANY, "kling", deferrals=3),
    "batch without a store": Story(_many, MANY, deferrals=3, with_store=False),
    "batch landed": Story(_many, MANY),
    "landed by key": Story(_one, {**ONE, "key": "sku/7", "meta": {"row": 7}, "output_path": f"{OUT}{{key}}.mp4"}),
    "batch by key": Story(_many, BY_KEY, "kling", deferrals=3),
    "batch landed by key": Story(_many, BY_KEY),
    "batch moderated": Story(_many, MODERATED, "kling", deferrals=2),
    "batch moderated, and to be retried": Story(
        _many, {**MODERATED, "deferrable": False}, faults=[{"kind": "generation_failed", "skip": 3}]
    ),
    "sensor": Story(
        KlingTaskSensor.__name__,
        SENSOR,
        deferrals=1,
        before=[{"prompt": "A cat", "model": "kling-v1-6", "external_task_id": "sku-1"}],
    ),
}


@contextmanager
def stage(dialect: str, out: Path) -> Iterator[tuple[KlingEmulator, pytest.MonkeyPatch]]:
    """Give an emulator whose time begins at ``BEGAN``, known to the provider as ``HOST``."""
    with KlingEmulator(clock="manual", height=36, retired="sell") as emulator, pytest.MonkeyPatch.context() as patch:
        emulator.settings.generation_seconds = 105
        # When kling-v1-6 was the default model of every dialect, it was on sale in all of them.
        emulator.settings.retired = "sell"
        emulator.clock._start = BEGAN
        use_clock_of(emulator, patch)
        # Such a host is a public one, and the emulator's videos are on this machine.
        extra = {"dialect": dialect, "allow_private_downloads": True}
        connection = {**emulator.connection(dialect), "host": HOST, "extra": extra}
        patch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(connection))
        patch.chdir(out)
        for transport in (SyncTransport, AsyncTransport):
            patch.setattr(transport, "__init__", _leading_to(emulator.base_url(dialect), transport.__init__))
        yield emulator, patch


def _leading_to(url: str, begin: Any) -> Any:
    return lambda self, _, *rest: begin(self, url, *rest)


def instance_of(story: Story) -> Instance:
    """Return the task instance of a story."""
    make = OPERATORS[story.operator]
    return Instance(lambda: make(**copy.deepcopy(story.arguments)), with_store=story.with_store)


def submit(emulator: KlingEmulator, body: dict[str, Any], failure: str = "") -> str:
    """Submit a task that is there already, and return its id."""
    if failure:
        emulator.faults.add(Fault("generation_failed"))
    with KlingHook() as hook:
        return hook.create_task(body).task_id


def steps(instance: Instance, event_of: Any) -> Iterator[TaskDeferred]:
    """Run a try and yield each of its deferrals; end with the try."""
    context = instance.context()
    kwargs: dict[str, Any] = {}
    operator, method = context["task"], "execute"
    while True:
        try:
            instance.xcom["return_value"] = getattr(operator, method)(context, **kwargs)
            return
        except TaskDeferred as deferred:
            yield deferred
            method, kwargs = deferred.method_name, {**(deferred.kwargs or {}), "event": event_of(deferred.trigger)}
            operator = instance.make()


class DyingAfterPost:
    """Kill the worker after the n-th POST, its answer unread."""

    def __init__(self, patch: pytest.MonkeyPatch, fatal: int) -> None:
        self._left = fatal
        create = KlingHook.create_task

        def dying(hook: KlingHook, *args: Any) -> Any:
            task = create(hook, *args)
            self._left -= 1
            if self._left == 0:
                raise WorkerCrash
            return task

        patch.setattr(KlingHook, "create_task", dying)
