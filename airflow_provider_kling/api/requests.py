"""From the arguments that a user set to a request in its normal form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.models import default_model, resolved_model
from airflow_provider_kling.api.normal import Faults, normal_form
from airflow_provider_kling.api.validation import check_fields, coerce

if TYPE_CHECKING:
    from airflow_provider_kling.api.capabilities import Capability


def known_faults(capability: Capability, given: Mapping[str, Any], templates: Iterable[str]) -> Faults:
    """
    Return what is wrong with request fields, as far as it can be told without a connection.

    :param given: the fields that are set.
    :param templates: names of those that hold a template, so that their values are not known yet.
    """
    unknown = {name: given[name] for name in templates}
    fields, faults = normal_form(
        {name: value for name, value in given.items() if name not in unknown}, capability.schema["properties"]
    )
    fields = coerce(capability, fields)
    return [*faults, *check_fields(capability, {**fields, **unknown}, without=unknown).faults]


def prepared(
    capability: Capability, given: Mapping[str, Any], *, dialect: str, models: Iterable[str] = ()
) -> tuple[dict[str, Any], Faults]:
    """
    Return request fields in their normal form, and what is wrong with how they were said.

    :param given: the fields that are set, rendered.
    :param dialect: its own model stands in where none is named.
    :param models: names of the connection's ``models``.
    """
    fields, faults = normal_form(given, capability.schema["properties"])
    fields = coerce(capability, fields)
    if is_filled(fields):
        if chosen := default_model(capability.name, dialect):
            fields = {"model": chosen, **fields}
    elif isinstance(fields["model"], str):
        fields["model"] = resolved_model(capability.name, fields["model"], models)
    return fields, faults


def is_filled(given: Mapping[str, Any]) -> bool:
    """Whether the dialect's own model stands in, as none is named."""
    return "model" not in given
