"""KlingOperator: the life of one wish in Airflow, the same for every capability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, conf

from airflow_provider_kling import clock
from airflow_provider_kling.api.models import canonical_model
from airflow_provider_kling.api.validation import check_fields, check_request, coerce
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.lifecycle.identity import Wish, changed_fields, field_digests, fingerprint
from airflow_provider_kling.lifecycle.record import Record
from airflow_provider_kling.lifecycle.submission import Policy, opening
from airflow_provider_kling.lifecycle.waiting import Done, Failed, Patience, decide
from airflow_provider_kling.links.kling import KlingVideoLink
from airflow_provider_kling.operators.submit import Submitter
from airflow_provider_kling.state_store import RecordStore
from airflow_provider_kling.templates import holds_template
from airflow_provider_kling.triggers.kling import STILL_RUNNING, KlingTaskTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.api.task import KlingTask

# Shorter pauses are slept: a deferral costs the scheduler more, and Airflow races on very short ones (#71580).
SHORTEST_DEFERRAL = 15.0
# Airflow's own deferral timeout is only the net below the trigger's deadline.
_NET = timedelta(minutes=10)


class KlingOperator(BaseOperator):
    """
    Submit once, wait, land.

    Subclasses name a :class:`Capability` and hold its request fields as attributes.

    :param kling_conn_id: Airflow connection of type ``kling``. (templated)
    :param external_task_id: your own id for the task; by default one is derived from dag, run, task, map index and
        request, so that any retry finds the video again. (templated)
    :param extra_body: documented fields of newer models that have no argument here. (templated)
    :param wait_for_completion: wait and return the manifest; else return the task id at once.
    :param deferrable: wait in the triggerer, without a worker slot. Default: ``[operators] default_deferrable``.
    :param poll_interval: seconds between looks; by default few at first and more when the video is due.
    :param timeout: seconds (or timedelta) from submission until the wait is given up. Kling goes on; a retry or a
        clear takes the video up.
    :param output_path: where to land the mp4: any ``ObjectStoragePath``; a directory when it ends in ``/``.
        (templated)
    :param on_clear: ``"reuse"`` (a cleared task finds the video already paid for) or ``"new"`` (it pays for another).
    :param on_lost_submit: what to do when the answer to a submit was lost and Kling, asked for two minutes, does not
        know the task: ``"resubmit"`` with the same id, or ``"fail"``.
    """

    capability: ClassVar[Capability]
    request_fields: ClassVar[tuple[str, ...]]

    operator_extra_links = (KlingVideoLink(),)

    def __init__(
        self,
        *,
        kling_conn_id: str = KlingHook.default_conn_name,
        external_task_id: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        wait_for_completion: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | None = None,
        timeout: float | timedelta = 3600,
        output_path: str | None = None,
        on_clear: str = "reuse",
        on_lost_submit: str = "resubmit",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kling_conn_id = kling_conn_id
        self.external_task_id = external_task_id
        self.extra_body = extra_body
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
        self.output_path = output_path
        self.on_clear = on_clear
        self.on_lost_submit = on_lost_submit
        self._record: Record | None = None

    # --- refused before paid --------------------------------------------------------------------------------------

    def check_arguments(self) -> None:
        """
        Check what is known when the DAG is parsed: every field without a template.

        :raises KlingValidationError: listing all faults; Airflow shows it as an import error of the DAG.
        """
        fields = coerce(self.capability, self._set_fields())
        findings = check_fields(self.capability, fields, without=[n for n, v in fields.items() if holds_template(v)])
        faults = [*findings.faults, *self._argument_faults()]
        replace(findings, faults=tuple(faults)).raise_for_faults(f"Task {self.task_id!r}:")

    def _argument_faults(self) -> list[tuple[str, str]]:
        choices = {"on_clear": ("reuse", "new"), "on_lost_submit": ("resubmit", "fail")}
        faults = [
            (name, f"{getattr(self, name)!r} is not one of {', '.join(map(repr, allowed))}")
            for name, allowed in choices.items()
            if getattr(self, name) not in allowed
        ]
        if self.timeout <= 0:
            faults.append(("timeout", f"must be more than 0 seconds, not {self.timeout:g}"))
        if self.poll_interval is not None and self.poll_interval <= 0:
            faults.append(("poll_interval", f"must be more than 0 seconds, not {self.poll_interval:g}"))
        if self.output_path and not self.wait_for_completion:
            faults.append(("output_path", "needs wait_for_completion=True: there is no video to land before"))
        return faults

    def _set_fields(self) -> dict[str, Any]:
        """Return the request fields that the user set: a default sent unasked was refused by the API before."""
        values = {name: getattr(self, name) for name in self.request_fields}
        return {name: value for name, value in values.items() if value is not None}

    def _request(self, hook: KlingHook) -> dict[str, Any]:
        """Return the checked request without ``external_task_id``."""
        fields = coerce(self.capability, self._set_fields())
        extra_body = coerce(self.capability, self.extra_body or {})
        own_id = {"external_task_id": str(self.external_task_id)} if self.external_task_id else {}
        settings = hook.settings
        findings = check_request(
            self.capability, {**fields, **own_id}, extra_body, dialect=settings.dialect, models=settings.models
        )
        findings.raise_for_faults(f"{self.capability.name} request")
        if self.output_path:
            from airflow_provider_kling.storage import check_output_path

            check_output_path(self.output_path)
        for name, message in findings.warnings:
            self.log.warning("%s: %s. The gateway documents no such rule; submitting.", name, message)
        return {**fields, **extra_body}

    # --- the life of a wish ---------------------------------------------------------------------------------------

    def execute(self, context: Context) -> Any:
        """Begin a try."""
        return self._run(context, None)

    def resume(self, context: Context, event: Any = None, carried: Mapping[str, Any] | None = None) -> Any:
        """Go on after a deferral; whatever woke the task up, the record and a look at Kling decide."""
        store = RecordStore(context)
        record = store.load() or (Record.from_json(carried) if carried else _echoed(event))
        return self._run(context, record)

    def _run(self, context: Context, record: Record | None) -> Any:
        try:
            with KlingHook(self.kling_conn_id) as hook:
                return self._live(context, hook, record)
        except KlingError as error:
            if error.retryable:
                raise
            # A retry would be refused again: spare the user the retries' delay.
            raise AirflowFailException(str(error)) from error

    def _live(self, context: Context, hook: KlingHook, record: Record | None) -> Any:
        store = RecordStore(context)
        seen: KlingTask | KlingError | None = None
        # A resumed task whose id is known only waits: rendering its templates again may give another request.
        if record is None or record.task_id is None:
            body = self._request(hook)
            wish = self._wish(context, hook, body)
            record = record or self._open(context, store, wish, body)
            if kept := self._kept(record):
                self._announce(context, record)
                return kept
            record, seen = self._submit(context, hook, store, record, wish, body)
        self._announce(context, record)
        if not self.wait_for_completion:
            return record.task_id
        return self._finish(context, hook, store, record, seen)

    def _submit(
        self,
        context: Context,
        hook: KlingHook,
        store: RecordStore,
        record: Record,
        wish: Wish,
        body: Mapping[str, Any],
    ) -> tuple[Record, KlingTask]:
        self._record = record
        self._push(context, external_task_id=record.external_task_id)
        started_at = _started_at(context)
        policy = Policy(wish, started_at, started_at + self.timeout, self.on_lost_submit)
        submitter = Submitter(
            hook=hook, store=store, capability=self.capability, body=body, policy=policy, pause=self._pause
        )
        return submitter.run(record)

    def _wish(self, context: Context, hook: KlingHook, body: Mapping[str, Any]) -> Wish:
        ti = context["ti"]
        request = {**body, "model": canonical_model(body["model"])}
        return Wish(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=ti.map_index if ti.map_index is not None else -1,
            fingerprint=fingerprint(request, hook.settings.account),
            # A clear raises max_tries and a retry does not, in every Airflow 3.
            fresh=ti.max_tries if self.on_clear == "new" else None,
            own_id=str(self.external_task_id) if self.external_task_id else None,
        )

    def _open(self, context: Context, store: RecordStore, wish: Wish, body: Mapping[str, Any]) -> Record:
        stored = store.load()
        digests = field_digests(body)
        if stored is not None and stored.wish != wish.key:
            changed = changed_fields(stored.fields, digests)
            self.log.warning(
                "This is another wish than the last try's (%s). Of that one: task_id %s, external_task_id %s.",
                f"changed: {', '.join(changed)}" if changed else "cleared with on_clear='new', or another account",
                stored.task_id,
                stored.external_task_id,
            )
        return opening(stored, wish, digests, first_try=context["ti"].try_number <= 1, now=_started_at(context))

    def _announce(self, context: Context, record: Record) -> None:
        """Push the ids as soon as they are known. XCom is wiped at every new try, so nothing relies on it."""
        self._record = record
        self._push(context, task_id=record.task_id, external_task_id=record.external_task_id)

    def _push(self, context: Context, **values: str | None) -> None:
        for key, value in values.items():
            context["ti"].xcom_push(key=key, value=value)

    # --- waiting --------------------------------------------------------------------------------------------------

    def _finish(
        self,
        context: Context,
        hook: KlingHook,
        store: RecordStore,
        record: Record,
        seen: KlingTask | KlingError | None,
    ) -> dict[str, Any]:
        patience = self._patience(context, record)
        while True:
            seen = seen or hook.look(str(record.task_id), self.capability)
            verdict = decide(seen, patience, clock.now())
            match verdict:
                case Done(task):
                    return self._land(hook, store, record, task)
                case Failed(error):
                    raise error.about(task_id=record.task_id, external_task_id=record.external_task_id)
            if verdict.why:
                self.log.warning("Task %s: %s.", record.task_id, verdict.why)
            self._wait(verdict.seconds, record, patience)
            seen = None

    def _patience(self, context: Context, record: Record) -> Patience:
        submitted_at = record.submitted_at or _started_at(context)
        deadline = submitted_at + self.timeout
        if self.execution_timeout is not None:
            deadline = min(deadline, _started_at(context) + self.execution_timeout.total_seconds())
        return Patience(submitted_at, deadline, self.poll_interval)

    def _wait(self, seconds: float, record: Record, patience: Patience) -> None:
        if not self.deferrable:
            clock.sleep(seconds)
            return
        trigger = KlingTaskTrigger(
            kling_conn_id=self.kling_conn_id,
            kling_task_id=str(record.task_id),
            external_task_id=record.external_task_id,
            capability=self.capability.name,
            submitted_at=patience.submitted_at,
            deadline=patience.deadline,
            poll_interval=self.poll_interval,
        )
        self.defer(
            trigger=trigger,
            method_name="resume",
            kwargs={"carried": record.to_json()},
            timeout=timedelta(seconds=max(0.0, patience.deadline - clock.now())) + _NET,
        )

    def _pause(self, seconds: float, record: Record) -> None:
        """Wait during the submit, without a worker where that is worth it. A retry is not used up."""
        if not self.deferrable or seconds < SHORTEST_DEFERRAL:
            clock.sleep(seconds)
            return
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger

        moment = datetime.fromtimestamp(clock.now() + seconds, tz=UTC)
        self.defer(trigger=DateTimeTrigger(moment), method_name="resume", kwargs={"carried": record.to_json()})

    # --- landing --------------------------------------------------------------------------------------------------

    def _land(self, hook: KlingHook, store: RecordStore, record: Record, task: KlingTask) -> dict[str, Any]:
        landed: tuple[tuple[str, int], ...] = ()
        if self.output_path:
            from airflow_provider_kling.storage import land

            landed = land(
                task,
                self.output_path,
                name=record.external_task_id,
                refresh=lambda: hook.get_task(task.task_id, self.capability),
            )
        manifest = task.manifest(self.capability.name, [path for path, _ in landed])
        manifest["external_task_id"] = record.external_task_id
        store.save(replace(record, landed=landed, manifest=manifest))
        return manifest

    def _kept(self, record: Record) -> dict[str, Any] | None:
        """Return the manifest of videos landed before, so that a clear does not even ask Kling, which forgets."""
        if not (self.output_path and self.wait_for_completion and record.manifest):
            return None
        from airflow_provider_kling.storage import still_there, targets

        wanted = targets(self.output_path, record.external_task_id, len(record.landed))
        if [str(path) for path in wanted] != [path for path, _ in record.landed] or not still_there(record.landed):
            return None
        self.log.info("The video landed before and is still there; nothing to do.")
        return dict(record.manifest)

    def on_kill(self) -> None:
        """Tell the truth: Kling has no cancel, and the video is kept for the next try."""
        if self._record is not None:
            self.log.warning(STILL_RUNNING, self._record.task_id, self._record.external_task_id)


def _started_at(context: Context) -> float:
    """Return when this try began: Airflow keeps start_date over a deferral."""
    started = context["ti"].start_date
    return min(clock.now(), started.timestamp()) if started else clock.now()


def _echoed(event: Any) -> Record | None:
    """
    Read the ids back from the trigger's event.

    ``dag.test()`` drops ``defer(kwargs=...)`` (all of Airflow 3), and before 3.3 there is no store.
    """
    if not isinstance(event, Mapping) or not event.get("task_id"):
        return None
    return Record(
        wish="",
        external_task_id=str(event.get("external_task_id") or ""),
        task_id=str(event["task_id"]),
        submitted_at=event.get("submitted_at"),
    )
