"""
The error table: HTTP status and service code -> exception, can a retry help, may a task exist.

Sources: Kling's page of error codes (service codes) and llmprovider's page of error codes (HTTP statuses). Whether a
task may exist after a failed create is documented nowhere; it follows the live-tested client aself101/kling-api:
every refusal by code 1000 to 1304 comes before creation, every 5xx and every lost or garbled answer is open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_kling import exceptions as exc
from airflow_provider_kling.api.http import Response
from airflow_provider_kling.api.models import successor_of
from airflow_provider_kling.api.text import tidy


@dataclass(frozen=True, slots=True)
class Rule:
    """
    What one kind of refusal means.

    :param error: the exception.
    :param meaning: the vendor's explanation, used where the answer carries no text.
    :param retryable: whether the same request can succeed later without a change by the user.
    :param may_exist: whether a create that ended like this may have made a task.
    """

    error: type[exc.KlingAPIError]
    meaning: str
    retryable: bool = False
    may_exist: bool = False


_AUTH, _PERMISSION, _BALANCE = exc.KlingAuthenticationError, exc.KlingPermissionError, exc.KlingBalanceError
_INVALID, _MODERATION = exc.KlingInvalidRequestError, exc.KlingModerationError
_RATE, _SERVER = exc.KlingRateLimitError, exc.KlingServerError

BY_CODE: dict[int, Rule] = {
    1000: Rule(_AUTH, "Authentication failed"),
    1001: Rule(_AUTH, "Authorization is empty"),
    1002: Rule(_AUTH, "Authorization is invalid"),
    1003: Rule(_AUTH, "Authorization is not yet valid"),
    1004: Rule(_AUTH, "Authorization has expired"),
    1100: Rule(_PERMISSION, "Abnormal account status"),
    # 429 by status, yet waiting never helps: a client that retried it blindly ended in "Rate Limit Exceeded"
    # (Comfy-Org/ComfyUI_frontend#4117).
    1101: Rule(_BALANCE, "Account in arrears (postpaid)"),
    1102: Rule(_BALANCE, "Resource pack used up or expired (prepaid)"),
    1103: Rule(_PERMISSION, "No access to this API or model"),
    1200: Rule(_INVALID, "Invalid request parameters"),
    1201: Rule(_INVALID, "Invalid parameter value"),
    1202: Rule(_INVALID, "Invalid method"),
    1203: Rule(_INVALID, "The requested resource does not exist"),
    1300: Rule(_MODERATION, "Blocked by platform policy"),
    1301: Rule(_MODERATION, "Blocked by content security policy"),
    1302: Rule(_RATE, "Too many requests", retryable=True),
    1303: Rule(_RATE, "Too many tasks at once for the resource pack", retryable=True),
    1304: Rule(_PERMISSION, "Blocked by the IP allow-list"),
    5000: Rule(_SERVER, "Server internal error", retryable=True, may_exist=True),
    5001: Rule(_SERVER, "Server temporarily unavailable", retryable=True, may_exist=True),
    5002: Rule(_SERVER, "Server internal timeout", retryable=True, may_exist=True),
}

BY_STATUS: dict[int, Rule] = {
    400: Rule(_INVALID, "Invalid format"),
    401: Rule(_AUTH, "Authentication fails"),
    402: Rule(_BALANCE, "Out of balance"),
    403: Rule(_PERMISSION, "Forbidden"),
    404: Rule(_INVALID, "No such resource"),
    422: Rule(_INVALID, "Invalid parameters"),
    429: Rule(_RATE, "Rate limit reached", retryable=True),
    500: Rule(_SERVER, "Server error", retryable=True, may_exist=True),
    503: Rule(_SERVER, "Server overloaded", retryable=True, may_exist=True),
}

INVALID_METHOD = 1202
"""HTTP 404, yet it says that the path is wrong and nothing of the task."""

STALE_TOKEN_CODES = frozenset({1003, 1004})
"""Refusals of a token by its times; a fresh signature can heal them."""

NEVER_ARRIVED = frozenset(
    {
        *range(300, 400),
        400,
        401,
        402,
        403,
        404,
        405,
        406,
        407,
        411,
        413,
        414,
        415,
        417,
        421,
        422,
        426,
        428,
        429,
        431,
        451,
    }
)
"""
Statuses with which whoever answers says that it did not act on the request, nor pass it on (RFC 9110, 6585, 7725).

