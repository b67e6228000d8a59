"""Fixtures of the tests that run an operator, a sensor or a trigger against the emulator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator, KlingText2VideoOperator
from tests.rig import Instance, connect, use_clock_of

Make = Callable[..., Instance]


@pytest.fixture(scope="session")
def shared_emulator() -> Any:
    """One server on a manual clock for all tests here; small videos render fast."""
    with KlingEmulator(clock="manual", height=36, retired="sell") as emulator:
        yield emulator


@pytest.fixture(params=["llmprovider", "kling", "kling-v3"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def emulator(shared_emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, dialect: str) -> KlingEmulator:
    """An empty emulator, connected as ``kling_default``; the provider lives on its clock."""
    shared_emulator.reset()
    use_clock_of(shared_emulator, monkeypatch)
    connect(shared_emulator, monkeypatch, dialect, auth="jwt" if dialect == "kling" else "key")
    return shared_emulator


@pytest.fixture
def retired_models(emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, dialect: str) -> None:
    """A host that still sells what Kling retired, and a connection that says so."""
    emulator.settings.retired = "sell"
    connect(emulator, monkeypatch, dialect, models=["kling-v1", "kling-v1-6"])


@pytest.fixture
def instance(tmp_path: Path) -> Make:
    """Make a task instance of a text2video operator that waits and lands, unless told otherwise."""

    def make(*, with_store: bool = True, retries: int = 2, **arguments: Any) -> Instance:
        arguments = {
            "task_id": "clip",
            "prompt": "A cat on a fence",
            "wait_for_completion": True,
            "output_path": f"{tmp_path}/out/" if arguments.get("wait_for_completion", True) else None,
            **arguments,
        }
        return Instance(lambda: KlingText2VideoOperator(**arguments), with_store=with_store, retries=retries)

    return make


@pytest.fixture
def batch(tmp_path: Path) -> Make:
    """Make a task instance of a batch operator that lands."""

    def make(items: Any, *, with_store: bool = True, **arguments: Any) -> Instance:
        arguments = {"task_id": "clips", "items": items, "output_path": f"{tmp_path}/out/", **arguments}
        return Instance(lambda: KlingText2VideoBatchOperator(**arguments), with_store=with_store)

    return make
