"""Who is let in."""

from __future__ import annotations

import time

import jwt
import pytest
import requests

from airflow_provider_kling.emulator import KlingEmulator
from tests.emulator.client import PATH, Client, refusal


def token(
    emulator: KlingEmulator, *, secret: str = "", exp: int | None = 1800, nbf: int = -5, **changes: object
) -> str:
    """Sign a token; ``exp`` and ``nbf`` are seconds from now."""
    connection = emulator.connection("kling", auth="jwt")
    now = int(time.time())
    claims = {"iss": connection["login"], "exp": None if exp is None else now + exp, "nbf": now + nbf, **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, secret or connection["password"], algorithm="HS256")


def test_a_signed_token_is_taken(kling: Client) -> None:
    kling.token = token(kling.emulator)
    assert kling.create().status_code == 200


@pytest.mark.kling_emulator(clock="manual")
def test_tokens_are_measured_by_real_time(kling: Client) -> None:
    kling.emulator.advance(10 * 24 * 3600)
    kling.token = token(kling.emulator)
    assert kling.create().status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": -10}, 1004),
        ({"nbf": 600}, 1003),
        ({"iss": "somebody else"}, 1002),
        ({"exp": None}, 1002),
        ({"secret": "another secret key of at least 32 bytes"}, 1000),
    ],
)
def test_tokens_that_are_refused(kling: Client, changes: dict[str, object], code: int) -> None:
    kling.token = token(kling.emulator, **changes)  # type: ignore[arg-type]
    assert refusal(kling.create()) == (401, code)
    assert len(kling.emulator.ledger) == 0


@pytest.mark.parametrize(
    ("header", "code"), [(None, 1001), ("", 1001), ("Basic abc", 1002), ("Bearer", 1002), ("Bearer wrong", 1002)]
)
def test_keys_that_are_refused(kling_emulator: KlingEmulator, header: str | None, code: int) -> None:
    headers = {} if header is None else {"Authorization": header}
    for path in ("", "/nobody"):
        answer = requests.get(kling_emulator.base_url("kling") + PATH + path, headers=headers, timeout=10)
        assert refusal(answer) == (401, code)


def test_the_gateway_takes_keys_only(gateway: Client) -> None:
    gateway.token = token(gateway.emulator)
    answer = gateway.create()
    assert refusal(answer) == (401, "auth_invalid")
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.kling_emulator(api_key="my own key")
def test_own_key(client: Client) -> None:
    assert client.create().status_code == 200
    client.token = "emulator-api-key"
    assert client.create().status_code == 401


def test_the_journal_keeps_no_key(client: Client) -> None:
    client.create()
    [entry] = client.emulator.journal
    assert entry.headers["authorization"].startswith("Bearer sha256:")
    assert client.emulator.api_key not in repr(client.emulator.journal)
