from __future__ import annotations

import pytest

from airflow_provider_kling.emulator import KlingEmulator
from tests.emulator.client import Client


@pytest.fixture
def kling(kling_emulator: KlingEmulator) -> Client:
    return Client(kling_emulator, "kling")


@pytest.fixture
def gateway(kling_emulator: KlingEmulator) -> Client:
    return Client(kling_emulator, "llmprovider")


@pytest.fixture(params=["llmprovider", "kling"])
def client(request: pytest.FixtureRequest, kling_emulator: KlingEmulator) -> Client:
    return Client(kling_emulator, request.param)
