"""``docs/capabilities.md``: its table is what the package has, and each of its examples makes what it says."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
from airflow.sdk.io import attach, store

from airflow_provider_kling.api.capabilities import CAPABILITIES
from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.operators import audio, image, kling, video
from airflow_provider_kling.operators.base import KlingOperator
from tests.paths import ROOT
from tests.pictures import picture, sound
from tests.rig import Instance, connect

PAGE = (ROOT / "docs" / "capabilities.md").read_text("utf-8")
OPERATORS = {
    name: value
    for module in (kling, image, video, audio)
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, KlingOperator)
}
EXAMPLES: list[str] = re.findall(r"```python\n(Kling.*?)```", PAGE, re.DOTALL)


def test_the_table_is_what_the_package_has() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| `([\w.]+)` \| (.*?) \|", PAGE, re.MULTILINE)

    assert {name for name, _, _ in rows} == {*CAPABILITIES}
    for name, dotted, dialects in rows:
        module, _, operator = dotted.rpartition(".")
        found = getattr(importlib.import_module(f"airflow_provider_kling.{module}"), operator)
        assert found.capability is CAPABILITIES[name]
        assert tuple(re.findall(r"`([\w-]+)`", dialects)) == CAPABILITIES[name].dialects


def test_each_capability_has_an_example() -> None:
    made = {re.match(r"\w+", code)[0] for code in EXAMPLES}  # type: ignore[index]

    assert {name for name, operator in OPERATORS.items() if hasattr(operator, "capability")} <= made


@pytest.fixture
def media(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A bucket with what the examples name."""
    memory = fsspec.filesystem("memory")
    monkeypatch.setattr(store, "_STORE_CACHE", dict(store._STORE_CACHE))
    attach("s3", fs=memory)
    for name, data in (("girl.png", picture()), ("boat.jpg", picture(kind="JPEG")), ("hello.mp3", sound(3))):
        with memory.open(f"/media/{name}", "wb") as file:
            file.write(data)
    yield
    memory.rm("/media", recursive=True)


@pytest.mark.parametrize("dialect", ["kling-v3"])
@pytest.mark.parametrize("code", EXAMPLES, ids=[re.match(r"\w+", code)[0] for code in EXAMPLES])  # type: ignore[index]
def test_an_example_makes_what_it_says(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, media: None, tmp_path: Path, code: str, dialect: str
) -> None:
    if "MultiImage" in code or "Extend" in code:
        connect(emulator, monkeypatch, dialect, models="kling-v1-6")
        emulator.settings.retired, emulator.settings.foreign_ids = "sell", "accept"

    def make() -> Any:
        operator = eval(code, dict(OPERATORS))
        operator.wait_for_completion = True
        operator.output_path = f"{tmp_path}/out/"
        if "{{" in code:
            operator.video_id = "task-1"
        return operator

    Instance(make).run()

    assert len(emulator.ledger) >= 1
