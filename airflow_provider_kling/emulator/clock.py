"""The clock that tasks run by: real, accelerated or manual."""

from __future__ import annotations

import threading
import time
from typing import Literal

ClockKind = Literal["real", "manual"]


class Clock:
    """Emulator time in seconds since the Unix epoch. Starts at the wall clock's time.

    ``kind="real"`` runs at ``speed`` emulator seconds per real second; ``kind="manual"`` stands still until
    ``advance``. ``advance`` works on both. Safe to use from any thread.
    """

    def __init__(self, kind: ClockKind = "real", speed: float = 1.0) -> None:
        if kind not in ("real", "manual"):
            raise ValueError(f"clock must be 'real' or 'manual', not {kind!r}")
        if speed <= 0:
            raise ValueError(f"speed must be above 0, not {speed!r}")
        self.kind = kind
        self.speed = speed
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Back to the wall clock's time."""
        with self._lock:
            self._start = time.time()
            self._began = time.monotonic()
            self._advanced = 0.0

    @property
    def start(self) -> float:
        """When it began, in emulator time."""
        return self._start

    def now(self) -> float:
        """Emulator time, seconds since the Unix epoch."""
        with self._lock:
            running = 0.0 if self.kind == "manual" else (time.monotonic() - self._began) * self.speed
            return self._start + running + self._advanced

    def advance(self, seconds: float) -> None:
        """Jump ``seconds`` forward. Time never runs backwards."""
        if seconds < 0:
            raise ValueError(f"cannot advance by {seconds!r} seconds")
        with self._lock:
            self._advanced += seconds
