"""The account: when it is charged, its resource packs, and what ``/account/costs`` tells of them."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import jwt
import pytest
import requests

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.emulator.packs import read_name
from airflow_provider_kling.emulator.prices import plain
from tests.emulator.client import Client, refusal
from tests.emulator.examples import LEGACY

TRIAL = "Trial-Video-100Units-5Con-1Months"
DAY = 24 * 3600


def costs(kling: Client, **query: str) -> requests.Response:
    now = round(kling.emulator.clock.now() * 1000)
    asked = {"start_time": str(now - 90 * DAY * 1000), "end_time": str(now), **query}
    return kling.send("GET", "/account/costs", params=asked)


def told(kling: Client, **query: str) -> list[dict[str, Any]]:
    answer = costs(kling, **query)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert (data["code"], data["msg"]) == (0, "success")
    infos: list[dict[str, Any]] = data["resource_pack_subscribe_infos"]
    return infos


@pytest.fixture
def free(kling: Client) -> Client:
    kling.emulator.settings.costs_interval = 0
    return kling


def test_charged_on_completion(client: Client) -> None:
    client.emulator.settings.update({"charge_on": "completion", "generation_seconds": 100})
    task_id = client.created()
    client.created("risk-control")
    assert (len(client.emulator.ledger), client.emulator.ledger.total_units) == (0, Decimal(0))
    client.emulator.advance(101)
    assert len(client.emulator.ledger) == 2
    first, second = client.emulator.ledger.charges
    assert (first.task_id, first.at) == (task_id, client.emulator.tasks[0].finished_at)
    assert (first.task_status, second.task_status) == ("succeed", "failed")


def test_a_pack_is_told_and_falls(free: Client) -> None:
    free.emulator.settings.packs = (TRIAL,)
    [pack] = told(free)
    assert pack["resource_pack_name"] == TRIAL
    assert len(pack["resource_pack_id"]) == 32
    assert (pack["resource_pack_type"], pack["status"]) == ("decreasing_total", "online")
    assert (pack["total_quantity"], pack["remaining_quantity"]) == (100, 100)
    assert pack["invalid_time"] - pack["effective_time"] == 30 * DAY * 1000
    free.created(mode="pro", duration="10")
    assert told(free)[0]["remaining_quantity"] == 95
    assert told(free, resource_pack_name="another") == []
    assert len(told(free, resource_pack_name=TRIAL)) == 1


def test_a_pack_ends(free: Client) -> None:
    free.emulator.settings.packs = (f"{TRIAL}@29",)
    free.created()
    free.emulator.advance(2 * DAY)
    assert refusal(free.create()) == (429, 1102)
    [pack] = told(free)
    assert (pack["status"], pack["remaining_quantity"]) == ("expired", 98.5)


def test_a_pack_to_come_and_one_used_up(free: Client) -> None:
    free.emulator.settings.packs = ("Video-5Units-1Months", f"{TRIAL}@-1")
    free.created(mode="pro", duration="10")
    assert [pack["status"] for pack in told(free, end_time="9999999999999")] == ["runOut", "toBeOnline"]
    assert refusal(free.create()) == (429, 1102)


def test_the_pack_that_ends_first_pays(free: Client) -> None:
    free.emulator.settings.packs = ("Video-1000Units-10Con-6Months", "Trial-Video-4Units-5Con-1Months")
    free.created(mode="pro", duration="10")
    assert [pack["remaining_quantity"] for pack in told(free)] == [999, 0]


def test_packs_are_per_product(kling: Client) -> None:
    kling.emulator.settings.packs = (TRIAL,)
    for name in ("images", "sound"):
        path, body, _ = LEGACY[name]
        assert refusal(kling.send("POST", path, json=body)) == (429, 1102)
    kling.created()
    kling.emulator.settings.packs = (TRIAL, "Image-100Units-9Con-1Months")
    path, body, _ = LEGACY["images"]
    assert kling.send("POST", path, json={**body, "n": 9}).status_code == 200
    assert refusal(kling.send("POST", path, json=body)) == (429, 1303)
    assert [charge.product for charge in kling.emulator.ledger] == ["video", "image"]


def test_concurrency_is_the_highest_of_the_packs(kling: Client) -> None:
    kling.emulator.settings.packs = ("Video-100Units-2Con-1Months", "Video-100Units-3Con-1Months")
    for _ in range(3):
        kling.created()
    assert refusal(kling.create()) == (429, 1303)


def test_the_gateway_has_no_packs(gateway: Client) -> None:
    gateway.emulator.settings.packs = ("Video-1Units-1Con-1Months",)
    for _ in range(3):
        gateway.created()
    assert gateway.send("GET", "/account/costs").status_code == 404


def test_a_balance_is_told_as_a_pack(free: Client) -> None:
    assert told(free) == []
    free.emulator.settings.update({"balance_units": 20, "concurrency": 4})
    free.created()
    [pack] = told(free)
    assert (pack["resource_pack_name"], pack["remaining_quantity"]) == ("Emulator-Video-20Units-4Con-12Months", 18.5)


def test_once_a_second(kling: Client) -> None:
    assert costs(kling).status_code == 200
    assert refusal(costs(kling)) == (429, 1302)
    time.sleep(1.05)
    assert costs(kling).status_code == 200
    assert [entry.operation for entry in kling.emulator.journal] == ["costs"] * 3


@pytest.mark.parametrize(
    ("query", "field"),
    [({"start_time": ""}, "start_time"), ({"end_time": "now"}, "end_time"), ({"end_time": "1"}, "start_time")],
)
def test_costs_refuses(free: Client, query: dict[str, str], field: str) -> None:
    answer = costs(free, **query)
    assert refusal(answer) == (400, 1201)
    assert answer.json()["message"].startswith(f"{field} ")


def test_costs_takes_both_kinds_of_key(free: Client) -> None:
    connection = free.emulator.connection("kling", auth="jwt")
    token = jwt.encode({"iss": connection["login"], "exp": 2**31}, connection["password"], "HS256")
    assert costs(Client(free.emulator, "kling", token)).status_code == 200
    assert refusal(costs(Client(free.emulator, "kling", "nonsense"))) == (401, 1002)


def test_faults_strike_faces_and_costs(free: Client) -> None:
    free.emulator.faults.add(Fault("lost_after", on="identify"), Fault("rate_limited", on="costs", retry_after=3))
    with pytest.raises(requests.ConnectionError):
        free.send("POST", "/v1/videos/identify-face", json={"video_url": "https://files.example/a.mp4"})
    assert [plain(charge.units) for charge in free.emulator.ledger] == ["0.05"]
    assert costs(free).headers["Retry-After"] == "3"
    assert [entry.operation for entry in free.emulator.journal] == ["identify", "costs"]


def test_names_of_packs() -> None:
    assert read_name(TRIAL) == (TRIAL, "video", Decimal(100), 5, 1, 0.0)
    assert read_name("Standard-Image-5000Units-20Con-12Months@-3")[1:] == ("image", Decimal(5000), 20, 12, -3.0)
    for wrong in ("Trial", "Video-Units", f"{TRIAL}@soon", "Cake-5Units-1Months"):
        with pytest.raises(ValueError, match="names like"):
            read_name(wrong)


@pytest.mark.kling_emulator(packs=(TRIAL,), retired="sell", charge_on="completion", foreign_ids="accept")
def test_settings_by_marker_and_reset(kling: Client) -> None:
    kling.emulator.settings.update({"packs": [], "retired": "refuse", "charge_on": "submit"})
    kling.emulator.reset()
    settings = kling.emulator.settings
    assert (settings.packs, settings.retired, settings.charge_on) == ((TRIAL,), "sell", "completion")


@pytest.mark.parametrize(
    "wrong",
    [
        {"packs": ["Trial"]},
        {"packs": TRIAL},
        {"retired": "maybe"},
        {"charge_on": "never"},
        {"cfg_scale_v2": True},
        {"foreign_ids": ""},
        {"costs_interval": -1},
    ],
)
def test_nonsense_settings(kling_emulator: KlingEmulator, wrong: dict[str, Any]) -> None:
    answer = requests.patch(f"{kling_emulator.url}/_kling/settings", json=wrong, timeout=10)
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["error"]
