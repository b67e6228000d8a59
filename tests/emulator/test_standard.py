"""The new standard: paths with the model in them, and one ``/tasks`` for all that the account made."""

from __future__ import annotations

import http.client
import time
from typing import Any

import jwt
import pytest
import requests

from airflow_provider_kling.emulator import Fault
from tests.emulator.client import Client, refusal
from tests.emulator.examples import LEGACY, NEW

MADE = "/text-to-video/kling-2.5-turbo"


def create(kling: Client, prompt: str = "A lion", **options: Any) -> dict[str, Any]:
    answer = kling.send("POST", MADE, json={"prompt": prompt, "options": options})
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def got(kling: Client, **query: str) -> list[dict[str, Any]]:
    answer = kling.send("GET", "/tasks", params=query)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def listed(kling: Client, **body: Any) -> dict[str, Any]:
    answer = kling.send("POST", "/tasks", json=body)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def test_life_of_a_task(kling: Client) -> None:
    kling.emulator.settings.update({"generation_seconds": 100, "height": 32})
    made = create(kling, external_task_id="mine")
    assert (made["status"], made["external_id"], made["message"]) == ("submitted", "mine", "")
    assert made["create_time"] == made["update_time"] > 1_700_000_000_000
    [item] = got(kling, task_ids=made["id"])
    assert (item["status"], item["outputs"], item["billing"]) == ("submitted", [], [])
    kling.emulator.advance(10)
    assert got(kling, external_task_ids="mine")[0]["status"] == "processing"
    kling.emulator.advance(100)
    [item] = got(kling, external_task_ids="mine")
    assert (item["id"], item["status"]) == (made["id"], "succeeded")
    assert item["update_time"] - item["create_time"] == pytest.approx(100_000, abs=2)
    assert item["billing"] == [{"charge_type": "unit", "amount": "1.5", "package_type": "video"}]
    assert requests.get(item["outputs"][0]["url"], timeout=10).status_code == 200
    assert kling.emulator.unfetched() == []


def test_a_moderated_task_fails_with_its_reason(kling: Client) -> None:
    kling.emulator.settings.generation_seconds = 0
    [item] = got(kling, task_ids=create(kling, "risk-control")["id"])
    assert (item["status"], item["message"]) == ("failed", "Failure to pass the risk control system")
    assert (item["outputs"], item["billing"]) == ([], [])


def test_twenty_ids_and_no_more(kling: Client) -> None:
    ids = [create(kling, f"prompt {number}")["id"] for number in range(20)]
    assert [item["id"] for item in got(kling, task_ids=",".join(ids))] == ids
    answer = kling.send("GET", "/tasks", params={"task_ids": ",".join([*ids, "one-more"])})
    assert refusal(answer) == (400, 1201)
    assert answer.json()["message"] == "task_ids and external_task_ids cannot exceed 20 in total"


def test_unknown_ids_are_simply_missing(kling: Client) -> None:
    made = create(kling)["id"]
    assert got(kling, task_ids="nobody") == []
    assert [item["id"] for item in got(kling, task_ids=f"nobody,{made}")] == [made]
    assert got(kling, external_task_ids=made) == []


@pytest.mark.parametrize("query", [{}, {"task_ids": ""}, {"task_ids": "1", "external_task_ids": "2"}])
def test_one_kind_of_id(kling: Client, query: dict[str, str]) -> None:
    assert refusal(kling.send("GET", "/tasks", params=query)) == (400, 1201)


def test_tasks_of_legacy_paths_are_there_too(kling: Client) -> None:
    path, body, _ = LEGACY["images"]
    image = kling.send("POST", path, json={**body, "external_task_id": "mine"}).json()["data"]["task_id"]
    assert got(kling, external_task_ids="mine")[0]["id"] == image
    video = create(kling)["id"]
    assert kling.show(video)["task_id"] == video
    assert [item["id"] for item in listed(kling)["result"]] == [video, image]
    assert [item["id"] for item in listed(kling, filters=[_only("product_type", "image")])["result"]] == [image]


def _only(key: str, *values: str) -> dict[str, Any]:
    return {"key": key, "values": list(values)}


def test_external_ids_are_unique_over_all_products(kling: Client) -> None:
    create(kling, external_task_id="mine")
    for path, body, _ in (LEGACY["images"], LEGACY["text"], NEW["3.0 image"]):
        mine = {"options": {"external_task_id": "mine"}} if "options" in body else {"external_task_id": "mine"}
        answer = kling.send("POST", path, json={**body, **mine})
        assert refusal(answer) == (400, 1201)
        assert "already exists" in answer.json()["message"]
    assert len(kling.emulator.ledger) == 1


def test_an_id_of_another_kind_is_not_found_on_a_legacy_path(kling: Client) -> None:
    path, body, _ = LEGACY["image"]
    image = kling.send("POST", path, json={**body, "external_task_id": "mine"}).json()["data"]["task_id"]
    for wanted in (image, "mine"):
        assert refusal(kling.get(wanted)) == (400, 1201)
        assert kling.send("GET", f"{path}/{wanted}").json()["data"]["task_id"] == image
    assert kling.list().json()["data"] == []
    assert len(kling.send("GET", path).json()["data"]) == 1


