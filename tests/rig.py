"""
A task instance without Airflow's runner: enough of its context to run an operator, kill it anywhere, and run it again.

Real Airflow is driven in ``tests/airflow``; here hundreds of tries a second are needed, over real HTTP all the same.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import airflow.sdk
import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_provider_kling.compat import clock
from airflow_provider_kling.emulator import KlingEmulator

# Airflow 3.0 to 3.2 have no task state store: a lookup at Kling alone keeps the promise there, in the tests too.
HAS_STORE = hasattr(airflow.sdk, "NEVER_EXPIRE")
needs_store = pytest.mark.skipif(not HAS_STORE, reason="the task state store came with Airflow 3.3")


class FakeStore(dict[str, Any]):
    """Airflow's task state store as measured: JSON in, JSON out, outlives a try."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        """Keep the JSON of a value."""
        self[key] = json.loads(json.dumps(value))


@dataclass
class Instance:
    """
    One task instance over its tries.

    :ivar keeps_carried: whether what a deferral carries comes back; ``dag.test()`` loses it.
    """

    make: Callable[[], Any]
    with_store: bool = True
    dag_id: str = "clips"
    run_id: str = "scheduled__2026-11-01"
    map_index: int = -1
    retries: int = 2
    try_number: int = 0
    max_tries: int = 2
    store: FakeStore = field(default_factory=FakeStore)
    xcom: dict[str, Any] = field(default_factory=dict)
    latest: dict[str, Any] = field(default_factory=dict)
    keeps_carried: bool = True

    def context(self) -> Any:
        """Return the context of a new try; XCom is wiped, as Airflow does."""
        self.try_number += 1
        self.xcom.clear()
        task = self.make()
        ti = SimpleNamespace(
            dag_id=self.dag_id,
            run_id=self.run_id,
            task_id=task.task_id,
            map_index=self.map_index,
            try_number=self.try_number,
            max_tries=self.max_tries,
            start_date=datetime.fromtimestamp(clock.now(), tz=UTC),
            task=task,
            xcom_push=lambda key, value: self.xcom.__setitem__(key, value),
        )
        context: dict[str, Any] = {"ti": ti, "task": task, "outlet_events": OutletEventAccessors()}
        if self.with_store and HAS_STORE:
            context["task_state_store"] = self.store
        self.latest = context
        return context

    def clear(self, *, discard_store: bool = False) -> None:
        """Do what a clear does: raise max_tries; Airflow 3.4 also empties the store."""
        self.max_tries = self.try_number + self.retries
        if discard_store:
            self.store.clear()

    def run(self) -> Any:
        """Run one try to its end, deferrals included; each resumption is a new operator, as in Airflow."""
        context = self.context()
        kwargs: dict[str, Any] = {}
        operator, method = context["task"], "execute"
        while True:
            try:
                return getattr(operator, method)(context, **kwargs)
            except TaskDeferred as deferred:
                event = asyncio.run(first_event(deferred.trigger))
                carried = (deferred.kwargs or {}) if self.keeps_carried else {}
                method, kwargs = deferred.method_name, {**carried, "event": event}
                # As Airflow 3.0 and 3.1 do, and dag.test() everywhere.
                context["ti"].start_date = datetime.fromtimestamp(clock.now(), tz=UTC)
                operator = copy.copy(context["task"])
                operator.__dict__.update(self.make().__dict__)


class WorkerCrash(BaseException):
    """A kill -9: nothing catches it, nothing is cleaned up on purpose."""


async def first_event(trigger: Any) -> Any:
    """
    Run a trigger as its stored row would be: built anew from what it serialized to.

    When the triggerer dies, another one runs the same row from its beginning.
    """
    path, kwargs = trigger.serialize()
    if path.startswith("airflow_provider_kling."):
        trigger = type(trigger)(**json.loads(json.dumps(kwargs)))
    else:
        await clock.asleep((kwargs["moment"] - datetime.fromtimestamp(clock.now(), tz=UTC)).total_seconds())
        return kwargs["moment"]
    while True:
        events = trigger.run()
        try:
            return (await anext(events)).payload
        except WorkerCrash:
            trigger = type(trigger)(**json.loads(json.dumps(kwargs)))
        finally:
            await events.aclose()


def use_clock_of(emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the provider live on the emulator's manual clock, so that every pause passes at once."""

    async def asleep(seconds: float) -> None:
        emulator.advance(seconds)

    monkeypatch.setattr(clock, "now", emulator.clock.now)
    monkeypatch.setattr(clock, "sleep", emulator.advance)
    monkeypatch.setattr(clock, "asleep", asleep)


def connect(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, dialect: str = "llmprovider", **options: Any
) -> None:
    """Set the Airflow connection ``kling_default``."""
    connection = emulator.connection(dialect, **options)
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(connection))
