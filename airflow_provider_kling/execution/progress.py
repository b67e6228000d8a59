"""What a try writes to its log while it runs: a line for each change, and one a minute in between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from airflow_provider_kling.api.models import typical_seconds
from airflow_provider_kling.compat import clock
from airflow_provider_kling.execution.observers import Observer
from airflow_provider_kling.lifecycle.item import Complete, Ended, Failed, Moderated, Submitted, holds_slot
from airflow_provider_kling.lifecycle.progress import EVERY, changed, compared, still

if TYPE_CHECKING:
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.exceptions import KlingError
    from airflow_provider_kling.execution.item import Item
    from airflow_provider_kling.lifecycle.job import Job

log = logging.getLogger(__name__)


class ProgressLog(Observer):
    """
    Logs each change of a task's status, once a minute how far it is, and what failed.

    How far a batch is, it logs before each deferral and at the end as well.

    :param job: what is wanted.
    :param progress: says how far a batch is.
    """

    purpose = "The log of the progress"

    def __init__(self, job: Job, progress: Callable[[], str]) -> None:
        self._job = job
        self._progress = progress
        self._logged_at = clock.now()
        self._statuses: dict[int, str] = {}
        self._troubles: dict[int, str] = {}

    def submitted(self, item: Item, task: KlingTask, *, created: bool) -> None:
        """Remember its status: that the task is known has a line of its own."""
        self._statuses[item.position] = task.raw_status

    def polled(self, item: Item, task: KlingTask) -> None:
        self._troubles.pop(item.position, None)
        before = self._statuses.get(item.position)
        self._statuses[item.position] = task.raw_status
        # After a deferral it is no news: the trigger has told of it.
        if before is not None and before != task.raw_status:
            log.info("%s", changed(task.task_id, before, task.raw_status, _age(item)))

    def troubled(self, item: Item, why: str) -> None:
        if self._troubles.get(item.position) != why:
            self._troubles[item.position] = why
            log.warning("Task %s: %s; polling again.", item.record.task_id, why)

    def completed(self, item: Item, task: KlingTask) -> None:
        """Log between the videos that one step lands: each may be minutes of download."""
        if self._job.is_batch:
            self._log_batch(at_once=False)

    def failed(self, item: Item, error: KlingError) -> None:
        """Log it; the one video of a task that fails is what Airflow logs."""
        which = f"Item {item.position}: " if self._job.is_batch else ""
        if isinstance(item.state, Moderated):
            log.warning("%s%s %s", which, "Skipped." if item.state.skips else "Moderated.", error)
        elif which:
            log.error("%s%s", which, error)

    def stepped(self, items: Sequence[Item], *, ends: bool = False, at_once: bool = False) -> None:
        if self._job.is_batch:
            self._log_batch(at_once=ends or at_once)
        elif self._is_due() and isinstance(items[0].state, Submitted):
            self._logged_at = clock.now()
            status = self._statuses.get(items[0].position, "running")
            log.info("%s", still(items[0].record.task_id, status, _age(items[0]), _usual(items[0], self._job)))

    def _log_batch(self, *, at_once: bool) -> None:
        if at_once or self._is_due():
            self._logged_at = clock.now()
            log.info("%s", self._progress())

    def _is_due(self) -> bool:
        return clock.now() - self._logged_at >= EVERY


def how_far(items: Sequence[Item], job: Job, seconds: float, spent: float, money: str = "") -> str:
    """
    Say how far a batch is.

    :param seconds: how long this try has taken so far.
    :param spent: units that Kling reports for what is done.
    :param money: what is to be bought, and what may be.
    """
    done, failed = _count(items, Complete), _count(items, Failed)
    landing, moderated = _count(items, Ended), _count(items, Moderated)
    running = sum(holds_slot(item.state) for item in items)
    waiting = len(items) - done - failed - running - landing - moderated
    text = f"Batch: {done} done, {running} running, {waiting} waiting, {failed} failed"
    if moderated:
        text += f", {moderated} moderated"
    if landing:
        text += f", {landing} to be landed"
    if oldest := max((item for item in items if isinstance(item.state, Submitted)), key=_age, default=None):
        text += f"; the longest runs for {compared(_age(oldest), _usual(oldest, job))}"
    if spent:
        text += f"; {spent:g} units deducted"
    if money:
        text += f"; {money}"
    if done and running + waiting:
        text += f"; about {(running + waiting) * seconds / done / 60:.0f} min left"
    return text + "."


def _count(items: Sequence[Item], kind: type) -> int:
    return sum(isinstance(item.state, kind) for item in items)


def _age(item: Item) -> float:
    now = clock.now()
    return max(0.0, now - (item.record.submitted_at or now))


def _usual(item: Item, job: Job) -> float:
    return typical_seconds(item.body, job.capability.name)
