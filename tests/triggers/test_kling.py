from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.triggers.base import BaseTrigger

try:
    from airflow.sdk.serde import deserialize, serialize
except ImportError:
    # Airflow 3.0 and 3.1.
    from airflow.serialization.serde import deserialize, serialize  # type: ignore[import-not-found, no-redef]

from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.triggers.batch import KlingBatchTrigger
from airflow_provider_kling.triggers.kling import KlingTaskTrigger

# What a released version has written into Airflow's trigger table loads for ever.
ROWS: list[dict[str, Any]] = [
    {
        "kling_conn_id": "kling_default",
        "kling_task_id": "t1",
        "submitted_at": 1.0,
        "deadline": 2.0,
        "capability": "text2video",
    },
    {
        "kling_conn_id": "kling_default",
        "kling_task_id": "t1",
        "submitted_at": 1.0,
        "deadline": 2.0,
        "external_task_id": "af-1",
        "capability": "text2video",
        "poll_interval": 5.0,
    },
    {
        "kling_conn_id": "kling_default",
        "kling_task_id": "t1",
        "submitted_at": 1.0,
        "deadline": 2.0,
        "capability": "text2video",
        "typical": 38.0,
    },
]
BATCH_ROWS: list[dict[str, Any]] = [
    {"kling_conn_id": "kling_default", "tasks": [["t1", 1.0, 2.0]], "enough": 1, "capability": "text2video"},
    {"kling_conn_id": "kling_default", "tasks": [["t1", 1.0, 2.0, 38.0]], "enough": 1, "capability": "text2video"},
]


@pytest.mark.parametrize("row", ROWS)
def test_stored_rows_load_and_come_back_the_same(row: dict[str, Any]) -> None:
    path, kwargs = KlingTaskTrigger(**row).serialize()

    assert path == "airflow_provider_kling.triggers.kling.KlingTaskTrigger"
    assert kwargs == row
    assert deserialize(serialize(kwargs)) == row
    json.dumps(kwargs)


@pytest.mark.parametrize("row", BATCH_ROWS)
def test_stored_rows_of_a_batch_load_and_run(emulator: KlingEmulator, row: dict[str, Any]) -> None:
    path, kwargs = KlingBatchTrigger(**row).serialize()

    assert path == "airflow_provider_kling.triggers.batch.KlingBatchTrigger"
    assert deserialize(serialize(kwargs)) == kwargs == row
    # The deadline is long past.
    (event,) = events(KlingBatchTrigger(**kwargs))
    assert event == {"ended": ["t1"]}


def test_without_a_deadline_it_gives_up_at_airflows(emulator: KlingEmulator) -> None:
    """Started by the scheduler, all it is given stands in the serialized DAG."""
    emulator.settings.generation_seconds = 900
    with KlingHook() as hook:
        task = hook.create_task({"prompt": "A cat"})
    trigger = KlingTaskTrigger("kling_default", task.task_id, poll_interval=10)
    began = emulator.clock.now()
    trigger.timeout_after = datetime.fromtimestamp(began + 300, tz=UTC)  # type: ignore[attr-defined]

    (event,) = events(trigger)

    assert event["status"] == "failed"
    assert emulator.clock.now() - began == pytest.approx(300, abs=1)


@pytest.mark.parametrize("nothing", ["", "None"])
def test_an_id_that_is_none_is_not_asked_for(emulator: KlingEmulator, nothing: str) -> None:
    (event,) = events(KlingTaskTrigger("kling_default", nothing))

    assert event["status"] == "failed"
    assert len(emulator.journal) == 0


def events(trigger: BaseTrigger) -> list[Any]:
    async def collect() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    return asyncio.run(collect())


@pytest.mark.parametrize("batch", [False, True])
def test_a_triggerer_that_cannot_look_says_so_and_wakes_no_worker_for_a_minute(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, batch: bool
) -> None:
    """Its environment lacks the connection, or its address is not allowed: workers and triggerer must not play ball."""
    monkeypatch.delenv("AIRFLOW_CONN_KLING_DEFAULT")
    now = emulator.clock.now()
    trigger: BaseTrigger = KlingTaskTrigger("kling_default", "t1", now, now + 3600)
    if batch:
        trigger = KlingBatchTrigger("kling_default", [["t1", now, now + 3600]])
    told: list[str] = []
    monkeypatch.setattr(trigger.log, "warning", lambda text, *args: told.append(text % args))

    events(trigger)

    assert emulator.clock.now() - now >= 60
    assert "There is no Airflow connection 'kling_default'" in told[-1]


def test_it_fires_once_and_running_it_twice_changes_nothing(emulator: KlingEmulator) -> None:
    with KlingHook() as hook:
        task = hook.create_task({"prompt": "A cat"})
    now = emulator.clock.now()
    trigger = KlingTaskTrigger("kling_default", task.task_id, now, now + 3600)

    first = events(trigger)
    again = events(trigger)

    assert (
        first == again == [{"status": "done", "task_id": task.task_id, "external_task_id": None, "submitted_at": now}]
    )
    assert len(emulator.ledger) == 1
    assert not any(entry.operation == "download" for entry in emulator.journal)


def test_it_fires_at_its_own_deadline(emulator: KlingEmulator) -> None:
    emulator.settings.generation_seconds = 900
    with KlingHook() as hook:
        task = hook.create_task({"prompt": "A cat"})
    now = emulator.clock.now()

    (event,) = events(KlingTaskTrigger("kling_default", task.task_id, now, now + 100))

    assert event["status"] == "failed"
    assert emulator.clock.now() == pytest.approx(now + 100)


def test_it_never_sends_a_post(emulator: KlingEmulator) -> None:
    now = emulator.clock.now()

    events(KlingTaskTrigger("kling_default", "nowhere", now, now + 300))

    assert {entry.method for entry in emulator.journal} == {"GET"}


def test_on_kill_changes_nothing(emulator: KlingEmulator) -> None:
    asyncio.run(KlingTaskTrigger("kling_default", "t1", 1.0, 2.0).on_kill())

    assert emulator.journal == []


@pytest.mark.parametrize(("version", "held"), [("3.0.6", True), ("3.2.1", True), ("3.2.2", False), ("3.3.2", False)])
def test_it_does_not_outrun_the_news_of_its_own_deferral(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, version: str, held: bool
) -> None:
    import airflow

    monkeypatch.setattr(airflow, "__version__", version)
    emulator.settings.generation_seconds = 1
    with KlingHook() as hook:
        task = hook.create_task({"prompt": "A cat"})
    emulator.advance(60)
    now = emulator.clock.now()

    (event,) = events(KlingTaskTrigger("kling_default", task.task_id, now - 60, now + 100, poll_interval=1))

    assert event["status"] == "done"
    assert (emulator.clock.now() - now >= 8) == held
