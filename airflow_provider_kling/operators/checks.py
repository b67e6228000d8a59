"""What is wrong with what a user set: first without a connection or a file, then with both, before anything is paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api import requests
from airflow_provider_kling.api.choices import choice_faults, parent_faults
from airflow_provider_kling.api.content import as_text, revealed
from airflow_provider_kling.api.normal import as_named
from airflow_provider_kling.api.validation import Findings, check_request, coerce, mapping
from airflow_provider_kling.compat.templates import holds_template

if TYPE_CHECKING:
    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.hooks.settings import Settings


def known_faults(
    capability: Capability, fields: Mapping[str, Any], *, without: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """
    Return what is wrong with request fields as far as it is known when a DAG is parsed.

    :param without: fields that may still be set; those with a template are not checked either.
    """
    given = as_text(revealed(capability.schema, fields))
    unknown = [*without, *(name for name, value in given.items() if holds_template(value))]
    faults = requests.known_faults(capability, {**dict.fromkeys(without), **given}, unknown)
    return [*faults, *choice_faults(capability.schema, given, open_ones=without)]


def checked(
    capability: Capability, fields: Mapping[str, Any], extra_body: object, own_id: str | None, settings: Settings
) -> tuple[dict[str, Any], Findings]:
    """
    Return the body of a request in its normal form, and what is wrong with it.

    :param extra_body: as the user set it.
    :param own_id: the user's own ``external_task_id``.
    :param settings: the connection; its dialect and models decide what is accepted.
    :raises KlingValidationError: when a store that holds a file of it cannot be reached.
    """
    from airflow_provider_kling.storage.inputs import resolved

    schema, dialect = capability.schema, settings.dialect.speaking_of(capability)
    body, faults = requests.prepared(
        capability, revealed(schema, fields), dialect=settings.dialect.name, models=settings.models
    )
    body, file_faults = resolved(schema, body, largest_image=dialect.largest_image)
    given, extra_faults = mapping("extra_body", extra_body)
    more = coerce(capability, given)
    named = {"external_task_id": own_id} if own_id else {}
    findings = check_request(capability, {**body, **named}, more, dialect=settings.dialect, models=settings.models)
    gone = parent_faults(capability, settings.models) if dialect.is_kling else ()
    of_values = (*file_faults, *choice_faults(schema, body), *gone)
    every = [*faults, *extra_faults, *of_values, *as_named(findings.faults, fields)]
    warnings = tuple(as_named(findings.warnings, fields))
    return {**body, **more}, Findings(tuple(dict.fromkeys(every)), warnings)
