"""The items of a job: how they are taken up at the start of a try, and after a deferral."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_kling.compat import clock
from airflow_provider_kling.execution.item import Item
from airflow_provider_kling.execution.landing import kept_manifest
from airflow_provider_kling.execution.record_store import History, RecordStore
from airflow_provider_kling.lifecycle.identity import Wish, changed_fields, field_digests
from airflow_provider_kling.lifecycle.item import Complete, Submitted, state_of
from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId
from airflow_provider_kling.lifecycle.submission import initial_record
from airflow_provider_kling.lifecycle.waiting import PollPolicy

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.execution.deferred_state import DeferredState
    from airflow_provider_kling.lifecycle.record import Record

log = logging.getLogger(__name__)


class _Identified(NamedTuple):
    position: int
    body: Mapping[str, Any]
    wish: Wish
    store: RecordStore


class Items:
    """
    Makes the items of a job.

    :param job: what is wanted.
    :param context: Airflow's context of the running task.
    :param instance: for which task instance.
    :param started_at: when this try began, in seconds since the epoch.
    :param resumed: whether that was before a deferral.
    """

    def __init__(
        self, job: Job, context: Context, instance: TaskInstanceId, started_at: float, *, resumed: bool
    ) -> None:
        self._job = job
        self._context = context
        self._instance = instance
        self._started_at = started_at
        # The part of the try before a deferral may have posted.
        self._first_try = context["ti"].try_number <= 1 and not resumed

    def begin(self) -> list[Item]:
        """Return the items at the start of a try, or where Airflow lost what a deferral carried."""
        history = self._history()
        # Nothing is read where nothing was written: each read is a request to Airflow's API server.
        return [
            self._opened(item, None if history is History.NONE else item.store.load(), history)
            for item in self._identified()
        ]

    def take_up(self, deferred: DeferredState, ended: frozenset[str]) -> list[Item]:
        """
        Return the items after a deferral: what was not carried over was not posted before it.

        :param ended: task ids that the trigger saw end.
        """
        return [self._taken_up(item, deferred, ended) for item in self._identified()]

    def poll_policy(self, item: Item) -> PollPolicy:
        """Return how long and how often to poll an item."""
        submitted_at = item.record.submitted_at or self._started_at
        return self._job.poll_policy(item.body, submitted_at, started_at=self._started_at)

    def _history(self) -> History:
        if self._job.is_batch:
            return RecordStore(self._context).history(first_try=self._first_try)
        # One record is read as fast as a mark.
        return History.WHOLE if self._first_try else History.LOST

    def _identified(self) -> Iterator[_Identified]:
        pairs = zip(self._job.requests, self._job.wishes(self._instance), strict=True)
        for position, (body, wish) in enumerate(pairs):
            yield _Identified(position, body, wish, RecordStore(self._context, wish.key if self._job.is_batch else ""))

    def _opened(self, new: _Identified, stored: Record | None, history: History) -> Item:
        if stored is not None and stored.wish != new.wish.key:
            _log_other_wish(stored, new.body)
        known = history is not History.LOST
        digests = field_digests(new.body)
        record = initial_record(stored, new.wish, digests, first_try=known, now=self._started_at)
        if kept_manifest(self._job, record) is not None:
            return Item(*new, record, Complete())
        # A result of an earlier try that is not kept is to be fetched again.
        record = replace(record, manifest=None)
        return Item(*new, record, state_of(record, opened_at=self._started_at))

    def _taken_up(self, new: _Identified, deferred: DeferredState, ended: frozenset[str]) -> Item:
        carried = deferred.record_of(new.wish)
        if carried is None or (carried.task_id is None and carried.wish != new.wish.key):
            item = self._opened(new, carried, History.WHOLE)
        else:
            item = Item(*new, carried, state_of(carried, opened_at=self._started_at))
        if new.wish.key in deferred.done:
            item.state = Complete()
        elif failure := deferred.failure_of(new.wish.key):
            item.state = failure
        elif carried is not None and item.record.task_id is not None:
            # Only what ended is polled; the trigger has just polled the rest.
            now = clock.now()
            item.state = Submitted(now if carried.task_id in ended else now + self.poll_policy(item).delay(now))
        return item


def _log_other_wish(stored: Record, body: Mapping[str, Any]) -> None:
    changed = changed_fields(stored.fields, field_digests(body))
    log.warning(
        "This is another wish than the last try's (%s). Of that one: task_id %s, external_task_id %s.",
        f"changed: {', '.join(changed)}" if changed else "cleared with on_clear='new', or another account",
        stored.task_id,
        stored.external_task_id,
    )
