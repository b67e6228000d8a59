"""The arguments of an operator that are fields of its request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_provider_kling.api.content import hidden

SHARED_TEMPLATES = ("extra_body", "kling_conn_id", "output_path", "requested", "estimated")
TEMPLATES = ("external_task_id", "key", "meta", *SHARED_TEMPLATES)
"""What is templated in every operator; last what is rendered last."""


class RequestFields:
    """
    The part of :class:`~airflow_provider_kling.operators.base.KlingOperator` that holds the request.

    :cvar request_fields: names of the attributes; by default the arguments of the class's own constructor.
    """

    request_fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make request fields, and templates, of the arguments of a class, where it does not name them itself."""
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls) and "template_fields" not in vars(cls):
            code = vars(cls)["__init__"].__code__
            first = code.co_argcount
            cls.request_fields = code.co_varnames[first : first + code.co_kwonlyargcount]
            # Airflow's base class declares it.
            cls.template_fields = (*cls.request_fields, *TEMPLATES)  # type: ignore[attr-defined]

    def __setattr__(self, name: str, value: Any) -> None:
        """Hide files in template fields: what is rendered, Airflow stores and shows."""
        super().__setattr__(name, hidden(value) if name in getattr(self, "template_fields", ()) else value)

    def take(self, arguments: Mapping[str, Any]) -> None:
        """
        Take the request fields, and check what is known of them.

        :param arguments: of the constructor, by name.
        """
        for name in self.request_fields:
            setattr(self, name, arguments[name])
        self.check_arguments()

    def check_arguments(self) -> None:
        """Check what is known when the DAG is parsed."""
        raise NotImplementedError

    def set_fields(self) -> dict[str, Any]:
        """Return the request fields that the user set: a default sent unasked was refused by the API before."""
        values = {name: getattr(self, name) for name in self.request_fields}
        return {name: value for name, value in values.items() if value is not None}
