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
