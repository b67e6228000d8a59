"""What a trigger writes to its log, which Airflow shows in the log of the task: never a line for each poll."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kling.compat import clock
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.lifecycle import progress
from airflow_provider_kling.lifecycle.waiting import PollAgain, Verdict

if TYPE_CHECKING:
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.lifecycle.waiting import PollPolicy


class NewsLog:
    """
    Logs what polls of one task tell.

    :param log: of the trigger.
    :param task_id: Kling's id, or another's.
    :param policy: since when it is waited for, and how long such a task takes.
    """

    def __init__(self, log: Any, task_id: str, policy: PollPolicy) -> None:
        self._log = log
        self._task_id = task_id
        self._policy = policy
        self._why = ""
        self._logged_at = clock.now()
        self.status: str | None = None

    @property
    def seconds(self) -> float:
        """How long it is waited for."""
        return clock.now() - self._policy.submitted_at

    @property
    def so_far(self) -> str:
        """How long it is waited for, beside how long such a task takes."""
        return progress.compared(self.seconds, self._policy.typical)

    def changed(self, seen: KlingTask | KlingError, verdict: Verdict) -> bool:
        """Log a change; return whether there was one."""
        why = verdict.why if isinstance(verdict, PollAgain) else ""
        before, self._why = self._why, why
        if why and why != before:
            self._log.warning("Task %s: %s; polling again.", self._task_id, why)
        if isinstance(seen, KlingError) or seen.raw_status == self.status:
            return why != before
        self._log.info("%s", progress.changed(self._task_id, self.status, seen.raw_status, self.seconds))
        self.status = seen.raw_status
        return True

    def take_in(self, seen: KlingTask | KlingError, verdict: Verdict) -> None:
        """Log a change; or that there is none, if nothing was logged for a minute."""
        if self.changed(seen, verdict):
            self._logged_at = clock.now()
        elif isinstance(verdict, PollAgain) and self.status and clock.now() - self._logged_at > progress.EVERY - 1:
            self._logged_at = clock.now()
            line = progress.still(self._task_id, self.status, self.seconds, self._policy.typical)
            self._log.info("%s", line)


class ManyNewsLog:
    """
    Logs how far many tasks are, once a minute.

    :param log: of the trigger.
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._running: dict[str, NewsLog] = {}
        self._ended = 0
        self._logged_at = clock.now()

    def begin(self, task_id: str, policy: PollPolicy) -> None:
        """Take one more in."""
        self._running[task_id] = NewsLog(self._log, task_id, policy)

    def take_in(self, task_id: str, seen: KlingTask | KlingError, verdict: Verdict) -> None:
        """Log a change of one of them, and how far all are if that was not done for a minute."""
        self._running[task_id].changed(seen, verdict)
        if not isinstance(verdict, PollAgain):
            del self._running[task_id]
            self._ended += 1
        elif clock.now() - self._logged_at >= progress.EVERY:
            self._logged_at = clock.now()
            oldest = max(self._running.values(), key=lambda news: news.seconds)
            statuses = (news.status or "not seen yet" for news in self._running.values())
            self._log.info("%s", progress.still_waiting(statuses, self._ended, oldest.so_far))
