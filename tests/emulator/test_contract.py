"""What each dialect answers when nothing goes wrong."""

from __future__ import annotations

import pytest

from tests.emulator.client import PATH, Client, refusal


def test_gateway_answers_flat(gateway: Client) -> None:
    body = gateway.create(external_task_id="mine").json()
    assert set(body) == {"task_id", "task_info", "task_status", "created_at", "updated_at"}
    assert body["task_info"] == {"external_task_id": "mine"}
    assert body["task_status"] == "submitted"
    assert body["created_at"] == body["updated_at"] > 1_700_000_000_000


def test_kling_answers_in_an_envelope(kling: Client) -> None:
    body = kling.create(external_task_id="mine").json()
    assert set(body) == {"code", "message", "request_id", "data"}
    assert (body["code"], body["message"]) == (0, "SUCCEED")
    assert body["data"]["task_info"] == {"external_task_id": "mine"}
    assert body["data"]["task_id"].isdecimal()


def test_documented_example_of_the_gateway_is_taken(gateway: Client) -> None:
    camera = {"type": "simple", "config": {"pan": 1}}
    assert gateway.create("A beautiful sunset over the ocean", camera_control=camera).status_code == 200


def test_life_of_a_task(client: Client) -> None:
    client.emulator.settings.generation_seconds = 100
    task_id = client.created()
    shown = client.show(task_id)
    assert shown["task_status"] == "submitted"
    assert "task_result" not in shown
    client.emulator.advance(6)
    assert client.show(task_id)["task_status"] == "processing"
    client.emulator.advance(100)
    shown = client.show(task_id)
    assert shown["task_status"] == "succeed"
    assert shown["task_status_msg"] == ""
    assert shown["updated_at"] - shown["created_at"] == pytest.approx(100_000, abs=2)
    [video] = shown["task_result"]["videos"]
    assert video["duration"] == "5.0"


@pytest.mark.kling_emulator(clock="manual")
def test_manual_clock_stands_still(kling: Client) -> None:
    before = kling.emulator.clock.now()
    task_id = kling.created()
    assert kling.emulator.clock.now() == before
    kling.emulator.advance(82)
    assert kling.show(task_id)["task_status"] == "processing"
    kling.emulator.advance(253 - 82)
    assert kling.show(task_id)["task_status"] == "succeed"


@pytest.mark.kling_emulator(speed=1000, generation_seconds=100)
def test_accelerated_clock(kling: Client) -> None:
    task_id = kling.created()
    while kling.show(task_id)["task_status"] != "succeed":
        pass
    assert kling.emulator.clock.now() >= kling.emulator.tasks[0].finished_at


def test_generation_times_follow_the_prompt(kling: Client) -> None:
    for number in range(60):
        kling.created(f"prompt {number}")
    kling.created("prompt 1")
    times = [task.generation_seconds for task in kling.emulator.tasks]
    assert all(83 <= time <= 253 for time in times)
    assert 90 < sorted(times)[30] < 125
    assert len(set(times)) > 50
    assert times[1] == times[60]


def test_external_id_finds_the_task(client: Client) -> None:
    task_id = client.created(external_task_id="mine")
    assert client.show("mine")["task_id"] == task_id


def test_the_dialects_are_two_accounts(kling: Client, gateway: Client) -> None:
    task_id = gateway.created(external_task_id="mine")
    kling.created(external_task_id="mine")
    assert refusal(kling.get(task_id)) == (400, 1201)
    assert len(kling.emulator.ledger) == 2


def test_unknown_id(kling: Client, gateway: Client) -> None:
    answer = kling.get("nobody")
    assert refusal(answer) == (400, 1201)
    assert answer.json()["message"] == "Task not found by id/external id: nobody"
    assert refusal(gateway.get("nobody")) == (404, "not_found")


def test_unknown_path(kling: Client, gateway: Client) -> None:
    assert refusal(kling.send("POST", "/v1/videos/text3video", json={})) == (404, 1202)
    assert refusal(kling.send("DELETE", PATH + "/1")) == (404, 1202)
    assert refusal(gateway.list()) == (404, "no_route")
    assert [entry.operation for entry in kling.emulator.journal] == ["other"] * 3


def test_list_is_paged_newest_first(kling: Client) -> None:
    ids = [kling.created(f"prompt {number}") for number in range(35)]

    def listed(**query: object) -> list[str]:
        return [item["task_id"] for item in kling.list(**query).json()["data"]]

    assert listed() == ids[:4:-1]
    assert listed(pageNum=2) == ids[4::-1]
    assert listed(pageNum=2, pageSize=10) == ids[24:14:-1]
    assert listed(pageSize=500) == ids[::-1]
    assert listed(pageNum=1000) == []


@pytest.mark.parametrize(
    "query", [{"pageNum": 0}, {"pageNum": 1001}, {"pageSize": 0}, {"pageSize": 501}, {"pageNum": "x"}]
)
def test_list_refuses_pages_out_of_range(kling: Client, query: dict[str, object]) -> None:
    answer = kling.list(**query)
    assert refusal(answer) == (400, 1201)
    assert next(iter(query)) in answer.json()["message"]


def test_kling_ignores_model_and_makes_a_v1(kling: Client) -> None:
    kling.emulator.settings.retired = "sell"
    answer = kling.send("POST", PATH, json={"model": "kling-v2-6", "prompt": "x"})
    assert answer.status_code == 200
    assert kling.emulator.tasks[0].wish.model == "kling-v1"


def test_watermark(kling: Client) -> None:
    kling.emulator.settings.generation_seconds = 0
    shown = kling.show(kling.created(watermark_info={"enabled": True}))
    assert shown["watermark_info"] == {"enabled": True}
    assert shown["task_result"]["videos"][0]["watermark_url"]


def test_risk_control_fails_the_task(client: Client) -> None:
    task_id = client.created("risk-control please")
    client.emulator.advance(300)
    answer = client.get(task_id)
    assert answer.status_code == 200
    shown = client.data(answer)
    assert shown["task_status"] == "failed"
    assert shown["task_status_msg"] == "Failure to pass the risk control system"
    if client.dialect == "kling":
        assert (answer.json()["code"], answer.json()["message"]) == (0, "SUCCEED")
    assert client.emulator.ledger.charges[0].task_status == "failed"


def test_content_policy_refuses(kling: Client, gateway: Client) -> None:
    assert refusal(kling.create("content-policy please")) == (400, 1301)
    assert refusal(gateway.create("content-policy please")) == (400, "content_policy")
    assert len(kling.emulator.ledger) == 0
