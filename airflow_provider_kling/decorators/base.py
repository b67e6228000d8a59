"""What a task has whose request comes out of a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    SET_DURING_EXECUTION,
    DecoratedOperator,
    context_merge,
    determine_kwargs,
)

from airflow_provider_kling.api.content import Inline, hidden
from airflow_provider_kling.api.plain import shorten, shorten_name
from airflow_provider_kling.api.validation import Findings
from airflow_provider_kling.compat.hitl import suspensions
from airflow_provider_kling.exceptions import KlingConfigurationError
from airflow_provider_kling.operators.base import KlingOperator
from airflow_provider_kling.operators.items import LABEL

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kling.hooks.settings import Settings
    from airflow_provider_kling.lifecycle.job import Job


class KlingDecoratedOperator(DecoratedOperator, KlingOperator):
    """
    Call a function for the request, then do as :class:`KlingOperator` does.

    The function is called on the worker once in a try, when its result is needed: not where a deferral has brought the
    id of the task along. What it returns is never rendered as a template, whatever braces are in it. It returns

    - text: the prompt, or
    - a dict of request fields, of ``key`` and of ``meta``, which go before those that are arguments of the decorator.

    A retry calls it again; the same result is the same wish, which is paid for once. A result that differs (a prompt
    that a language model writes anew) is another wish: write it in a task of its own then, whose XCom stays.
    """

    template_fields = DecoratedOperator.template_fields
    key_comes_later = True
    # What the function said is shown once the task has run.
    overwrite_rtif_after_execution = True

    def __init__(self, *, python_callable: Callable[..., Any], multiple_outputs: bool = False, **kwargs: Any) -> None:
        required = [name for name in self.capability.schema["required"] if name in self.request_fields]
        dynamic = {name: SET_DURING_EXECUTION for name in {"prompt", *required} - {"model"} if name not in kwargs}
        super().__init__(python_callable=python_callable, multiple_outputs=multiple_outputs, **{**dynamic, **kwargs})
        if multiple_outputs and not self.wait_for_completion:
            fault = ("multiple_outputs", "needs wait_for_completion=True: the id of a task is no dict")
            Findings((fault,)).raise_for_faults(f"Task {self.task_id!r}:")
        self._context: Context | None = None
        # Whether its result is known in this process. Asked again, it would undo what was changed in a form.
        self._taken = False
        # What the function returned, as far as a deferral may carry it, and the digest of its request.
        self._given: Mapping[str, Any] | None = None
        self._label_given: Mapping[str, Any] = {}
        self._digest = ""

    def set_fields(self) -> dict[str, Any]:
        """Return the request fields that the user set, by argument or by the function."""
        return {name: value for name, value in super().set_fields().items() if value is not SET_DURING_EXECUTION}

    def known_faults(self, fields: Mapping[str, Any], *, without: Any = ()) -> list[tuple[str, str]]:
        """Return what is wrong with the arguments; the function may set the others still, or set these anew."""
        absent = [name for name in self.request_fields if name not in fields]
        return super().known_faults(fields, without=[*without, *absent])

    def execute(self, context: Context) -> Any:
        """Begin a try."""
        self._context = context
        return self._remembering(lambda: KlingOperator.execute(self, context))

    def resume(
        self, context: Context, event: Any = None, carried: Mapping[str, Any] | None = None, **returned: Any
    ) -> Any:
        """
        Go on after a deferral.

        :param returned: ``request``, what the function had returned; or ``label``, ``key`` and ``meta`` of that, where
            a file was among the rest.
        """
        self._take_up(context, carried, **returned)
        return self._remembering(lambda: KlingOperator.resume(self, context, event, carried))

    def resume_approved(
        self, context: Context, event: Any = None, carried: Mapping[str, Any] | None = None, **returned: Any
    ) -> Any:
        """
        Go on after somebody has answered whether this may be paid for.

        :param returned: as for :meth:`resume`.
        """
        self._take_up(context, carried, **returned)
        return self._remembering(lambda: KlingOperator.resume_approved(self, context, event, carried))

    def _take_up(
        self,
        context: Context,
        carried: Mapping[str, Any] | None,
        request: Mapping[str, Any] | None = None,
        label: Mapping[str, Any] | None = None,
    ) -> None:
        self._context = context
        self._digest = str((carried or {}).get("digest") or "")
        if request is not None:
            self._take(request)
        self._take_label(label or {})

    def _remembering(self, run: Callable[[], Any]) -> Any:
        try:
            return run()
        except suspensions() as suspension:
            deferred: Any = suspension
            if self._given is not None:
                deferred.kwargs = {**(deferred.kwargs or {}), "request": {**self._given, **self._label_given}}
            elif self._label_given:
                deferred.kwargs = {**(deferred.kwargs or {}), "label": {**self._label_given}}
            raise

    def job(self, settings: Settings) -> Job:
        """
        Return what is wanted; asks the function first.

        :raises KlingValidationError: listing all faults.
        :raises KlingConfigurationError: when the function, asked again in the same try, says something else.
        """
        if not self._taken:
            self._take(self._called())
        job = super().job(settings)
        if self._digest not in ("", job.digest):
            raise KlingConfigurationError(
                f"The function of {self.task_id!r} gives another request after a deferral; what was submitted is kept.",
                retryable=True,
                next_step="Let it return the same request each time, or a path in place of Base64.",
            )
        # What is changed from here on was changed in the form.
        self._digest = ""
        return job

    def _called(self) -> Any:
        assert self._context is not None
        context: Any = {**self._context}
        context_merge(context, self.op_kwargs)
        return self.python_callable(*self.op_args, **determine_kwargs(self.python_callable, self.op_args, context))

    def _take(self, result: Any) -> None:
        fields = {"prompt": result} if isinstance(result, str) else result
        if not isinstance(fields, Mapping):
            what = f"must return a prompt or a dict of request fields, not {type(result).__name__} ({shorten(result)})"
            self._refuse([("the function", what)])
        self._take_label({name: fields[name] for name in LABEL if name in fields})
        fields = {name: value for name, value in fields.items() if name not in LABEL}
        unknown = [name for name in fields if name not in self.request_fields]
        known = ", ".join(map(repr, self.request_fields))
        self._refuse([(shorten_name(name), f"is no request field; known are {known}") for name in unknown])
        for name, value in fields.items():
            setattr(self, name, value)
        self.requested, self.estimated = self.requested_in_words(), self.estimated_in_words()
        # No file goes into Airflow's database; the function is asked again then.
        kept = hidden({**fields})
        self._given = None if _holds_file(kept) else kept
        self._taken = True

    def _take_label(self, label: Mapping[str, Any]) -> None:
        for name, value in label.items():
            setattr(self, name, value)
        self._label_given = {**self._label_given, **label}

    def _refuse(self, faults: list[tuple[str, str]]) -> None:
        Findings(tuple(faults)).raise_for_faults(f"What the function of {self.task_id!r} returned is")


def _holds_file(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_file, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_file, value))
    return isinstance(value, Inline)
