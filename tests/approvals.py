"""Airflow's human-in-the-loop form as measured on 3.3.2, and somebody who answers it; tests/airflow has real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.compat import hitl
from airflow_provider_kling.compat.versions import airflow_is_at_least
from airflow_provider_kling.lifecycle.approval import TOKEN
from tests.rig import Instance, first_event

needs_forms = pytest.mark.skipif(not airflow_is_at_least("3.1"), reason="the form to approve in came with Airflow 3.1")

Response = dict[str, Any]


def approve(form: hitl.Form, **changes: Any) -> Response:
    """Answer as Airflow's page does: all fields of the form come along."""
    fields = {name: hitl.value_of(form.params, name) for name in form.params}
    return _by("Ada", "Approve", {**fields, **changes})


def reject(form: hitl.Form) -> Response:
    return _by("Ada", "Reject", {name: hitl.value_of(form.params, name) for name in form.params})


def approve_by_api(form: hitl.Form, **changes: Any) -> Response:
    """Answer as a caller of the REST API who leaves out what is not asked for."""
    return _by("Ada", "Approve", changes)


def nobody(form: hitl.Form) -> Response:
    """Let the time pass."""
    if form.defaults:
        return {**approve(form), "chosen_options": list(form.defaults), "responded_by_user": None}
    return {"error": "The timeout has passed.", "error_type": "timeout"}


def _by(name: str, option: str, given: dict[str, Any]) -> Response:
    return {"chosen_options": [option], "params_input": given, "responded_by_user": {"id": "1", "name": name}}


@dataclass
class Forms:
    """
    The form of one task instance: it outlives tries and clears, and shows for ever what it was first made with.

    :ivar asked: the forms that people have answered, as they saw them.
    """

    person: Callable[[hitl.Form], Response] = approve
    there: hitl.Form | None = None
    response: Response | None = None
    asked: list[hitl.Form] = field(default_factory=list)

    def put(self, ti: Any, form: hitl.Form) -> hitl.Form:
        self.there = self.there or form
        self.response = None
        return self.there

    async def read(self, ti_id: str) -> Response | None:
        return self.response

    def answer(self) -> Response:
        """Return the answer; somebody gives it now, unless it was given before."""
        assert self.there is not None
        if self.response is None:
            self.asked.append(self.there)
            response = self.person(self.there)
            if "error" in response:
                return response
            self.response = response
        return self.response

    @property
    def token(self) -> str:
        assert self.there is not None
        return str(hitl.value_of(self.there.params, TOKEN))


@pytest.fixture
def forms(monkeypatch: pytest.MonkeyPatch) -> Forms:
    """Stand in for Airflow's form."""
    made = Forms()
    monkeypatch.setattr(hitl, "put", lambda ti, form: made.put(ti, form))
    monkeypatch.setattr(hitl, "response", lambda ti_id: made.read(ti_id))
    return made


@dataclass
class Asking(Instance):
    """A task instance with a form."""

    forms: Forms = field(default_factory=Forms)

    def context(self) -> Any:
        context = super().context()
        context["ti"].id = f"ti-{self.try_number}"
        return context

    def run(self) -> Any:
        context = self.context()
        method, kwargs = "execute", dict[str, Any]()
        while True:
            try:
                return getattr(self.make(), method)(context, **kwargs)
            except hitl.suspensions() as suspension:
                signal: Any = suspension
                event = self.forms.answer() if _waits_for_people(signal) else asyncio.run(first_event(signal.trigger))
                method, kwargs = signal.method_name, {**(signal.kwargs or {}), "event": event}


def _waits_for_people(signal: Any) -> bool:
    return not isinstance(signal, TaskDeferred) or type(signal.trigger).__name__ == "HITLTrigger"