Not among them: 408 and 499 (somebody gave up waiting), 409, 423 and 425 (the request met another one, which may have
been the same one sent before), 410 and 424, and whatever is not registered.
"""

_OTHER_SERVER = Rule(_SERVER, "Server error", retryable=True, may_exist=True)
_OTHER_CLIENT = Rule(_INVALID, "The request was refused")
_UNCLEAR = Rule(_SERVER, "The request may have been acted on", retryable=True, may_exist=True)

# 1201 means three things that only the text tells apart: an invalid value, "Task not found by id/external id: …"
# (seen live) and "already exists" (seen live for a repeated external id). new-api gateways say task_not_exist.
_NOT_FOUND = re.compile(r"not[ _](found|exist)|does(n't| not) exist|no such task", re.IGNORECASE)
# What is said of a path that nothing is at, by Kling (1202), new-api and others: it tells nothing of the task.
_NO_ROUTE = re.compile(r"invalid url|method is invalid|no[ _](such[ _])?(path|route)|route not found", re.IGNORECASE)
_EXISTS = re.compile(r"already exist|duplicate", re.IGNORECASE)
# Texts seen live of tasks that failed: "Failure to pass the risk control system", "Content policy violation".
_MODERATED = re.compile(
    r"risk control|content[ _](policy|security)|(?<!case[ -])sensitive|moderation|prohibited", re.IGNORECASE
)
# Seen live: "The model 'kling-v1' has been discontinued and is no longer available." Its code was not written down.
_RETIRED = re.compile(r"\bmodel\b.*\b(discontinued|no longer (available|supported))", re.IGNORECASE)
_MODEL_NAME = re.compile(r"\bkling[\w.-]*[\w]")


def error_for(
    response: Response, *, code: object, message: object, request_id: str | None, creating: bool
) -> exc.KlingAPIError:
    """
    Return the error for an answer that says no.

    :param response: the answer.
    :param code: what the body has for the vendor's code.
    :param message: what it has for a text.
    :param request_id: the vendor's id of the request.
    :param creating: whether the request would have been paid for.
    """
    code = service_code(code)
    message = tidy(message) if message else ""
    rule = _rule(response.status, code)
    astray = response.status == 404 and (code == INVALID_METHOD or bool(_NO_ROUTE.search(f"{code} {message}")))
    looks_up = not creating and not astray
    kind = _kind(rule, f"{code} {message}", missing=looks_up and response.status == 404, looks_up=looks_up)
    if creating and kind in (_INVALID, _PERMISSION) and _RETIRED.search(message):
        kind = exc.KlingModelRetiredError
    elif (
        creating
        and rule is BY_STATUS.get(response.status)
        and kind is _INVALID
        and tells_of_moderation(f"{code} {message}")
    ):
        # A gateway has no codes of Kling's; its words are the only signal.
        kind = _MODERATION
    error = kind(
        f"Kling refused: {message or rule.meaning}.".replace("..", "."),
        request_id=request_id,
        http_status=response.status,
        code=code,
        retryable=rule.retryable,
        task_state=_task_state(rule, kind) if creating else None,
    )
    if isinstance(error, exc.KlingRateLimitError):
        error.retry_after = response.retry_after
    error.next_step = _advice(error, message, astray=astray)
    return error


def _advice(error: exc.KlingAPIError, message: str, *, astray: bool) -> str:
    if astray and type(error) is _INVALID:
        return (
            "The host has nothing at this path. Check host (with its path prefix) and dialect of the connection, and "
            "that the service has this capability."
        )
    if isinstance(error, exc.KlingModelRetiredError) and (successor := _successor(message)):
        return f"Use model {successor!r} instead; docs/models.md lists what Kling sells now."
    return error.next_step


def tells_of_moderation(text: str) -> bool:
    """Whether a reason in words is that of Kling's moderation."""
    return bool(_MODERATED.search(text))


def _successor(message: str) -> str:
    """Return the model to use instead of the one that a text names, or nothing where that is not known."""
    named = _MODEL_NAME.search(message)
    return successor_of(named.group()) if named else ""


def _rule(status: int, code: int | str | None) -> Rule:
    if code == 0:
        # Kling's word for "done", with a status that says otherwise.
        return _UNCLEAR
    if isinstance(code, int) and code in BY_CODE:
        return BY_CODE[code]
    if status in BY_STATUS:
        return BY_STATUS[status]
    if status in NEVER_ARRIVED:
        return _OTHER_CLIENT
    # Everything else is open: 5xx, a request time-out, and a code of its own on HTTP 200.
    return _UNCLEAR if 400 <= status < 500 else _OTHER_SERVER


def service_code(code: object) -> int | str | None:
    """Return a vendor's code, a number that is text as a number; ``False`` is an int to Python, and no code."""
    if isinstance(code, int) and not isinstance(code, bool) and code.bit_length() <= 64:
        return code
    if isinstance(code, str) and code.isdecimal() and len(code) <= 6:
        return int(code)
    return tidy(code, 60) if isinstance(code, str) and code else None


def _kind(rule: Rule, text: str, *, missing: bool, looks_up: bool) -> type[exc.KlingAPIError]:
    if rule.error is not _INVALID and rule is not _UNCLEAR:
        return rule.error
    if _EXISTS.search(text):
        return exc.KlingTaskExistsError
    if rule is _UNCLEAR:
        return rule.error
    # A create answered "not found" means a wrong host or path, not a missing task.
    if missing or (looks_up and _NOT_FOUND.search(text)):
        return exc.KlingTaskNotFoundError
    return rule.error


def _task_state(rule: Rule, kind: type[exc.KlingAPIError]) -> exc.TaskState:
    if kind is exc.KlingTaskExistsError:
        return exc.TaskState.EXISTS
    return exc.TaskState.MAY_EXIST if rule.may_exist else exc.TaskState.NOT_CREATED
