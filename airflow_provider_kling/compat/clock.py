"""The wall clock and its pauses, in one place so that tests can make hours pass in milliseconds."""

from __future__ import annotations

import asyncio
import time


def now() -> float:
    """Return seconds since the epoch."""
    return time.time()


def sleep(seconds: float) -> None:
    """Block this worker."""
    time.sleep(seconds)


async def asleep(seconds: float) -> None:
    """Let the event loop do something else."""
    await asyncio.sleep(seconds)
