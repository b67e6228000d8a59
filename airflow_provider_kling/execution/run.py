"""One try of a job: the driver that carries out the steps of :mod:`airflow_provider_kling.lifecycle.batch`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.compat import clock
from airflow_provider_kling.compat.task_instance import begin_of, map_index_of
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.execution import manifest
from airflow_provider_kling.execution.budget import Budget
from airflow_provider_kling.execution.deferral import defer
from airflow_provider_kling.execution.deferred_state import DeferredState
from airflow_provider_kling.execution.item import Item
from airflow_provider_kling.execution.items import Items
from airflow_provider_kling.execution.landing import Lander, Landing, reported, with_result
from airflow_provider_kling.execution.observing import observers_of
from airflow_provider_kling.execution.progress import how_far
from airflow_provider_kling.execution.slots import max_active_of
from airflow_provider_kling.execution.submit import Adopted, NoSlot, Outcome, Paused, Submitter
from airflow_provider_kling.lifecycle import waiting
from airflow_provider_kling.lifecycle.batch import (
    Ask,
    Defer,
    Finish,
    GiveUp,
    Land,
    Poll,
    Refuse,
    Sleep,
    Step,
    Submit,
    next_step,
)
from airflow_provider_kling.lifecycle.item import (
    Complete,
    Ended,
    State,
    Submitted,
    Unsubmitted,
    failed,
    held_until,
    is_account_busy,
    state_of,
    stops_others,
)
from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.execution.approval import Approval
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.lifecycle.record import Record


class Execution:
    """
    One try of a job.

    :param job: what is wanted, and how.
    :param context: Airflow's context of the running task.
    :param hook: talks to Kling.
    :param announce: called with a record as soon as an id of it is known.
    :param resumed: whether the try began before a deferral.
    :param deferred: what that deferral carried; ``None`` where Airflow lost it.
    :param approval: what is known of it, where somebody is to approve what is paid for.
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
        approval: Approval | None = None,
    ) -> None:
        self._job = job
        self._approval = approval
        self._unapproved = approval.unapproved if approval else frozenset[int]()
        self._hook = hook
        self._announce = announce
        self._deferred = deferred
        known = deferred or DeferredState()
        ti = context["ti"]
        self._instance = TaskInstanceId(ti.dag_id, ti.run_id, ti.task_id, map_index_of(ti), ti.max_tries)
        self._started_at = known.started_at or begin_of(ti)
        self._moved_at = known.moved_at or self._started_at
        # Until a landing of this try has worked, nothing more is paid for on top of what waits to be landed.
        self._lands = known.lands
        self._limits = job.limits(self._started_at)
        self._units = known.units
        self._max_active = known.max_active
        self._budget = Budget(job, context)
        self._lander = Lander(job, hook)
        self._observers = observers_of(job, context, self._instance, self._started_at, self._progress, self._unapproved)
        self._making = Items(job, context, self._instance, self._started_at, resumed=resumed)
        self._items: list[Item] = []

    def run(self, ended: frozenset[str] = frozenset()) -> Any:
        """
        Return the result of the job: of one video the manifest, or the task id where nobody waits. May defer.

        :param ended: task ids that the trigger saw end.
        :raises KlingError: when it failed.
        """
        self._items = self._begin(ended)
        self._max_active = self._max_active or max_active_of(self._job, self._hook)
        self._budget.begin(self._items, self._deferred)
        self._limits = self._budget.limits(replace(self._limits, max_active=self._max_active))
        while not isinstance(step := self._next_step(), Finish):
            self._observers.stepped(self._items, at_once=isinstance(step, (Ask, Defer, GiveUp)))
            self._carry_out(step)
            self._budget.keep(self._items)
        self._observers.stepped(self._items, ends=True)
        result = self._result()
        self._observers.succeeded(self._items)
        return result

    def lineage(self, result: Any) -> Any:
        """Return what OpenLineage is told of this try; ``result``: what the task returns, or ``None``."""
        from airflow_provider_kling.execution import lineage

        return lineage.of_try(self._job, self._items, self._instance, result)

    def _next_step(self) -> Step:
        states, bills = [item.state for item in self._items], self._budget.bills(self._items)
        return next_step(states, self._limits, clock.now(), lands=self._lands, bills=bills, held=self._unapproved)

    def _carry_out(self, step: Step) -> None:
        match step:
            case Submit(positions, slots):
                self._submit(positions, slots)
            case Ask() | Refuse():
                self._refuse(step)
            case Poll(positions):
                self._poll(positions)
            case Land(positions):
                self._land(positions)
            case Sleep(seconds):
                clock.sleep(seconds)
            case Defer():
                defer(self._job, self._making, step, self._items, self._state())
            case GiveUp():
                raise manifest.timed_out(self._job, self._progress())

    def _begin(self, ended: frozenset[str]) -> list[Item]:
        if self._deferred is None:
            items = self._making.begin()
            self._units = sum(manifest.units(item.record) for item in items if isinstance(item.state, Complete))
        else:
            items = self._making.take_up(self._deferred, ended)
        for item in items:
            self._announce(item.record)
        return items

    # --- steps ----------------------------------------------------------------------------------------------------

    def _submit(self, positions: tuple[int, ...], slots: int) -> None:
        may_buy = self._budget.admission(self._items, self._limits)

        def admit(item: Item, record: Record) -> bool:
            nonlocal slots
            if slots <= 0 or item.position in self._unapproved or not may_buy(item, record):
                return False
            slots -= 1
            return True

        for item in self._items_at(positions):
            if slots <= 0 and isinstance(item.state, Unsubmitted):
                return
            if not self._submit_one(item, partial(admit, item)):
                # What was planned for the others may not hold any more.
                return

    def _refuse(self, step: Ask | Refuse) -> None:
        items, approval = list(self._items_at(step.items)), self._approval if isinstance(step, Ask) else None
        if approval:
            approval.ask(items, self._state())
            # One that may exist is looked up first.
            items = [item for item in items if isinstance(item.state, Unsubmitted)]
        errors = [approval.refusal() if approval else self._budget.refusal(item, self._items) for item in items]
        for item, error in zip(items, errors, strict=True):
            self._fail(item, error)

    def _submit_one(self, item: Item, admit: Callable[[Record], bool]) -> bool:
        """Return whether the other items may be submitted as planned."""
        try:
            self._making.look_for_former(item, self._hook)
            policy = self._making.submit_policy(item, moved_at=self._moved_at)
            outcome = Submitter(self._hook, item.store, self._job.capability, item.body, policy, admit).run(item.record)
        except KlingError as error:
            return not stops_others(self._fail(item, error))
        return self._take_in(item, outcome)

    def _take_in(self, item: Item, outcome: Outcome) -> bool:
        item.record = outcome.record
        match outcome:
            case Adopted(record, task):
                self._moved_at = clock.now()
                self._announce(record)
                self._observers.submitted(item, task, created=outcome.created)
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
        # What a lookup found may have failed already.
        return not stops_others(item.state)

    def _poll(self, positions: tuple[int, ...]) -> None:
        for item in self._items_at(positions):
            task_id = str(item.record.task_id)
            self._decide(item, self._hook.poll_task(task_id, self._job.capability, external=False))

    def _decide(self, item: Item, seen: KlingTask | KlingError) -> None:
        if not isinstance(seen, KlingError):
            item.record = reported(item.store, item.record, seen)
            self._observers.polled(item, seen)
        verdict = waiting.decide(seen, self._making.poll_policy(item), clock.now())
        match verdict:
            case waiting.Done(task):
                item.state = Ended(task)
            case waiting.Failed(error):
                self._fail(item, error)
            case _:
                if verdict.why:
                    self._observers.troubled(item, verdict.why)
                item.state = Submitted(clock.now() + verdict.seconds)

    def _land(self, positions: tuple[int, ...]) -> None:
        ended = [(item, item.state.task) for item in self._items_at(positions) if isinstance(item.state, Ended)]
        failures: list[tuple[Item, KlingError]] = []
        with closing(self._lander.land([Landing(item, task) for item, task in ended])) as results:
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
                self._observers.completed(item, task)
        # Only when all are through: one that landed shows that the others' trouble is their own.
        for item, error in failures:
            self._fail(item, error)

    def _fail(self, item: Item, error: KlingError) -> State:
        error.about(task_id=item.record.task_id, external_task_id=item.record.external_task_id)
        on_moderation = self._job.on_moderation_at(item.position)
        item.state = failed(error, self._job.on_item_failure, lands=self._lands, on_moderation=on_moderation)
        self._observers.failed(item, error)
        return item.state

    def _items_at(self, positions: tuple[int, ...]) -> Iterator[Item]:
        return (self._items[position] for position in positions)

    # --- what is reported -----------------------------------------------------------------------------------------

    def _state(self) -> DeferredState:
        return DeferredState.of(
            self._items,
            is_batch=self._job.is_batch,
            started_at=self._started_at,
            moved_at=self._moved_at,
            units=self._units,
            lands=self._lands,
            max_active=self._max_active,
            **self._budget.to_carry(self._items),
            **(self._approval.to_carry() if self._approval else {"digest": self._job.digest}),
        )

    def _progress(self) -> str:
        money = self._budget.told(self._items)
        return how_far(self._items, self._job, clock.now() - self._started_at, self._units, money)

    def _result(self) -> Any:
        if not self._job.is_batch:
            return manifest.of_one(self._items[0], self._job)
        return manifest.of_batch(self._items, self._job, self._hook, self._instance)
