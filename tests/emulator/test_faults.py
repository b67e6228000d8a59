"""What goes wrong, on purpose."""

from __future__ import annotations

import io
import threading
import time

import av
import pytest
import requests

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.emulator.faults import KINDS, FaultPlan
from tests.emulator.client import Client, refusal


def paid(client: Client) -> int:
    return len(client.emulator.ledger)


@pytest.mark.parametrize(("kind", "charges"), [("lost_before", 0), ("lost_after", 1)])
def test_lost_answers(client: Client, kind: str, charges: int) -> None:
    client.emulator.faults.add(Fault(kind))
    with pytest.raises(requests.ConnectionError) as caught:
        client.create(external_task_id="mine")
    assert "reset" in str(caught.value)
    assert paid(client) == charges
    [entry] = client.emulator.journal
    assert (entry.status, entry.fault, entry.task_id is not None) == (None, kind, bool(charges))
    assert client.get("mine").ok is bool(charges)


def test_a_reset_leaves_no_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.emulator.faults.add(Fault("lost_before", on="any", times=2), Fault("truncated_mp4"))
    client.emulator.settings.generation_seconds = 0
    with pytest.raises(requests.ConnectionError):
        client.create()
    with pytest.raises(requests.ConnectionError):
        client.get("mine")
    url = client.video_url(client.created())
    with pytest.raises(requests.RequestException):
        requests.get(url, timeout=10)
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


@pytest.mark.parametrize(("status", "code"), [(500, 5000), (502, 5000), (503, 5001), (504, 5002)])
@pytest.mark.parametrize(("kind", "charges"), [("error_before", 0), ("error_after", 1)])
def test_server_errors(kling: Client, kind: str, charges: int, status: int, code: int) -> None:
    kling.emulator.faults.add(Fault(kind, status=status))
    assert refusal(kling.create()) == (status, code)
    assert paid(kling) == charges


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("status", [200, 502])
def test_html(client: Client, status: int, commit: bool) -> None:
    client.emulator.faults.add(Fault("html", status=status, commit=commit))
    answer = client.create()
    assert answer.status_code == status
    assert answer.text.startswith("<!doctype html>")
    assert paid(client) == commit


def test_truncated_json(client: Client) -> None:
    client.emulator.faults.add(Fault("truncated_json"))
    answer = client.create()
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert paid(client) == 1


def test_a_stall_holds_the_answer_and_nobody_else(client: Client) -> None:
    client.emulator.faults.add(Fault("stall", seconds=30))
    with pytest.raises(requests.Timeout):
        client.create(timeout=1.5)
    assert paid(client) == 1
    assert client.emulator.journal[0].task_id == client.emulator.tasks[0].task_id
    started = time.monotonic()
    client.created("another")
    assert time.monotonic() - started < 20


def test_a_short_stall_answers_in_the_end(client: Client) -> None:
    client.emulator.faults.add(Fault("stall", seconds=0.2), Fault("stall", seconds=0.2, commit=False))
    started = time.monotonic()
    assert client.create().status_code == 200
    assert time.monotonic() - started >= 0.2
    assert client.create().status_code == 504
    assert paid(client) == 1


@pytest.mark.filterwarnings("error")
def test_stopping_lets_a_held_answer_go() -> None:
    with KlingEmulator() as emulator:
        client = Client(emulator, "kling")
        emulator.faults.add(Fault("stall", seconds=60))
        thread = threading.Thread(target=client.create)
        thread.start()
        while not emulator.tasks:
            time.sleep(0.01)
        started = time.monotonic()
    thread.join(timeout=20)
    assert not thread.is_alive()
    assert time.monotonic() - started < 20


def test_invisible(client: Client) -> None:
    client.emulator.faults.add(Fault("invisible", seconds=20))
    task_id = client.created(external_task_id="mine")
    assert not client.get(task_id).ok
    assert not client.get("mine").ok
    assert paid(client) == 1
    assert not client.create(external_task_id="mine").ok
    client.emulator.advance(21)
    assert client.show("mine")["task_id"] == task_id


def test_invisible_in_the_list(kling: Client) -> None:
    kling.emulator.faults.add(Fault("invisible", seconds=20))
    task_id = kling.created()
    assert kling.list().json()["data"] == []
    kling.emulator.advance(21)
    assert kling.list().json()["data"][0]["task_id"] == task_id


def test_duplicate_of_a_first_try_that_worked(kling: Client) -> None:
    kling.emulator.faults.add(Fault("duplicate", times=2))
    assert refusal(kling.create(external_task_id="mine")) == (400, 1201)
    assert refusal(kling.create(external_task_id="mine")) == (400, 1201)
    assert paid(kling) == 1
    assert kling.show("mine")["task_status"] == "submitted"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("rate_limited", (429, 1302)), ("busy", (429, 1303)), ("unauthorized", (401, 1004)), ("no_balance", (429, 1102))],
)
def test_refusals(kling: Client, kind: str, expected: tuple[int, int]) -> None:
    kling.emulator.faults.add(Fault(kind, times=2))
    assert [refusal(kling.create()) for _ in range(2)] == [expected] * 2
    assert paid(kling) == 0
    assert kling.create().ok


def test_retry_after(client: Client) -> None:
    client.emulator.faults.add(Fault("busy", retry_after=3))
    assert client.create().headers["Retry-After"] == "3"


