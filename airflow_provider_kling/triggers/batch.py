"""KlingBatchTrigger: one trigger that waits for many tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_kling.api.capabilities import CAPABILITIES, TEXT2VIDEO

if TYPE_CHECKING:
    from airflow_provider_kling.triggers.news import ManyNewsLog

# Videos that were submitted together end together: wait a little for more before a worker is started.
GATHER = 10.0


class KlingBatchTrigger(BaseTrigger):
    """
    Fire once some of many tasks have ended, and name them.

    Like :class:`KlingTaskTrigger` it never pays and never downloads, and its event carries ids alone.

    :param kling_conn_id: Airflow connection of type ``kling``.
    :param tasks: ``[task id, submitted_at, deadline, typical]`` of each: times in seconds since the epoch, and how long
        such a generation usually takes, which may be missing.
    :param enough: fire when this many have ended (and a few seconds later, for those that end with them).
    :param wake_at: fire at this time in any case: something else is due then.
    :param capability: decides the path in dialects that have one per capability.
    :param poll_interval: seconds between polls; ``None`` follows the usual course of a generation.
    """

    def __init__(
        self,
        kling_conn_id: str,
        tasks: list[list[Any]],
        enough: int = 1,
        wake_at: float | None = None,
        capability: str = TEXT2VIDEO.name,
        poll_interval: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kling_conn_id = kling_conn_id
        self.tasks = tasks
        self.enough = enough
        self.wake_at = wake_at
        self.capability = capability
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return plain JSON: Airflow stores it in plain text, and rows of this release must load for ever."""
        kwargs = {
            "kling_conn_id": self.kling_conn_id,
            "tasks": self.tasks,
            "enough": self.enough,
            "wake_at": self.wake_at,
            "capability": self.capability,
            "poll_interval": self.poll_interval,
        }
        path = "airflow_provider_kling.triggers.batch.KlingBatchTrigger"
        return path, {name: value for name, value in kwargs.items() if value is not None}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for all tasks at once; one event at the end."""
        from airflow_provider_kling.compat import clock
        from airflow_provider_kling.compat.deferral import wait_for_news_of_deferral
        from airflow_provider_kling.triggers.news import ManyNewsLog

        news = ManyNewsLog(self.log)
        began = clock.now()
        ended: list[str] = []
        waits = {asyncio.ensure_future(self._wait(task, ended, news)) for task in self.tasks}
        alarm = asyncio.ensure_future(self._alarm())
        left = set(waits)
        try:
            while len(ended) < min(self.enough, len(self.tasks)) and not alarm.done():
                done, _ = await asyncio.wait([*left, alarm], return_when=asyncio.FIRST_COMPLETED)
                left -= done
                for wait in done:
                    # A defect ends the wait of all: Airflow retries the task, which takes everything up again.
                    wait.result()
            if left and not alarm.done():
                await clock.asleep(GATHER)
        finally:
            for task in (*waits, alarm):
                task.cancel()
        await wait_for_news_of_deferral(began)
        yield TriggerEvent({"ended": list(ended)})  # type: ignore[no-untyped-call]

    async def _alarm(self) -> None:
        from airflow_provider_kling.compat import clock

        if self.wake_at is None:
            await asyncio.Event().wait()
        else:
            await clock.asleep(max(0.0, self.wake_at - clock.now()))

    async def _wait(self, task: list[Any], ended: list[str], news: ManyNewsLog) -> None:
        from airflow_provider_kling.compat import clock
        from airflow_provider_kling.compat.deferral import report_later
        from airflow_provider_kling.lifecycle.waiting import Failed, PollPolicy, is_trouble
        from airflow_provider_kling.triggers.poller import shared_poller
        from airflow_provider_kling.triggers.waiters import Waiter

        task_id, submitted_at, deadline, *typical = task
        policy = PollPolicy(submitted_at, deadline, self.poll_interval, *typical)
        waiter = Waiter(task_id, CAPABILITIES[self.capability], policy)
        began = clock.now()
        news.begin(task_id, policy)
        async for seen, verdict in shared_poller(self.kling_conn_id).follow(waiter):
            news.take_in(task_id, seen, verdict)
            if isinstance(verdict, Failed) and is_trouble(verdict.error):
                await report_later(verdict.error, task_id, self.log, began)
        ended.append(task_id)

    async def on_kill(self) -> None:
        """Tell the truth and change nothing, as :meth:`KlingTaskTrigger.on_kill`."""
        self.log.warning(
            "Kling has no cancel: %d tasks go on there and are billed. Clearing this Airflow task takes the same "
            "videos up again at no cost.",
            len(self.tasks),
        )
