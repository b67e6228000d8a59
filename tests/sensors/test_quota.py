from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingConfigurationError
from airflow_provider_kling.hooks import quota as asking
from airflow_provider_kling.sensors.quota import PRODUCTS, KlingQuotaSensor

pytestmark = pytest.mark.parametrize("dialect", ["kling"], indirect=True)
TRIAL = "Trial-Video-100Units-5Con-1Months"


@pytest.fixture(autouse=True)
def at_any_time(emulator: KlingEmulator) -> Iterator[None]:
    """On the manual clock no second passes."""
    emulator.settings.costs_interval = 0
    yield
    emulator.settings.costs_interval = 1
    asking._next_turns.clear()


def poke(**arguments: Any) -> Any:
    return KlingQuotaSensor(task_id="units", **{"min_units": 50, **arguments}).poke({})


def test_enough_is_returned_as_small_json(emulator: KlingEmulator) -> None:
    emulator.settings.packs = (TRIAL, "Big-Image-900Units-90Con")

    poked = poke(min_units=100, min_days=29)

    assert poked.is_done
    assert json.loads(json.dumps(poked.xcom_value)) == poked.xcom_value
    assert (poked.xcom_value["units_left"], poked.xcom_value["concurrency"]) == (100, 5)
    assert [pack["name"] for pack in poked.xcom_value["packs"]] == [TRIAL]


@pytest.mark.parametrize(
    ("packs", "arguments"),
    [
        ((), {}),
        ((TRIAL,), {"min_units": 101}),
        # Bought 20 days ago, good for 10 more.
        ((TRIAL + "@20",), {"min_days": 11}),
        (("Big-Image-900Units-90Con",), {}),
    ],
)
def test_too_little_is_waited_for(
    emulator: KlingEmulator, packs: tuple[str, ...], arguments: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.settings.packs = packs
    assert not poke(**arguments).is_done
    assert "Not enough" in capsys.readouterr().out


def test_trouble_is_waited_out_and_what_cannot_heal_is_not(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.settings.packs = (TRIAL,)
    emulator.faults.add(Fault("error_before", on="costs", status=503))
    assert not poke().is_done
    assert poke().is_done

    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(emulator.connection("llmprovider")))
    with pytest.raises(AirflowFailException, match="documents none"):
        poke()


@pytest.mark.parametrize("wrong", [{"min_units": "many"}, {"min_days": -1}, {"product": "film"}])
def test_arguments_that_make_no_sense_are_refused_when_the_dag_is_parsed(wrong: dict[str, Any]) -> None:
    with pytest.raises(KlingConfigurationError, match=f"'units'.*{next(iter(wrong))}"):
        poke(**wrong)


def test_products_are_those_of_the_quota() -> None:
    from airflow_provider_kling.api import quota

    # Written twice, as a DAG file that holds the sensor need not import the rest.
    assert quota.PRODUCTS == PRODUCTS
