"""Answers that lie: taken for what they are, whatever they claim."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from airflow_provider_kling.api.dialects import DIALECTS
from airflow_provider_kling.api.http import LARGEST_ANSWER, Response
from airflow_provider_kling.api.scrub import Scrubber
from airflow_provider_kling.api.text import tidy, without_queries
from airflow_provider_kling.exceptions import KlingError, KlingResponseError, TaskState

LINK = "https://cdn.example/v.mp4?Expires=1&Signature=s"
TASK = {
    "task_id": "42",
    "task_status": "succeed",
    "task_info": {"external_task_id": "mine"},
    "task_result": {"videos": [{"id": "v", "url": LINK, "duration": "5.1"}]},
    "created_at": 1722769557708,
    "updated_at": 1722769557708,
}

both = pytest.mark.parametrize("dialect", ["llmprovider", "kling"])


def answer(dialect: str, task: object, status: int = 200) -> Response:
    body = task if dialect == "llmprovider" else {"code": 0, "data": task}
    return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())


def read(dialect: str, changes: dict[str, Any], asked_for: str = "42") -> Any:
    return DIALECTS[dialect].read_task(answer(dialect, {**TASK, **changes}), asked_for=asked_for)


@both
@pytest.mark.parametrize("asked_for", ["42", "mine"])
def test_a_task_is_known_by_either_id(dialect: str, asked_for: str) -> None:
    assert read(dialect, {}, asked_for).task_id == "42"


@both
@pytest.mark.parametrize("asked_for", ["43", "yours", "4", "MINE"])
def test_another_tasks_object_is_no_answer(dialect: str, asked_for: str) -> None:
    with pytest.raises(KlingResponseError, match="another task") as caught:
        read(dialect, {}, asked_for)
    assert caught.value.retryable


@both
def test_a_create_answered_with_another_wish_is_looked_up_and_not_believed(dialect: str) -> None:
    with pytest.raises(KlingResponseError, match="another task") as caught:
        DIALECTS[dialect].read_created(answer(dialect, TASK), sent="yours")
    assert caught.value.task_state is TaskState.MAY_EXIST


def test_one_odd_task_on_a_page_hides_none_of_the_others() -> None:
    page = DIALECTS["kling"].read_list(answer("kling", [TASK, {"task_id": []}, 7, {**TASK, "task_id": "43"}]))

    assert [task.task_id for task in page.tasks] == ["42", "43"]


NO_LINKS = [
    ["a"],
    7,
    True,
    "SUCCEED",
    "ftp://x/v.mp4",
    "http://[bad",
    "http://",
    "https://x:99999/v",
    "https://x/a b",
    {},
]
ODD = [
    *({"task_result": {"videos": [{"url": url}]}} for url in NO_LINKS if url),
    *({"task_info": {"external_task_id": own}} for own in ({"a": 1}, ["a"], 7, True, 1.5)),
    *({"task_id": task_id} for task_id in (True, ["a"], {"a": 1}, 1.5, 10**40)),
    {"task_result": {"videos": "none"}},
    {"task_result": {"videos": {"url": LINK}}},
    {"task_result": 7},
    {"task_info": "mine"},
    {"task_status_msg": {"why": "?"}},
]


@both
@pytest.mark.parametrize("changes", ODD, ids=lambda changes: json.dumps(changes)[:60])
def test_a_field_of_a_wrong_type_is_no_answer(dialect: str, changes: dict[str, Any]) -> None:
    with pytest.raises(KlingResponseError) as caught:
        read(dialect, changes)
    assert caught.value.retryable


@both
@pytest.mark.parametrize("value", [10**400, "1e999", -5, "x", [], True, "9" * 5000])
def test_numbers_that_are_none_are_left_out(dialect: str, value: object) -> None:
    changes = {
        "created_at": value,
        "updated_at": value,
        "final_unit_deduction": value,
        "task_result": {"videos": [{"url": LINK, "duration": value}]},
    }

    manifest = read(dialect, changes).manifest("text2video")

    json.dumps(manifest, allow_nan=False)
    assert (manifest["created_at"], manifest["videos"][0]["duration"], "units" in manifest) == (None, None, False)


@both
@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"code": 0, "data": NaN}', b'{"task_id": 1e', b"\xff\xfe{", b"9" * 9999]
)
def test_what_is_no_json_is_no_answer(dialect: str, body: bytes) -> None:
    with pytest.raises(KlingResponseError):
        DIALECTS[dialect].read_task(Response(200, {}, body), asked_for="42")


@both
@pytest.mark.parametrize("status", [408, 409, 410, 423, 424, 425, 460, 499, 500, 502, 504, 520, 200, 204])
@pytest.mark.parametrize("body", [b"<html>proxy</html>", b"plain words", b""])
def test_a_proxys_word_that_proves_nothing_leaves_a_submit_open(dialect: str, status: int, body: bytes) -> None:
    with pytest.raises(KlingError) as caught:
        DIALECTS[dialect].read_created(Response(status, {}, body))
    assert caught.value.task_state is TaskState.MAY_EXIST
    assert caught.value.retryable


@both
@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 405, 407, 413, 421, 429, 431])
def test_a_proxy_that_did_not_pass_a_submit_on_says_so(dialect: str, status: int) -> None:
    with pytest.raises(KlingError) as caught:
        DIALECTS[dialect].read_created(Response(status, {}, b"<html>no</html>"))
    assert caught.value.task_state is TaskState.NOT_CREATED


# --- size and encoding ------------------------------------------------------------------------------------------------


def test_a_body_is_decoded_up_to_the_limit() -> None:
    assert Response.received(200, {"content-encoding": "gzip"}, gzip.compress(b"{}")).body == b"{}"

    bomb = Response.received(200, {"content-encoding": "gzip"}, gzip.compress(b"0" * (LARGEST_ANSWER + 1)))
    assert (bomb.body, bomb.flaw) == (b"", "is larger than 16 MiB")


@pytest.mark.parametrize(
    ("encoding", "body", "flaw"),
    [
        ("gzip", b"{}", "not encoded as it says"),
        ("gzip", gzip.compress(b"{}" * 99)[:-9], "ends inside"),
        ("br", b"x", "not asked for"),
        ("", b"0" * (LARGEST_ANSWER + 1), "larger than"),
    ],
)
def test_a_body_that_cannot_be_read_is_no_answer(encoding: str, body: bytes, flaw: str) -> None:
    response = Response.received(200, {"content-encoding": encoding}, body)

    with pytest.raises(KlingResponseError, match=flaw) as caught:
        DIALECTS["kling"].read_created(response)
    assert caught.value.task_state is TaskState.MAY_EXIST


# --- secrets ----------------------------------------------------------------------------------------------------------

KEY = 'ab/cd+ef="gh&ij0123456789'


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        json.dumps(KEY)[1:-1],
        json.dumps(KEY)[1:-1].replace("/", "\\/"),
        "".join(f"\\u{ord(character):04x}" for character in KEY),
        "ab%2Fcd%2Bef%3D%22gh%26ij0123456789",
        "ab%2fcd%2bef%3d%22gh%26ij0123456789",
    ],
)
def test_a_key_is_found_in_every_form(form: str) -> None:
    body = f'{{"task_id": "t", "message": "you sent {form}"}}'.encode() if form != KEY else b"you sent " + KEY.encode()
    scrubbed = Scrubber([KEY]).response(Response(200, {"x-request-id": f"r {form}"}, body))

    assert b"you sent ***" in scrubbed.body
    assert "0123456789" not in scrubbed.body.decode()
    assert form.startswith("\\u") or scrubbed.headers["x-request-id"] == "r ***"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32"])
def test_a_key_is_found_in_every_encoding_that_json_is_read_from(encoding: str) -> None:
    body = json.dumps({"message": f"you sent {KEY}"}, ensure_ascii=False).encode(encoding)
    scrubbed = Scrubber([KEY]).response(Response(200, {}, body))

    assert json.loads(scrubbed.body) == {"message": "you sent ***"}


@both
@pytest.mark.parametrize(
    "changes", [{"task_id": "a\ud800"}, {"task_info": {"external_task_id": "\ud800"}}, {"task_id": "\0"}]
)
def test_half_a_character_is_no_id(dialect: str, changes: dict[str, Any]) -> None:
    scrubbed = Scrubber([]).response(answer(dialect, {**TASK, **changes}))

    with pytest.raises(KlingResponseError):
        DIALECTS[dialect].read_task(scrubbed, asked_for="42")


def test_escapes_of_whole_characters_are_written_out() -> None:
    scrubbed = Scrubber([]).response(Response(200, {}, b'{"b": "\\ud83d\\ude00"}'))

    assert scrubbed.body.decode() == '{"b": "\N{GRINNING FACE}"}'


@pytest.mark.parametrize(
    ("dialect", "status", "body"),
    [
        ("kling", 428, {"code": 0, "data": {"task_id": "1"}}),
        ("kling", 422, {"code": 0}),
        ("kling", 403, {"code": "5001"}),
        ("llmprovider", 400, {"task_id": "1", "task_status": "submitted"}),
        ("llmprovider", 400, {"error": {"code": 0}}),
    ],
)
def test_a_refusal_that_says_yes_as_well_leaves_a_submit_open(dialect: str, status: int, body: object) -> None:
    with pytest.raises(KlingError) as caught:
        DIALECTS[dialect].read_created(Response(status, {}, json.dumps(body).encode()))
    assert caught.value.task_state is TaskState.MAY_EXIST


def test_links_in_a_text_lose_their_query() -> None:
    text = f"Cannot fetch {LINK}, nor (/v.mp4?Signature=s), nor https%3A%2F%2Fx%2Fv%3FSignature%3Ds. Why? Because=x."

    assert "Signature" not in without_queries(text)
    assert without_queries(text).endswith("Why? Because=x.")
    assert "Signature" not in str(KlingError(f"see {LINK}"))


@pytest.mark.parametrize(
    "rest",
    [
        "ires=1&Signature=s3cret",
        "X-Amz-Signature=s3cret&X-Amz-Credential=s3cret",
        "OSSAccessKeyId=s3cret",
        "Signature%3Ds3cret",
    ],
)
def test_half_a_link_loses_its_signature(rest: str) -> None:
    """As where a host breaks its answer into chunks and does not say so."""
    assert "s3cret" not in without_queries(f"see https://cdn.example/v.mp4?Exp 36 {rest} and go")
    assert without_queries("The signature = of it, signature: x") == "The signature = of it, signature: x"


@pytest.mark.timeout(30)
@pytest.mark.parametrize("part", ["a", "signature", "x-amz-", "?", "%3F"])
def test_a_long_text_is_read_once(part: str) -> None:
    """Base64 of a picture is one word of megabytes; read anew from each letter on, it would take hours."""
    assert without_queries(part * 100_000)
    assert without_queries(part * 100_000 + "=")


def test_a_hosts_text_is_one_short_line() -> None:
    assert tidy("a\n\x1b[31mb\t c") == "a [31mb c"
    assert len(tidy("x" * 10_000)) == 500
