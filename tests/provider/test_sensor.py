from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingConfigurationError
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from tests.rig import Instance

Sense = Callable[..., Any]
both = pytest.mark.parametrize("deferrable", [False, True], ids=["poke", "deferred"])


@pytest.fixture
def sense(monkeypatch: pytest.MonkeyPatch, emulator: KlingEmulator) -> Sense:
    # Airflow's own poke loop sleeps and looks at the clock itself.
    monkeypatch.setattr("airflow.sdk.bases.sensor.time.sleep", emulator.advance)
    monkeypatch.setattr("airflow.sdk.bases.sensor.time.monotonic", emulator.clock.now)

    def run(task_id: str, **arguments: Any) -> Any:
        return Instance(lambda: KlingTaskSensor(task_id="wait", kling_task_id=task_id, **arguments)).run()

    return run


def submit(prompt: str = "A cat", **body: Any) -> str:
    with KlingHook() as hook:
        return hook.create_task({"model": "kling-v1", "prompt": prompt, **body}).task_id


@both
def test_it_returns_the_manifest(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    task_id = submit(external_task_id="mine")

    manifest = sense(task_id, deferrable=deferrable)

    assert manifest["task_id"] == task_id
    assert manifest["external_task_id"] == "mine"
    assert manifest["task_status"] == "succeed"
    assert manifest["videos"][0]["url"].startswith(emulator.url)


def test_an_external_id_works_as_well(emulator: KlingEmulator, sense: Sense) -> None:
    submit(external_task_id="mine")

    assert sense("mine")["external_task_id"] == "mine"


@both
def test_a_failed_task_fails_it_for_good(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    with pytest.raises(AirflowFailException, match="risk control"):
        sense(submit("risk-control"), deferrable=deferrable)


@both
def test_soft_fail_skips(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    with pytest.raises(AirflowSkipException):
        sense(submit("risk-control"), deferrable=deferrable, soft_fail=True)


@both
def test_its_timeout_is_airflows(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    emulator.settings.generation_seconds = 900

    with pytest.raises(AirflowSensorTimeout):
        sense(submit(), deferrable=deferrable, timeout=300)
    with pytest.raises(AirflowSkipException):
        sense(submit("again"), deferrable=deferrable, timeout=timedelta(seconds=300), soft_fail=True)


@both
def test_trouble_is_survived(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    task_id = submit()
    for kind in ("error_before", "html", "truncated_json", "lost_before", "not_found", "unknown_status"):
        emulator.faults.add(Fault(kind, on="get"))

    assert sense(task_id, deferrable=deferrable)["task_status"] == "succeed"


@both
def test_an_unknown_id_is_given_up_after_ten_minutes(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    with pytest.raises(AirflowFailException, match=r"task_id nowhere"):
        sense("nowhere", deferrable=deferrable)
    assert len(emulator.journal_for("get")) > 30


def test_a_finished_task_is_not_deferred(emulator: KlingEmulator, sense: Sense) -> None:
    task_id = submit()
    emulator.advance(300)

    sense(task_id, deferrable=True)

    assert len(emulator.journal_for("get")) == 1


def test_an_unknown_capability_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(KlingConfigurationError, match="'text2vidio' is not one of 'text2video'"):
        KlingTaskSensor(task_id="wait", kling_task_id="x", capability="text2vidio")
