from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.operators.kling import KlingText2VideoOperator
from tests.money.outside import Outside
from tests.rig import Instance, connect, use_clock_of

Make = Callable[..., Instance]


@pytest.fixture(scope="session")
def shared_emulator() -> Iterator[KlingEmulator]:
    with KlingEmulator(clock="manual", height=36, retired="sell") as emulator:
        yield emulator


@pytest.fixture
def emulator(shared_emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch) -> KlingEmulator:
    shared_emulator.reset()
    use_clock_of(shared_emulator, monkeypatch)
    return shared_emulator


@pytest.fixture
def use_dialect(emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    return lambda dialect, **extra: connect(emulator, monkeypatch, dialect, **extra)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    return Outside(monkeypatch)


@pytest.fixture
def instance(tmp_path: Path) -> Make:
    """Make a task instance that waits for one video and lands it."""

    def make(run_id: str, *, with_store: bool = True, **arguments: Any) -> Instance:
        arguments = {
            "task_id": "clip",
            "prompt": "A cat on a fence",
            "wait_for_completion": True,
            "output_path": f"{tmp_path}/out/",
            **arguments,
        }
        return Instance(lambda: KlingText2VideoOperator(**arguments), with_store=with_store, run_id=run_id)

    return make
