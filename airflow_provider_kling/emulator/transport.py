"""Answers that no well-behaved server gives: none at all, a late one, half of one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "kling_emulator.transport"
_HOLD_STEP = 0.05


class EmulatorProtocol(H11Protocol):
    """uvicorn's HTTP protocol that shows each request the connection it came by, and keeps no access log."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does it
        self.app_state = {**self.app_state, _TRANSPORT: transport}
        super().connection_made(transport)


def transport_of(scope: Scope) -> asyncio.Transport:
    """The connection that a request came by."""
    transport: asyncio.Transport = scope["state"][_TRANSPORT]
    return transport


async def _gone(receive: Receive) -> None:
    """Return when the client is gone; uvicorn logs an error when an app returns early on a living connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Dropped(Response):
    """Resets the connection before any byte of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = transport_of(scope)
        with contextlib.suppress(OSError, AttributeError):
            # Lingering for 0 seconds makes close() send RST instead of FIN: what a crashed or restarted server does.
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
        await _gone(receive)


class Held(Response):
    """Holds ``answer`` back for ``seconds`` of real time, less if the client goes or ``released`` says so."""

    def __init__(self, answer: Response, seconds: float, released: Callable[[], bool]) -> None:
        super().__init__(status_code=answer.status_code)
        self.answer = answer
        self.seconds = seconds
        self.released = released

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self.seconds
        gone = asyncio.ensure_future(_gone(receive))
        while not gone.done() and not self.released() and (left := until - loop.time()) > 0:
            await asyncio.wait({gone}, timeout=min(_HOLD_STEP, left))
        if gone.done():
            return
        gone.cancel()
        await self.answer(scope, receive, send)


class CutShort(Response):
    """Sends the first ``keep`` bytes of ``body``.

    With ``honest_length`` the Content-Length tells of all of them and the connection is closed early; without it the
    body comes in chunks and ends as if that were all, which only the video's own container gives away.
    """

    def __init__(self, body: bytes, keep: int, media_type: str, *, honest_length: bool) -> None:
        super().__init__(media_type=media_type)
        self.whole = body
        self.keep = keep
        self.honest_length = honest_length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", (self.media_type or "").encode())]
        if self.honest_length:
            headers.append((b"content-length", str(len(self.whole)).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        part = self.whole[: self.keep]
        await send({"type": "http.response.body", "body": part, "more_body": self.honest_length})
        if self.honest_length:
            transport_of(scope).close()
            await _gone(receive)
