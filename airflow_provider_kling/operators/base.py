"""KlingOperator: arguments, checks and tries that are the same for every capability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, conf

from airflow_provider_kling import DEFAULT_CONN_ID
from airflow_provider_kling.api.validation import Findings, check_fields, check_request, coerce
from airflow_provider_kling.compat.templates import holds_template
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.links.kling import KlingVideoLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.execution.deferred_state import DeferredState
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.hooks.settings import Settings
    from airflow_provider_kling.lifecycle.job import Job
    from airflow_provider_kling.lifecycle.record import Record


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
    :param poll_interval: seconds between polls; by default few at first and more when the video is due.
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
        kling_conn_id: str = DEFAULT_CONN_ID,
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
        self.timeout: float = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        self.output_path = output_path
        self.on_clear = on_clear
        self.on_lost_submit = on_lost_submit
        # What is known of the task in this try, for on_kill.
        self.record: Record | None = None
        # What came of it, for the link.
        self.result: Any = None

    # --- refused before paid --------------------------------------------------------------------------------------

    def check_arguments(self) -> None:
        """
        Check what is known when the DAG is parsed: every field without a template.

        :raises KlingValidationError: listing all faults; Airflow shows it as an import error of the DAG.
        """
        fields = coerce(self.capability, self.set_fields())
        findings = check_fields(self.capability, fields, without=[n for n, v in fields.items() if holds_template(v)])
        faults = [*findings.faults, *self._argument_faults()]
        findings._replace(faults=tuple(faults)).raise_for_faults(f"Task {self.task_id!r}:")

    def _argument_faults(self) -> list[tuple[str, str]]:
        choices = {"on_clear": ("reuse", "new"), "on_lost_submit": ("resubmit", "fail")}
        faults = [
            (name, f"{getattr(self, name)!r} is not one of {', '.join(map(repr, allowed))}")
            for name, allowed in choices.items()
            if getattr(self, name) not in allowed
        ]
        for name in ("timeout", "poll_interval"):
            # From a Variable or the environment, a number is text.
            try:
                setattr(self, name, _seconds(getattr(self, name)))
            except (TypeError, ValueError):
                faults.append((name, f"must be a number of seconds above 0, not {getattr(self, name)!r}"))
        if not holds_template(self.output_path):
            faults += self._output_path_faults()
        if self.output_path and not self.wait_for_completion:
            faults.append(("output_path", "needs wait_for_completion=True: there is no video to land before"))
        return faults

    def _output_path_faults(self) -> list[tuple[str, str]]:
        """Return what is wrong with an output path that is known; mapped tasks would all land on a nameless file."""
        path = str(self.output_path or "/")
        if path.endswith("/") or "." in path.rpartition("/")[2]:
            return []
        return [("output_path", f"must end in '/' (a directory) or in .mp4 (a file), not {path!r}")]

    def set_fields(self) -> dict[str, Any]:
        """Return the request fields that the user set: a default sent unasked was refused by the API before."""
        values = {name: getattr(self, name) for name in self.request_fields}
        return {name: value for name, value in values.items() if value is not None}

    def request(self, settings: Settings) -> dict[str, Any]:
        """
        Return the request without ``external_task_id``.

        :param settings: the connection; its dialect and models decide what is accepted.
        :raises KlingValidationError: listing all faults.
        """
        body, findings = self.checked(self.set_fields(), settings)
        findings.raise_for_faults(f"{self.capability.name} request")
        self.before_paying(findings)
        return body

    def checked(self, fields: Mapping[str, Any], settings: Settings) -> tuple[dict[str, Any], Findings]:
        """Return the body of a request with these fields, and what is wrong with it."""
        fields = coerce(self.capability, fields)
        extra_body = coerce(self.capability, self.extra_body or {})
        own_id = {"external_task_id": str(self.external_task_id)} if self.external_task_id else {}
        findings = check_request(
            self.capability, {**fields, **own_id}, extra_body, dialect=settings.dialect, models=settings.models
        )
        return {**fields, **extra_body}, findings

    def before_paying(self, findings: Findings) -> None:
        """Open the output path, so that it fails before the money is spent; and say what the API may mind."""
        if self.output_path:
            from airflow_provider_kling.storage.landing import check_output_path

            Findings(tuple(self._output_path_faults())).raise_for_faults("After rendering:")
            check_output_path(self.output_path)
        for name, message in findings.warnings:
            self.log.warning("%s: %s. The gateway documents no such rule; submitting.", name, message)

    # --- a try ----------------------------------------------------------------------------------------------------

    def job(self, settings: Settings) -> Job:
        """
        Return what is wanted, rendered and checked.

        :param settings: the connection; its dialect and models decide what is accepted.
        :raises KlingValidationError: listing all faults.
        """
        return self._job([self.request(settings)], settings)

    def _job(self, requests: Sequence[Mapping[str, Any]], settings: Settings, **differences: Any) -> Job:
        from airflow_provider_kling.lifecycle.job import Job

        limit = self.execution_timeout
        return Job(
            capability=self.capability,
            account=settings.account,
            requests=tuple(requests),
            external_task_id=str(self.external_task_id) if self.external_task_id else None,
            wait_for_completion=self.wait_for_completion,
            deferrable=self.deferrable,
            poll_interval=self.poll_interval,
            timeout=self.timeout,
            execution_timeout=limit.total_seconds() if limit else None,
            output_path=self.output_path,
            on_clear=self.on_clear,
            on_lost_submit=self.on_lost_submit,
            **differences,
        )

    def execute(self, context: Context) -> Any:
        """Begin a try."""
        return self._run(context)

    def resume(self, context: Context, event: Any = None, carried: Mapping[str, Any] | None = None) -> Any:
        """Go on after a deferral; whatever woke the task up, the record and a poll of Kling decide."""
        from airflow_provider_kling.execution.deferred_state import DeferredState, ended_of

        return self._run(context, resumed=True, deferred=DeferredState.read(carried, event), ended=ended_of(event))

    def _run(
        self,
        context: Context,
        *,
        resumed: bool = False,
        deferred: DeferredState | None = None,
        ended: frozenset[str] = frozenset(),
    ) -> Any:
        # What only a running task needs is imported here: a DAG file with this operator is parsed every few seconds.
        from airflow_provider_kling.execution.run import Execution

        def announce(record: Record) -> None:
            self.announce(record, context)

        with self.talking_to_kling() as hook:
            # A task whose id is known only waits: rendering its templates again may give another request.
            is_known = deferred is not None and deferred.task_id is not None
            job = self._job([self.set_fields()], hook.settings) if is_known else self.job(hook.settings)
            execution = Execution(job, context, hook, announce=announce, resumed=resumed, deferred=deferred)
            self.result = execution.run(ended)
        return self.result

    def announce(self, record: Record, context: Context) -> None:
        """Push the ids as soon as they are known. XCom is wiped at every new try, so nothing relies on it."""
        self.record = record
        for key in ("task_id", "external_task_id"):
            if value := getattr(record, key):
                context["ti"].xcom_push(key=key, value=value)

    @contextmanager
    def talking_to_kling(self) -> Iterator[KlingHook]:
        """Give a hook; what no retry can help becomes a failure without retries, to spare the user their delay."""
        from airflow_provider_kling.hooks.kling import KlingHook

        try:
            with KlingHook(self.kling_conn_id) as hook:
                yield hook
        except KlingError as error:
            if error.retryable:
                raise
            raise AirflowFailException(str(error)) from error

    def on_kill(self) -> None:
        """Log that Kling has no cancel, and that the video is kept for the next try."""
        if self.record is not None:
            from airflow_provider_kling.triggers.kling import STILL_RUNNING

            self.log.warning(STILL_RUNNING, self.record.task_id, self.record.external_task_id)


def _seconds(value: Any) -> float | None:
    seconds = None if value is None else float(value)
    if seconds is not None and not 0 < seconds < float("inf"):
        raise ValueError
    return seconds
