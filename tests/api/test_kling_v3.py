"""The new standard: what is written, and what is taken for an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_kling import exceptions as exc
from airflow_provider_kling.api.capabilities import TEXT2VIDEO, Capability
from airflow_provider_kling.api.dialects import DIALECTS
from airflow_provider_kling.api.http import Response
from airflow_provider_kling.api.task import TaskStatus
from airflow_provider_kling.lifecycle.polls import polls

V3 = DIALECTS["kling-v3"]
TASK: dict[str, Any] = {
    "id": "901",
    "status": "succeeded",
    "message": "",
    "create_time": 1_783_065_388_949,
    "update_time": 1_783_065_488_949,
    "external_id": "af-1",
    "outputs": [{"type": "video", "id": "v1", "url": "https://x.test/v.mp4?sign=1", "duration": "5.1"}],
    "billing": [{"charge_type": "unit", "amount": "1.5", "package_type": "video"}],
}


def answer(data: object, status: int = 200, code: int = 0, message: str = "SUCCEED") -> Response:
    body = {"code": code, "message": message, "request_id": "r1", "data": data}
    return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())


def test_a_task_is_read() -> None:
    task = V3.read_task(answer([TASK]), asked_for="901")

    assert (task.task_id, task.external_task_id) == ("901", "af-1")
    assert (task.task_status, task.raw_status) == (TaskStatus.SUCCEED, "succeeded")
    assert [(video.url, video.id, video.duration) for video in task.videos] == [
        ("https://x.test/v.mp4?sign=1", "v1", 5.1)
    ]
    assert task.units == "1.5"
    assert V3.read_task(answer([TASK]), asked_for="af-1") == task


def test_pictures_and_sounds_are_read() -> None:
    outputs = [
        {"type": "image", "url": "https://x.test/i.png"},
        {"type": "audio", "id": "a", "mp3_url": "https://x.test/a.mp3", "wav_url": "https://x.test/a.wav"},
        {"type": "element", "id": "e"},
    ]
    task = V3.read_task(answer([{**TASK, "outputs": outputs}]), asked_for="901")

    # A sound in two forms is two files.
    assert {(output.kind, output.url) for output in task.outputs} == {
        ("image", "https://x.test/i.png"),
        ("audio", "https://x.test/a.mp3"),
        ("audio", "https://x.test/a.wav"),
    }


@pytest.mark.parametrize(
    ("billing", "units"),
    [
        ([], None),
        (None, None),
        ([{"charge_type": "cash", "amount": "0.42"}], None),
        ([{"charge_type": "unit", "amount": "1.5"}, {"charge_type": "unit", "amount": "0.25"}], "1.75"),
        ([{"charge_type": "unit", "amount": "much"}], None),
    ],
)
def test_units_are_told_where_kling_tells_them(billing: Any, units: str | None) -> None:
    assert V3.read_task(answer([{**TASK, "billing": billing}]), asked_for="901").units == units


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ["901"]},
        {"id": ""},
        {"external_id": 7},
        {"outputs": [{"type": "video", "url": "javascript:1"}]},
        {"outputs": "none"},
        {"billing": "none"},
        {"message": {}},
    ],
)
def test_a_field_of_a_wrong_type_makes_it_no_answer(wrong: dict[str, Any]) -> None:
    with pytest.raises(exc.KlingResponseError) as caught:
        V3.read_task(answer([{**TASK, **wrong}]), asked_for="901")
    assert caught.value.retryable
    group = V3.read_many(answer([{**TASK, **wrong}, {**TASK, "id": "902"}]))
    assert ([task.task_id for task in group.tasks], group.is_whole) == (["902"], False)


def test_another_task_is_no_answer_and_a_missing_one_is_not_found() -> None:
    with pytest.raises(exc.KlingResponseError, match="another task"):
        V3.read_task(answer([TASK]), asked_for="902")
    with pytest.raises(exc.KlingTaskNotFoundError):
        V3.read_task(answer([]), asked_for="902")
    for data in (None, {}, "x", {"id": "901"}):
        with pytest.raises(exc.KlingResponseError):
            V3.read_task(answer(data), asked_for="901")


def test_another_ones_create_is_no_answer() -> None:
    created = {"id": "901", "status": "submitted", "external_id": "af-2"}

    assert V3.read_created(answer(created), sent="af-2").task_id == "901"
    for data in (created, {"status": "submitted"}, list[object](), None):
        with pytest.raises(exc.KlingResponseError) as caught:
            V3.read_created(answer(data), sent="af-1")
        assert caught.value.task_state is exc.TaskState.MAY_EXIST


def test_a_list_ends_where_kling_says_so_or_goes_round_in_a_circle() -> None:
    def following(cursor: str = "", **data: Any) -> str | None:
        return V3.read_list(answer({"result": [TASK], "count": 1, **data}), cursor=cursor).following

    assert following(has_more=True, next_cursor="c2") == "c2"
    assert following(has_more=False, next_cursor="c2") is None
    assert following(has_more=True, next_cursor="") is None
    assert following(has_more=True, next_cursor="c2", cursor="c2") is None
    assert following(has_more="yes", next_cursor="c2") is None


def test_what_is_unset_is_not_sent() -> None:
    request = V3.create(TEXT2VIDEO, {"model": "kling-v2-6", "prompt": "A cat", "external_task_id": "af-1"})

    assert request.path == "/text-to-video/kling-2.6"
    assert request.json == {"prompt": "A cat", "options": {"external_task_id": "af-1"}}


def test_shots_are_one_text_here_and_a_list_on_the_other_paths() -> None:
    body = {"model": "kling-v3", "shots": [{"prompt": "A cat", "duration": "2"}, {"prompt": "A dog", "duration": "3"}]}

    assert V3.create(TEXT2VIDEO, body).json == {"prompt": "shot 1, 2, A cat; shot 2, 3, A dog;"}
    assert DIALECTS["kling"].create(TEXT2VIDEO, body).json == {
        "model_name": "kling-v3",
        "multi_shot": True,
        "shot_type": "customize",
        "multi_prompt": [
            {"index": 1, "prompt": "A cat", "duration": "2"},
            {"index": 2, "prompt": "A dog", "duration": "3"},
        ],
    }


def test_a_model_that_always_makes_sound_has_no_field_for_it() -> None:
    body = {"model": "kling-3.0-turbo", "prompt": "A cat", "sound": "on", "mode": "pro"}

    assert V3.create(TEXT2VIDEO, body).json == {"prompt": "A cat", "settings": {"resolution": "1080p"}}


def test_what_has_no_new_path_goes_over_the_lasting_ones() -> None:
    older = Capability("text-to-audio", "/v1/audio/text-to-audio", results="audios")

    assert V3.speaking_of(TEXT2VIDEO) is V3
    assert V3.speaking_of(older).create(older, {"prompt": "rain"}).path == "/v1/audio/text-to-audio"


@pytest.mark.parametrize(
    ("task_id", "external", "asked"),
    [
        ("901", False, ["task_ids"]),
        ("sku-1", True, ["external_task_ids"]),
        ("901", None, ["task_ids", "external_task_ids"]),
        ("af-1", None, ["external_task_ids"]),
    ],
)
def test_ids_are_told_apart(task_id: str, external: bool | None, asked: list[str]) -> None:
    requests = polls(V3, TEXT2VIDEO, task_id, external)

    assert [dict(request.query) for request in requests] == [{name: task_id} for name in asked]
    assert len(polls(DIALECTS["kling"], TEXT2VIDEO, task_id, external)) == 1


@pytest.mark.parametrize("dialect", ["kling", "kling-v3"])
@pytest.mark.parametrize("status_and_code", [(400, 1201), (404, 1203), (403, 1103)])
def test_a_retired_model_is_an_error_of_its_own(dialect: str, status_and_code: tuple[int, int]) -> None:
    status, code = status_and_code
    text = "The model 'kling-v1' has been discontinued and is no longer available."
    with pytest.raises(exc.KlingModelRetiredError) as caught:
        DIALECTS[dialect].read_created(answer(None, status, code, text))

    assert caught.value.task_state is exc.TaskState.NOT_CREATED
    assert not caught.value.retryable
    assert "'kling-v2-6' instead" in str(caught.value)
    assert "nothing was charged" in str(caught.value)
