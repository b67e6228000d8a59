"""KlingTaskTrigger: waits for one task in the triggerer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_kling.api.capabilities import CAPABILITIES, TEXT2VIDEO
from airflow_provider_kling.api.models import USUAL_SECONDS


class KlingTaskTrigger(BaseTrigger):
    """
    Fire once nothing more can be gained by waiting for a task.

    It never pays and never downloads, so it may run twice. Its event carries ids and no result: the worker takes one
    poll of its own, which keeps signed URLs out of Airflow's trigger and task tables.

    :param kling_conn_id: Airflow connection of type ``kling``.
    :param kling_task_id: Kling's id of the task.
    :param submitted_at: seconds since the epoch; by default the start of the trigger.
    :param deadline: when to give up, seconds since the epoch. Airflow ignores ``execution_timeout`` while deferred. By
        default Airflow's own limit of the deferral.
    :param external_task_id: given back in the event.
    :param capability: decides the path in dialects that have one per capability.
    :param poll_interval: seconds between polls; ``None`` follows the usual course of a generation.
    :param typical: how long such a generation usually takes, in seconds.
    """

    def __init__(
        self,
        kling_conn_id: str,
        kling_task_id: str,
        submitted_at: float | None = None,
        deadline: float | None = None,
        external_task_id: str | None = None,
        capability: str = TEXT2VIDEO.name,
        poll_interval: float | None = None,
        typical: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kling_conn_id = kling_conn_id
        self.kling_task_id = kling_task_id
        self.submitted_at = submitted_at
        self.deadline = deadline
        self.external_task_id = external_task_id
        self.capability = capability
        self.poll_interval = poll_interval
        self.typical = typical

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return flat JSON: Airflow stores it in plain text, and rows of this release must load for ever."""
        kwargs = {
            "kling_conn_id": self.kling_conn_id,
            "kling_task_id": self.kling_task_id,
            "submitted_at": self.submitted_at,
            "deadline": self.deadline,
            "external_task_id": self.external_task_id,
            "capability": self.capability,
            "poll_interval": self.poll_interval,
            "typical": self.typical,
        }
        path = "airflow_provider_kling.triggers.kling.KlingTaskTrigger"
        return path, {name: value for name, value in kwargs.items() if value is not None}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll, wait, poll again; one event at the end."""
        # Imported here: the worker, which only names this class when it defers, needs none of it.
        from airflow_provider_kling.compat import clock
        from airflow_provider_kling.compat.deferral import wait_for_news_of_deferral

        began = clock.now()
        # The worker says what is wrong with an id that is none.
        status = await self._wait(began) if names_a_task(self.kling_task_id) else "failed"
        await wait_for_news_of_deferral(began)
        yield TriggerEvent(  # type: ignore[no-untyped-call]
            {
                "status": status,
                "task_id": self.kling_task_id,
                "external_task_id": self.external_task_id,
                "submitted_at": self.submitted_at,
            }
        )

    async def _wait(self, began: float) -> str:
        from airflow_provider_kling.compat.deferral import report_later
        from airflow_provider_kling.lifecycle.waiting import Done, Failed, PollPolicy, is_trouble
        from airflow_provider_kling.triggers.news import NewsLog
        from airflow_provider_kling.triggers.poller import shared_poller
        from airflow_provider_kling.triggers.waiters import Waiter

        typical = self.typical or USUAL_SECONDS
        policy = PollPolicy(self.submitted_at or began, self._deadline(), self.poll_interval, typical)
        waiter = Waiter(self.kling_task_id, CAPABILITIES[self.capability], policy)
        status, news = "failed", NewsLog(self.log, self.kling_task_id, policy)
        async for seen, verdict in shared_poller(self.kling_conn_id).follow(waiter):
            news.take_in(seen, verdict)
            if isinstance(verdict, Done):
                status = "done"
            elif isinstance(verdict, Failed) and is_trouble(verdict.error):
                await report_later(verdict.error, self.kling_task_id, self.log, began)
        return status

    def _deadline(self) -> float:
        if self.deadline is not None:
            return self.deadline
        # The triggerer sets it, as it stands in Airflow's database.
        limit: datetime | None = getattr(self, "timeout_after", None)
        if limit is None:
            return float("inf")
        return (limit if limit.tzinfo else limit.replace(tzinfo=UTC)).timestamp()

    async def on_kill(self) -> None:
        """
        Tell the truth and change nothing (Airflow 3.3+ calls this when the task is cleared or marked).

        Kling has no cancel. Airflow also calls this wrongly, when a paused triggerer wakes up.
        """
        self.log.warning(STILL_RUNNING, self.kling_task_id, self.external_task_id)


def names_a_task(kling_task_id: str) -> bool:
    """Whether this can be an id; a template makes "None" of an XCom that is not there."""
    return kling_task_id.strip() not in ("", "None")


STILL_RUNNING = (
    "Kling has no cancel: task %s (external_task_id %s) goes on there and is billed. "
    "Clearing this Airflow task takes the same video up again at no cost."
)
