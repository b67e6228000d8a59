"""
The Airflow that the tests of tests/airflow and tests/browser share.

A plugin and no conftest: two conftests that imported these fixtures would each start an Airflow of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_provider_kling.emulator import KlingEmulator
from dev.local_airflow import LocalAirflow, environment, migrate, write_config
from tests.statsd import StatsdServer

# A video takes one to two seconds, and the operators' own intervals are the real ones.
SPEED = 150.0


@dataclass(frozen=True)
class Stand:
    """A running Airflow whose ``kling_default`` and whose metrics lead to servers in the process of the tests."""

    airflow: LocalAirflow
    emulator: KlingEmulator
    statsd: StatsdServer


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an AIRFLOW_HOME with a new database, to be copied: making one takes five seconds."""
    home = tmp_path_factory.mktemp("migrated")
    write_config(home)
    migrate(home, environment(home), home / "migrate.log")
    return home


@pytest.fixture(scope="session")
def local_airflow(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Start scheduler, triggerer, DAG processor and API server over the example DAGs, once for all tests."""
    home = tmp_path_factory.mktemp("standalone")
    # The configuration goes along: the keys in it belong to the database.
    shutil.copytree(migrated_home, home, dirs_exist_ok=True)
    output = f"{(home / 'videos').as_uri()}/"
    with StatsdServer() as statsd, KlingEmulator(speed=SPEED, height=90) as emulator:
        settings = {"metrics": statsd.settings()}
        with LocalAirflow(home, connection=emulator.connection(), output=output, settings=settings) as airflow:
            yield Stand(airflow, emulator, statsd)
