"""The processes of a benchmark: the stub, and what talks to it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks import environment, tls
from benchmarks.places import ROOT, SCRATCH

# A loop that is held by blocking polls gets the word to end only at the end of a round.
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Stub:
    """
    A running stub.

    :param port: of the APIs.
    :param control: port of the observer.
    :param trusted: variables that make a client trust its certificate.
    """

    port: int
    control: int
    trusted: Mapping[str, str]

    def report(self) -> dict[str, Any]:
        """Return all that it saw."""
        with urllib.request.urlopen(f"http://{tls.HOST}:{self.control}/report", timeout=30) as answer:
            report: dict[str, Any] = json.load(answer)
        return report


@contextmanager
def stub(delay: float, tasks: int) -> Iterator[Stub]:
    """Run :mod:`benchmarks.stub`."""
    own, trusted = tls.make(SCRATCH / "tls")
    with start(["benchmarks.stub", str(own), str(delay), str(tasks)], {}) as process:
        port, control = line(process)
        yield Stub(port, control, tls.trusting(trusted))


@contextmanager
def start(module: list[str], variables: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a module in the environment; it ends with its standard input."""
    with subprocess.Popen(
        [str(environment.PYTHON), "-m", *module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
        cwd=ROOT,
        env=environment.variables(**variables),
    ) as process:
        try:
            yield process
            if process.stdin is not None:
                process.stdin.close()
            process.wait(PATIENCE)
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> Any:
    """Read the next line of JSON that a process prints; others print theirs between them."""
    assert process.stdout is not None
    for text in process.stdout:
        if text.startswith(("{", "[")):
            return json.loads(text)
    raise RuntimeError(f"{process.args!r} ended too early")
