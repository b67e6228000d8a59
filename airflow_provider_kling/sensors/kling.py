"""KlingTaskSensor: wait for a task that something else submitted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import AirflowFailException, BaseSensorOperator, PokeReturnValue, conf

from airflow_provider_kling import DEFAULT_CONN_ID, clock
from airflow_provider_kling.api.capabilities import CAPABILITIES, TEXT2VIDEO
from airflow_provider_kling.exceptions import KlingConfigurationError, KlingTaskTimeoutError
from airflow_provider_kling.links.kling import KlingVideoLink
from airflow_provider_kling.triggers.kling import KlingTaskTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_kling.lifecycle.waiting import Patience


class KlingTaskSensor(BaseSensorOperator):
    """
    Wait until a task's ``task_status`` is ``succeed``; returns the manifest.

    A task that failed at Kling fails the sensor for good, without retries: poking again cannot help.

    :param kling_task_id: Kling's id of the task, or its external id. (templated)
    :param capability: what kind of task it is; some dialects have a path for each.
    :param kling_conn_id: Airflow connection of type ``kling``. (templated)
    :param deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
    :param poke_interval: seconds between looks, in all modes; default 10.
    :param kwargs: see Airflow's ``BaseSensorOperator``: ``mode``, ``timeout``, ``soft_fail`` …
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
        poke_interval: float | timedelta = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        if capability not in CAPABILITIES:
            raise KlingConfigurationError(
                f"Task {self.task_id!r}: capability {capability!r} is not one of {', '.join(map(repr, CAPABILITIES))}."
            )
        # Airflow resolves it before execute() runs.
        self.kling_task_id = cast("str", kling_task_id)
        self.capability = capability
        self.kling_conn_id = kling_conn_id
        self.deferrable = deferrable

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Take one look.

        :raises AirflowFailException: when waiting on cannot help.
        """
        from airflow_provider_kling.hooks.kling import KlingHook
        from airflow_provider_kling.lifecycle.waiting import Done, Failed, decide

        capability = CAPABILITIES[self.capability]
        with KlingHook(self.kling_conn_id) as hook:
            verdict = decide(hook.look(self.kling_task_id, capability), self._patience(context), clock.now())
        match verdict:
            case Done(task):
                return PokeReturnValue(True, xcom_value=task.manifest(capability.name))
            case Failed(KlingTaskTimeoutError()):
                # The base class says when the sensor's time is over, and knows soft_fail.
                return PokeReturnValue(False)
            case Failed(error):
                raise AirflowFailException(str(error.about(task_id=self.kling_task_id))) from error
        self.log.info("Task %s is not ready%s.", self.kling_task_id, f": {verdict.why}" if verdict.why else "")
        return PokeReturnValue(False)

    def execute(self, context: Context) -> Any:
        """Wait: here, by rescheduling, or in the triggerer. A task that is ready is not deferred."""
        if not self.deferrable:
            return super().execute(context)
        return self._look_or_defer(context)

    def resume(self, context: Context, event: Any = None) -> Any:
        """Go on after the trigger; the look decides, whatever the event says."""
        return self._look_or_defer(context)

    def _look_or_defer(self, context: Context) -> Any:
        from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException

        try:
            poked = self.poke(context)
        except AirflowFailException as error:
            if self.soft_fail:
                raise AirflowSkipException("Skipping due to soft_fail is set to True.") from error
            raise
        if poked.is_done:
            return poked.xcom_value
        patience = self._patience(context)
        left = patience.deadline - clock.now()
        if left <= 0:
            message = f"Sensor has timed out after {self.timeout:g} seconds; the task goes on at Kling."
            raise (AirflowSkipException if self.soft_fail else AirflowSensorTimeout)(message)
        trigger = KlingTaskTrigger(
            kling_conn_id=self.kling_conn_id,
            kling_task_id=self.kling_task_id,
            capability=self.capability,
            submitted_at=patience.submitted_at,
            deadline=patience.deadline,
            poll_interval=patience.poll_interval,
        )
        self.defer(trigger=trigger, method_name="resume", timeout=timedelta(seconds=left) + timedelta(minutes=10))

    def _patience(self, context: Context) -> Patience:
        """The sensor knows nothing of the submission, so its time runs from its own start."""
        from airflow_provider_kling.lifecycle.waiting import Patience

        started = context["ti"].start_date
        begun = min(clock.now(), started.timestamp()) if started else clock.now()
        return Patience(begun, begun + self.timeout, self.poke_interval)
