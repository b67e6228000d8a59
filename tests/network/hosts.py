"""Hosts that answer with raw bytes, at their own pace."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread


class RawHost:
    """
    Answers each connection with the next of some raw answers, the last one again and again.

    :param answers: bytes, sent at once, or pieces of bytes, sent with a pause between two.
    :param pause: seconds.
    """

    def __init__(self, *answers: bytes | Iterable[bytes], pause: float = 0.2, address: str = "127.0.0.1") -> None:
        self._answers = list(answers)
        self._pause = pause
        self._over = Event()
        self._socket = socket.create_server((address, 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://{address}:{self.port}"
        self.requests: list[bytes] = []
        self.connections = 0
        self._thread = Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            number = min(self.connections, len(self._answers) - 1)
            self.connections += 1
            Thread(target=self._answer, args=(connection, self._answers[number]), daemon=True).start()

    def _answer(self, connection: socket.socket, answer: bytes | Iterable[bytes]) -> None:
        with connection:
            try:
                self.requests.append(connection.recv(1 << 16))
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    if self._over.is_set():
                        return
                    connection.sendall(piece)
                    if not isinstance(answer, bytes):
                        time.sleep(self._pause)
            except OSError:
                # The client has gone.
                return

    def __enter__(self) -> RawHost:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        # A shutdown wakes accept(); a close alone does not.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def drip(data: bytes) -> list[bytes]:
    """Return single bytes."""
    return [data[index : index + 1] for index in range(len(data))]


@contextmanager
def elapsed() -> Iterator[list[float]]:
    """Give a list that gets the seconds which passed."""
    seconds: list[float] = []
    began = time.monotonic()
    try:
        yield seconds
    finally:
        seconds.append(time.monotonic() - began)
