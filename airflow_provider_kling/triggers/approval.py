"""What was answered to the form of a task instance in an earlier try: Airflow tells that to the triggerer alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_kling.compat import clock, hitl
from airflow_provider_kling.compat.deferral import wait_for_news_of_deferral

# Airflow may take a task that goes on within a moment for one that was killed (apache/airflow#71580).
_AT_LEAST = 3.0


class KlingAnswerTrigger(BaseTrigger):
    """
    Read the answer once; it neither waits for one nor changes it.

    The event is ``{"recalled": True, "response": {...} or None}``.

    :param ti_id: Airflow's id of the try.
    """

    def __init__(self, ti_id: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ti_id = ti_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, as plain JSON."""
        return f"{__name__}.{type(self).__name__}", {"ti_id": self.ti_id}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the one event."""
        began = clock.now()
        await clock.asleep(_AT_LEAST)
        await wait_for_news_of_deferral(began)
        event = {"recalled": True, "response": await hitl.response(self.ti_id)}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]
