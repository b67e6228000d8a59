"""Whether a request can be had: its model by name, what its dialect can say, what its model takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api import limits
from airflow_provider_kling.api.models import (
    LLMPROVIDER_NAMES,
    canonical_model,
    capabilities_of,
    model_of,
    models_of,
)
from airflow_provider_kling.api.plain import shorten, shorten_name

if TYPE_CHECKING:
    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.api.dialects import Dialect
    from airflow_provider_kling.api.model import Model

Fault = tuple[str, str]
Found = Iterator[Fault]


def sort_findings(
    capability: Capability,
    body: Mapping[str, Any],
    *,
    dialect: Dialect,
    models: tuple[str, ...],
    extra: frozenset[str],
) -> tuple[list[Fault], list[Fault]]:
    """
    Return what forbids sending a request, and what may or may not be minded.

    :param capability: what is asked for.
    :param body: the request in its normal form, its schema kept.
    :param dialect: a gateway is told what Kling is known to refuse; Kling itself is not asked for it.
    :param models: names that the connection accepts beyond those known.
    :param extra: fields of ``extra_body``: a gateway gets them as they are.
    """
    name = body.get("model")
    faults = list(_model_faults(capability, name, dialect, models))
    doubts = list(_retirement(capability, name)) if not dialect.is_kling and not faults else []
    row = model_of(capability.name, name)
    for fault in dialect.faults(capability, body):
        if dialect.is_kling or fault[0] not in extra:
            faults.append(fault)
    camera = limits.camera_faults({**body, "model": canonical_model(str(name))})
    (faults if dialect.is_kling else doubts).extend(camera)
    if row is None:
        return faults, doubts
    doubts += limits.unused(body, row)
    known = dialect.name in row.capabilities[capability.name]
    vouched = name in models and name != row.spelled(dialect.name)
    for field, message in limits.limits(capability.name, body, row, dialect.name):
        binding = dialect.is_kling or (limits.is_on_every_page(field) and field not in extra)
        (faults if known and binding and not vouched else doubts).append((field, message))
    return faults, doubts


def _model_faults(capability: Capability, name: object, dialect: Dialect, models: tuple[str, ...]) -> Found:
    rows = models_of(capability.name, dialect.name)
    if not isinstance(name, str) or not name:
        if rows and name is None:
            yield "model", "is required"
        return
    if canonical_model(name) in map(canonical_model, models):
        return
    how = f'To use it all the same, add "models": ["{shorten_name(name)}"] to the extra of the connection'
    row = model_of(capability.name, name)
    if row is not None and row.retired_on and dialect.is_kling:
        yield "model", f"{shorten(name)} was retired by Kling on {row.retired_on}; {_instead(capability, row)}. {how}"
    elif row is not None and row in rows:
        return
    elif row is not None:
        where = " and ".join(row.capabilities[capability.name])
        yield "model", f"{shorten(name)} is not in dialect {dialect.name!r}, but in {where}. {how}"
    elif others := capabilities_of(name):
        yield "model", f"{shorten(name)} is for {' and '.join(others)}, not for {capability.name}. {how}"
    else:
        yield "model", f"{shorten(name)} is not known in dialect {dialect.name!r}; {_hint(name, rows, dialect)}{how}"


def _instead(capability: Capability, row: Model) -> str:
    if model_of(capability.name, row.successor) is None:
        return f"no other model makes {capability.name}"
    return f"use {row.successor!r}"


def _hint(name: str, rows: Iterable[Model], dialect: Dialect) -> str:
    import difflib

    sold = [row for row in rows if not (row.retired_on and dialect.is_kling)]
    names = {row.name for row in sold} | {row.spelled(dialect.name) for row in sold}
    spellings = sorted(names | {LLMPROVIDER_NAMES[row] for row in names if row in LLMPROVIDER_NAMES})
    near = difflib.get_close_matches(shorten_name(name), spellings, n=3, cutoff=0.5)
    words = ", ".join(map(repr, near or spellings))
    return f"did you mean {words}? " if near else f"known are {words}. "


def _retirement(capability: Capability, name: object) -> Found:
    row = model_of(capability.name, name)
    if row is not None and row.retired_on:
        yield (
            "model",
            f"Kling retired {row.name} on {row.retired_on}; whether a gateway still has it is not known "
            f"(at Kling itself: {row.successor})",
        )
