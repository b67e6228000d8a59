"""The life of many wishes within one try: submit a few at a time, wait for all at once, land them as they end."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import as_completed
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.compat import clock
from airflow_provider_kling.exceptions import KlingError, KlingTaskTimeoutError, TaskState
from airflow_provider_kling.lifecycle.record import Record
from airflow_provider_kling.lifecycle.submission import Policy
from airflow_provider_kling.lifecycle.waiting import Done, Failed, decide
from airflow_provider_kling.operators.batch_items import Carried, Item, is_reason_to_stop, worth_a_worker
from airflow_provider_kling.operators.batch_opening import Opening, poll_policy
from airflow_provider_kling.operators.batch_report import progress, result
from airflow_provider_kling.operators.landing import several_landings, with_result
from airflow_provider_kling.operators.life import SHORTEST_DEFERRAL, begin_of
from airflow_provider_kling.operators.submit import Submitter

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


class _NoSlotError(Exception):
    """An item may be submitted, and must not be now."""

    def __init__(self, record: Record) -> None:
        self.record = record


class BatchLife:
    """
    One try of all wishes of a batch.

    :param operator: what is wished for, and how.
    :param context: Airflow's context of the running task.
    :param hook: talks to Kling.
    :param carried: what a deferral carried over; ``None`` at the start of a try.
    """

    def __init__(
        self,
        operator: KlingText2VideoBatchOperator,
        context: Context,
        hook: KlingHook,
        carried: Carried | None,
    ) -> None:
        self._operator = operator
        self._hook = hook
        self._ti = context["ti"]
        self._context = context
        self._carried = carried
        known = carried or Carried()
        self._started_at = known.started_at or begin_of(self._ti)
        # As long as videos end, a busy account has a slot for the next one in time.
        self._moved_at = known.moved_at or self._started_at
        self._units = known.units
        # Whether a landing of this try has worked: before it has, nothing more is paid for.
        self._lands = known.lands
        limit = operator.execution_timeout
        self._gives_up_at = self._started_at + limit.total_seconds() if limit else float("inf")
        self._told_at = clock.now()
        self._items: list[Item] = []
        # How many hold a slot, and whether no more is to be paid for: to ask all items for each takes hours of 5,000.
        self._active = 0
        self._is_stopped = False

    def live(self, bodies: list[dict[str, Any]], ended: frozenset[str]) -> Any:
        """
        Return the result of the batch. May defer and not return.

        :param bodies: the checked requests.
        :param ended: task ids that the trigger saw end.
        """
        opening = Opening(self._operator, self._context, self._hook.settings.account, self._started_at)
        if self._carried is None:
            self._items = opening.begin(bodies)
            self._units = sum(_units(item.record.manifest or {}) for item in self._items if item.done)
        else:
            self._items = opening.take_up(bodies, self._carried, ended)
        self._is_stopped = any(item.stops for item in self._items)
        while True:
            self._check_time()
            self._advance()
            if all(item.settled or self._is_held_back(item) for item in self._items):
                return self._result()
            self._tell(always=self._operator.deferrable)
            self._wait()

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
        """Do all that is due: poll what is paid for, then submit, and land while Kling works on that."""
        paid_for = [item for item in self._items if item.running]
        self._active = len(paid_for)
        for item in paid_for:
            self._step(item)
        if not self._lands:
            self._land_all()
        for item in self._items:
            if not item.wants_slot or self._may_post():
                self._step(item)
        self._land_all()

    def _step(self, item: Item) -> None:
        if item.settled or item.ended or item.wake_at > clock.now():
            return
        # To others' slots its own does not count.
        self._active -= item.running
        if not item.adopted:
            self._submit(item)
        if item.adopted and not item.settled:
            self._poll(item)
        self._active += item.running

    def _may_post(self) -> bool:
        return not self._is_stopped and self._active < self._operator.max_active

    def _is_held_back(self, item: Item) -> bool:
        """Whether it is not to be submitted any more."""
        return item.wants_slot and self._is_stopped

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
            before_post=self._admit,
        )
        item.ready = False
        try:
            item.record, item.seen = submitter.run(item.record)
            item.adopted = True
            self._moved_at = clock.now()
        except _NoSlotError as refused:
            item.record, item.ready = refused.record, True
        except _LaterError as later:
            item.record = later.record
            item.wake_at = clock.now() + later.seconds
            if not item.running and not item.may_show(clock.now()):
                # Nothing was created: the account is busy, for every item that is not running either.
                self._hold_submits(item.wake_at)
        except KlingError as error:
            self._fail(item, error)

    def _admit(self, record: Record) -> None:
        if not self._may_post():
            raise _NoSlotError(record)

    @staticmethod
    def _postpone(seconds: float, record: Record) -> None:
        raise _LaterError(seconds, record)

    def _hold_submits(self, until: float) -> None:
        for item in self._items:
            if not item.running and not item.settled:
                item.wake_at = max(item.wake_at, until)

    def _poll(self, item: Item) -> None:
        seen = item.seen or self._hook.poll_task(str(item.record.task_id), self._operator.capability)
        item.seen = None
        verdict = decide(seen, poll_policy(self._operator, item), clock.now())
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
            failures: list[tuple[Item, KlingError]] = []
            for landing in as_completed(landings):
                self._tell()
                item, task = landings[landing]
                item.ended = None
                try:
                    item.record = with_result(self._operator, item.store, item.record, task, landing.result())
                except KlingError as error:
                    failures.append((item, error))
                else:
                    item.done = self._lands = True
                    self._units += _units(item.record.manifest or {})
                    self._moved_at = clock.now()
        # Judged when all are through: one that landed shows that the others' trouble is their own.
        for item, failure in failures:
            self._fail(item, failure)

    def _fail(self, item: Item, error: KlingError) -> None:
        item.error = error.about(task_id=item.record.task_id, external_task_id=item.record.external_task_id)
        item.stops = is_reason_to_stop(error, self._operator.on_item_failure, lands=self._lands)
        self._is_stopped = self._is_stopped or item.stops
        self._operator.log.error("Item %d: %s", item.position, item.error)

    # --- waiting --------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        open_items = [item for item in self._items if not item.settled and not self._is_held_back(item)]
        full = sum(item.running for item in open_items) >= self._operator.max_active
        # A full house admits nobody, whenever they are due.
        admitted = [item for item in open_items if not (full and item.wants_slot)]
        # The polls adopted tasks are the trigger's; what else is due needs a worker.
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
        carried = Carried.of(
            self._items,
            digest=operator.digest,
            started_at=self._started_at,
            moved_at=self._moved_at,
            units=self._units,
            lands=self._lands,
        )
        kwargs = {"carried": carried.to_json()}
        if not known:
            from airflow.providers.standard.triggers.temporal import DateTimeTrigger

            moment = datetime.fromtimestamp(wake_at or clock.now(), tz=UTC)
            operator.defer(trigger=DateTimeTrigger(moment), method_name="resume", kwargs=kwargs)
        from airflow_provider_kling.triggers.batch import KlingBatchTrigger

        policy = [(item, poll_policy(self._operator, item)) for item in known]
        waiting = sum(not item.running for item in open_items)
        trigger = KlingBatchTrigger(
            kling_conn_id=operator.kling_conn_id,
            tasks=[[item.record.task_id, p.submitted_at, p.deadline, p.typical] for item, p in policy],
            enough=worth_a_worker(len(known), waiting=waiting, max_active=operator.max_active),
            wake_at=wake_at,
            capability=operator.capability.name,
            poll_interval=operator.poll_interval,
        )
        latest = max(p.deadline for _, p in policy)
        net = timedelta(seconds=max(0.0, latest - clock.now()) + 600)
        operator.defer(trigger=trigger, method_name="resume", kwargs=kwargs, timeout=net)

    def _tell(self, *, always: bool = False) -> None:
        """Say how far it is: once a minute, and before each deferral."""
        if always or clock.now() - self._told_at >= _PROGRESS_EVERY:
            self._told_at = clock.now()
            self._operator.log.info("%s", self._progress())

    def _progress(self) -> str:
        return progress(self._items, clock.now() - self._started_at, self._units)

    def _result(self) -> dict[str, Any]:
        self._operator.log.info("%s", self._progress())
        ti = self._ti
        parts = (ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
        name = "-".join(str(part) for part in parts if part not in (-1, None))
        return result(self._items, self._operator, self._hook, name)


def _units(manifest: Mapping[str, Any]) -> float:
    return float(manifest.get("units", 0))
