"""How the items of a batch are taken up: at the start of a try, and after a deferral."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.models import canonical_model, typical_seconds
from airflow_provider_kling.compat import clock
from airflow_provider_kling.compat.state_store import History, RecordStore
from airflow_provider_kling.lifecycle.identity import Wish, field_digests
from airflow_provider_kling.lifecycle.record import Record
from airflow_provider_kling.lifecycle.submission import initial_record
from airflow_provider_kling.lifecycle.waiting import PollPolicy
from airflow_provider_kling.operators.batch_items import Carried, Item
from airflow_provider_kling.operators.landing import kept_manifest
from airflow_provider_kling.operators.life import wish_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.lifecycle.identity import Account
    from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator


class Opening:
    """
    Make the items of a batch from its requests.

    :param operator: what is wished for, and how.
    :param context: Airflow's context of the running task.
    :param account: who pays.
    :param started_at: when this try began, in seconds since the epoch.
    """

    def __init__(
        self, operator: KlingText2VideoBatchOperator, context: Context, account: Account, started_at: float
    ) -> None:
        self._operator = operator
        self._context = context
        self._account = account
        self._started_at = started_at

    def begin(self, bodies: list[dict[str, Any]]) -> list[Item]:
        """Return the items at the start of a try."""
        history = RecordStore(self._context).history(first_try=self._context["ti"].try_number <= 1)
        items = list(self._identified(bodies))
        for item in items:
            # Nothing is read where nothing was written: each read is a request to Airflow's API server.
            stored = None if history is History.NONE else item.store.load()
            item.record = self._opening(stored, item.wish, item.body, first_try=history is not History.LOST)
            item.done = kept_manifest(self._operator, item.record) is not None
            if not item.done:
                # A result of an earlier try that is not kept is to be fetched again.
                item.record = replace(item.record, manifest=None, landed=())
        return items

    def take_up(self, bodies: list[dict[str, Any]], carried: Carried, ended: frozenset[str]) -> list[Item]:
        """
        Return the items after a deferral: what was not carried over was not posted before it.

        But for ``dag.test()``, which loses what is carried: then the store knows, or else a lookup at Kling.

        :param ended: task ids that the trigger saw end.
        """
        items = list(self._identified(bodies))
        for item in items:
            if kept := carried.records.get(item.wish.key):
                item.record = Record.from_json(kept)
            elif not carried.digest:
                item.record = self._opening(item.store.load(), item.wish, item.body, first_try=item.store.exists)
                item.done = kept_manifest(self._operator, item.record) is not None
            carried.restore(item)
            # Only what ended is polled; the trigger has just polled the rest. Where that is lost, all are.
            if item.adopted and carried.digest and item.record.task_id not in ended:
                item.wake_at = clock.now() + poll_policy(self._operator, item).delay(clock.now())
        return items

    def _identified(self, bodies: list[dict[str, Any]]) -> Iterator[Item]:
        """
        Give each item its identity: its content, and which one of equal items it is.

        Not its position: a row inserted at the top of a table must not make all the others new.
        """
        equal: Counter[str] = Counter()
        for position, body in enumerate(bodies):
            content = json.dumps({**body, "model": canonical_model(body["model"])}, sort_keys=True)
            wish = wish_of(self._operator, self._context["ti"], self._account, body, occurrence=equal[content])
            equal[content] += 1
            store = RecordStore(self._context, part=wish.key)
            record = self._opening(None, wish, body, first_try=True)
            yield Item(position, body, wish, store, record, opened_at=self._started_at)

    def _opening(self, stored: Record | None, wish: Wish, body: dict[str, Any], *, first_try: bool) -> Record:
        return initial_record(stored, wish, field_digests(body), first_try=first_try, now=self._started_at)


def poll_policy(operator: KlingText2VideoBatchOperator, item: Item) -> PollPolicy:
    """Return how long and how often to poll an item."""
    submitted_at = item.record.submitted_at or item.opened_at
    deadline = submitted_at + operator.timeout
    return PollPolicy(submitted_at, deadline, operator.poll_interval, typical_seconds(item.body))
