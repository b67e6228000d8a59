"""
A thousand lives of crashes and faults, none of which pays twice or loses a video.

A failing one prints how to replay it. ``KLING_SEEDS=20000`` runs more.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from airflow_provider_kling.emulator import KlingEmulator
from tests.money.conftest import Make
from tests.money.outside import Outside
from tests.money.schedules import live

SEEDS = range(int(os.environ.get("KLING_SEEDS", "1000")))
CHUNK = 50


@pytest.mark.parametrize("first", SEEDS[::CHUNK])
def test_no_schedule_pays_twice_or_loses_a_video(
    emulator: KlingEmulator, use_dialect: Callable[..., None], outside: Outside, instance: Make, first: int
) -> None:
    only = os.environ.get("KLING_SEED")
    for seed in SEEDS[first : first + CHUNK] if only is None else [int(only)]:
        wrong = live(seed, emulator, outside, instance, use_dialect)
        assert not wrong, f"seed {seed}: {wrong}; replay: KLING_SEED={seed} make test ARGS='tests/money -k schedule'"
