from __future__ import annotations

import json
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling import exceptions as exc
from airflow_provider_kling.api.capabilities import TEXT2VIDEO
from airflow_provider_kling.api.dialects import DIALECTS
from airflow_provider_kling.api.errors import BY_CODE
from airflow_provider_kling.api.http import Response
from airflow_provider_kling.exceptions import TaskState


def response(status: int, body: object, **headers: str) -> Response:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def create_error(dialect: str, answer: Response) -> exc.KlingError:
    with pytest.raises(exc.KlingError) as caught:
        DIALECTS[dialect].read_created(answer)
    return caught.value


# Kling's table of service codes: (code, HTTP status, exception, can a retry help, may a task exist after a create)
TABLE = [
    (1000, 401, exc.KlingAuthenticationError, False, False),
    (1001, 401, exc.KlingAuthenticationError, False, False),
    (1002, 401, exc.KlingAuthenticationError, False, False),
    (1003, 401, exc.KlingAuthenticationError, False, False),
    (1004, 401, exc.KlingAuthenticationError, False, False),
    (1100, 429, exc.KlingPermissionError, False, False),
    (1101, 429, exc.KlingBalanceError, False, False),
    (1102, 429, exc.KlingBalanceError, False, False),
    (1103, 403, exc.KlingPermissionError, False, False),
    (1200, 400, exc.KlingInvalidRequestError, False, False),
    (1201, 400, exc.KlingInvalidRequestError, False, False),
    (1202, 404, exc.KlingInvalidRequestError, False, False),
    (1203, 404, exc.KlingInvalidRequestError, False, False),
    (1300, 400, exc.KlingModerationError, False, False),
    (1301, 400, exc.KlingModerationError, False, False),
    (1302, 429, exc.KlingRateLimitError, True, False),
    (1303, 429, exc.KlingRateLimitError, True, False),
    (1304, 429, exc.KlingPermissionError, False, False),
    (5000, 500, exc.KlingServerError, True, True),
    (5001, 503, exc.KlingServerError, True, True),
    (5002, 504, exc.KlingServerError, True, True),
]


@pytest.mark.parametrize(("code", "status", "kind", "retryable", "may_exist"), TABLE)
def test_each_row_of_klings_table(code: int, status: int, kind: type, retryable: bool, may_exist: bool) -> None:
    error = create_error("kling", response(status, {"code": code, "message": "because", "request_id": "req-7"}))

    assert type(error) is kind
    assert error.retryable is retryable
    assert error.task_state is (TaskState.MAY_EXIST if may_exist else TaskState.NOT_CREATED)
    assert (error.code, error.http_status, error.request_id) == (code, status, "req-7")


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, "content_policy", "Trigger the platform's content security policy", exc.KlingModerationError),
        (400, None, "Your prompt contains sensitive words", exc.KlingModerationError),
        (422, "content_policy_violation", "no", exc.KlingModerationError),
        (422, None, "model names are case-sensitive", exc.KlingInvalidRequestError),
        (400, 1201, "mode: prohibited value", exc.KlingInvalidRequestError),
        (403, None, "content policy", exc.KlingPermissionError),
        (500, None, "content policy service is down", exc.KlingServerError),
    ],
)
def test_a_gateway_without_klings_codes_tells_of_moderation_in_words(
    status: int, code: object, message: str, kind: type
) -> None:
    error = create_error("llmprovider", response(status, {"error": {"code": code, "message": message}}))

    assert type(error) is kind
    if kind is exc.KlingModerationError:
        assert error.task_state is TaskState.NOT_CREATED
        assert not error.retryable


def test_the_table_is_complete() -> None:
    assert {row[0] for row in TABLE} == set(BY_CODE)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, exc.KlingInvalidRequestError),
        (401, exc.KlingAuthenticationError),
        (402, exc.KlingBalanceError),
        (403, exc.KlingPermissionError),
        (404, exc.KlingInvalidRequestError),
        (422, exc.KlingInvalidRequestError),
        (429, exc.KlingRateLimitError),
        (500, exc.KlingServerError),
        (502, exc.KlingServerError),
        (503, exc.KlingServerError),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "the reason", "type": "x", "param": None, "code": None}},
        {"message": "the reason"},
        {"msg": "the reason"},
        {"detail": "the reason"},
        {"error": "the reason"},
        "the reason",
    ],
)
def test_the_gateways_statuses_whatever_the_body(status: int, kind: type, body: object) -> None:
    error = create_error("llmprovider", response(status, body))

    assert type(error) is kind
    assert "the reason" in str(error)
    assert error.task_state is (TaskState.MAY_EXIST if status >= 500 else TaskState.NOT_CREATED)


