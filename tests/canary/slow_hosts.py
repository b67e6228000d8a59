"""Hosts that answer without end: bombs of gzip, and a byte now and then."""

from __future__ import annotations

import contextlib
import json
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MEBIBYTES = 1200
# A byte of an answer each so often, for so long.
PAUSE, PATIENCE = 0.2, 20.0


@cache
def _blanks() -> tuple[bytes, int]:
    """Return 1.2 GB of blanks, deflated but not ended, and their checksum."""
    block = b" " * (1 << 20)
    checksum = 0
    for _ in range(MEBIBYTES):
        checksum = zlib.crc32(block, checksum)
    # Each block begins from nothing, so the same bytes can stand there again and again.
    return _deflated(block, zlib.Z_FULL_FLUSH) * MEBIBYTES, checksum


def bomb(tail: bytes, layers: int = 1) -> bytes:
    """
    Return about a megabyte of gzip that inflates to 1.2 GB of blanks and then ``tail``; JSON allows blanks.

    :param layers: how often it is packed; a second layer leaves some kilobytes.
    """
    blanks, checksum = _blanks()
    size = (MEBIBYTES << 20) + len(tail)
    body = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + blanks + _deflated(tail, zlib.Z_FINISH)
    body += struct.pack("<II", zlib.crc32(tail, checksum), size & 0xFFFFFFFF)
    for _ in range(layers - 1):
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        body = packer.compress(body) + packer.flush()
    return body


def _deflated(data: bytes, how: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush(how)


class Handler(BaseHTTPRequestHandler):
    """The first part of the path says how the host misbehaves, and at what."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a poll or a download."""
        _, how, *rest = self.path.partition("?")[0].split("/")
        is_video = rest[0] == "video"
        if how.endswith("_video") and not is_video:
            # The API is healthy; what it links to is not.
            self._whole(json.dumps(self._task(f"http://{self.headers['host']}/{how}/video/v.mp4")).encode())
        elif how.startswith("trickle"):
            self._trickle(in_headers="headers" in how)
        elif how.startswith("bomb"):
            layers = 2 if "twice" in how else 1
            body = bomb(json.dumps(self._task("http://127.0.0.1:1/v.mp4")).encode(), layers)
            self._whole(body, ", ".join(["gzip"] * layers))
        else:
            self._whole(json.dumps(self._task("http://127.0.0.1:1/v.mp4")).encode())

    def do_POST(self) -> None:
        """Take the body, and answer as to a poll."""
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def _task(self, url: str) -> object:
        asked_for = self.path.rpartition("/")[2]
        return {
            "task_id": asked_for,
            "task_status": "succeed",
            "task_result": {"videos": [{"id": "v", "url": url, "duration": "5"}]},
        }

    def _whole(self, body: bytes, encoding: str = "") -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if encoding:
            self.send_header("content-encoding", encoding)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def _trickle(self, *, in_headers: bool) -> None:
        # The first bytes of a video, so that nothing is wrong with it but its pace.
        first = b"HTTP/1.1 200 OK\r\nx-pad: " if in_headers else b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n"
        until = time.monotonic() + PATIENCE
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.write(first)
            while time.monotonic() < until:
                self.wfile.write(b" ")
                time.sleep(PAUSE)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # All cases come at once.
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients are meant to hang up."""


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Serve, and give the base URL."""
    # Before anybody waits for it.
    _blanks()
    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
