"""Every recorded payload of the two dialects passes through the pure core."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_kling import exceptions as exc
from airflow_provider_kling.api.capabilities import TEXT2VIDEO
from airflow_provider_kling.api.dialects import DIALECTS, Dialect
from airflow_provider_kling.api.dialects.base import TaskGroup
from airflow_provider_kling.api.errors import BY_CODE, BY_STATUS
from airflow_provider_kling.api.http import Response
from airflow_provider_kling.api.requests import prepared
from airflow_provider_kling.api.task import TaskStatus
from airflow_provider_kling.api.validation import check_request, coerce
from tests.paths import cases

CASES = cases()
OURS = {"llmprovider": "llmprovider", "kling_legacy": "kling", "kling_new": "kling-v3"}
REASON = "the recorded payloads are not beside this checkout"


def select(kind: str, *words: str) -> list[Any]:
    found = [
        case
        for case in CASES
        if case["kind"] == kind and case.get("dialect") in OURS and all(word in case["endpoint"] for word in words)
    ]
    params = [pytest.param(case, id=case["endpoint"].replace(" ", "-")) for case in found]
    return params or [pytest.param(None, marks=pytest.mark.skip(reason=REASON))]


def dialect_of(case: dict[str, Any]) -> Dialect:
    return DIALECTS[OURS[case["dialect"]]]


def answer(payload: object, status: int = 200) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(payload).encode())


@pytest.mark.parametrize("case", select("request", "/videos/text2video"))
def test_recorded_text2video_requests_are_accepted_and_sent_unchanged(case: dict[str, Any]) -> None:
    dialect = dialect_of(case)
    wire = dict(case["payload"])
    own_id = wire.pop("external_task_id", None)
    fields = {"model": wire.pop("model_name", None) or wire.pop("model")}
    known = TEXT2VIDEO.schema["properties"]
    newer = {"mode", "duration"} if fields["model"] == "kling-v3" else set()
    fields |= {name: value for name, value in wire.items() if name in known and name not in newer}
    extra = {name: value for name, value in wire.items() if name not in fields}

    findings = check_request(TEXT2VIDEO, coerce(TEXT2VIDEO, fields), extra, dialect=dialect)

    assert findings.faults == ()
    sent = dialect.create(TEXT2VIDEO, {**fields, **extra, **({} if own_id is None else {"external_task_id": own_id})})
    assert (sent.method, sent.path, sent.json) == ("POST", "/v1/videos/text2video", case["payload"])


@pytest.mark.parametrize("case", [c for c in select("response", "POST") if "(list)" not in c.id])
def test_recorded_create_responses_are_read(case: dict[str, Any]) -> None:
    task = dialect_of(case).read_created(answer(case["payload"]))

    data = case["payload"].get("data", case["payload"])
    assert task.task_id == (data.get("task_id") or data["id"])
    word = data.get("task_status") or data["status"]
    # The new standard's schema example has "string" for everything.
    assert task.task_status is (TaskStatus.SUBMITTED if word == "submitted" else TaskStatus.UNKNOWN)
    assert task.external_task_id == (data.get("task_info", {}).get("external_task_id") or data.get("external_id"))
    assert task.created_at is not None
    assert task.created_at.timestamp() * 1000 == pytest.approx(data.get("created_at") or data["create_time"])


@pytest.mark.parametrize("case", [c for c in select("response", "GET") if "costs" not in c.id and "/tasks" not in c.id])
def test_recorded_query_responses_are_read(case: dict[str, Any]) -> None:
    dialect, response = dialect_of(case), answer(case["payload"])

    data = case["payload"].get("data", case["payload"])
    if isinstance(data, list):
        (data,), (task,) = data, dialect.read_list(response).tasks
    else:
        task = dialect.read_task(response, asked_for=data.get("task_id", "asked"))
    assert task.task_id == data.get("task_id", "asked")
    assert task.raw_status == data["task_status"]
    assert task.task_status_msg == data.get("task_status_msg", "")
    # The pages' schema examples have "string" for everything; no status of theirs is "succeed".
    audios = data.get("task_result", {}).get("audios", []) if task.task_status is TaskStatus.SUCCEED else []
    assert [audio.url for audio in task.audios] == [audio["url_mp3"] for audio in audios]
    videos = data.get("task_result", {}).get("videos", []) if task.task_status is TaskStatus.SUCCEED else []
    assert [v.url for v in task.videos] == [v["url"] for v in videos]
    assert task.units in (None, data.get("final_unit_deduction"))


@pytest.mark.parametrize("case", select("response", "/tasks"))
def test_recorded_answers_of_tasks_are_read(case: dict[str, Any]) -> None:
    dialect, response = dialect_of(case), answer(case["payload"])
    if "(list)" in case["endpoint"]:
        page = dialect.read_list(response)
        assert [task.task_id for task in page.tasks] == [item["id"] for item in case["payload"]["data"]["result"]]
        assert page.following == case["payload"]["data"]["next_cursor"]
    else:
        assert dialect.read_many(response) == TaskGroup((), is_whole=True)
        with pytest.raises(exc.KlingTaskNotFoundError):
            dialect.read_task(response, asked_for="1")


@pytest.mark.parametrize("case", select("request", "/text-to-video"))
def test_recorded_requests_of_the_new_standard_can_be_made(case: dict[str, Any]) -> None:
    dialect, wire = dialect_of(case), case["payload"]
    fields = {
        "model": case["endpoint"].rpartition("/")[2],
        "prompt": wire["prompt"],
        "resolution": wire["settings"]["resolution"],
        "aspect_ratio": wire["settings"]["aspect_ratio"],
        "duration": wire["settings"]["duration"],
        "audio": wire["settings"]["audio"],
        "multi_shot": wire["settings"]["multi_shot"],
        "watermark": wire["options"]["watermark_info"]["enabled"],
    }
    body, wrong = prepared(TEXT2VIDEO, fields, dialect=dialect.name)
    extra = {"callback_url": wire["options"]["callback_url"]}

    assert (wrong, check_request(TEXT2VIDEO, body, extra, dialect=dialect).faults) == ([], ())
    sent = dialect.create(TEXT2VIDEO, {**body, **extra, "external_task_id": ""})
    assert (f"kling POST {sent.path}", sent.json) == (case["endpoint"], wire)


@pytest.mark.parametrize("case", select("callback"))
def test_recorded_callbacks_have_the_shape_of_a_task(case: dict[str, Any]) -> None:
    """Callbacks are not served here, but a task in one reads like the answer to a poll."""
    dialect = dialect_of(case)
    data = case["payload"]
    wrapped = [data] if dialect.name == "kling-v3" else data
    task = dialect.read_task(answer({"code": 0, "data": wrapped}), asked_for=data.get("id") or data["task_id"])

    assert task.task_id == (data.get("id") or data["task_id"])


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
@pytest.mark.parametrize(
    "payload",
    [
        {"task_id": "abcd1234efgh", "status": "queued"},
        {"task_id": "abcd1234efgh", "status": "completed", "url": "https://x.test/v.mp4", "error": None},
        {"id": "abcd", "object": "video", "status": "in_progress", "metadata": {"url": None}},
    ],
)
def test_answers_of_new_api_gateways_are_read_or_refused_in_clear_words(
    dialect: Dialect, payload: dict[str, Any]
) -> None:
    """Their create can be read where the dialect is flat; a poll never is taken for a task that goes on."""
    with pytest.raises(exc.KlingResponseError, match=r"The host's answer (has no|carries no)"):
        dialect.read_task(answer(payload), asked_for="abcd1234efgh")
    if dialect.name == "llmprovider" and "task_id" in payload:
        assert dialect.read_created(answer(payload)).task_id == "abcd1234efgh"
    else:
        with pytest.raises(exc.KlingResponseError) as caught:
            dialect.read_created(answer(payload))
        assert caught.value.task_state is exc.TaskState.MAY_EXIST


@pytest.mark.skipif(not CASES, reason=REASON)
def test_every_recorded_error_has_its_row_in_the_table() -> None:
    kling, gateway = DIALECTS["kling"], DIALECTS["llmprovider"]
    for case in (c for c in CASES if c["kind"] == "error"):
        payload, status = case["payload"], case.get("http_status", 429)
        dialect = kling if "code" in payload else gateway
        body = payload if "code" in payload else {"error": {"message": payload["description"]}}
        with pytest.raises(exc.KlingAPIError) as caught:
            dialect.read_task(answer(body, status), asked_for="x")
        rule = BY_CODE[payload["code"]] if "code" in payload else BY_STATUS[status]
        assert isinstance(caught.value, rule.error)
        assert caught.value.retryable is rule.retryable
        assert (payload.get("message") or payload["description"]) in str(caught.value)