def test_generation_failed(client: Client) -> None:
    client.emulator.settings.generation_seconds = 0
    client.emulator.faults.add(Fault("generation_failed"))

    task = client.show(client.created())
    assert task["task_status"] == "failed"
    assert task["task_status_msg"] == "Internal generation error"


@pytest.mark.parametrize("on", ["create", "get", "any"])
def test_no_videos(client: Client, on: str) -> None:
    client.emulator.settings.generation_seconds = 0
    client.emulator.faults.add(Fault("no_videos", on=on))
    task_id = client.created()
    for _ in range(2):
        shown = client.show(task_id)
        assert shown["task_status"] == "succeed"
        assert shown["task_result"] == {"videos": []}
    assert paid(client) == 1


def test_unknown_status(client: Client) -> None:
    client.emulator.faults.add(Fault("unknown_status"), Fault("unknown_status", value="dreaming"))
    task_id = client.created()
    assert [client.show(task_id)["task_status"] for _ in range(3)] == ["queued_v2", "dreaming", "submitted"]


def test_unknown_status_in_the_list(kling: Client) -> None:
    kling.emulator.faults.add(Fault("unknown_status", on="list"))
    kling.created()
    assert kling.list().json()["data"][0]["task_status"] == "queued_v2"


def test_not_found(client: Client) -> None:
    client.emulator.faults.add(Fault("not_found"))
    task_id = client.created()
    assert not client.get(task_id).ok
    assert client.get(task_id).ok


@pytest.fixture
def video_url(kling: Client) -> str:
    kling.emulator.settings.update({"generation_seconds": 0, "height": 64})
    return kling.video_url(kling.created("A lion"))


def test_truncated_mp4(kling: Client, video_url: str) -> None:
    kling.emulator.faults.add(Fault("truncated_mp4"))
    with pytest.raises(requests.RequestException):
        requests.get(video_url, timeout=10)
    assert len(kling.emulator.unfetched()) == 1
    assert requests.get(video_url, timeout=10).ok


def test_truncated_mp4_without_a_length(kling: Client, video_url: str) -> None:
    whole = requests.get(video_url, timeout=10).content
    kling.emulator.faults.add(Fault("truncated_mp4_chunked", fraction=0.3))
    answer = requests.get(video_url, timeout=10)
    assert answer.ok
    assert "Content-Length" not in answer.headers
    assert answer.content == whole[: int(len(whole) * 0.3)]
    with av.open(io.BytesIO(whole), "r") as container:
        assert container.duration


def test_expired_url(kling: Client, video_url: str) -> None:
    kling.emulator.faults.add(Fault("expired_url"))
    assert [requests.get(video_url, timeout=10).status_code for _ in range(2)] == [403, 403]
    fresh = kling.video_url(kling.emulator.tasks[0].task_id)
    assert fresh != video_url
    assert requests.get(fresh, timeout=10).ok


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault("error_before", on="download", status=503), 503), (Fault("html", on="download", status=200), 200)],
)
def test_downloads_fail_like_the_api(kling: Client, video_url: str, fault: Fault, status: int) -> None:
    kling.emulator.faults.add(fault)
    answer = requests.get(video_url, timeout=10)
    assert answer.status_code == status
    assert "mp4" not in answer.headers["Content-Type"]
    assert len(kling.emulator.unfetched()) == 1


def test_a_head_uses_up_no_fault(kling: Client, video_url: str) -> None:
    kling.emulator.faults.add(Fault("expired_url"))
    assert requests.head(video_url, timeout=10).ok
    assert not requests.get(video_url, timeout=10).ok


def test_order_times_and_skip() -> None:
    plan = FaultPlan()
    plan.add(Fault("error_before", times=2, skip=1), Fault("html", on="any"))
    kinds = [
        (fault := plan.take(operation)) and fault.kind for operation in ("get", "create", "create", "create", "create")
    ]
    assert kinds == ["html", None, "error_before", "error_before", None]
    assert plan.pending == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "nonsense"},
        {"kind": "duplicate", "on": "get"},
        {"kind": "html", "times": 0},
        {"kind": "error_before", "status": 404},
        {"kind": "truncated_mp4", "fraction": 1.0},
        {"kind": "html", "colour": "red"},
        {},
    ],
)
def test_faults_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no such|applies to|must be|answers|missing"):
        Fault.from_json(wrong)


def test_every_kind_can_be_made() -> None:
    assert [Fault(kind).kind for kind in KINDS] == list(KINDS)
    assert all(Fault(kind, on="any").applies_to(operation) for kind in KINDS for operation in KINDS[kind].operations)


def drawn(seed: int, rate: float = 0.2) -> list[Fault | None]:
    plan = FaultPlan()
    plan.seeded(seed, rate)
    return [plan.take(("create", "get", "download")[number % 3]) for number in range(300)]


def test_seeded_faults_are_the_same_every_time() -> None:
    assert drawn(1) == drawn(1) != drawn(2)
    assert 30 < sum(fault is not None for fault in drawn(1)) < 90
    assert drawn(1, rate=0) == [None] * 300


def test_seeded_faults_take_prototypes(kling: Client) -> None:
    kling.emulator.faults.seeded(1, rate=1, kinds=[Fault("error_before", status=503)])
    assert refusal(kling.create()) == (503, 5001)
    assert refusal(kling.get("x")) == (400, 1201)
    kling.emulator.faults.clear()
    assert kling.create().ok
