"""Both transports against a host that sends raw bytes: no answer is better than one that never ends."""

from __future__ import annotations

import asyncio
import gc
import json
import warnings

import pytest

from airflow_provider_kling.exceptions import KlingConnectionError, KlingError, KlingResponseError, TaskState
from airflow_provider_kling.hooks.kling import KlingHook
from tests.network.hosts import RawHost, drip, elapsed, http

FLAT = json.dumps({"task_id": "t", "task_status": "submitted"}).encode()


def poll(monkeypatch: pytest.MonkeyPatch, host: RawHost, *, asynchronous: bool, timeout: float = 5) -> object:
    connection = {"conn_type": "kling", "host": host.url, "password": "key", "extra": {"timeout": timeout}}
    monkeypatch.setenv("AIRFLOW_CONN_RAW", json.dumps(connection))

    async def apoll() -> object:
        async with KlingHook("raw") as hook:
            return await hook.aget_task("t")

    if asynchronous:
        return asyncio.run(apoll())
    with KlingHook("raw") as hook:
        return hook.get_task("t")


both = pytest.mark.parametrize("asynchronous", [False, True], ids=["requests", "aiohttp"])


@both
@pytest.mark.parametrize("part", ["head", "body"])
def test_an_answer_byte_by_byte_ends_with_the_timeout(
    monkeypatch: pytest.MonkeyPatch, asynchronous: bool, part: str
) -> None:
    answer = drip(http(FLAT * 9)) if part == "head" else [http(b" " * 99)[:-99], *drip(b" " * 99)]
    with RawHost(answer) as host, elapsed() as seconds, pytest.raises(KlingConnectionError, match="gave no answer"):
        poll(monkeypatch, host, asynchronous=asynchronous, timeout=1)
    # All of it would take twenty.
    assert seconds[0] < 6


@both
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://\xff\xfe/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[bad\r\nContent-Length: 0\r\n\r\n",
        b"",
    ],
)
def test_a_broken_answer_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, asynchronous: bool, answer: bytes
) -> None:
    with RawHost(answer) as host, pytest.raises(KlingError):
        poll(monkeypatch, host, asynchronous=asynchronous)


@both
@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_refused_answer_leaves_no_socket_open(
    monkeypatch: pytest.MonkeyPatch, asynchronous: bool, connection: str
) -> None:
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\nConnection: {connection}\r\n\r\nhello".encode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with RawHost(answer) as host, pytest.raises(KlingError) as raised:
            poll(monkeypatch, host, asynchronous=asynchronous)
        # As where an error is kept: only the garbage collector ends it, and a socket with it.
        raised.value.args = (raised.value, raised.value)
        del raised
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


@both
def test_an_answer_without_end_is_left_at_the_limit(monkeypatch: pytest.MonkeyPatch, asynchronous: bool) -> None:
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (17 << 20)
    with RawHost(endless) as host, pytest.raises(KlingResponseError, match="larger than 16 MiB"):
        poll(monkeypatch, host, asynchronous=asynchronous)


def test_a_submit_that_is_cut_may_have_made_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawHost(drip(http(FLAT))) as host:
        connection = {"conn_type": "kling", "host": host.url, "password": "key", "extra": {"timeout": 0.5}}
        monkeypatch.setenv("AIRFLOW_CONN_RAW", json.dumps(connection))
        with KlingHook("raw") as hook, pytest.raises(KlingConnectionError, match=r"within 0\.5 s") as caught:
            hook.create_task({"model": "kling-v1", "prompt": "A cat"})
    assert caught.value.task_state is TaskState.MAY_EXIST
