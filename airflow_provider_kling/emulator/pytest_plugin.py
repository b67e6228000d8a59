"""The pytest fixture ``kling_emulator``. Imported in every pytest run, so it imports the emulator only when asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow_provider_kling.emulator.emulator import KlingEmulator

_INI = "kling_emulator"
_MARKER = "kling_emulator(**options): give this test an emulator of its own, made with these KlingEmulator options"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the ini option ``kling_emulator``: options of the shared emulator, one ``name = value`` a line."""
    parser.addini(_INI, "options of the shared Kling emulator, one 'name = JSON value' a line", type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", _MARKER)


def _options(lines: list[str]) -> dict[str, Any]:
    options = {}
    for line in lines:
        name, _, value = line.partition("=")
        options[name.strip()] = _value(value.strip())
    return options


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@pytest.fixture(scope="session")
def kling_emulator_session(request: pytest.FixtureRequest) -> Iterator[KlingEmulator]:
    """The emulator shared by the tests of a run. Use ``kling_emulator``, which resets it first."""
    from airflow_provider_kling.emulator.emulator import KlingEmulator

    with KlingEmulator(**_options(request.config.getini(_INI))) as emulator:
        yield emulator


@pytest.fixture
def kling_emulator(request: pytest.FixtureRequest) -> Iterator[KlingEmulator]:
    """A running emulator without tasks, charges, faults or journal.

    It is shared and reset before each test; ``@pytest.mark.kling_emulator(clock="manual", concurrency=3)`` gives the
    test one of its own instead.
    """
    marker = request.node.get_closest_marker("kling_emulator")
    if marker is None:
        shared: KlingEmulator = request.getfixturevalue("kling_emulator_session")
        shared.reset()
        yield shared
        return
    from airflow_provider_kling.emulator.emulator import KlingEmulator

    with KlingEmulator(**marker.kwargs) as own:
        yield own
