"""The items of a batch as a user gives them: prompts, or dicts of request fields and what is set for one item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from airflow_provider_kling import ON_MODERATION
from airflow_provider_kling.api.content import revealed
from airflow_provider_kling.api.plain import choice, key_faults
from airflow_provider_kling.api.validation import Findings, mapping
from airflow_provider_kling.exceptions import KlingValidationError
from airflow_provider_kling.lifecycle.labels import Label, label_of, repeated

LABEL = ("key", "meta")
SETTINGS = (*LABEL, "on_moderation")
"""What an item may hold that is no field of its request."""


class Given(NamedTuple):
    """
    What is asked for, by position.

    :param fields: of the requests.
    :param labels: what the user calls them.
    :param on_moderation: of those that have their own.
    :param faults: of what is no request field.
    """

    fields: list[dict[str, Any]]
    labels: tuple[Label, ...]
    on_moderation: dict[int, Any]
    faults: list[tuple[str, str]]


def given_items(items: Any, defaults: Any) -> Given:
    """
    Return the items.

    :param items: as given, or as a template rendered them.
    :param defaults: for what an item does not set.
    :raises KlingValidationError: when there is no list of them.
    """
    given, faults = mapping("request_defaults", defaults)
    Findings(faults).raise_for_faults("Batch:")
    if isinstance(items, str) or not isinstance(items, Sequence):
        fault = ("items", f"must be a list of prompts or of dicts, not {type(items).__name__}")
        how = "pass the .output of the task that returns it, or set render_template_as_native_obj on the DAG"
        raise KlingValidationError(f"{fault[0]}: {fault[1]}; {how}.", faults=(fault,))
    # What a mapped task returned is fetched from Airflow element by element, but for a slice.
    items = items[:]
    Findings(tuple(_wrong(items))).raise_for_faults("Batch:")
    rows = [{**given, **({"prompt": item} if isinstance(item, str) else item)} for item in items]
    labels, wrong = [], []
    for position, row in enumerate(rows):
        label, label_faults = given_label(row)
        labels.append(label)
        wrong += [(f"items[{position}].{name}", fault) for name, fault in label_faults]
    wrong += [(f"items[{position}].key", fault) for position, fault in repeated(labels)]
    of_rows = ((position, row.get("on_moderation")) for position, row in enumerate(rows))
    on_moderation = {position: value for position, value in of_rows if value is not None}
    chosen = ((position, choice(value, ON_MODERATION)) for position, value in on_moderation.items())
    wrong += [(f"items[{position}].on_moderation", fault) for position, fault in chosen if fault]
    fields = [{name: value for name, value in row.items() if name not in SETTINGS} for row in rows]
    return Given(fields, tuple(labels), on_moderation, wrong)


def given_label(row: Mapping[str, Any]) -> tuple[Label, list[tuple[str, str]]]:
    """Return what a user calls a request, and what is wrong with that."""
    # A long word may look like a file, and is hidden as one.
    return label_of(*(revealed({}, row.get(name)) for name in LABEL))


def _wrong(items: Sequence[Any]) -> list[tuple[str, str]]:
    wrong = [
        (f"items[{position}]", f"must be a prompt or a dict of request fields, not {type(item).__name__}")
        for position, item in enumerate(items)
        if not isinstance(item, (str, Mapping))
    ]
    wrong += [
        (f"items[{position}].external_task_id", "is derived for each item; leave it out")
        for position, item in enumerate(items)
        if isinstance(item, Mapping) and "external_task_id" in item
    ]
    wrong += [
        fault
        for position, item in enumerate(items)
        if isinstance(item, Mapping)
        for name in item
        for fault in key_faults(f"items[{position}]", name)
    ]
    return wrong
