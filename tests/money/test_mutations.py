"""Would the suite notice? Take out one of the two guards, and some life must go wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.execution.record_store import RecordStore
from airflow_provider_kling.lifecycle import submission
from tests.money.conftest import Make
from tests.money.outside import Outside
from tests.money.schedules import live
from tests.rig import Instance, WorkerCrash, needs_store


def test_without_the_lookup(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    outside: Outside,
    instance: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(submission, "_begin", lambda record, now: submission._post(record, now))

    assert any("charges" in live(seed, emulator, outside, instance, use_dialect) for seed in range(100))


def test_without_the_two_minutes(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    outside: Outside,
    instance: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(submission, "VISIBILITY", 0.0)

    assert any("charges" in live(seed, emulator, outside, instance, use_dialect) for seed in range(300))


def crash_in_the_second_generation(emulator: KlingEmulator, outside: Outside, clip: Instance) -> int:
    """Let Kling fail the first task, and let the worker die while the second one's answer is under way."""
    emulator.reset()
    outside.arm(None)
    emulator.settings.duplicates = "accept"
    emulator.faults.add(Fault("generation_failed"))
    with pytest.raises(KlingError, match="Internal generation error"):
        clip.run()
    for point in range(30):
        outside.arm(point)
        try:
            clip.run()
            break
        except WorkerCrash:
            continue
    return len(emulator.ledger)


@needs_store
def test_without_the_intent(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    outside: Outside,
    instance: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_dialect("llmprovider")
    assert crash_in_the_second_generation(emulator, outside, instance("whole")) == 2

    def nothing(self: RecordStore, record: Any) -> None:
        pass

    monkeypatch.setattr(RecordStore, "save_intent", nothing)
    assert crash_in_the_second_generation(emulator, outside, instance("mutant")) > 2
