"""What is charged, and what stops a charge."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import requests

from airflow_provider_kling.emulator.prices import image_units, lip_sync_units, plain, sold, video_units
from tests.emulator.client import Client, refusal


@pytest.mark.parametrize(
    ("model", "mode", "seconds", "variant", "expected"),
    [
        ("kling-v1", "std", 5, "silent", "1"),
        ("kling-video-v1", "std", 10, "silent", "2"),
        ("kling-v1-6", "std", 5, "silent", "2"),
        ("kling-video-v1-6", "pro", 5, "silent", "3.5"),
        ("kling-v2-master", "std", 10, "silent", "20"),
        ("brand-new", "pro", 10, "silent", "7"),
        ("kling-2.5-turbo", "pro", 10, "silent", "5"),
        ("kling-2.6", "std", 5, "silent", "1.5"),
        ("kling-2.6", "pro", 5, "sound", "5"),
        ("kling-2.6", "pro", 10, "voice", "12"),
        ("kling-2.6", "std", 5, "motion", "2.5"),
        ("kling-3.0", "4k", 5, "silent", "15"),
        ("kling-3.0", "std", 3, "sound", "2.7"),
        ("kling-3.0-turbo", "pro", 7, "sound", "7"),
        ("kling-3.0-omni", "pro", 10, "video", "12"),
        ("kling-o1", "std", 5, "silent", "3"),
        ("avatar", "std", 12.5, "silent", "5"),
    ],
)
def test_prices(model: str, mode: str, seconds: float, variant: str, expected: str) -> None:
    assert plain(video_units(model, mode, seconds, variant)) == expected


@pytest.mark.parametrize(
    ("model", "mode", "variant", "expected"),
    [
        ("kling-2.6", "std", "sound", False),
        ("kling-2.6", "pro", "sound", True),
        ("kling-3.0", "4k", "motion", False),
        ("kling-o1", "pro", "sound", False),
        ("kling-v1", "std", "silent", True),
    ],
)
def test_what_has_no_price_is_not_sold(model: str, mode: str, variant: str, expected: bool) -> None:
    assert sold(model, mode, variant) is expected


def test_other_prices() -> None:
    assert [plain(lip_sync_units(seconds)) for seconds in (3, 5, 5.1, 12)] == ["0.5", "0.5", "1", "1.5"]
    assert image_units("kling-v2-1", 3, from_image=False) == 12
    assert image_units("kling-v3", 1, from_image=True) == 8


def price(client: Client) -> Decimal:
    """Units of the video that ``create`` asks for."""
    return Decimal(1) if client.dialect == "llmprovider" else Decimal("1.5")


def test_one_charge_for_each_task(client: Client) -> None:
    task_id = client.created("A lion", external_task_id="mine")
    client.created("A lion")
    client.show(task_id)
    ledger = client.emulator.ledger
    assert len(ledger) == 2
    assert ledger.total_units == Decimal(2) * price(client)
    assert set(ledger.by_external_id()) == {"mine", None}
    [charge] = ledger.by_external_id()["mine"]
    assert (charge.task_id, charge.dialect, charge.prompt) == (task_id, client.dialect, "A lion")
    assert charge.task_status == "submitted"


def test_deduction_is_told_on_success(kling: Client) -> None:
    kling.emulator.settings.generation_seconds = 10
    task_id = kling.created(mode="pro", duration="10")
    assert "final_unit_deduction" not in kling.show(task_id)
    kling.emulator.advance(10)
    assert kling.show(task_id)["final_unit_deduction"] == "5"


def test_duplicates_are_rejected(kling: Client, gateway: Client) -> None:
    kling.created(external_task_id="mine")
    answer = kling.create(external_task_id="mine")
    assert refusal(answer) == (400, 1201)
    assert "already exists" in answer.json()["message"]
    gateway.created(external_task_id="mine")
    assert refusal(gateway.create(external_task_id="mine")) == (400, "duplicate")
    assert len(kling.emulator.ledger) == 2


def test_many_at_once_pay_once(client: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.create(external_task_id="mine").status_code, range(24)))
    assert sorted(answers) == [200] + [400] * 23
    assert len(client.emulator.ledger) == 1
    assert [entry.n for entry in client.emulator.journal] == list(range(1, 25))


def test_duplicates_may_be_accepted_and_charged(client: Client) -> None:
    client.emulator.settings.duplicates = "accept"
    first, second = client.created(external_task_id="mine"), client.created(external_task_id="mine")
    assert client.show("mine")["task_id"] == second != first
    assert client.show(first)["task_id"] == first
    assert len(client.emulator.ledger.by_external_id()["mine"]) == 2


def test_concurrency(client: Client) -> None:
    client.emulator.settings.concurrency = 2
    client.created("one")
    client.created("risk-control")
    answer = client.create("three")
    assert refusal(answer) == ((429, 1303) if client.dialect == "kling" else (429, "busy"))
    assert "Retry-After" not in answer.headers
    client.emulator.settings.retry_after = 7
    assert client.create("three").headers["Retry-After"] == "7"
    client.emulator.advance(300)
    client.created("three")
    assert len(client.emulator.ledger) == 3


def test_balance(client: Client) -> None:
    client.emulator.settings.balance_units = float(price(client) * 5 / 2)
    client.emulator.settings.retry_after = 7
    client.created("one")
    client.created("two")
    answer = client.create("three")
    assert refusal(answer) == ((429, 1102) if client.dialect == "kling" else (402, "no_balance"))
    assert "Retry-After" not in answer.headers


def test_paid_and_never_fetched(client: Client) -> None:
    client.emulator.settings.height = 32
    fetched, forgotten = client.created("fetched"), client.created("forgotten")
    client.created("risk-control")
    assert client.emulator.unfetched() == []
    client.emulator.advance(300)
    assert len(client.emulator.unfetched()) == 2
    assert requests.get(client.video_url(fetched), timeout=10).status_code == 200
    assert [task.task_id for task in client.emulator.unfetched()] == [forgotten]
