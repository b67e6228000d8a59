"""A host that answers in raw bytes: what it says for a case was written down before the case is played."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from threading import Thread

_NUMBER = re.compile(rb"(?:(?:case-|9000)(\d{6})|pageSize=(\d+))")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

WALK = -500
"""The number of no case: what the poller's walk asks for. Lists have the negative of the size that is asked for."""

KEY = "fuzz/key+0123456789=ABCDEF~ghij/klmn"
"""In its URL- and JSON-encoded forms it reads differently."""


class Host:
    """
    A raw server on one loopback address, in a thread of its own. It closes each connection after one answer.

    :param address: to listen on.

    :ivar answers: what it says, by the number of the case in the request.
    :ivar asked: the first lines of the requests, by the number of the case; those without a number count for -1.
    """

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.address = address
        self.answers: dict[int, bytes] = {}
        self.asked: defaultdict[int, list[bytes]] = defaultdict(list)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Host:
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, self.address, 0), self._loop)
        self._server = started.result()
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://{self.address}:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            first = await reader.readexactly(1)
            # A TLS client sends no line, and waits for an answer.
            head = first + (await reader.readuntil(b"\r\n\r\n") if first.isalpha() else b"")
            length = _LENGTH.search(head)
            # What is left unread when a socket is closed resets the connection, and the answer with it.
            body = await reader.readexactly(int(length[1])) if length else b""
            found = _NUMBER.search(head) or _NUMBER.search(body)
            number = int(found[1] or b"-" + found[2]) if found else -1
            self.asked[number].append(head.partition(b"\r\n")[0])
            writer.write(self.answers.get(number, b"HTTP/1.1 500 No Case\r\ncontent-length: 0\r\n\r\n"))
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def conn_id(dialect: str) -> str:
    """Return the id of the connection that speaks a dialect."""
    return f"fuzz_{dialect.replace('-', '_')}"


@contextlib.contextmanager
def connected(host: Host, dialects: list[str], *, timeout: float = 2.0) -> Iterator[None]:
    """Set an Airflow connection to the host for each dialect."""
    # Building a trust store per session, which a bundle in the environment asks for, takes ten times as long as a case.
    bundles = {name: os.environ.pop(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if name in os.environ}
    names = {f"AIRFLOW_CONN_{conn_id(dialect).upper()}": dialect for dialect in dialects}
    for name, dialect in names.items():
        connection = {"conn_type": "kling", "host": host.url, "password": KEY}
        os.environ[name] = json.dumps({**connection, "extra": {"dialect": dialect, "timeout": timeout}})
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]
        os.environ.update(bundles)