@pytest.mark.parametrize(
    ("dialect", "status", "body"),
    [
        ("kling", 400, {"code": 1201, "message": "Task not found by id/external id: x"}),
        ("llmprovider", 404, {"error": {"message": "nothing here"}}),
        ("llmprovider", 400, {"code": "task_not_exist", "message": "task_not_exist"}),
    ],
)
def test_an_unknown_id_is_not_found(dialect: str, status: int, body: object) -> None:
    with pytest.raises(exc.KlingTaskNotFoundError):
        DIALECTS[dialect].read_task(response(status, body), asked_for="x")


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("kling", {"code": 1202, "message": "The requested method is invalid"}),
        ("kling", {"error": {"message": "Invalid URL (GET /v1/videos/text2video/x)", "type": "invalid_request_error"}}),
        ("kling-v3", {"error": "no such path"}),
        ("llmprovider", {"error": {"message": "Route not found", "code": "no_route"}}),
    ],
)
def test_a_path_that_nothing_is_at_says_nothing_of_the_task(dialect: str, body: object) -> None:
    """A lookup with the wrong host or dialect must not pass for "not found", on which a task would be bought again."""
    with pytest.raises(exc.KlingInvalidRequestError) as caught:
        DIALECTS[dialect].read_task(response(404, body), asked_for="x")

    assert type(caught.value) is exc.KlingInvalidRequestError
    assert "Check host (with its path prefix) and dialect" in str(caught.value)


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_a_gateways_reason_is_told_in_every_dialect(dialect: str) -> None:
    error = create_error(dialect, response(422, {"error": {"message": "model_name is not known", "code": "x"}}))

    assert "model_name is not known" in str(error)
    assert error.task_state is TaskState.NOT_CREATED


def test_a_retired_model_that_was_not_asked_for_hints_at_the_dialect() -> None:
    """Kling's own API takes no notice of llmprovider's field for the model, and makes kling-v1 of every request."""
    gone = {"code": 1201, "message": "The model 'kling-v1' has been discontinued and is no longer available."}

    assert "set dialect 'kling'" in str(create_error("llmprovider", response(400, gone)))
    assert "Use model 'kling-v2-6' instead" in str(create_error("kling", response(400, gone)))


def test_1201_has_three_meanings_that_the_text_tells_apart() -> None:
    exists = create_error("kling", response(400, {"code": 1201, "message": "external_task_id already exists"}))
    invalid = create_error("kling", response(400, {"code": 1201, "message": "cfg_scale is invalid"}))

    assert type(exists) is exc.KlingTaskExistsError
    assert exists.task_state is TaskState.EXISTS
    assert type(invalid) is exc.KlingInvalidRequestError


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (200, "<html>Sign in to the wifi</html>", TaskState.MAY_EXIST),
        (502, "<html>Bad gateway</html>", TaskState.MAY_EXIST),
        (403, "<html>Blocked</html>", TaskState.NOT_CREATED),
        (200, '{"task_id": "tas', TaskState.MAY_EXIST),
        # Cut off, with the code of a server error in it.
        (404, '{"code": 5001, "message": "tempor', TaskState.MAY_EXIST),
        (200, "", TaskState.MAY_EXIST),
        (200, '{"hello": "world"}', TaskState.MAY_EXIST),
        (200, "[]", TaskState.MAY_EXIST),
    ],
)
def test_an_answer_that_is_not_the_apis(dialect: str, status: int, body: str, state: TaskState) -> None:
    error = create_error(dialect, response(status, body, content_type="text/html"))

    assert type(error) is exc.KlingResponseError
    assert error.task_state is state
    assert "text/html" in str(error)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["succeed", "failed", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["code", "data", "message", "error", "task_id", "task_status", "task_result", "videos", "url"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(sorted(DIALECTS)), st.sampled_from([200, 201, 302, 400, 404, 429, 500]), json_values)
def test_any_json_is_a_task_or_one_of_our_errors(dialect: str, status: int, body: object) -> None:
    for read in (
        DIALECTS[dialect].read_created,
        DIALECTS[dialect].read_list,
        partial(DIALECTS[dialect].read_task, asked_for="x"),
    ):
        with suppress(exc.KlingError):
            read(response(status, body))


def test_a_redirect_is_named_and_nothing_was_created() -> None:
    error = create_error("llmprovider", response(301, "", location="https://elsewhere.example/"))

    assert "redirects to 'https://elsewhere.example/'" in str(error)
    assert error.task_state is TaskState.NOT_CREATED


def test_retry_after_is_kept() -> None:
    error = create_error("kling", response(429, {"code": 1303, "message": "busy"}, retry_after="7"))

    assert isinstance(error, exc.KlingRateLimitError)
    assert error.retry_after == 7


def test_the_message_tells_what_happened_to_the_money_and_what_to_do() -> None:
    error = create_error("kling", response(429, {"code": 1102, "message": "Account balance not enough"}))

    assert str(error) == (
        "Kling refused: Account balance not enough. (HTTP 429, code 1102) No video was created and nothing was "
        "charged. Top up the account or resource pack, then clear this task."
    )


def test_ids_are_opaque_and_quoted() -> None:
    assert DIALECTS["llmprovider"].get(TEXT2VIDEO, "a/b c").path == "/v1/task/a%2Fb%20c"
    assert DIALECTS["kling"].get(TEXT2VIDEO, "CjNQ==").path == "/v1/videos/text2video/CjNQ%3D%3D"
