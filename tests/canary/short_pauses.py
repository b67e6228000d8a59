"""Short pauses for tasks that run in one process, one after another, with their triggers; the time stays the wall's."""

from __future__ import annotations

import asyncio
import time

from airflow_provider_kling.compat import clock

_sleep, _asleep = time.sleep, asyncio.sleep


def begin(longest: float) -> None:
    """Let no pause of the provider be longer: what waits for a time looks at the clock again after each."""

    def sleep(seconds: float) -> None:
        _sleep(min(seconds, longest))

    async def asleep(seconds: float) -> None:
        await _asleep(min(seconds, longest))

    clock.sleep, clock.asleep = sleep, asleep
