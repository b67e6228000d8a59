"""A server that streams one valid mp4 of any size from memory: ``python -m benchmarks.file_server BYTES``."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK = memoryview(bytes(1 << 20))
# Boxes in the order of a file that plays while it loads; what is in them does not matter to a download.
HEAD = b"".join(
    (len(body) + 8).to_bytes(4, "big") + kind + body
    for kind, body in ((b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41"), (b"moov", bytes(4096)))
)


class Video(BaseHTTPRequestHandler):
    """Answer every GET with the file."""

    size = 0

    def do_GET(self) -> None:
        """Send it as fast as the client takes it."""
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(self.size))
        self.end_headers()
        left = self.size - len(HEAD) - 8
        self.wfile.write(HEAD + (left + 8).to_bytes(4, "big") + b"mdat")
        while left:
            left -= self.wfile.write(BLOCK[: min(left, len(BLOCK))])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


if __name__ == "__main__":
    Video.size = int(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Video)
    print(json.dumps(server.server_port), flush=True)
    server.serve_forever()
