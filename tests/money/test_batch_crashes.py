"""The batch operator under the same crashes: charges equal wishes, item by item."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator
from tests.money.outside import Outside
from tests.money.test_crashes import modes, stores, tries
from tests.rig import Instance

PROMPTS = ["A cat", "A dog", "A cat"]

SCENARIOS: dict[str, list[Fault]] = {
    "plain": [],
    "answers_lost": [Fault("lost_after"), Fault("error_after", skip=1), Fault("truncated_json", skip=1)],
    "busy": [Fault("busy", skip=1, times=2)],
}


@modes
@stores
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_crash_at_every_point_of_a_batch(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    outside: Outside,
    tmp_path: Path,
    scenario: str,
    with_store: bool,
    deferrable: bool,
) -> None:
    use_dialect("llmprovider")

    def make() -> Any:
        return KlingText2VideoBatchOperator(
            task_id="clips", items=PROMPTS, max_active=2, deferrable=deferrable, output_path=f"{tmp_path}/out/"
        )

    for point in range(400):
        emulator.reset()
        emulator.settings.duplicates = "accept"
        emulator.settings.generation_seconds = 70
        emulator.faults.add(*SCENARIOS[scenario])
        clips = Instance(make, with_store=with_store, run_id=f"run-{point}")
        outside.arm(point)
        *_, result = tries(clips)
        where = f"crash at point {point}: {outside.trace[-1:]}, {scenario}"
        assert result["succeeded"] == 3, where
        assert sorted(charge.prompt for charge in emulator.ledger.charges) == sorted(PROMPTS), where
        assert emulator.unfetched() == [], where
        if not outside.crashed:
            break
    assert 15 < point < 399
