"""What a job has cost so far, and what it may still buy."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_kling.execution.record_store import SpentStore
from airflow_provider_kling.lifecycle import budget
from airflow_provider_kling.lifecycle.identity import content_digest
from airflow_provider_kling.lifecycle.item import Complete, Unsubmitted

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.exceptions import KlingBudgetError
    from airflow_provider_kling.execution.deferred_state import DeferredState
    from airflow_provider_kling.execution.item import Item
    from airflow_provider_kling.lifecycle.batch import Limits
    from airflow_provider_kling.lifecycle.budget import Bill
    from airflow_provider_kling.lifecycle.job import Job
    from airflow_provider_kling.lifecycle.record import Record

log = logging.getLogger(__name__)


class Budget:
    """
    Counts what is submitted for a task instance, and keeps it within ``max_units``.

    :param job: what is wanted, and its limit.
    :param context: Airflow's context of the running task.
    """

    def __init__(self, job: Job, context: Context) -> None:
        self._job = job
        self._store = SpentStore(context)
        self._wishes = ""
        # Units of wishes that are not among the items any more.
        self._elsewhere = 0.0
        # Units in all, as they were written last.
        self._written = 0.0

    def begin(self, items: Sequence[Item], deferred: DeferredState | None) -> None:
        """
        Find out what was spent on wishes that are not among these items, and log at the start of a try what is to be.

        :raises KlingConfigurationError: when the store cannot be read.
        """
        if self._job.max_units is not None:
            self._find_elsewhere(items, deferred)
        if self._job.is_batch and deferred is None:
            log.info("Batch of %d: %s.", len(items), self.told(items) or "nothing to be submitted")

    def _find_elsewhere(self, items: Sequence[Item], deferred: DeferredState | None) -> None:
        if not self._job.is_batch:
            self._elsewhere = sum(items[0].record.before.values())
            return
        self._wishes = content_digest([{"wish": item.wish.key} for item in items])
        if deferred is not None:
            self._elsewhere = deferred.elsewhere
            self._written = self._spent(items)
        elif (kept := self._store.load()) is not None:
            known = budget.spent_on(self._bills(items))
            self._elsewhere = kept.elsewhere if kept.wishes == self._wishes else max(0.0, kept.units - known)
            self._written = kept.units

    def to_carry(self, items: Sequence[Item]) -> dict[str, float | dict[str, float]]:
        """Return what a deferral is to carry; of what is done no record is, so what it cost beside its price."""
        if self._job.max_units is None or not self._job.is_batch:
            return {}
        done = [item for item in items if isinstance(item.state, Complete)]
        costs = {item.wish.key: item.record.spent + item.record.cost for item in done if _cost_another_price(item)}
        return {"elsewhere": self._elsewhere, "costs": costs}

    def keep(self, items: Sequence[Item]) -> None:
        """Write what a batch has cost, where that is another sum by now: a submit made nothing, or Kling took more."""
        if self._job.max_units is None or not self._job.is_batch:
            return
        if (spent := self._spent(items)) != self._written:
            self._written = spent
            self._store.keep(self._wishes, spent, self._elsewhere)

    def limits(self, limits: Limits) -> Limits:
        """Return the limits with what is left for the items."""
        if self._job.max_units is None:
            return limits
        return replace(limits, max_units=self._job.max_units - self._elsewhere)

    def bills(self, items: Sequence[Item]) -> list[Bill]:
        """Return what each item costs; nothing where nothing bounds it."""
        return [] if self._job.max_units is None else self._bills(items)

    def admission(self, items: Sequence[Item], limits: Limits) -> Callable[[Item, Record], bool]:
        """
        Return a function that says whether an item may be posted now, and takes that into account.

        :raises KlingConfigurationError: (the function) when it cannot be written what a batch has cost.
        """
        if limits.max_units is None:
            return lambda item, record: True
        bills = self._bills(items)
        purse = budget.Purse(limits.max_units, bills)
        spent = self._elsewhere + budget.spent_on(bills)

        def admit(item: Item, record: Record) -> bool:
            nonlocal spent
            bill = bills[item.position]
            if not purse.admit(bill, record):
                return False
            if self._job.is_batch:
                # Another list of items would not lead to this one's record.
                spent += bill.price + record.spent - bill.surely - bill.perhaps
                self._store.save(self._wishes, spent, self._elsewhere)
                self._written = spent
            return True

        return admit

    def refusal(self, item: Item, items: Sequence[Item]) -> KlingBudgetError:
        """Return the error of an item that would pass the limit."""
        return budget.over_budget(item.record, self._job.max_units or 0.0, self._spent(items))

    def told(self, items: Sequence[Item]) -> str:
        """Say what is still to be submitted, and how much of the limit is spent."""
        new = [item.record.estimate for item in items if isinstance(item.state, Unsubmitted)]
        told = [f"{len(new)} to be submitted, estimated {budget.total(new)}"] if new else []
        if self._job.max_units is not None:
            told.append(f"{self._spent(items):g} of max_units={self._job.max_units:g} spent")
        return "; ".join(told)

    def _spent(self, items: Sequence[Item]) -> float:
        return budget.spent_on(self._bills(items)) + self._elsewhere

    def _bills(self, items: Sequence[Item]) -> list[Bill]:
        return [budget.bill_of(item.state, item.record) for item in items]


def _cost_another_price(item: Item) -> bool:
    record = item.record
    return record.spent + record.cost != (record.estimate or {}).get("units", 0.0)
