"""The items of a job: how they are taken up at the start of a try, and after a deferral."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.compat import clock
from airflow_provider_kling.exceptions import KlingConfigurationError, KlingTaskNotFoundError
from airflow_provider_kling.execution.item import Identified, Item
from airflow_provider_kling.execution.landing import is_kept, take_copies, was_landed
from airflow_provider_kling.execution.record_store import History, RecordStore
from airflow_provider_kling.lifecycle.identity import changed_fields, field_digests
from airflow_provider_kling.lifecycle.item import Complete, Submitted, refused_before, state_of
from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId
from airflow_provider_kling.lifecycle.record import initial_record
from airflow_provider_kling.lifecycle.waiting import PollPolicy

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.execution.deferred_state import DeferredState
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.lifecycle.record import Record
    from airflow_provider_kling.lifecycle.submission import SubmitPolicy

log = logging.getLogger(__name__)


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
        self._formerly = job.as_formerly()
        self._context = context
        self._instance = instance
        self._started_at = started_at
        # The part of the try before a deferral may have posted.
        self._first_try = context["ti"].try_number <= 1 and not resumed
        # What was landed in an earlier try, but not where it is to be now.
        self._elsewhere: list[tuple[Item, Record]] = []

    def begin(self) -> list[Item]:
        """Return the items at the start of a try, or where Airflow lost what a deferral carried."""
        history = self._history()
        # Nothing is read where nothing was written: each read is a request to Airflow's API server.
        items = [
            self._opened(item, None, history) if history is History.NONE else self._reopened(item, history)
            for item in self._identified()
        ]
        take_copies(self._job, self._elsewhere)
        return items

    def take_up(self, deferred: DeferredState, ended: frozenset[str]) -> list[Item]:
        """
        Return the items after a deferral: what was not carried over was not posted before it.

        :param ended: task ids that the trigger saw end.
        :raises KlingConfigurationError: when these are not the items of then.
        """
        if self._job.is_batch and deferred.digest not in self._digests():
            raise KlingConfigurationError(
                "The items rendered differently after a deferral; what was submitted is kept.",
                retryable=True,
                next_step="Make the template of items give the same list each time (no random order, no now()).",
            )
        return [self._taken_up(item, deferred, ended) for item in self._identified()]

    def submit_policy(self, item: Item, *, moved_at: float) -> SubmitPolicy:
        """Return how to submit an item; for ``moved_at`` see :meth:`Job.submit_policy`."""
        tries = self._instance.max_tries
        return self._job.submit_policy(item.wish, started_at=self._started_at, moved_at=moved_at, max_tries=tries)

    def poll_policy(self, item: Item) -> PollPolicy:
        """Return how long and how often to poll an item."""
        submitted_at = item.record.submitted_at or self._started_at
        return self._job.poll_policy(item.body, submitted_at, started_at=self._started_at)

    def _digests(self) -> set[str]:
        """By which digests a deferral may know this job."""
        return {job.digest for job in (self._job, self._formerly) if job is not None}

    def _history(self) -> History:
        if self._job.is_batch:
            return RecordStore(self._context).history(first_try=self._first_try)
        # One record is read as fast as a mark.
        return History.WHOLE if self._first_try else History.LOST

    def _identified(self) -> Iterator[Identified]:
        formers = self._named(self._formerly) if self._formerly else None
        for item in self._named(self._job):
            former = next(formers) if formers else None
            yield item if former is None or former.wish == item.wish else item._replace(former=former)

    def _named(self, job: Job) -> Iterator[Identified]:
        pairs = zip(job.requests, job.wishes(self._instance), strict=True)
        for position, (body, wish) in enumerate(pairs):
            store = RecordStore(self._context, wish.key if job.is_batch else "")
            number = position if job.is_batch else max(self._instance.map_index, 0)
            yield Identified(position, body, wish, store, job.label(position), number)

    def _reopened(self, new: Identified, history: History) -> Item:
        stored = new.store.load()
        if new.former is not None:
            # Of one video there is one record, whatever its model; of many each has its own.
            before = new.former.store.load() if stored is None and self._job.is_batch else stored
            if before is not None and before.wish == new.former.wish.key and before.may_be_paid:
                return self._opened(new.former, before, history)
        return self._opened(new, stored, history)

    def _opened(self, new: Identified, stored: Record | None, history: History) -> Item:
        if stored is not None and stored.wish != new.wish.key:
            _log_other_wish(stored, new.body)
        known = history is not History.LOST
        digests = field_digests(new.body)
        record = initial_record(
            stored, new.wish, digests, first_try=known, now=self._started_at, estimate=self._job.estimate(new.body)
        )
        if is_kept(self._job, new, record):
            return Item(*new[:6], record, Complete())
        if refused := refused_before(record, self._job.on_moderation_at(new.position), self._instance.max_tries):
            log.info("%s is not submitted again in a retry: %s", record.external_task_id, refused.error)
            return Item(*new[:6], record, refused)
        # A result of an earlier try that is not kept is to be fetched again.
        fresh = replace(record, manifest=None)
        former = new.former if record.assumed else None
        item = Item(*new[:6], fresh, state_of(fresh, opened_at=self._started_at), former)
        if was_landed(self._job, record):
            self._elsewhere.append((item, record))
        return item

    def look_for_former(self, item: Item, hook: KlingHook) -> None:
        """
        Go on with what an earlier release submitted under its default model and left no record of.

        :raises KlingError: when Kling cannot be asked; nothing may be submitted then.
        """
        former = item.former
        if former is None:
            return
        try:
            hook.get_task(former.wish.external_task_id(0), self._job.capability, external=True)
        except KlingTaskNotFoundError:
            item.former = None
            return
        taken = self._opened(former, None, History.LOST)
        item.body, item.wish, item.store, item.record = taken.body, taken.wish, taken.store, taken.record
        item.former = None

    def _taken_up(self, new: Identified, deferred: DeferredState, ended: frozenset[str]) -> Item:
        if new.former is not None and deferred.knows(new.former.wish):
            new = new.former
        carried = _carried(new, deferred)
        if carried is None or (carried.task_id is None and carried.wish != new.wish.key):
            item = self._opened(new, carried, History.WHOLE)
        else:
            carried = carried if carried.estimate else replace(carried, estimate=self._job.estimate(new.body))
            item = Item(*new[:6], carried, state_of(carried, opened_at=self._started_at))
        if new.wish.key in deferred.done:
            item.state = Complete()
            item.record = replace(item.record, units=deferred.costs.get(new.wish.key, item.record.units))
        elif failure := deferred.failure_of(new.wish.key):
            item.state = failure
        elif carried is not None and item.record.task_id is not None:
            # Only what ended is polled; the trigger has just polled the rest.
            now = clock.now()
            item.state = Submitted(now if carried.task_id in ended else now + self.poll_policy(item).delay(now))
        return item


def _carried(new: Identified, deferred: DeferredState) -> Record | None:
    carried = deferred.record_of(new.wish)
    if carried is None or carried.wish:
        return carried
    # Airflow lost what was carried, and the event gave the ids alone back. Written without its wish, the record would
    # be taken for that of another, and this one be submitted again after a clear.
    stored = new.store.load()
    return stored if stored is not None and stored.task_id == carried.task_id else carried


def _log_other_wish(stored: Record, body: Mapping[str, Any]) -> None:
    changed = changed_fields(stored.fields, field_digests(body))
    log.warning(
        "This is another wish than the last try's (%s). Of that one: task_id %s, external_task_id %s.",
        f"changed: {', '.join(changed)}" if changed else "cleared with on_clear='new', or another account",
        stored.task_id,
        stored.external_task_id,
    )
