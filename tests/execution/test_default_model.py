"""
The default model became the dialect's own: what was begun under the former one is gone on with, and not bought again.

An earlier release is played by naming the model that it put in: its wish is the same to the digit (``tests/released``
holds that).
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.api.models import FORMER_DEFAULT_MODEL
from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.hooks.kling import KlingHook
from tests.fixtures import Make
from tests.released.stories import DyingAfterPost
from tests.rig import Instance, WorkerCrash, connect, first_event, needs_store

pytestmark = [pytest.mark.parametrize("dialect", ["kling"], indirect=True)]

PROMPTS = ["A cat", "A dog", "A cat"]


@pytest.fixture
def upgrade(emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, dialect: str) -> Any:
    """Begin in the days of the former default, and end them when called."""
    emulator.settings.retired = "sell"
    connect(emulator, monkeypatch, dialect, models=["kling-v1-6"])

    def ends() -> None:
        emulator.settings.retired = "refuse"
        connect(emulator, monkeypatch, dialect)

    return ends


def models(emulator: KlingEmulator) -> list[str]:
    return [str((entry.body or {})["model_name"]) for entry in emulator.journal_for("create") if entry.status == 200]


def go_on(before: Instance, after: Instance) -> Instance:
    after.store, after.try_number = before.store, before.try_number
    return after


@needs_store
def test_a_landed_video_stays_landed(emulator: KlingEmulator, instance: Make, upgrade: Any) -> None:
    first = instance(model=FORMER_DEFAULT_MODEL)
    landed = first.run()
    upgrade()

    again = go_on(first, instance()).run()

    assert again["task_id"] == landed["task_id"]
    assert models(emulator) == ["kling-v1-6"]


@needs_store
def test_a_submit_whose_answer_was_lost_is_found(
    emulator: KlingEmulator, instance: Make, upgrade: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = instance(model=FORMER_DEFAULT_MODEL)
    with monkeypatch.context() as patch:
        DyingAfterPost(patch, 1)
        with pytest.raises(WorkerCrash):
            first.run()
    upgrade()

    manifest = go_on(first, instance()).run()

    assert manifest["task_id"] == emulator.ledger.charges[0].task_id
    assert models(emulator) == ["kling-v1-6"]


@pytest.mark.parametrize("with_store", [pytest.param(True, marks=needs_store), False])
def test_a_deferral_goes_on(emulator: KlingEmulator, instance: Make, upgrade: Any, with_store: bool) -> None:
    first = instance(model=FORMER_DEFAULT_MODEL, deferrable=True, with_store=with_store)
    context = first.context()
    with pytest.raises(TaskDeferred) as deferred:
        context["task"].execute(context)
    upgrade()

    event = asyncio.run(first_event(deferred.value.trigger))
    manifest = instance(deferrable=True).make().resume(context, **(deferred.value.kwargs or {}), event=event)

    assert manifest["task_id"] == emulator.ledger.charges[0].task_id
    assert models(emulator) == ["kling-v1-6"]


@needs_store
def test_of_a_batch_only_what_was_not_begun_gets_the_new_model(
    emulator: KlingEmulator, batch: Make, upgrade: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = batch(PROMPTS, request_defaults={"model": FORMER_DEFAULT_MODEL}, max_active=1)
    with monkeypatch.context() as patch:
        DyingAfterPost(patch, 2)
        with pytest.raises(WorkerCrash):
            first.run()
    upgrade()

    result = go_on(first, batch(PROMPTS, max_active=1)).run()

    assert result["succeeded"] == 3
    assert models(emulator) == ["kling-v1-6", "kling-v1-6", "kling-v2-6"]
    assert emulator.unfetched() == []


def test_a_batch_that_is_deferred_goes_on(emulator: KlingEmulator, batch: Make, upgrade: Any) -> None:
    first = batch(PROMPTS, request_defaults={"model": FORMER_DEFAULT_MODEL}, max_active=2, deferrable=True)
    context = first.context()
    with pytest.raises(TaskDeferred) as deferred:
        context["task"].execute(context)
    upgrade()

    raised, method = deferred.value, "resume"
    while True:
        event = asyncio.run(first_event(raised.trigger))
        try:
            operator = batch(PROMPTS, max_active=2, deferrable=True).make()
            result = getattr(operator, method)(context, **(raised.kwargs or {}), event=event)
            break
        except TaskDeferred as again:
            raised, method = again, again.method_name

    assert result["succeeded"] == 3
    assert models(emulator) == ["kling-v1-6", "kling-v1-6", "kling-v2-6"]


def test_without_a_record_the_former_name_is_asked_for_first(
    emulator: KlingEmulator, instance: Make, batch: Make, upgrade: Any
) -> None:
    """Airflow 3.0 to 3.2 have no store, and 3.4 empties it at a clear: Kling alone knows."""
    first = instance(model=FORMER_DEFAULT_MODEL, with_store=False)
    landed = first.run()
    many = batch(PROMPTS, request_defaults={"model": FORMER_DEFAULT_MODEL}, with_store=False)
    many.run()
    upgrade()

    assert go_on(first, instance(with_store=False)).run()["task_id"] == landed["task_id"]
    assert go_on(many, batch([*PROMPTS, "A bird"], with_store=False)).run()["succeeded"] == 4
    assert models(emulator) == ["kling-v1-6"] * 4 + ["kling-v2-6"]


def test_a_new_wish_gets_the_dialects_own(emulator: KlingEmulator, instance: Make, upgrade: Any) -> None:
    upgrade()
    instance().run()

    assert models(emulator) == ["kling-v2-6"]


def test_the_hook_fills_it_in_too(emulator: KlingEmulator, upgrade: Any) -> None:
    with KlingHook() as hook:
        hook.create_task({"prompt": "A cat"})

    assert models(emulator) == ["kling-v2-6"]
