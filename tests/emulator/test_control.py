"""The control paths, the page, the journal and the reset."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_kling.emulator import Fault, KlingEmulator
from tests.emulator.client import Client
from tests.emulator.examples import LEGACY


def control(emulator: KlingEmulator, method: str, path: str, body: Any = None) -> requests.Response:
    return requests.request(method, f"{emulator.url}/_kling/{path}", json=body, timeout=10)


def test_health_page_and_lost_visitors(kling_emulator: KlingEmulator) -> None:
    assert control(kling_emulator, "GET", "health").json()["status"] == "ok"
    page = requests.get(kling_emulator.url, timeout=10)
    assert "Kling emulator" in page.text
    assert page.text.count("\n") < 120
    astray = requests.get(f"{kling_emulator.url}/v1/videos/text2video", timeout=10)
    assert astray.status_code == 404
    assert "/kling" in astray.json()["error"]
    assert kling_emulator.journal == []


def test_state_over_http(client: Client) -> None:
    client.emulator.settings.update({"generation_seconds": 10, "height": 64})
    task_id = client.created("A lion", external_task_id="mine")
    control(client.emulator, "POST", "clock", {"advance": 10})
    ledger = control(client.emulator, "GET", "ledger").json()
    assert ledger["total_units"] == ("1" if client.dialect == "llmprovider" else "1.5")
    assert ledger["unfetched"] == [task_id]
    assert ledger["by_external_id"]["mine"][0]["task_status"] == "succeed"
    [task] = control(client.emulator, "GET", "tasks").json()
    assert (task["task_id"], task["status"], task["prompt"]) == (task_id, "succeed", "A lion")
    [request] = control(client.emulator, "GET", "requests").json()
    assert (request["n"], request["operation"], request["status"]) == (1, "create", 200)
    assert request["body"]["external_task_id"] == "mine"
    preview = requests.get(f"{client.emulator.url}/_kling/preview/{task_id}.mp4", timeout=10)
    assert preview.headers["Content-Type"] == "video/mp4"
    assert control(client.emulator, "GET", "ledger").json()["unfetched"] == [task_id]


@pytest.mark.parametrize(("name", "media"), [("images", ["png"]), ("sound", ["mp3", "wav"])])
def test_the_page_shows_pictures_and_plays_sounds(kling: Client, name: str, media: list[str]) -> None:
    kling.emulator.settings.update({"generation_seconds": 0, "height": 32})
    path, body, _ = LEGACY[name]
    assert kling.send("POST", path, json=body).status_code == 200
    [task] = control(kling.emulator, "GET", "tasks").json()
    assert [file.rpartition(".")[2] for file in task["files"]] == media
    for file in task["files"]:
        kind = control(kling.emulator, "GET", f"preview/{file}").headers["Content-Type"]
        assert kind == {"png": "image/png", "mp3": "audio/mpeg", "wav": "audio/wav"}[file.rpartition(".")[2]]
    assert len(kling.emulator.unfetched()) == 1
    assert control(kling.emulator, "GET", "preview/nothing.png").status_code == 404


def test_faults_over_http(kling: Client) -> None:
    emulator = kling.emulator
    assert control(emulator, "POST", "faults", {"kind": "html", "times": 2}).json()[0]["times"] == 2
    assert kling.create().status_code == 502
    assert control(emulator, "GET", "faults").json()[0]["times"] == 1
    assert control(emulator, "DELETE", "faults").json() == []
    assert control(emulator, "POST", "faults", [{"kind": "busy"}, {"kind": "html"}]).ok
    assert [kling.create().status_code for _ in range(3)] == [429, 502, 200]
    seeded = {"seed": 3, "rate": 1, "kinds": ["busy", {"kind": "error_before", "status": 503}]}
    assert control(emulator, "POST", "faults", {"seeded": seeded}).ok
    assert kling.create().status_code in (429, 503)


def test_settings_over_http(kling: Client) -> None:
    changed = control(kling.emulator, "PATCH", "settings", {"concurrency": 1, "balance_units": "10.5"}).json()
    assert (changed["concurrency"], changed["balance_units"]) == (1, "10.5")
    assert kling.emulator.settings.concurrency == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "settings", {"concurrency": 2, "duplicates": "sometimes"}),
        ("PATCH", "settings", {"colour": "red"}),
        ("PATCH", "settings", {"height": 3}),
        ("PATCH", "settings", {"extra_models": "kling-v9"}),
        ("POST", "clock", {"advance": -1}),
        ("POST", "clock", {}),
        ("POST", "faults", {"kind": "nonsense"}),
        ("POST", "faults", {"seeded": {"rate": 1}}),
    ],
)
def test_nonsense_changes_nothing(kling_emulator: KlingEmulator, method: str, path: str, body: Any) -> None:
    answer = control(kling_emulator, method, path, body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert kling_emulator.settings.concurrency is None
    assert kling_emulator.faults.pending == []


@pytest.mark.kling_emulator(concurrency=5, balance_units=9, generation_seconds=7)
def test_reset(kling: Client) -> None:
    emulator = kling.emulator
    kling.created(external_task_id="mine")
    emulator.settings.update({"concurrency": 1, "balance_units": 3, "extra_models": ["x"]})
    emulator.faults.add(Fault("html"))
    emulator.advance(1000)
    ahead = emulator.clock.now()
    assert control(emulator, "POST", "reset").ok
    assert (emulator.tasks, len(emulator.ledger), emulator.journal, emulator.faults.pending) == ([], 0, [], [])
    assert emulator.clock.now() < ahead
    assert (emulator.settings.concurrency, emulator.settings.balance_units) == (5, 9)
    kling.created(external_task_id="mine")
    assert emulator.journal[0].n == 1


def test_the_journal_tells_all(kling: Client) -> None:
    kling.emulator.faults.add(Fault("rate_limited", on="list"))
    kling.list(pageNum=2)
    [entry] = kling.emulator.journal_for("list")
    assert (entry.method, entry.status, entry.fault, entry.dialect) == ("GET", 429, "rate_limited", "kling")
    assert entry.path == "/kling/v1/videos/text2video"
    assert entry.query == {"pageNum": "2"}
    assert entry.body is None
