"""Ask for the account's resource packs, which Kling answers once a second at most."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from airflow_provider_kling.api import quota
from airflow_provider_kling.api.errors import INVALID_METHOD
from airflow_provider_kling.compat import clock
from airflow_provider_kling.exceptions import KlingConfigurationError, KlingError, KlingRateLimitError

if TYPE_CHECKING:
    from airflow_provider_kling.api.http import Request, Response
    from airflow_provider_kling.api.quota import Quota
    from airflow_provider_kling.hooks.settings import Settings

# Kling measures when requests arrive, and the way there takes now longer, now shorter.
_SECONDS_BETWEEN = 1.1
# Other processes ask as well, and know nothing of this one.
_ATTEMPTS = 4

_next_turns: dict[str, float] = {}
_lock = Lock()


def ask(settings: Settings, send: Callable[[Request], Response]) -> Quota:
    """
    Return what the account has left. May wait a few seconds for its turn.

    :param send: carries a request with the connection's key.
    :raises KlingConfigurationError: where the service has no such endpoint.
    """
    pause, attempts = _first_pause(settings), 1
    while True:
        clock.sleep(pause)
        request, now = _request()
        try:
            answer = send(request)
            _answered(settings.base_url)
            return quota.read_quota(settings.dialect, answer, now)
        except KlingError as error:
            pause = _pause_after(error, attempts, settings)
            attempts += 1


async def aask(settings: Settings, send: Callable[[Request], Awaitable[Response]]) -> Quota:
    """Do :func:`ask` without blocking the event loop."""
    pause, attempts = _first_pause(settings), 1
    while True:
        await clock.asleep(pause)
        request, now = _request()
        try:
            answer = await send(request)
            _answered(settings.base_url)
            return quota.read_quota(settings.dialect, answer, now)
        except KlingError as error:
            pause = _pause_after(error, attempts, settings)
            attempts += 1


def _first_pause(settings: Settings) -> float:
    if settings.dialect.name not in quota.DIALECTS:
        raise _has_none(settings)
    return _until_turn(settings.base_url)


def _pause_after(error: KlingError, attempts: int, settings: Settings) -> float:
    """Return the seconds to wait before the next attempt, or raise what no other one can help."""
    if error.http_status in (404, 405, 501) or error.code == INVALID_METHOD:
        raise _has_none(settings, error) from error
    if not isinstance(error, KlingRateLimitError) or attempts >= _ATTEMPTS:
        raise error
    return max(_until_turn(settings.base_url), error.retry_after or 0.0)


def _until_turn(base_url: str) -> float:
    """Take the next turn at this service for this process, and return the seconds until then."""
    with _lock:
        now = time.monotonic()
        turn = max(now, _next_turns.get(base_url, now))
        _next_turns[base_url] = turn + _SECONDS_BETWEEN
        return turn - now


def _answered(base_url: str) -> None:
    """Let the next turn begin no sooner than a second after this answer: the request arrived some time before it."""
    with _lock:
        _next_turns[base_url] = max(_next_turns.get(base_url, 0.0), time.monotonic() + _SECONDS_BETWEEN)


def _request() -> tuple[Request, datetime]:
    now = datetime.fromtimestamp(clock.now(), tz=UTC)
    return quota.quota_request(now), now


def _has_none(settings: Settings, error: KlingError | None = None) -> KlingConfigurationError:
    what = f"answered: {error.message}" if error else f"speaks dialect {settings.dialect.name!r}, which documents none"
    message = f"{settings.base_url} has no {quota.PATH}, so what is left in the account cannot be told; it {what}."
    return KlingConfigurationError(
        message.replace("..", "."),
        next_step="Use a connection to Kling's own API (dialect 'kling'), or look into the service's console.",
    )