def test_the_list_goes_by_cursor(kling: Client) -> None:
    ids = [create(kling, f"prompt {number}")["id"] for number in range(7)][::-1]
    seen: list[str] = []
    cursor = ""
    for more in (True, True, False):
        page = listed(kling, cursor=cursor, limit=3)
        seen += [item["id"] for item in page["result"]]
        assert (page["count"], page["has_more"], bool(page["next_cursor"])) == (len(page["result"]), more, more)
        create(kling, "made while somebody reads")
        cursor = page["next_cursor"]
    assert seen == ids


def test_the_list_has_times_and_filters(kling: Client) -> None:
    kling.emulator.settings.generation_seconds = 10
    old = create(kling)
    kling.emulator.advance(3600)
    new = create(kling)
    assert [item["id"] for item in listed(kling, end_time=old["create_time"] + 1000)["result"]] == [old["id"]]
    late = listed(kling, start_time=str(old["create_time"] + 1000), end_time=str(new["create_time"] + 1))
    assert [item["id"] for item in late["result"]] == [new["id"]]
    done = listed(kling, filters=[_only("status", "succeeded"), _only("product_type", "video")])
    assert [item["id"] for item in done["result"]] == [old["id"]]
    assert listed(kling, filters=[_only("status", "failed")])["result"] == []
    kling.emulator.advance(31 * 24 * 3600)
    assert listed(kling)["result"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"limit": 501}, "limit"),
        ({"limit": 0}, "limit"),
        ({"limit": "10"}, "limit"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"start_time": 2, "end_time": 1}, "start_time"),
        ({"start_time": "yesterday"}, "start_time"),
        ({"filters": [{"key": "model", "values": ["x"]}]}, "filters[0].key"),
        ({"filters": [{"key": "status", "values": ["succeed"]}]}, "filters[0].values"),
        ({"pageSize": 3}, "pageSize"),
    ],
)
def test_the_list_refuses(kling: Client, body: dict[str, Any], field: str) -> None:
    answer = kling.send("POST", "/tasks", json=body)
    assert refusal(answer) == (400, 1201)
    assert answer.json()["message"].startswith(f"{field} ")


def test_the_key_alone_is_let_in(kling: Client) -> None:
    connection = kling.emulator.connection("kling", auth="jwt")
    claims = {"iss": connection["login"], "exp": 2**31}
    signed = Client(kling.emulator, "kling", jwt.encode(claims, connection["password"], "HS256"))
    assert signed.create().status_code == 200
    for method, path in (("POST", MADE), ("GET", "/tasks"), ("POST", "/tasks")):
        answer = signed.send(method, path, json={"prompt": "x"})
        assert refusal(answer) == (401, 1002)
        assert "does not support AK/SK" in answer.json()["message"]
    assert len(kling.emulator.tasks) == 1


def test_models_that_are_gone_and_that_never_were(kling: Client) -> None:
    for model in ("kling-1.6", "kling-v1", "kling-2.1-master"):
        answer = kling.send("POST", f"/text-to-video/{model}", json={"prompt": "x"})
        assert refusal(answer) == (400, 1201)
        assert answer.json()["message"] == f"The model '{model}' has been discontinued and is no longer available."
    kling.emulator.settings.retired = "sell"
    for path in ("/text-to-video/kling-1.6", "/text-to-video/kling-9", "/omni-video/kling-2.6"):
        assert refusal(kling.send("POST", path, json={"prompt": "x"})) == (404, 1203)


def test_connection_and_journal_name_the_dialect(kling: Client) -> None:
    connection = kling.emulator.connection("kling-v3")
    assert connection["host"] == kling.base
    assert connection["extra"] == {"dialect": "kling-v3"}
    create(kling)
    got(kling, task_ids="1")
    listed(kling)
    told = [(entry.operation, entry.dialect) for entry in kling.emulator.journal]
    assert told == [("create", "kling-v3"), ("get", "kling-v3"), ("list", "kling-v3")]


def test_faults_work_here_too(kling: Client) -> None:
    faults = kling.emulator.faults
    kling.emulator.settings.generation_seconds = 0
    faults.add(Fault("lost_after"))
    with pytest.raises(requests.ConnectionError):
        create(kling, external_task_id="lost")
    assert len(got(kling, external_task_ids="lost")) == len(kling.emulator.ledger) == 1
    faults.add(Fault("duplicate"))
    answer = kling.send("POST", MADE, json={"prompt": "x", "options": {"external_task_id": "twice"}})
    assert refusal(answer) == (400, 1201)
    assert "already exists: twice" in answer.json()["message"]
    faults.add(Fault("not_found"), Fault("unknown_status"), Fault("unknown_status", on="list"))
    assert got(kling, external_task_ids="twice") == []
    assert got(kling, external_task_ids="twice")[0]["status"] == "queued_v2"
    assert {item["status"] for item in listed(kling)["result"]} == {"queued_v2"}
    faults.add(Fault("invisible", seconds=5), Fault("no_videos", on="create"))
    assert got(kling, task_ids=create(kling)["id"]) == []
    assert got(kling, task_ids=create(kling)["id"])[0]["outputs"] == []


def test_an_idle_connection_is_kept(kling: Client) -> None:
    connection = http.client.HTTPConnection(kling.emulator.url.removeprefix("http://"), timeout=10)
    for pause in (0.0, 5.5):
        time.sleep(pause)
        connection.request("GET", "/_kling/health")
        assert connection.getresponse().read()
        # Closed by the server, the next request would go over another one.
        connection.auto_open = 0
    connection.close()
