"""Which task instance holds which worker, polled many times a second."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from types import TracebackType

import psutil

from benchmarks.airflow_rig import plain

# LocalExecutor's processes say in their titles what they supervise, from before the task's process to after its end.
_HELD = re.compile(r"airflow worker -- LocalExecutor.*: ([0-9a-f]{8}-[0-9a-f-]{27})")
_PAUSE = 0.05


class Visits:
    """
    Watch workers, as a context manager.

    :param workers: processes of LocalExecutor, which forks them all when it starts.
    :ivar seconds: how long each task instance held a worker.
    :ivar visits: how often.
    """

    def __init__(self, workers: Sequence[int]) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.visits: Counter[str] = Counter()
        self._workers = [psutil.Process(pid) for pid in workers]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._error: BaseException | None = None

    def __enter__(self) -> Visits:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._error is not None and error is None:
            raise RuntimeError("A worker ended, and what it held was not counted.") from self._error

    def _watch(self) -> None:
        before: set[tuple[int, str]] = set()
        at = time.monotonic()
        try:
            while not self._over.wait(_PAUSE):
                held = {(worker.pid, key) for worker in self._workers if (key := _held(worker))}
                now = time.monotonic()
                for pair in held:
                    self.visits[pair[1]] += pair not in before
                    self.seconds[pair[1]] += now - at
                before, at = held, now
        except psutil.Error as error:
            self._error = error


def _held(worker: psutil.Process) -> str | None:
    found = _HELD.match(" ".join(worker.cmdline()))
    return plain(found[1]) if found else None
