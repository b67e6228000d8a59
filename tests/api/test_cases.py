"""Every recorded payload of the two dialects passes through the pure core."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_kling import exceptions as exc
from airflow_provider_kling.api.capabilities import TEXT2VIDEO
from airflow_provider_kling.api.dialects import DIALECTS, Dialect
from airflow_provider_kling.api.errors import BY_CODE, BY_STATUS
from airflow_provider_kling.api.http import Response
from airflow_provider_kling.api.task import TaskStatus
from airflow_provider_kling.api.validation import check_request, coerce
from tests.paths import cases

CASES = cases()
OURS = {"llmprovider": "llmprovider", "kling_legacy": "kling"}
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


@pytest.mark.parametrize("case", select("request", "text2video"))
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


@pytest.mark.parametrize("case", select("response", "POST"))
def test_recorded_create_responses_are_read(case: dict[str, Any]) -> None:
    task = dialect_of(case).read_created(answer(case["payload"]))

    data = case["payload"].get("data", case["payload"])
    assert task.task_id == data["task_id"]
    assert task.task_status is TaskStatus.SUBMITTED
    assert task.external_task_id == data["task_info"].get("external_task_id")
    assert task.created_at is not None
    assert task.created_at.timestamp() * 1000 == pytest.approx(data["created_at"])


@pytest.mark.parametrize("case", [c for c in select("response", "GET") if not c.values[0] or "costs" not in c.id])
def test_recorded_query_responses_are_read(case: dict[str, Any]) -> None:
    dialect, response = dialect_of(case), answer(case["payload"])

    data = case["payload"].get("data", case["payload"])
    task = dialect.read_list(response)[0] if isinstance(data, list) else dialect.read_task(response, asked_for="asked")
    data = data[0] if isinstance(data, list) else data
    assert task.task_id == data.get("task_id", "asked")
    assert task.raw_status == data["task_status"]
    assert task.task_status_msg == data.get("task_status_msg", "")
    assert [v.url for v in task.videos] == [v["url"] for v in data.get("task_result", {}).get("videos", [])]
    assert task.units == data.get("final_unit_deduction")


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
