"""The life of many wishes within one try: submit a few at a time, wait for all at once, land each as it ends."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import as_completed
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_kling import clock
from airflow_provider_kling.api.models import typical_seconds
from airflow_provider_kling.exceptions import KlingError, KlingTaskTimeoutError, TaskState
from airflow_provider_kling.lifecycle.identity import Wish, field_digests
from airflow_provider_kling.lifecycle.record import Record
from airflow_provider_kling.lifecycle.submission import Policy, opening
from airflow_provider_kling.lifecycle.waiting import Done, Failed, Patience, decide
from airflow_provider_kling.operators.batch_items import Carried, Item, batch_error, progress, result, worth_a_worker
from airflow_provider_kling.operators.landing import kept_manifest, several_landings, with_result
from airflow_provider_kling.operators.life import SHORTEST_DEFERRAL, started_at, wish_of
from airflow_provider_kling.operators.submit import Submitter
from airflow_provider_kling.state_store import History, RecordStore

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator

_PROGRESS_EVERY = 60.0


class _LaterError(Exception):
    """An item's submit has to wait; the others need not."""

    def __init__(self, seconds: float, record: Record) -> None:
        self.seconds = seconds
        self.record = record


class BatchLife:
    """
    One try of all wishes of a batch.

    :param operator: what is wished for, and how.
    :param context: Airflow's context of the running task.
    :param hook: talks to Kling.
    """

    def __init__(self, operator: KlingText2VideoBatchOperator, context: Context, hook: KlingHook) -> None:
        self._operator = operator
        self._hook = hook
        self._ti = context["ti"]
        self._context = context
        self._started_at = started_at(self._ti)
        # As long as videos end, a busy account has a slot for the next one in time.
        self._moved_at = self._started_at
        limit = operator.execution_timeout
        self._gives_up_at = self._started_at + limit.total_seconds() if limit else float("inf")
        self._told_at = clock.now()
        self._items: list[Item] = []

    def live(self, bodies: list[dict[str, Any]], carried: Carried | None, ended: frozenset[str]) -> Any:
        """
        Return the result of the batch. May defer and not return.

        :param bodies: the checked requests.
        :param carried: what a deferral carried over; ``None`` at the start of a try.
        :param ended: task ids that the trigger saw end.
        """
        self._moved_at = max(self._started_at, carried.moved_at if carried else 0.0)
        for item in self._identified(bodies):
            self._begin(item) if carried is None else self._take_up(item, carried, ended)
            self._items.append(item)
        while True:
            self._check_time()
            self._advance()
            if all(item.settled or self._is_held_back(item) for item in self._items):
                return self._result()
            self._tell(always=self._operator.deferrable)
            self._wait()

    @cached_property
    def _history(self) -> History:
        return RecordStore(self._context).history(first_try=self._ti.try_number <= 1)

    # --- the wishes -----------------------------------------------------------------------------------------------

    def _identified(self, bodies: list[dict[str, Any]]) -> Iterator[Item]:
        """
        Give each item its identity: its content, and which one of equal items it is.

        Not its position: a row inserted at the top of a table must not make all the others new.
        """
        equal: Counter[str] = Counter()
        for position, body in enumerate(bodies):
            content = json.dumps(body, sort_keys=True)
            account = self._hook.settings.account
            wish = wish_of(self._operator, self._ti, account, body, occurrence=equal[content])
            equal[content] += 1
            store = RecordStore(self._context, part=wish.key)
            record = self._opening(None, wish, body, first_try=True)
            yield Item(position, body, wish, store, record, opened_at=self._started_at)

    def _opening(self, stored: Record | None, wish: Wish, body: dict[str, Any], *, first_try: bool) -> Record:
        return opening(stored, wish, field_digests(body), first_try=first_try, now=self._started_at)

    def _begin(self, item: Item) -> None:
        """Take up an item at the start of a try."""
        # Nothing is read where nothing was written: each read is a request to Airflow's API server.
        stored = None if self._history is History.NONE else item.store.load()
        item.record = self._opening(stored, item.wish, item.body, first_try=self._history is not History.LOST)
        item.done = kept_manifest(self._operator, item.record) is not None
        if not item.done:
            # A result of an earlier try that is not kept is to be fetched again.
            item.record = replace(item.record, manifest=None, landed=())

    def _take_up(self, item: Item, carried: Carried, ended: frozenset[str]) -> None:
        """
        Take up an item after a deferral: what was not carried over was not posted before it.

        But for ``dag.test()``, which loses what is carried: then the store knows, or else a lookup at Kling.
        """
        if kept := carried.records.get(item.wish.key):
            item.record = Record.from_json(kept)
        elif not carried.digest:
            item.record = self._opening(item.store.load(), item.wish, item.body, first_try=item.store.exists)
        carried.restore(item)
        # Only what ended is looked at; the trigger has just looked at the rest. Where it is lost what was done, all is.
        if item.adopted and carried.digest and item.record.task_id not in ended:
            item.wake_at = clock.now() + self._patience(item).delay(clock.now())

    def _patience(self, item: Item) -> Patience:
        submitted_at = item.record.submitted_at or self._started_at
        deadline = submitted_at + self._operator.timeout
        return Patience(submitted_at, deadline, self._operator.poll_interval, typical_seconds(item.body))

    # --- steps ----------------------------------------------------------------------------------------------------

    def _check_time(self) -> None:
        """Airflow ignores execution_timeout while a task is deferred, and starts it anew when it resumes."""
        # A timer may wake us a little early; a deferral of a moment would be no better.
        if clock.now() > self._gives_up_at - 1.0:
            seconds = self._gives_up_at - self._started_at
            raise KlingTaskTimeoutError(
                f"execution_timeout of {seconds:g} s has passed. {self._progress()}",
                task_state=TaskState.EXISTS,
                retryable=True,
            )

    def _advance(self) -> None:
        """Do all that is due: first what is paid for, then new submits, and landings while those are being made."""
        for item in sorted(self._items, key=lambda item: not item.running):
            if item.settled or item.wake_at > clock.now() or self._is_held_back(item):
                continue
            if not item.adopted and self._may_submit(item):
                self._submit(item)
            if item.adopted and not item.settled:
                self._look(item)
        self._land_all()

    def _may_submit(self, item: Item) -> bool:
        return item.running or sum(other.running for other in self._items) < self._operator.max_active

    def _is_held_back(self, item: Item) -> bool:
        """Whether it is not to be submitted any more, because another one failed."""
        failed = any(other.error for other in self._items)
        return failed and self._operator.on_item_failure == "fail" and not item.running and not item.settled

    def _submit(self, item: Item) -> None:
        deadline = self._moved_at + self._operator.timeout
        policy = Policy(item.wish, self._started_at, deadline, self._operator.on_lost_submit)
        submitter = Submitter(
            hook=self._hook,
            store=item.store,
            capability=self._operator.capability,
            body=item.body,
            policy=policy,
            pause=self._postpone,
        )
        try:
            item.record, item.seen = submitter.run(item.record)
            item.adopted = True
            self._moved_at = clock.now()
        except _LaterError as later:
            item.record = later.record
            item.wake_at = clock.now() + later.seconds
            if not item.running and not item.may_show(clock.now()):
                # Nothing was created: the account is busy, for every item that is not running either.
                self._hold_submits(item.wake_at)
        except KlingError as error:
            self._fail(item, error)

    @staticmethod
    def _postpone(seconds: float, record: Record) -> None:
        raise _LaterError(seconds, record)

    def _hold_submits(self, until: float) -> None:
        for item in self._items:
            if not item.running and not item.settled:
                item.wake_at = max(item.wake_at, until)

    def _look(self, item: Item) -> None:
        seen = item.seen or self._hook.look(str(item.record.task_id), self._operator.capability)
        item.seen = None
        verdict = decide(seen, self._patience(item), clock.now())
        match verdict:
            case Done(task):
                item.ended = task
            case Failed(error):
                self._fail(item, error)
            case _:
                item.wake_at = clock.now() + verdict.seconds

    def _land_all(self) -> None:
        with several_landings(self._operator, self._hook) as land:
            landings = {land(item.record, item.ended): (item, item.ended) for item in self._items if item.ended}
            for landing in as_completed(landings):
                self._tell()
                item, task = landings[landing]
                item.ended = None
                try:
                    item.record = with_result(self._operator, item.store, item.record, task, landing.result())
                    item.done = True
                    self._moved_at = clock.now()
                except KlingError as error:
                    self._fail(item, error)

    def _fail(self, item: Item, error: KlingError) -> None:
        item.error = error.about(task_id=item.record.task_id, external_task_id=item.record.external_task_id)
        self._operator.log.error("Item %d: %s", item.position, item.error)

    # --- waiting --------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        open_items = [item for item in self._items if not item.settled and not self._is_held_back(item)]
        full = sum(item.running for item in open_items) >= self._operator.max_active
        # A full house admits nobody, whenever they are due.
        admitted = [item for item in open_items if item.running or not full]
        # The looks at adopted tasks are the trigger's; what else is due needs a worker.
        ours = [item for item in admitted if not (self._operator.deferrable and item.adopted)]
        wake_at = min((item.wake_at for item in ours), default=None)
        seconds = max(0.0, (wake_at or 0.0) - clock.now())
        if not self._operator.deferrable or (wake_at is not None and seconds < SHORTEST_DEFERRAL):
            clock.sleep(seconds)
            return
        self._defer(open_items, wake_at)

    def _defer(self, open_items: list[Item], wake_at: float | None) -> None:
        operator = self._operator
        if self._gives_up_at < (wake_at or float("inf")):
            wake_at = self._gives_up_at
        known = [item for item in open_items if item.adopted]
        kwargs = {"carried": Carried.of(self._items, operator.digest, self._moved_at).to_json()}
        if not known:
            from airflow.providers.standard.triggers.temporal import DateTimeTrigger

            moment = datetime.fromtimestamp(wake_at or clock.now(), tz=UTC)
            operator.defer(trigger=DateTimeTrigger(moment), method_name="resume", kwargs=kwargs)
        from airflow_provider_kling.triggers.batch import KlingBatchTrigger

        patience = [(item, self._patience(item)) for item in known]
        waiting = sum(not item.running for item in open_items)
        trigger = KlingBatchTrigger(
            kling_conn_id=operator.kling_conn_id,
            tasks=[[item.record.task_id, p.submitted_at, p.deadline, p.typical] for item, p in patience],
            enough=worth_a_worker(len(known), waiting=waiting, max_active=operator.max_active),
            wake_at=wake_at,
            capability=operator.capability.name,
            poll_interval=operator.poll_interval,
        )
        latest = max(p.deadline for _, p in patience)
        net = timedelta(seconds=max(0.0, latest - clock.now()) + 600)
        operator.defer(trigger=trigger, method_name="resume", kwargs=kwargs, timeout=net)

    def _tell(self, *, always: bool = False) -> None:
        """Say how far it is: once a minute, and before each deferral."""
        if always or clock.now() - self._told_at >= _PROGRESS_EVERY:
            self._told_at = clock.now()
            self._operator.log.info("%s", self._progress())

    def _progress(self) -> str:
        return progress(self._items, clock.now() - self._started_at)

    def _result(self) -> dict[str, Any]:
        self._operator.log.info("%s", self._progress())
        ti = self._ti
        parts = (ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
        name = "-".join(str(part) for part in parts if part not in (-1, None))
        counts = result(self._items, self._operator.output_path, name)
        if counts["failed"] and self._operator.on_item_failure == "fail":
            raise batch_error(self._items, counts)
        return counts
