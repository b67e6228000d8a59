"""KlingOperator: arguments, checks and tries that are the same for every capability."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import conf

from airflow_provider_kling import DEFAULT_CONN_ID, MAX_BYTES
from airflow_provider_kling.api.content import as_text
from airflow_provider_kling.api.requests import is_filled
from airflow_provider_kling.api.validation import Findings, mapping
from airflow_provider_kling.compat.templates import holds_template
from airflow_provider_kling.links.kling import KlingVideoLink
from airflow_provider_kling.operators.approval import ApprovedOperator, as_airflow_has_it
from airflow_provider_kling.operators.checks import checked, known_faults
from airflow_provider_kling.operators.fields import RequestFields
from airflow_provider_kling.operators.items import given_label
from airflow_provider_kling.operators.lineage import Lineage
from airflow_provider_kling.operators.mapped import checked_partial
from airflow_provider_kling.operators.money import ESTIMATED, Priced, bounded
from airflow_provider_kling.operators.shown import REQUESTED, Shown

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.execution.deferred_state import DeferredState
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.hooks.settings import Settings
    from airflow_provider_kling.lifecycle.job import Job
    from airflow_provider_kling.lifecycle.labels import Label
    from airflow_provider_kling.lifecycle.record import Record


class KlingOperator(RequestFields, ApprovedOperator, Priced, Shown, Lineage):
    """
    Submit once, wait, land.

    Subclasses name a :class:`Capability` and hold its request fields as attributes: the arguments of their own.

    :param kling_conn_id: Airflow connection of type ``kling``. (templated)
    :param external_task_id: your own id for the task; by default one is derived from dag, run, task, map index and
        request, so that any retry finds the video again. (templated)
    :param key: what you call the video, in its manifest and in ``output_path``: text or a number, at most 500
        characters. Neither this nor ``meta`` is sent to Kling or part of what is paid for. (templated)
    :param meta: what else you know of it, kept in its manifest: a dict of plain JSON, at most 10,000 characters.
        (templated)
    :param extra_body: documented fields of newer models that have no argument here. (templated)
    :param wait_for_completion: wait and return the manifest; else return the task id at once.
    :param deferrable: wait in the triggerer, without a worker slot. Default: ``[operators] default_deferrable``.
    :param poll_interval: seconds between polls; by default few at first and more when the video is due.
    :param timeout: seconds (or timedelta) from submission until the wait is given up. Kling goes on; a retry or a
        clear takes the video up.
    :param output_path: where to land the mp4: any ``ObjectStoragePath``; a directory when it ends in ``/``. A pattern
        may hold ``{key}``, ``{external_task_id}`` and ``{index}`` (the map index, or 0), each quoted so that it is part
        of one name: ``clips/dt={{ ds }}/{key}.mp4``. Other braces are refused. (templated)
    :param max_bytes: size of a video at most; default 4 GiB.
    :param xcom_links: whether XCom, the manifest and, on Airflow 3.0, the "Kling video" link may hold Kling's signed
        links, with which anybody can fetch the video for 30 days. Without them ``url`` is ``None``; use it with
        ``output_path``.
    :param on_clear: ``"reuse"`` (a cleared task finds the video already paid for) or ``"new"`` (it pays for another).
    :param max_units: units that this task instance may cost in all, over its retries and clears: what was submitted
        counts by what Kling says it deducted, else by :meth:`estimate`. A submit that would pass it is not made, nor
        one whose price is not known. Default: no limit.
    :param partition_by_key: whether the events of an outlet ``Asset`` have the key of their video as partition key
        (Airflow 3.3+), so that a DAG with a ``PartitionedAssetTimetable`` runs once for each. Default: no partition key
        but that of the DAG run. See ``docs/metrics.md``.
    :param on_lost_submit: what to do when the answer to a submit was lost and Kling, asked for two minutes, does not
        know the task: ``"resubmit"`` with the same id, or ``"fail"``.
    :param on_moderation: what to do when Kling's moderation refuses the request, at the submit or later: ``"fail"``
        without retries (default), ``"skip"`` (Airflow's skip), or ``"return"`` a manifest without videos, with
        ``task_status`` ``failed``, ``moderated: true`` and the reason in ``error``, for a later task to branch on;
        that needs ``wait_for_completion``. A clear does not buy again what moderation ended.
    :param require_approval: whether somebody is to approve it, in Airflow's own form, before anything is paid for
        (Airflow 3.1+). Default: ``False``. This and what belongs to it: :class:`ApprovedOperator`.
    """

    capability: Capability
    # Whether a function of the user's may still give it.
    key_comes_later: ClassVar[bool] = False

    operator_extra_links = (KlingVideoLink(),)
    ui_color = "#c8f7dc"

    def __init__(
        self,
        *,
        kling_conn_id: str = DEFAULT_CONN_ID,
        external_task_id: str | None = None,
        key: str | int | None = None,
        meta: Mapping[str, Any] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        wait_for_completion: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | None = None,
        timeout: float | timedelta = 3600,
        output_path: str | None = None,
        max_bytes: int = MAX_BYTES,
        xcom_links: bool = True,
        on_clear: str = "reuse",
        on_lost_submit: str = "resubmit",
        on_moderation: str = "fail",
        max_units: float | str | None = None,
        partition_by_key: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kling_conn_id = kling_conn_id
        self.external_task_id = external_task_id
        self.key = key
        self.meta = meta
        self.extra_body = extra_body
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout: Any = timeout
        self.output_path = output_path
        self.max_bytes = max_bytes
        self.xcom_links = xcom_links
        self.on_clear = on_clear
        self.on_lost_submit = on_lost_submit
        self.on_moderation = on_moderation
        self.max_units: Any = max_units
        self.partition_by_key = partition_by_key
        self.requested, self.estimated = REQUESTED, ESTIMATED
        # What is known of the task in this try, for on_kill.
        self.record: Record | None = None
        # What came of it, for the link.
        self.result: Any = None

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """
        Set arguments that all tasks of a mapped one have in common.

        :raises KlingValidationError: when all of their videos would land on one file.
        """
        return checked_partial(super().partial(**kwargs), kwargs, is_batch=cls.is_batch)

    # --- refused before paid --------------------------------------------------------------------------------------

    def check_arguments(self) -> None:
        """
        Check what is known when the DAG is parsed: every field without a template.

        :raises KlingValidationError: listing all faults; Airflow shows it as an import error of the DAG.
        """
        extra_faults = () if holds_template(self.extra_body) else mapping("extra_body", self.extra_body)[1]
        faults = [*self.known_faults(self.set_fields()), *extra_faults, *self.argument_faults()]
        if not (self.key_comes_later or holds_template([self.key, self.output_path])):
            faults += self.place_faults([self._label()])
        Findings(tuple(faults)).raise_for_faults(f"Task {self.task_id!r}:")

    def known_faults(self, fields: Mapping[str, Any], *, without: Iterable[str] = ()) -> list[tuple[str, str]]:
        """
        Return what is wrong with request fields as far as it is known without a connection, or any file.

        :param without: fields that may still be set; those with a template are not checked either.
        """
        return known_faults(self.capability, fields, without=without)

    def request(self, settings: Settings) -> dict[str, Any]:
        """
        Return the request without ``external_task_id``.

        :param settings: the connection; its dialect and models decide what is accepted.
        :raises KlingValidationError: listing all faults.
        """
        body, findings = self.checked(self.set_fields(), settings)
        faults = self.rendered_faults()
        faults += self.place_faults([self._label()]) if not faults else []
        findings = findings._replace(faults=(*findings.faults, *faults))
        findings.raise_for_faults(f"{self.capability.name} request")
        self.before_paying(findings)
        return body

    def checked(self, fields: Mapping[str, Any], settings: Settings) -> tuple[dict[str, Any], Findings]:
        """Return the body of a request with these fields, in its normal form, and what is wrong with it."""
        return checked(self.capability, fields, self.extra_body, self.own_id(), settings)

    def before_paying(self, findings: Findings) -> None:
        """Open the output path, so that it fails before the money is spent; and say what the API may mind."""
        if self.output_path:
            from airflow_provider_kling.storage.landing import check_output_path

            check_output_path(self.output_path)
        for name, message in findings.warnings:
            self.log.warning("%s: %s. Submitting all the same.", name, message)

    # --- a try ----------------------------------------------------------------------------------------------------

    def job(self, settings: Settings) -> Job:
        """
        Return what is wanted, rendered and checked.

        :param settings: the connection; its dialect and models decide what is accepted.
        :raises KlingValidationError: listing all faults.
        :raises KlingBudgetError: for what ``max_units`` cannot bound.
        """
        filled = frozenset([0] if is_filled(self.set_fields()) else [])
        return bounded(self._job_of_one(self.request(settings), settings, filled=filled))

    def _job_of_one(self, request: Mapping[str, Any], settings: Settings, **differences: Any) -> Job:
        return self._job([request], settings, labels=(self._label(),), **differences)

    def _label(self) -> Label:
        return given_label({"key": self.key, "meta": self.meta})[0]

    def _job(self, requests: Sequence[Mapping[str, Any]], settings: Settings, **differences: Any) -> Job:
        from airflow_provider_kling.lifecycle.job import Job

        limit = self.execution_timeout
        return Job(
            capability=self.capability,
            account=settings.account,
            requests=tuple(requests),
            external_task_id=self.own_id(),
            wait_for_completion=self.wait_for_completion,
            deferrable=self.deferrable,
            poll_interval=self.poll_interval,
            timeout=self.timeout,
            execution_timeout=limit.total_seconds() if limit else None,
            output_path=self.output_path,
            max_bytes=self.max_bytes,
            xcom_links=self.xcom_links,
            on_clear=self.on_clear,
            on_lost_submit=self.on_lost_submit,
            on_moderation=self.on_moderation,
            max_units=self.max_units,
            partition_by_key=self.partition_by_key,
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
        answer: Mapping[str, Any] | None = None,
    ) -> Any:
        # What only a running task needs is imported here: a DAG file with this operator is parsed every few seconds.
        from airflow_provider_kling.execution.run import Execution

        def announce(record: Record) -> None:
            self.announce(record, context)

        with self.talking_to_kling() as hook:
            # A task whose id is known only waits: rendering its templates again may give another request.
            is_known = deferred is not None and deferred.task_id is not None
            known: dict[str, Any] = {"resumed": resumed, "deferred": deferred}
            job, approval = self.approved(context, hook.settings, answer=answer, only_waits=is_known, **known)
            self.execution = Execution(job, context, hook, announce=announce, approval=approval, **known)
            self.result = self.execution.run(ended)
        return self.result

    def job_of(self, settings: Settings, *, only_waits: bool) -> Job:
        return self._job_of_one(as_text(self.set_fields()), settings) if only_waits else self.job(settings)

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

        with as_airflow_has_it(fail_on_reject=self.fail_on_reject), KlingHook(self.kling_conn_id) as hook:
            yield hook

    def on_kill(self) -> None:
        """Log that Kling has no cancel, and that the video is kept for the next try."""
        if self.record is not None:
            from airflow_provider_kling.triggers.kling import STILL_RUNNING

            self.log.warning(STILL_RUNNING, self.record.task_id, self.record.external_task_id)
