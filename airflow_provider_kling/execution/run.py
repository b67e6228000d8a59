"""One try of a job: the driver that carries out the steps of :mod:`airflow_provider_kling.lifecycle.batch`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.compat import clock
from airflow_provider_kling.compat.task_instance import begin_of, map_index_of
from airflow_provider_kling.exceptions import KlingConfigurationError, KlingError, KlingTaskTimeoutError, TaskState
from airflow_provider_kling.execution import manifest
from airflow_provider_kling.execution.deferral import defer
from airflow_provider_kling.execution.deferred_state import DeferredState
from airflow_provider_kling.execution.item import Item
from airflow_provider_kling.execution.items import Items
from airflow_provider_kling.execution.landing import Lander, Landing, with_result
from airflow_provider_kling.execution.submit import Adopted, NoSlot, Outcome, Paused, Submitter
from airflow_provider_kling.lifecycle import waiting
from airflow_provider_kling.lifecycle.batch import (
    Defer,
    Finish,
    GiveUp,
    Land,
    Poll,
    Sleep,
    Step,
    Submit,
    next_step,
)
from airflow_provider_kling.lifecycle.item import (
    Complete,
    Ended,
    Failed,
    Submitted,
    Unsubmitted,
    failed,
    held_until,
    is_account_busy,
    state_of,
)
from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.lifecycle.record import Record

log = logging.getLogger(__name__)

_PROGRESS_EVERY = 60.0


class Execution:
    """
    One try of a job.

    :param job: what is wanted, and how.
    :param context: Airflow's context of the running task.
    :param hook: talks to Kling.
    :param announce: called with a record as soon as an id of it is known.
    :param resumed: whether the try began before a deferral.
    :param deferred: what that deferral carried; ``None`` where Airflow lost it.
    """

    def __init__(
        self,
        job: Job,
        context: Context,
        hook: KlingHook,
        *,
        announce: Callable[[Record], None] = lambda _: None,
        resumed: bool = False,
        deferred: DeferredState | None = None,
    ) -> None:
        self._job = job
        self._hook = hook
        self._announce = announce
        self._deferred = deferred
        known = deferred or DeferredState()
        ti = context["ti"]
        self._instance = TaskInstanceId(ti.dag_id, ti.run_id, ti.task_id, map_index_of(ti), ti.max_tries)
        self._started_at = known.started_at or begin_of(ti)
        self._moved_at = known.moved_at or self._started_at
        self._units = known.units
        # Until a landing of this try has worked, nothing more is paid for on top of what waits to be landed.
        self._lands = known.lands
        self._limits = job.limits(self._started_at)
        self._lander = Lander(job, hook)
        self._making = Items(job, context, self._instance, self._started_at, resumed=resumed)
        self._items: list[Item] = []
        self._logged_at = clock.now()

    def run(self, ended: frozenset[str] = frozenset()) -> Any:
        """
        Return the result of the job: of one video the manifest, or the task id where nobody waits. May defer.

        :param ended: task ids that the trigger saw end.
        :raises KlingError: when it failed.
        """
        self._items = self._begin(ended)
        while not isinstance(step := self._next_step(), Finish):
            self._carry_out(step)
        return self._result()

    def _next_step(self) -> Step:
        return next_step([item.state for item in self._items], self._limits, clock.now(), lands=self._lands)

    def _carry_out(self, step: Step) -> None:
        match step:
            case Submit(positions, slots):
                self._submit(positions, slots)
            case Poll(positions):
                self._poll(positions)
            case Land(positions):
                self._land(positions)
            case Sleep(seconds):
                self._log_progress()
                clock.sleep(seconds)
            case Defer():
                self._log_progress(always=True)
                defer(self._job, self._making, step, self._items, self._state())
            case GiveUp():
                raise self._timed_out()

    def _begin(self, ended: frozenset[str]) -> list[Item]:
        if self._deferred is None:
            items = self._making.begin()
            self._units = sum(manifest.units(item.record) for item in items if isinstance(item.state, Complete))
        else:
            if self._job.is_batch and self._deferred.digest != self._job.digest:
                raise KlingConfigurationError(
                    "The items rendered differently after a deferral; what was submitted is kept.",
                    retryable=True,
                    next_step="Make the template of items give the same list each time (no random order, no now()).",
                )
            items = self._making.take_up(self._deferred, ended)
        for item in items:
            self._announce(item.record)
        return items

    # --- steps ----------------------------------------------------------------------------------------------------

    def _submit(self, positions: tuple[int, ...], slots: int) -> None:
        def admit() -> bool:
            nonlocal slots
            slots -= 1
            return slots >= 0

        for item in self._items_at(positions):
            if slots <= 0 and isinstance(item.state, Unsubmitted):
                return
            if not self._submit_one(item, admit):
                # What was planned for the others may not hold any more.
                return

    def _submit_one(self, item: Item, admit: Callable[[], bool]) -> bool:
        """Return whether the other items may be submitted as planned."""
        policy = self._job.submit_policy(item.wish, started_at=self._started_at, moved_at=self._moved_at)
        submitter = Submitter(self._hook, item.store, self._job.capability, item.body, policy, admit)
        try:
            outcome = submitter.run(item.record)
        except KlingError as error:
            return not self._fail(item, error).stops
        return self._take_in(item, outcome)

    def _take_in(self, item: Item, outcome: Outcome) -> bool:
        item.record = outcome.record
        match outcome:
            case Adopted(record, task):
                self._moved_at = clock.now()
                self._announce(record)
                if self._job.wait_for_completion:
                    self._decide(item, task)
                else:
                    item.state = Complete()
            case NoSlot():
                item.state = Unsubmitted()
            case Paused(record, seconds):
                until = clock.now() + seconds
                item.state = state_of(record, opened_at=self._started_at, until=until)
                if is_account_busy(item.state, record, clock.now()):
                    for other in self._items:
                        other.state = held_until(other.state, until)
                    return False
        return True

    def _poll(self, positions: tuple[int, ...]) -> None:
        for item in self._items_at(positions):
            self._decide(item, self._hook.poll_task(str(item.record.task_id), self._job.capability))

    def _decide(self, item: Item, seen: KlingTask | KlingError) -> None:
        verdict = waiting.decide(seen, self._making.poll_policy(item), clock.now())
        match verdict:
            case waiting.Done(task):
                item.state = Ended(task)
            case waiting.Failed(error):
                self._fail(item, error)
            case _:
                if verdict.why:
                    log.warning("Task %s: %s.", item.record.task_id, verdict.why)
                item.state = Submitted(clock.now() + verdict.seconds)

    def _land(self, positions: tuple[int, ...]) -> None:
        ended = [(item, item.state.task) for item in self._items_at(positions) if isinstance(item.state, Ended)]
        failures: list[tuple[Item, KlingError]] = []
        with closing(self._lander.land([Landing(item.record, task) for item, task in ended])) as results:
            for number, landed in results:
                item, task = ended[number]
                if isinstance(landed, KlingError):
                    failures.append((item, landed))
                    continue
                item.record = with_result(self._job, item.store, item.record, task, landed)
                item.state = Complete()
                self._lands = True
                self._units += manifest.units(item.record)
                self._moved_at = clock.now()
                self._log_progress()
        # Only when all are through: one that landed shows that the others' trouble is their own.
        for item, error in failures:
            self._fail(item, error)

    def _fail(self, item: Item, error: KlingError) -> Failed:
        error.about(task_id=item.record.task_id, external_task_id=item.record.external_task_id)
        state = failed(error, self._job.on_item_failure, lands=self._lands)
        item.state = state
        if self._job.is_batch:
            log.error("Item %d: %s", item.position, error)
        return state

    def _items_at(self, positions: tuple[int, ...]) -> Iterator[Item]:
        return (self._items[position] for position in positions)

    # --- what is reported -----------------------------------------------------------------------------------------

    def _state(self) -> DeferredState:
        return DeferredState.of(
            self._items,
            is_batch=self._job.is_batch,
            digest=self._job.digest,
            started_at=self._started_at,
            moved_at=self._moved_at,
            units=self._units,
            lands=self._lands,
        )

    def _timed_out(self) -> KlingTaskTimeoutError:
        return KlingTaskTimeoutError(
            f"execution_timeout of {self._job.execution_timeout:g} s has passed. {self._progress()}",
            task_state=TaskState.EXISTS,
            retryable=True,
        )

    def _log_progress(self, *, always: bool = False) -> None:
        """Log how far a batch is: once a minute, and before each deferral."""
        if self._job.is_batch and (always or clock.now() - self._logged_at >= _PROGRESS_EVERY):
            self._logged_at = clock.now()
            log.info("%s", self._progress())

    def _progress(self) -> str:
        states = [item.state for item in self._items]
        return manifest.progress(states, clock.now() - self._started_at, self._units)

    def _result(self) -> Any:
        if not self._job.is_batch:
            return manifest.of_one(self._items[0], wait_for_completion=self._job.wait_for_completion)
        log.info("%s", self._progress())
        return manifest.of_batch(self._items, self._job, self._hook, self._instance)
