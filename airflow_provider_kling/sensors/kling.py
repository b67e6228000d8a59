"""KlingTaskSensor: wait for a task that something else submitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, cast

from airflow.providers.common.compat.sdk import AirflowFailException, BaseSensorOperator, PokeReturnValue, conf

from airflow_provider_kling import DEFAULT_CONN_ID, ON_MODERATION
from airflow_provider_kling.api.capabilities import CAPABILITIES, TEXT2VIDEO, capability_of
from airflow_provider_kling.api.plain import choice, is_too_deep, shorten
from airflow_provider_kling.api.validation import Findings
from airflow_provider_kling.compat import clock
from airflow_provider_kling.compat.templates import holds_template
from airflow_provider_kling.compat.versions import airflow_is_at_least
from airflow_provider_kling.exceptions import (
    KlingError,
    KlingTaskModeratedError,
    KlingTaskNotFoundError,
    KlingTaskTimeoutError,
    TaskState,
)
from airflow_provider_kling.links.kling import KlingVideoLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg
    from airflow.sdk.definitions.xcom_arg import PlainXComArg
    from airflow.triggers.base import StartTriggerArgs

    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.lifecycle.waiting import PollPolicy
    from airflow_provider_kling.triggers.news import NewsLog


class KlingTaskSensor(BaseSensorOperator):
    """
    Wait until a task's ``task_status`` is ``succeed``; returns the manifest.

    A task that failed at Kling fails the sensor for good, without retries: poking again cannot help. ``soft_fail``
    skips after any failure; ``on_moderation`` says what to do after one of Kling's moderation.

    :param kling_task_id: Kling's id of the task, or its external id. (templated)
    :param capability: what kind of task it is; some dialects have a path for each.
    :param kling_conn_id: Airflow connection of type ``kling``. (templated)
    :param deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
    :param start_from_trigger: wait in the triggerer from the first poll on; a worker runs once, at the end, to return
        the manifest. Where Airflow cannot start a task there (before 3.3; mapped tasks; an id from a template with
        ``xcom_pull``, unlike ``submit.output``), the sensor is ``deferrable``.
    :param poke_interval: seconds between polls, in all modes; default 10.
    :param xcom_links: whether XCom and, on Airflow 3.0, the "Kling video" link may hold Kling's signed links; without
        them ``url`` is ``None``.
    :param on_moderation: ``"fail"`` (default), ``"skip"`` (Airflow's skip), or ``"return"`` a manifest without videos,
        with ``task_status`` ``failed``, ``moderated: true`` and the reason in ``error``.
    :param kwargs: see Airflow's ``BaseSensorOperator``: ``mode``, ``timeout``, ``soft_fail`` …
    :raises KlingConfigurationError: when the DAG is parsed, for a capability that does not exist.
    :raises KlingValidationError: when the DAG is parsed, for other arguments.
    """

    template_fields = ("kling_task_id", "kling_conn_id")
    operator_extra_links = (KlingVideoLink(),)
    ui_color = "#e0f7e9"

    def __init__(
        self,
        *,
        kling_task_id: str | XComArg,
        capability: str = TEXT2VIDEO.name,
        kling_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        start_from_trigger: bool = False,
        poke_interval: float | timedelta = 10,
        xcom_links: bool = True,
        on_moderation: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.capability = capability_of(capability, self.task_id).name
        given = {"kling_task_id": kling_task_id, "kling_conn_id": kling_conn_id}
        # Airflow looks for templates all through them, when the DAG is parsed; what they are is seen when it runs.
        wrong = {name: value for name, value in given.items() if is_too_deep(value)}
        if not isinstance(kling_conn_id, str) and not holds_template(kling_conn_id):
            wrong["kling_conn_id"] = kling_conn_id
        faults = tuple((name, f"must be text, not {shorten(value)}") for name, value in wrong.items())
        if fault := choice(on_moderation, ON_MODERATION):
            faults = (*faults, ("on_moderation", fault))
        Findings(faults).raise_for_faults(f"Task {self.task_id!r}:")
        # Airflow resolves it before execute() runs.
        self.kling_task_id = cast("str", kling_task_id)
        self.kling_conn_id = kling_conn_id
        self.deferrable = deferrable or start_from_trigger
        self.xcom_links = xcom_links
        self.on_moderation = on_moderation
        # What came of it, for the link.
        self.result: dict[str, Any] | None = None
        # Of the wait, where a deferral carried it (see begin_of).
        self._begun: float | None = None
        self._news: NewsLog | None = None
        if start_from_trigger:
            self.start_trigger_args = self._start_trigger_args()
            self.start_from_trigger = self.start_trigger_args is not None

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Poll once.

        :raises AirflowFailException: when waiting on cannot help.
        :raises AirflowSkipException: when moderation ended the task, and that is to be a skip.
        """
        # Airflow's triggers take longer to import than this whole module, and a DAG file needs none of them.
        from airflow_provider_kling.triggers.kling import names_a_task

        if isinstance(self.kling_task_id, int):
            # Kling's ids are digits: render_template_as_native_obj makes a number of them.
            self.kling_task_id = str(self.kling_task_id)
        if not isinstance(self.kling_task_id, str) or not names_a_task(self.kling_task_id):
            raise AirflowFailException(
                f"kling_task_id: must be the id of a task, not {shorten(self.kling_task_id)}. Does the task that gives "
                "it return one? A mapped task gives a list: map the sensor too."
            )
        from airflow_provider_kling.hooks.kling import KlingHook
        from airflow_provider_kling.lifecycle.record import without_links
        from airflow_provider_kling.lifecycle.waiting import Done, Failed, decide
        from airflow_provider_kling.triggers.news import NewsLog

        capability = CAPABILITIES[self.capability]
        policy = self._poll_policy(context)
        with KlingHook(self.kling_conn_id) as hook:
            seen = hook.poll_task(self.kling_task_id, capability)
        if self.reschedule and isinstance(seen, KlingTaskNotFoundError):
            # Each poke is a new process with a new start_date; how long the id is unknown counts from the first.
            first = context["ti"].get_first_reschedule_date(context)
            policy = replace(policy, submitted_at=first.timestamp()) if first else policy
        verdict = decide(seen, policy, clock.now())
        match verdict:
            case Done(task):
                manifest = task.manifest(capability.name)
                self.result = manifest if self.xcom_links else without_links(manifest)
                return PokeReturnValue(True, xcom_value=self.result)
            case Failed(KlingTaskTimeoutError()):
                # The base class says when the sensor's time is over, and knows soft_fail.
                return PokeReturnValue(False)
            case Failed(error):
                return self._failed(context, seen, error)
        self._news = self._news or NewsLog(self.log, self.kling_task_id, policy)
        self._news.take_in(seen, verdict)
        return PokeReturnValue(False)

    def _failed(self, context: Context, seen: KlingTask | KlingError, error: KlingError) -> PokeReturnValue:
        from airflow_provider_kling.execution.outcome import push_failure

        # Any other trouble, a refused key say, tells nothing of the video: that is paid for, and goes on.
        if not isinstance(seen, KlingError):
            push_failure(context["ti"], self.capability, seen.task_id, error)
        if isinstance(error, KlingTaskModeratedError) and self.on_moderation != "fail":
            return self._moderated(seen, error)
        raise AirflowFailException(str(error.about(task_id=self.kling_task_id))) from error

    def _moderated(self, seen: KlingTask | KlingError, error: KlingError) -> PokeReturnValue:
        from airflow.providers.common.compat.sdk import AirflowSkipException

        if self.on_moderation == "skip" or isinstance(seen, KlingError):
            raise AirflowSkipException(str(error)) from error
        self.log.warning("Moderated. %s", error)
        self.result = {**seen.manifest(self.capability), "error": str(error), "moderated": True}
        return PokeReturnValue(True, xcom_value=self.result)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return what OpenLineage's provider asks for: which video this waited for, and what it cost."""
        from airflow_provider_kling.execution import lineage

        return lineage.of_manifest(self.result or {"task_id": self.kling_task_id, "capability": self.capability})

    def execute(self, context: Context) -> Any:
        """Wait: here, by rescheduling, or in the triggerer. A task that is ready is not deferred."""
        if not self.deferrable:
            return super().execute(context)
        return self._poke_or_defer(context)

    def resume(self, context: Context, event: Any = None) -> Any:
        """Go on after the trigger; the poll decides, whatever the event says."""
        if isinstance(event, Mapping):
            self._begun = event.get("submitted_at")
        return self._poke_or_defer(context)

    def _poke_or_defer(self, context: Context) -> Any:
        from airflow.providers.common.compat.sdk import AirflowSkipException

        try:
            poked = self.poke(context)
        except AirflowFailException as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(f"Skipping instead of failing: {error}") from error
            raise
        if poked.is_done:
            return poked.xcom_value
        policy = self._poll_policy(context)
        left = policy.deadline - clock.now()
        # A timer may wake us a little early; a deferral of a moment would be no better.
        if left < 1.0:
            self._time_is_over(policy)
        from airflow_provider_kling.triggers.kling import KlingTaskTrigger

        trigger = KlingTaskTrigger(
            kling_conn_id=self.kling_conn_id,
            kling_task_id=self.kling_task_id,
            capability=self.capability,
            submitted_at=policy.submitted_at,
            deadline=policy.deadline,
            poll_interval=policy.poll_interval,
        )
        self.defer(trigger=trigger, method_name="resume", timeout=timedelta(seconds=left) + timedelta(minutes=10))

    def _time_is_over(self, policy: PollPolicy) -> NoReturn:
        from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException

        seconds = policy.deadline - policy.submitted_at
        message = f"Sensor has timed out after {seconds:g} seconds; the task goes on at Kling."
        if self.soft_fail or self.never_fail:
            raise AirflowSkipException(message)
        if seconds < self.timeout:
            # As on a worker, where execution_timeout leaves the sensor its retries and timeout does not.
            raise KlingTaskTimeoutError(
                message, task_state=TaskState.EXISTS, task_id=self.kling_task_id, retryable=True
            )
        raise AirflowSensorTimeout(message)

    def _poll_policy(self, context: Context) -> PollPolicy:
        """The sensor knows nothing of the submission, so its time runs from its own start."""
        from airflow_provider_kling.compat.task_instance import begin_of
        from airflow_provider_kling.lifecycle.waiting import PollPolicy

        begun = self._begun or begin_of(context["ti"])
        limit = self.timeout
        if self.execution_timeout is not None:
            # Airflow ignores it while a task is deferred.
            limit = min(limit, self.execution_timeout.total_seconds())
        return PollPolicy(begun, begun + limit, self.poke_interval)

    def _start_trigger_args(self) -> StartTriggerArgs | None:
        """Return what the scheduler defers this task with, or ``None`` where it cannot."""
        # Before 3.3 the triggerer renders no template, and mapped tasks are never started there (apache/airflow#52141).
        if not airflow_is_at_least("3.3") or self.get_needs_expansion():
            return None
        from airflow.sdk.definitions.xcom_arg import PlainXComArg
        from airflow.triggers.base import StartTriggerArgs

        from airflow_provider_kling.triggers.kling import KlingTaskTrigger

        given: object = self.kling_task_id
        if any(isinstance(value, str) and "xcom_pull" in value for value in (given, self.kling_conn_id)):
            return None
        kling_task_id = _pulled(given) if isinstance(given, PlainXComArg) else given
        if not isinstance(kling_task_id, str):
            return None
        return StartTriggerArgs(
            trigger_cls=f"{KlingTaskTrigger.__module__}.{KlingTaskTrigger.__qualname__}",
            # Templates are rendered in what is named as the sensor's own template fields.
            trigger_kwargs={
                "kling_task_id": kling_task_id,
                "kling_conn_id": self.kling_conn_id,
                "capability": self.capability,
                "poll_interval": self.poke_interval,
            },
            next_method="resume",
            timeout=timedelta(seconds=self.timeout),
        )


def _pulled(reference: PlainXComArg) -> str:
    """
    Return the template that pulls an XCom in the triggerer.

    With ``map_indexes``: without it, the triggerer of Airflow 3.3.2 never gets an answer, and the trigger hangs (the
    supervisor cannot decode ``GetXComSequenceSlice``). So a user's own ``xcom_pull`` is left to a worker.
    """
    operator = reference.operator
    return f"{{{{ ti.xcom_pull({operator.task_id!r}, key={reference.key!r}, map_indexes=-1) }}}}"
