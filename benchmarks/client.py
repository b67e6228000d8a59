"""
A process with many triggers in one event loop, as in a triggerer: ``python -m benchmarks.client POLLER COUNT``.

It tells when it starts, waits for the end of its standard input, and tells what it saw of its own event loop.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import time
from typing import Any

from benchmarks.pollers import POLLERS, Poller
from benchmarks.quiet import quiet

# Often enough to see what is short, seldom enough to cost nothing beside the polls.
TICK = 0.02


class Watch:
    """Write down how late the event loop is: when it was its turn, and how long after it should have been."""

    def __init__(self) -> None:
        self.lags: list[tuple[float, float]] = []
        self._due = 0.0

    async def run(self) -> None:
        """Ask for a turn again and again."""
        while True:
            self._due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            self.stop()

    def stop(self) -> None:
        """Count the turn that is awaited as made now: on a loop that is held, it may be the only one."""
        now = time.monotonic()
        self.lags.append((now, now - self._due))


async def _wait(trigger: Any, ends: list[str]) -> None:
    """Do as the triggerer does with a trigger; none of these should ever end."""
    try:
        async for event in trigger.run():
            ends.append(repr(event.payload))
            return
    except Exception as error:
        ends.append(repr(error))


async def _run(poller: Poller, count: int) -> None:
    module, _, name = poller.trigger.rpartition(".")
    trigger_class = getattr(importlib.import_module(module), name)
    quiet()
    triggers = [trigger_class(**poller.arguments(number)) for number in range(count)]
    watch = Watch()
    ends: list[str] = []
    print(json.dumps({"started": time.monotonic()}), flush=True)
    tasks = [asyncio.ensure_future(watch.run()), *(asyncio.ensure_future(_wait(each, ends)) for each in triggers)]
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), over.set)
    await over.wait()
    watch.stop()
    print(json.dumps({"lags": watch.lags, "ended": len(ends), "example": ends[:1], "tasks": len(tasks)}), flush=True)
    # Some clients take a minute to close what they hold.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(_run(POLLERS[sys.argv[1]], int(sys.argv[2])))
