"""The life of one wish within one try: find or submit its task, wait, land."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.models import canonical_model, typical_seconds
from airflow_provider_kling.compat import clock
from airflow_provider_kling.compat.state_store import RecordStore
from airflow_provider_kling.lifecycle.identity import Wish, changed_fields, field_digests, fingerprint
from airflow_provider_kling.lifecycle.submission import Policy, initial_record
from airflow_provider_kling.lifecycle.waiting import Done, Failed, PollPolicy, decide
from airflow_provider_kling.operators.landing import kept_manifest, land_videos, with_result
from airflow_provider_kling.operators.submit import Submitter

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.exceptions import KlingError
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.lifecycle.identity import Account
    from airflow_provider_kling.lifecycle.record import Record
    from airflow_provider_kling.operators.base import KlingOperator

# Shorter pauses are slept: a deferral costs the scheduler more, and Airflow races on very short ones (#71580).
SHORTEST_DEFERRAL = 15.0
# Airflow's own deferral timeout is only the net below the trigger's deadline.
_NET = timedelta(minutes=10)


def wish_of(
    operator: KlingOperator, ti: Any, account: Account, body: Mapping[str, Any], *, occurrence: int | None = None
) -> Wish:
    """
    Return the identity of a request in a task instance.

    :param occurrence: which one of several equal requests, in an operator that makes many.
    """
    request: dict[str, Any] = {**body, "model": canonical_model(body["model"])}
    if occurrence is not None:
        request["occurrence"] = occurrence
    return Wish(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=ti.map_index if ti.map_index is not None else -1,
        fingerprint=fingerprint(request, account),
        # A clear raises max_tries and a retry does not, in every Airflow 3.
        fresh=ti.max_tries if operator.on_clear == "new" else None,
        own_id=str(operator.external_task_id) if operator.external_task_id else None,
    )


def begin_of(ti: Any) -> float:
    """
    Return when this try began, in seconds since the epoch.

    For what goes on after a deferral, the deferral carries it: Airflow 3.0 and 3.1, and any ``dag.test()``, set
    start_date anew each time. A limit counted from that is never reached, and a task that failed in this very try polls
    like one of an earlier try, to be paid for again.
    """
    started = ti.start_date
    return min(clock.now(), started.timestamp()) if started else clock.now()


class Life:
    """
    One try of one wish.

    :param operator: what is wished for, and how.
    :param context: Airflow's context of the running task.
    :param hook: talks to Kling.
    :param resumed: whether the try began before a deferral.
    :param started_at: when it began, where a deferral carried that, in seconds since the epoch.
    """

    def __init__(
        self,
        operator: KlingOperator,
        context: Context,
        hook: KlingHook,
        *,
        resumed: bool = False,
        started_at: float | None = None,
    ) -> None:
        self._operator = operator
        self._hook = hook
        self._ti = context["ti"]
        # Where a deferral lost its record (see _echoed), the part of the try before it may have posted.
        self._first_try = context["ti"].try_number <= 1 and not resumed
        self._store = RecordStore(context)
        self._started_at = started_at or begin_of(self._ti)

    def live(self, record: Record | None) -> Any:
        """
        Return the manifest, or the task id of an operator that does not wait. May defer and not return.

        :param record: what a deferral carried over; ``None`` at the start of a try.
        """
        seen: KlingTask | KlingError | None = None
        # A resumed task whose id is known only waits: rendering its templates again may give another request.
        if record is None or record.task_id is None:
            body = self._operator.request(self._hook.settings)
            wish = wish_of(self._operator, self._ti, self._hook.settings.account, body)
            record = record or self._open(wish, body)
            if kept := kept_manifest(self._operator, record):
                self._announce(record)
                return kept
            record, seen = self._submit(record, wish, body)
        self._announce(record)
        if not self._operator.wait_for_completion:
            return record.task_id
        return self._finish(record, seen)

    # --- one paid task --------------------------------------------------------------------------------------------

    def _open(self, wish: Wish, body: Mapping[str, Any]) -> Record:
        stored = self._store.load()
        digests = field_digests(body)
        if stored is not None and stored.wish != wish.key:
            changed = changed_fields(stored.fields, digests)
            self._operator.log.warning(
                "This is another wish than the last try's (%s). Of that one: task_id %s, external_task_id %s.",
                f"changed: {', '.join(changed)}" if changed else "cleared with on_clear='new', or another account",
                stored.task_id,
                stored.external_task_id,
            )
        return initial_record(stored, wish, digests, first_try=self._first_try, now=self._started_at)

    def _submit(self, record: Record, wish: Wish, body: Mapping[str, Any]) -> tuple[Record, KlingTask]:
        operator = self._operator
        operator.record = record
        self._push(external_task_id=record.external_task_id)
        policy = Policy(wish, self._started_at, self._started_at + operator.timeout, operator.on_lost_submit)
        submitter = Submitter(
            hook=self._hook,
            store=self._store,
            capability=operator.capability,
            body=body,
            policy=policy,
            pause=self._pause,
        )
        return submitter.run(record)

    def _pause(self, seconds: float, record: Record) -> None:
        """Wait during the submit, without a worker where that is worth it. A retry is not used up."""
        if not self._operator.deferrable or seconds < SHORTEST_DEFERRAL:
            clock.sleep(seconds)
            return
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger

        moment = datetime.fromtimestamp(clock.now() + seconds, tz=UTC)
        self._operator.defer(trigger=DateTimeTrigger(moment), method_name="resume", kwargs=self._carried(record))

    def _carried(self, record: Record) -> dict[str, Any]:
        return {"carried": {**record.to_json(), "started_at": self._started_at}}

    def _announce(self, record: Record) -> None:
        """Push the ids as soon as they are known. XCom is wiped at every new try, so nothing relies on it."""
        self._operator.record = record
        self._push(task_id=record.task_id, external_task_id=record.external_task_id)

    def _push(self, **values: str | None) -> None:
        for key, value in values.items():
            self._ti.xcom_push(key=key, value=value)

    # --- its result -----------------------------------------------------------------------------------------------

    def _finish(self, record: Record, seen: KlingTask | KlingError | None) -> dict[str, Any]:
        policy = self._poll_policy(record)
        while True:
            seen = seen or self._hook.poll_task(str(record.task_id), self._operator.capability)
            verdict = decide(seen, policy, clock.now())
            match verdict:
                case Done(task):
                    landed = land_videos(self._operator, self._hook, record, task)
                    record = with_result(self._operator, self._store, record, task, landed)
                    return dict(record.manifest or {})
                case Failed(error):
                    raise error.about(task_id=record.task_id, external_task_id=record.external_task_id)
            if verdict.why:
                self._operator.log.warning("Task %s: %s.", record.task_id, verdict.why)
            self._wait(verdict.seconds, record, policy)
            seen = None

    def _poll_policy(self, record: Record) -> PollPolicy:
        submitted_at = record.submitted_at or self._started_at
        deadline = submitted_at + self._operator.timeout
        if self._operator.execution_timeout is not None:
            # Airflow ignores execution_timeout while a task is deferred.
            deadline = min(deadline, self._started_at + self._operator.execution_timeout.total_seconds())
        typical = typical_seconds(self._operator.set_fields())
        return PollPolicy(submitted_at, deadline, self._operator.poll_interval, typical)

    def _wait(self, seconds: float, record: Record, policy: PollPolicy) -> None:
        operator = self._operator
        if not operator.deferrable:
            clock.sleep(seconds)
            return
        # Brings 8 ms of airflow.triggers.base, which a task that does not defer need not pay.
        from airflow_provider_kling.triggers.kling import KlingTaskTrigger

        trigger = KlingTaskTrigger(
            kling_conn_id=operator.kling_conn_id,
            kling_task_id=str(record.task_id),
            external_task_id=record.external_task_id,
            capability=operator.capability.name,
            submitted_at=policy.submitted_at,
            deadline=policy.deadline,
            poll_interval=operator.poll_interval,
            typical=policy.typical,
        )
        operator.defer(
            trigger=trigger,
            method_name="resume",
            kwargs=self._carried(record),
            timeout=timedelta(seconds=max(0.0, policy.deadline - clock.now())) + _NET,
        )
