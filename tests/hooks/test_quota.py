"""hook.quota() and the sensor that waits for it, over real HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingAuthenticationError, KlingConfigurationError, KlingRateLimitError
from airflow_provider_kling.hooks import quota as asking
from airflow_provider_kling.hooks.kling import KlingHook
from tests.rig import connect

PACKS = ("Trial-Video-100Units-5Con-1Months", "Standard-Video-1000Units-20Con-12Months", "Big-Image-9Units-90Con")
of_kling = pytest.mark.parametrize("dialect", ["kling"], indirect=True)


@pytest.fixture(autouse=True)
def at_any_time(shared_emulator: KlingEmulator, emulator: KlingEmulator) -> Iterator[None]:
    """On the manual clock no second passes."""
    emulator.settings.costs_interval = 0
    yield
    emulator.settings.costs_interval = 1
    asking._next_turns.clear()


async def aquota() -> Any:
    async with KlingHook() as hook:
        return await hook.aquota()


@of_kling
def test_what_is_left(emulator: KlingEmulator) -> None:
    emulator.settings.packs = PACKS
    with KlingHook() as hook:
        before = hook.quota()
        hook.create_task({"model": "kling-v2-6", "prompt": "A cat", "duration": "10", "mode": "pro"})
        after = hook.quota().of("video")
    now = datetime.fromtimestamp(emulator.clock.now(), tz=UTC)

    assert [pack.name for pack in before.packs] == list(PACKS)
    assert before.of("video").units_left - after.units_left == 5
    assert after.concurrency == 20
    assert after.days_left == pytest.approx(360, abs=1)
    assert abs(after.as_of - now) < timedelta(minutes=1)
    assert asyncio.run(aquota()).of("video").packs == after.packs


@pytest.mark.parametrize("dialect", ["llmprovider"], indirect=True)
def test_a_gateway_without_it_is_named_and_not_asked(emulator: KlingEmulator) -> None:
    with KlingHook() as hook, pytest.raises(KlingConfigurationError, match=r"llmprovider.*documents none"):
        hook.quota()
    assert list(emulator.journal) == []


@of_kling
def test_a_host_that_does_not_know_the_path(emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.quota.PATH", "/account/nothing")
    with KlingHook() as hook, pytest.raises(KlingConfigurationError, match=r"has no /account/"):
        hook.quota()


@of_kling
def test_a_wrong_key_is_a_wrong_key(emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(emulator, monkeypatch, "kling")
    with KlingHook() as hook:
        monkeypatch.setattr(type(hook._bearer_of(hook.settings)), "token", lambda self, mask=True: "wrong")
        with pytest.raises(KlingAuthenticationError):
            hook.quota()


@of_kling
def test_no_more_than_one_request_a_second(emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator.settings.costs_interval = 1
    monkeypatch.setattr("airflow_provider_kling.compat.clock.sleep", time.sleep)
    began = time.monotonic()
    for _ in range(3):
        with KlingHook() as hook:
            hook.quota()

    assert time.monotonic() - began > 2
    assert [entry.status for entry in emulator.journal_for("costs")] == [200, 200, 200]


@of_kling
def test_another_process_that_asks_too_is_waited_for(emulator: KlingEmulator) -> None:
    emulator.faults.add(Fault("rate_limited", on="costs", times=2))
    with KlingHook() as hook:
        assert hook.quota().packs == ()
    assert [entry.status for entry in emulator.journal_for("costs")] == [429, 429, 200]

    emulator.faults.add(Fault("rate_limited", on="costs", times=9))
    with KlingHook() as hook, pytest.raises(KlingRateLimitError):
        hook.quota()
