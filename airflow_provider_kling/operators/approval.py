"""The arguments of an operator that has somebody approve what it is about to pay for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, BaseOperator

from airflow_provider_kling.api.plain import choice, shorten
from airflow_provider_kling.compat.hitl import has_forms
from airflow_provider_kling.exceptions import KlingError, KlingRejectedError, KlingValidationError
from airflow_provider_kling.operators.arguments import CheckedArguments, seconds

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseNotifier, Context

    from airflow_provider_kling.execution.approval import Approval
    from airflow_provider_kling.execution.deferred_state import DeferredState
    from airflow_provider_kling.hooks.settings import Settings
    from airflow_provider_kling.lifecycle.job import Job

_USER = frozenset({"id", "name"})


# An operator of Airflow's, so that default_args reach these arguments too.
class ApprovedOperator(CheckedArguments, BaseOperator):
    """
    The part of :class:`~airflow_provider_kling.operators.base.KlingOperator` that stops before it pays.

    :param require_approval: before anything is paid for, wait until somebody has approved it in Airflow's own form
        (Airflow 3.1+), which shows the prompt and the estimate. A retry asks no second time; a clear does, unless the
        video is paid for already. Default: ``False``. See ``docs/approval.md``.
    :param allow_modifications: whether the prompt may be changed in the form. Default: ``True``; never in a batch.
    :param approval_timeout: seconds (or timedelta) to wait for an answer; default: for ever. They do not count for
        ``timeout`` and ``execution_timeout``.
    :param on_approval_timeout: ``"fail"``, or ``"reject"``: as if somebody had rejected it. Default: ``"fail"``.
    :param approval_notifiers: Airflow's notifiers, called when the form is there.
    :param approval_assigned_users: who may answer, ``{"id": ..., "name": ...}`` each; by default whoever may by
        Airflow's permissions.
    :param fail_on_reject: whether a rejected task fails, without retries, in place of being skipped.
        Default: ``False``.
    """

    # Begins or goes on with a try.
    _run: Any

    def __init__(
        self,
        *,
        require_approval: bool = False,
        allow_modifications: bool = True,
        approval_timeout: float | timedelta | None = None,
        on_approval_timeout: str = "fail",
        approval_notifiers: BaseNotifier | Sequence[BaseNotifier] | None = None,
        approval_assigned_users: Mapping[str, str] | Sequence[Mapping[str, str]] | None = None,
        fail_on_reject: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.require_approval = require_approval
        self.allow_modifications = allow_modifications
        self.approval_timeout: Any = approval_timeout
        self.on_approval_timeout = on_approval_timeout
        self.approval_notifiers = approval_notifiers
        self.approval_assigned_users = approval_assigned_users
        self.fail_on_reject = fail_on_reject

    def argument_faults(self) -> list[tuple[str, str]]:
        found = [*self._switch_faults(), *self._approval_faults()]
        return [*super().argument_faults(), *((name, fault) for name, fault in found if fault)]

    def _switch_faults(self) -> Iterator[tuple[str, str | None]]:
        for name in ("require_approval", "allow_modifications", "fail_on_reject"):
            value = getattr(self, name)
            yield name, None if isinstance(value, bool) else f"must be True or False, not {shorten(value)}"
        if self.require_approval and not has_forms():
            yield "require_approval", "needs Airflow 3.1 or later, which has the form to approve in"
        if not self.require_approval:
            for name in ("approval_timeout", "approval_notifiers", "approval_assigned_users"):
                needs = "needs require_approval=True: without it nobody is asked before the video is paid for"
                yield name, needs if getattr(self, name) is not None else None

    def _approval_faults(self) -> Iterator[tuple[str, str | None]]:
        if self.approval_timeout is not None:
            value, self.approval_timeout = self.approval_timeout, seconds(self.approval_timeout)
            fault = f"must be a number of seconds above 0, or a timedelta, not {shorten(value)}; a year at most"
            yield "approval_timeout", fault if self.approval_timeout is None else None
        yield "on_approval_timeout", choice(self.on_approval_timeout, ("fail", "reject"))
        for notifier in _listed(self.approval_notifiers):
            yield (
                "approval_notifiers",
                None if callable(notifier) else f"{shorten(notifier)} is no notifier of Airflow's",
            )
        for user in _listed(self.approval_assigned_users):
            fault = 'must be {"id": ..., "name": ...} or a list of such, as Airflow\'s auth manager has them, not '
            yield "approval_assigned_users", None if _is_user(user) else f"{fault}{shorten(user)}"

    def resume_approved(self, context: Context, event: Any = None, carried: Mapping[str, Any] | None = None) -> Any:
        """Go on after somebody has answered whether this may be paid for, or the time for that is up."""
        from airflow_provider_kling.execution.deferred_state import after_an_answer

        return self._run(context, resumed=True, deferred=after_an_answer(carried), answer=event)

    def approved(
        self,
        context: Context,
        settings: Settings,
        *,
        resumed: bool,
        deferred: DeferredState | None,
        answer: Mapping[str, Any] | None,
        only_waits: bool,
    ) -> tuple[Job, Approval | None]:
        """
        Return the job as it is to be carried out, and what is known of its approval.

        :param answer: what woke the task up, if that was an answer.
        :param only_waits: whether the task is paid for already, and its id known.
        :raises KlingValidationError: for a change in the form that makes no valid request; nothing is paid for.
        """
        job = self.job_of(settings, only_waits=only_waits)
        if not self.require_approval:
            return job, None
        from airflow_provider_kling.execution.approval import Approval
        from airflow_provider_kling.lifecycle.approval import ApprovalPolicy

        policy = ApprovalPolicy(
            allow_modifications=self.allow_modifications,
            timeout=self.approval_timeout,
            on_timeout=self.on_approval_timeout,
            notifiers=tuple(_listed(self.approval_notifiers)),
            assigned_users=tuple(_listed(self.approval_assigned_users)),
        )
        approval = Approval(
            job, policy, context, resumed=resumed, deferred=deferred, event=answer, only_waits=only_waits
        )
        try:
            job = self._changed(job, approval.changes, settings, only_waits=only_waits)
        except KlingValidationError:
            # Nothing was paid for with a change of before a clear that makes no request.
            if not approval.is_of_before:
                raise
        return approval.as_approved(job), approval

    def _changed(self, job: Job, changes: Mapping[str, Any], settings: Settings, *, only_waits: bool) -> Job:
        if not changes:
            return job
        former = {name: getattr(self, name) for name in changes}
        try:
            for name, value in changes.items():
                setattr(self, name, value)
            return self.job_of(settings, only_waits=only_waits)
        except KlingValidationError:
            for name, value in former.items():
                setattr(self, name, value)
            raise

    def job_of(self, settings: Settings, *, only_waits: bool) -> Job:
        """Return what is wanted, rendered; and checked, unless it is paid for already."""
        raise NotImplementedError


@contextmanager
def as_airflow_has_it(*, fail_on_reject: bool) -> Iterator[None]:
    """
    Make Airflow's own errors of what no retry can help, to spare the user their delay.

    :param fail_on_reject: whether what somebody rejected fails; as in Airflow's own ``ApprovalOperator`` a "no" is no
        failure by default.
    """
    try:
        yield
    except KlingRejectedError as error:
        raise (AirflowFailException if fail_on_reject else AirflowSkipException)(str(error)) from error
    except KlingError as error:
        if error.retryable:
            raise
        raise AirflowFailException(str(error)) from error


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _is_user(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == _USER and all(isinstance(text, str) for text in value.values())
