"""Ask for an approval in Airflow's own form before anything is paid for, and find out what was answered."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_kling.compat import clock, hitl
from airflow_provider_kling.compat.task_instance import map_index_of
from airflow_provider_kling.exceptions import (
    KlingApprovalError,
    KlingRejectedError,
    KlingValidationError,
    TaskState,
)
from airflow_provider_kling.execution.approval_form import form_of
from airflow_provider_kling.execution.record_store import ApprovalStore
from airflow_provider_kling.lifecycle.approval import (
    ANOTHER,
    TOKEN,
    Answer,
    ApprovalPolicy,
    Question,
    editable_fields,
    is_shown,
    joined,
    of_token,
    unexpected,
)
from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.execution.deferred_state import DeferredState
    from airflow_provider_kling.execution.item import Item

log = logging.getLogger(__name__)


class Approval:
    """
    What is known in this process of the approval of a job.

    The answer is kept in Airflow's task state store (3.3+), so that a retry neither asks nor pays twice. Where there is
    no store, or it was emptied, Airflow's form still has the answer: it is read, in the triggerer, before anything is
    asked for.

    :param job: what is wanted, as its templates rendered.
    :param policy: what the user chose.
    :param context: Airflow's context of the running task.
    :param resumed: whether the try began before a deferral.
    :param deferred: what that deferral carried; ``None`` where Airflow lost it.
    :param event: what woke the task up, if that was an answer.
    :param only_waits: whether the task is paid for already, and its id known.
    :raises BaseException: Airflow's signal of a deferral, to read what was answered in an earlier try.
    """

    def __init__(
        self,
        job: Job,
        policy: ApprovalPolicy,
        context: Context,
        *,
        resumed: bool = False,
        deferred: DeferredState | None = None,
        event: Mapping[str, Any] | None = None,
        only_waits: bool = False,
    ) -> None:
        self._job, self._policy, self._context = job, policy, context
        self._ti: Any = context["ti"]
        ti = self._ti
        instance = TaskInstanceId(ti.dag_id, ti.run_id, ti.task_id, map_index_of(ti), ti.max_tries)
        self._question = Question.of(job, instance)
        self._store = ApprovalStore(context)
        known = deferred.approval if deferred is not None else {}
        self._waited = float(known.get("waited", 0.0))
        if event is not None and "asked_at" in known:
            self._waited += max(0.0, clock.now() - known["asked_at"])
        self._trouble = ""
        self._only_waits = only_waits
        self._answer = Answer.from_json(known.get("answer"))
        # Whether the store is known to have the answer.
        self._is_kept = False
        if only_waits:
            return
        if self._answer is None:
            self._answer = Answer.from_json(self._store.load())
            self._is_kept = self._answer is not None
        may_be_asked = "asked_at" in known if deferred is not None else resumed or ti.try_number > 1
        if event is not None:
            self._take(event)
        elif may_be_asked and (self._answer is None or self._answer.approved is None):
            self._recall(deferred)
        if self._answer is not None and self._answer.approved is None:
            self._answer = None

    # --- what is known --------------------------------------------------------------------------------------------

    @property
    def unapproved(self) -> frozenset[int]:
        """The positions of what may not be paid for yet."""
        return self._question.unapproved(self._answer)

    @property
    def changes(self) -> Mapping[str, Any]:
        """
        The request fields that were changed in the form, now or before a clear.

        :raises KlingValidationError: for changes that cannot be made.
        """
        if self._answer is not None and self._only_waits:
            # Checked before it was paid for; the request is not rendered anew, so there is nothing to compare with.
            return self._answer.changes
        if self._answer is None or not self._question.knows(self._answer):
            return {}
        faults = tuple(unexpected(self._answer.changes, self._editable))
        if faults:
            raise KlingValidationError("; ".join(map(": ".join, faults)) + ".", faults=faults)
        return self._answer.changes

    @property
    def is_of_before(self) -> bool:
        """Whether the answer was given before a clear: it is only good for finding what was paid for."""
        return self._answer is not None and self._answer.clears != self._question.clears

    def as_approved(self, job: Job) -> Job:
        """Return a job that has the time again which somebody took for an answer."""
        limit = job.execution_timeout
        return job if limit is None else replace(job, execution_timeout=limit + self._waited)

    def to_carry(self) -> dict[str, Any]:
        """Return what every deferral is to carry: the digest of what the templates rendered to, and the answer."""
        # That of a batch is long, and not carried where the store has it too.
        is_carried = not self._job.is_batch or not self._is_kept
        answer = {"answer": self._answer.to_json()} if self._answer is not None and is_carried else {}
        waited = {"waited": self._waited} if self._waited else {}
        return {"digest": self._job.digest, "approval": {**answer, **waited}}

    @property
    def _editable(self) -> dict[str, str]:
        return editable_fields(self._job, self._policy)

    # --- what was answered ----------------------------------------------------------------------------------------

    def _recall(self, deferred: DeferredState | None) -> NoReturn:
        from airflow.providers.common.compat.sdk import TaskDeferred

        from airflow_provider_kling.triggers.approval import KlingAnswerTrigger

        log.info("Reading what was answered in an earlier try, if anything.")
        kwargs = {"carried": deferred.to_json()} if deferred is not None else None
        raise TaskDeferred(trigger=KlingAnswerTrigger(str(self._ti.id)), method_name=hitl.METHOD, kwargs=kwargs)

    def _take(self, event: Mapping[str, Any]) -> None:
        if event.get("error"):
            is_late = event.get("error_type") == "timeout"
            self._trouble = (
                f"Nobody answered within approval_timeout={self._policy.timeout:g} s."
                if is_late and self._policy.timeout is not None
                else f"The answer cannot be used: {event['error']}."
            )
            return
        response = event.get("response") if event.get("recalled") else event
        if not response:
            return
        asked = self._answer if self._answer is not None and self._answer.approved is None else None
        asked = asked or of_token((response.get("params_input") or {}).get(TOKEN))
        is_found = asked is not None or not event.get("recalled")
        # dag.test() loses what a deferral carries; the answer is to this very try all the same.
        asked = asked or self._question.about(range(len(self._job.requests)))
        if not is_found:
            log.warning("The answer of an earlier try does not tell what it was to; if need be it is asked for again.")
            self._answer = replace(asked, clears=ANOTHER).answered(response, self._editable)
            return
        answer = asked.answered(response, self._editable)
        who = answer.by or "nobody in time"
        log.info("%s by %s.", "Approved" if answer.approved else "Rejected", who)
        self._answer = answer
        self._is_kept = self._store.save(answer.to_json())

    # --- asking ---------------------------------------------------------------------------------------------------

    def ask(self, items: Sequence[Item], state: DeferredState) -> None:
        """
        Ask whether these may be paid for, and leave the worker; return where that is refused.

        :param items: all that are not submitted.
        :param state: to go on with.
        :raises KlingApprovalError: where nobody could see what is asked for.
        """
        positions = [item.position for item in items]
        if self._trouble or self._question.is_rejected(self._answer, positions):
            return
        asked = joined(self._question.about(positions), self._answer)
        form = form_of(self._job, self._ti.task_id, asked, positions, self._policy)
        shown = hitl.put(self._ti, form)
        if not hitl.is_same(shown, form):
            _check_shown(asked, shown)
        # Only now: until the form was put there anew, it has the answer to an earlier question.
        self._store.save(asked.to_json())
        if not self._job.is_batch:
            # So that a later try does not take it for submitted, and looks for it for two minutes.
            items[0].store.save(items[0].record)
        for notifier in self._policy.notifiers:
            notifier(self._context)
        approval = {"answer": asked.to_json(), "asked_at": clock.now(), "waited": self._waited}
        log.info("Waiting for an approval: %s.", form.subject)
        hitl.wait(
            self._ti,
            form,
            timeout=self._policy.timeout,
            kwargs={"carried": replace(state, approval=approval).to_json()},
        )

    def refusal(self) -> KlingApprovalError:
        """Return the error of what is not to be paid for."""
        if self._trouble:
            return KlingApprovalError(self._trouble, task_state=TaskState.NOT_CREATED)
        by = self._answer.by if self._answer is not None else None
        who = f"by {by}" if by else f"as nobody answered within approval_timeout={self._policy.timeout} s"
        return KlingRejectedError(f"Rejected {who}.", task_state=TaskState.NOT_CREATED)


def _check_shown(asked: Answer, shown: hitl.Form) -> None:
    if is_shown(asked, of_token(hitl.value_of(shown.params, TOKEN))):
        log.info(
            "Airflow shows the form as it was first made: %s. What is paid for by now is in it too.", shown.subject
        )
        return
    raise KlingApprovalError(
        "The request has changed since this task instance asked for an approval, and Airflow goes on showing the form "
        "of the former one: whoever answers it would not see what is paid for.",
        task_state=TaskState.NOT_CREATED,
        next_step="Start a new run. Or, by Airflow's REST API, delete the task instance and set the run to queued: it "
        "is made anew then, with a form of its own, and what was paid for is found.",
    )
