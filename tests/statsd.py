"""A StatsD server that remembers each line."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from threading import Thread
from typing import Any
from uuid import uuid4

from dev.processes import wait_until

# A name, with tags as InfluxDB has them; the number; and what kind it is.
_LINE = re.compile(r"(?P<name>[^,:]+)(?P<tags>(?:,[^,=]+=[^,:]*)*):(?P<value>[\d.]+)\|(?P<kind>\w+)")


@dataclass(frozen=True)
class Sample:
    """One line."""

    name: str
    tags: dict[str, str]
    value: float
    kind: str


class StatsdServer:
    """Listens on a free port of the loopback, in a thread of its own, while in use as a context manager."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # What comes while the interpreter is busy waits in the system's buffer; one that is full drops what comes next.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind(("127.0.0.1", 0))
        self._lines: list[str] = []
        self._thread = Thread(target=self._listen, daemon=True)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def settings(self) -> dict[str, str]:
        """Return the section ``metrics`` of Airflow's configuration."""
        return {
            "statsd_on": "True",
            "statsd_host": "127.0.0.1",
            "statsd_port": str(self.port),
            "statsd_influxdb_enabled": "True",
        }

    def samples(self, name: str, **tags: str) -> list[Sample]:
        """Return what came under a name, with these tags at least."""
        self._catch_up()
        found = [_parsed(line) for line in self._lines if line.startswith(f"airflow.{name}")]
        return [
            one
            for one in found
            if one.name == f"airflow.{name}" and all(one.tags.get(key) == value for key, value in tags.items())
        ]

    def total(self, name: str, **tags: str) -> float:
        """Return the sum of what came under a name."""
        return sum(sample.value for sample in self.samples(name, **tags))

    def forget(self) -> None:
        """Forget all lines so far."""
        self._catch_up()
        self._lines.clear()

    def _catch_up(self) -> None:
        """Return once all that was sent before is read: datagrams come in the order in which they were sent."""
        mark = f"mark-{uuid4().hex}"
        self._send(mark.encode())
        wait_until(lambda: mark in self._lines, timeout=10, what="the StatsD server", pause=0.01)

    def _send(self, data: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(data, ("127.0.0.1", self.port))

    def _listen(self) -> None:
        while True:
            try:
                data = self._socket.recv(65_536)
            except OSError:
                return
            if data == b"":
                return
            self._lines += data.decode().splitlines()

    def __enter__(self) -> StatsdServer:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        # An empty datagram ends the thread.
        self._send(b"")
        self._thread.join(10)
        self._socket.close()


def _parsed(line: str) -> Sample:
    found = _LINE.fullmatch(line)
    assert found, line
    tags = dict(tag.split("=", 1) for tag in found["tags"].split(",") if tag)
    return Sample(found["name"], tags, float(found["value"]), found["kind"])
