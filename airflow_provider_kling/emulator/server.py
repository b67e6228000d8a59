"""Runs the application in a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from starlette.applications import Starlette
from uvicorn import Config, Server

from airflow_provider_kling.emulator.transport import EmulatorProtocol

_START_SECONDS = 10.0
# As front proxies do; uvicorn's own 5 seconds cut off clients that pause between two looks.
KEEP_ALIVE_SECONDS = 75


class ServerThread:
    """uvicorn on a socket that is bound at once, so that a port in use is an ``OSError`` where it was asked for."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # asyncio sets TCP_NODELAY only where the protocol is named; without it every answer on a kept connection
        # waits 40 ms for the client's delayed ACK.
        self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host, port))
            self._socket.listen(128)
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        # No log configuration: uvicorn's would rewire the loggers of the process that tests run in.
        config = Config(
            app,
            http=EmulatorProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self._server = Server(config)
        self._thread = threading.Thread(target=self._run, name="kling-emulator", daemon=True)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def start(self) -> None:
        """Return once requests are answered."""
        self._thread.start()
        until = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise RuntimeError("the emulator did not start")
            time.sleep(0.005)

    def stop(self) -> None:
        """Close every connection and return once the thread has ended."""
        self._server.should_exit = True
        self._thread.join(timeout=2)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(timeout=2)
        with contextlib.suppress(OSError):
            self._socket.close()
