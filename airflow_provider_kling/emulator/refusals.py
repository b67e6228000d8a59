"""Why a request is refused, before any dialect gives it a status and a body."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """Each dialect has a table from these to what it answers."""

    AUTH_EMPTY = "auth_empty"
    AUTH_INVALID = "auth_invalid"
    AUTH_SIGNATURE = "auth_signature"
    AUTH_NOT_YET = "auth_not_yet"
    AUTH_EXPIRED = "auth_expired"
    BAD_JSON = "bad_json"
    INVALID_FIELD = "invalid_field"
    UNKNOWN_MODEL = "unknown_model"
    RETIRED = "retired"
    DUPLICATE = "duplicate"
    NOT_FOUND = "not_found"
    NO_ROUTE = "no_route"
    CONTENT_POLICY = "content_policy"
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    NO_BALANCE = "no_balance"
    INTERNAL = "internal"
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"


class Refusal(Exception):
    """A request that is not carried out.

    ``message`` is for people, ``field`` the body field at fault if one is, ``retry_after`` the seconds for the
    ``Retry-After`` header (429 answers only; None leaves the header to the settings).
    """

    def __init__(self, reason: Reason, message: str, *, field: str | None = None, retry_after: float | None = None):
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.retry_after = retry_after


def invalid(field: str, why: str) -> Refusal:
    """The refusal of a field, in a sentence that starts with its name."""
    return Refusal(Reason.INVALID_FIELD, f"{field} {why}", field=field)


def discontinued(model: str, field: str | None = None) -> Refusal:
    """Seen live, word for word."""
    return Refusal(
        Reason.RETIRED, f"The model {model!r} has been discontinued and is no longer available.", field=field
    )


def unknown_model(model: str, field: str) -> Refusal:
    """Documented for 1203: "the requested resource does not exist, such as the model"."""
    return Refusal(Reason.UNKNOWN_MODEL, f"{field} {model!r} does not exist", field=field)


def duplicate(external_task_id: str | None) -> Refusal:
    """The words "already exists" were seen live, the rest of the sentence is ours."""
    return Refusal(Reason.DUPLICATE, f"external_task_id already exists: {external_task_id}", field="external_task_id")


def not_found(task_id: str) -> Refusal:
    """Seen live, word for word."""
    return Refusal(Reason.NOT_FOUND, f"Task not found by id/external id: {task_id}")


def no_balance() -> Refusal:
    """Seen live, word for word."""
    return Refusal(Reason.NO_BALANCE, "Account balance not enough")


def busy(retry_after: float | None = None) -> Refusal:
    """Seen live, word for word."""
    return Refusal(Reason.BUSY, "parallel task over resource pack limit", retry_after=retry_after)


def too_fast(retry_after: float | None = None) -> Refusal:
    """The documented meaning of 1302."""
    return Refusal(Reason.RATE_LIMITED, "Too many requests; rate limit exceeded", retry_after=retry_after)
