"""
Processes that end when we do.

Each is started as the leader of a session of its own: Ctrl-C in the terminal reaches only us, and we stop them in
order. Should we be killed, a small watcher (the leash), whose pipe from us breaks then, stops them instead.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent


class Leash:
    """The watcher: told which sessions live, it stops them when our end of its pipe closes."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def tell(self, line: str) -> None:
        """``+<pid>`` for a session begun, ``-<pid>`` for one that ended."""
        if self._process is None:
            command = [sys.executable, "-m", "dev.processes"]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
            )
            atexit.register(self.close)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Let go; what still lives is stopped."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.wait()


_LEASH = Leash()


class Leashed:
    """
    A running command, the leader of its own session.

    :param command: program and arguments.
    :param env: its whole environment.
    :param log: where its output is appended.
    """

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        _LEASH.tell(f"+{self.pid}")

    @property
    def pid(self) -> int:
        """Process id, and id of the session."""
        return self.process.pid

    def members(self) -> list[int]:
        """Return the living processes of the session, the leader first."""
        return members([self.pid])

    def ended(self) -> bool:
        """Whether the leader has ended."""
        return self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL every process of the session, at once and without farewell."""
        stop_all([self], policy=0)

    def stop(self, policy: float = 10.0) -> None:
        """End the session: SIGTERM to the leader, and SIGKILL to what is left after ``policy`` seconds."""
        stop_all([self], policy)


def stop_all(processes: Iterable[Leashed], policy: float = 10.0) -> None:
    """Stop several sessions, which end side by side."""
    going = list(processes)
    stop_sessions([one.pid for one in going], policy)
    for one in going:
        one.process.wait()
        _LEASH.tell(f"-{one.pid}")


def stop_sessions(sessions: Collection[int], policy: float) -> None:
    """SIGTERM to the leaders; when no member is left, or after ``policy`` seconds, SIGKILL to all members."""
    until = time.monotonic() + policy
    alive = members(sessions)
    if policy > 0:
        _signal([pid for pid in alive if pid in sessions], signal.SIGTERM)
    while alive and time.monotonic() < until:
        time.sleep(0.05)
        alive = members(sessions)
    # A process may have been born while its parent was being killed.
    while alive:
        _signal(alive, signal.SIGKILL)
        time.sleep(0.02)
        alive = members(sessions)


def members(sessions: Collection[int]) -> list[int]:
    """
    Return the living processes of some sessions, leaders first.

    A task of Airflow leaves its process group, but never its session.
    """
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getsid(pid) in sessions and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return sorted(found, key=lambda pid: pid not in sessions)


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(check: Callable[[], bool], *, timeout: float, what: str, pause: float = 0.1) -> None:
    """
    Return once ``check`` holds.

    :raises TimeoutError: after ``timeout`` seconds, naming ``what`` was awaited.
    """
    until = time.monotonic() + timeout
    while not check():
        if time.monotonic() > until:
            raise TimeoutError(f"Waited {timeout:g} s in vain: {what}.")
        time.sleep(pause)


def tail(log: Path, lines: int = 25) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]) if log.exists() else ""


def interrupt_on_signals() -> None:
    """
    Let SIGTERM unwind like Ctrl-C, so that ``with`` blocks stop what they started.

    SIGINT is set too: a shell script that starts us in the background has it ignored.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


def _watch() -> None:
    """Be the leash: follow the list of sessions until the pipe closes, then stop them."""
    sessions: set[int] = set()
    for line in sys.stdin:
        (sessions.add if line.startswith("+") else sessions.discard)(int(line[1:]))
    stop_sessions(sessions, 5.0)


if __name__ == "__main__":
    _watch()
