"""
Airflow's human-in-the-loop form: there since 3.1, and since 3.3 with a state of its own, ``awaiting_input``.

Airflow keeps the form of a task instance over retries and clears. Who puts another one there only empties the answer:
what the form shows stays as it was first made (seen on 3.3.2, and in the code of every release so far).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow_provider_kling.compat import clock
from airflow_provider_kling.compat.versions import airflow_is_at_least

METHOD = "resume_approved"
"""The operator's method that an answer is given to."""


@dataclass(frozen=True, slots=True)
class Form:
    """
    What somebody sees.

    :param subject: a line of text.
    :param body: Markdown.
    :param options: what may be chosen, one of them.
    :param params: fields by name, each ``{"value", "description", "schema"}``.
    :param defaults: what counts as chosen when the time is up; ``None``: that is an error.
    :param assigned_users: who may answer.
    """

    subject: str
    body: str | None
    options: tuple[str, ...]
    params: Mapping[str, Any]
    defaults: tuple[str, ...] | None = None
    assigned_users: tuple[Mapping[str, str], ...] = ()


def has_forms() -> bool:
    """Whether this Airflow has the form."""
    return airflow_is_at_least("3.1")


def put(ti: Any, form: Form) -> Form:
    """
    Put a form before people, without an answer; return the one that is there now, which may be an earlier one.

    :param ti: Airflow's running task instance.
    """
    from airflow.sdk.api.datamodels._generated import HITLUser
    from airflow.sdk.execution_time.comms import CreateHITLDetailPayload
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    # As upsert_hitl_detail() does, which keeps to itself what came back.
    there: Any = SUPERVISOR_COMMS.send(
        CreateHITLDetailPayload(
            ti_id=ti.id,
            options=list(form.options),
            subject=form.subject,
            body=form.body,
            defaults=list(form.defaults) if form.defaults else None,
            multiple=False,
            params=_params(form),
            assigned_users=[HITLUser(id=user["id"], name=user["name"]) for user in form.assigned_users],
        )
    )
    return Form(there.subject, there.body, tuple(there.options), dict(there.params or {}), form.defaults)


def is_same(shown: Form, form: Form) -> bool:
    """Whether a form shows what another one would."""
    return (shown.subject, shown.body, dict(shown.params)) == (form.subject, form.body, _params(form))


def value_of(params: Mapping[str, Any], name: str) -> Any:
    """Return the value of a field of a form."""
    field = params.get(name)
    return field.get("value") if isinstance(field, Mapping) else field


def wait(ti: Any, form: Form, *, timeout: float | None, kwargs: dict[str, Any]) -> NoReturn:
    """
    Leave the worker until there is an answer, or the time is up.

    :param timeout: in seconds.
    :param kwargs: given to the operator's method along with the answer.
    :raises BaseException: always; Airflow's own signal for this.
    """
    span = None if timeout is None else timedelta(seconds=timeout)
    if airflow_is_at_least("3.3"):
        import airflow.sdk.exceptions

        # There since 3.3, and not known to older type stubs.
        awaiting: Any = airflow.sdk.exceptions.TaskAwaitingInput
        raise awaiting(method_name=METHOD, kwargs=kwargs, timeout=span)
    from airflow.providers.common.compat.sdk import TaskDeferred
    from airflow.providers.standard.triggers.hitl import HITLTrigger

    trigger = HITLTrigger(
        ti_id=ti.id,
        options=list(form.options),
        # The trigger takes its copy apart.
        params=copy.deepcopy(_params(form)),
        defaults=list(form.defaults) if form.defaults else None,
        multiple=False,
        timeout_datetime=None if span is None else datetime.fromtimestamp(clock.now(), tz=UTC) + span,
    )
    raise TaskDeferred(trigger=trigger, method_name=METHOD, kwargs=kwargs)


def suspensions() -> tuple[type[BaseException], ...]:
    """Return how Airflow is told that a task goes on later."""
    from airflow.providers.common.compat.sdk import TaskDeferred

    if not airflow_is_at_least("3.3"):
        return (TaskDeferred,)
    import airflow.sdk.exceptions

    return (TaskDeferred, airflow.sdk.exceptions.TaskAwaitingInput)


async def response(ti_id: str) -> dict[str, Any] | None:
    """
    Return the answer to the form of a task instance, or ``None`` without one; in the triggerer alone.

    :param ti_id: Airflow's id of the try.
    """
    from uuid import UUID

    from airflow.sdk.exceptions import AirflowRuntimeError
    from airflow.sdk.execution_time.hitl import get_hitl_detail_content_detail
    from asgiref.sync import sync_to_async

    try:
        found: Any = await sync_to_async(get_hitl_detail_content_detail)(ti_id=UUID(ti_id))
    except AirflowRuntimeError as error:
        if _is_missing(error):
            return None
        raise
    if not (found.response_received and found.chosen_options):
        return None
    who = found.responded_by_user
    return {
        "chosen_options": list(found.chosen_options),
        "params_input": dict(found.params_input or {}),
        "responded_by_user": None if who is None else {"id": who.id, "name": who.name},
    }


def _is_missing(error: Any) -> bool:
    detail = getattr(error.error, "detail", None)
    return isinstance(detail, Mapping) and detail.get("status_code") == 404


def _params(form: Form) -> dict[str, Any]:
    if airflow_is_at_least("3.1.3"):
        return {name: dict(value) for name, value in form.params.items()}
    return {name: value_of(form.params, name) for name in form.params}
