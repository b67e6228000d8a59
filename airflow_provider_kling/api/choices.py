"""What JSON Schema cannot say in the user's words: fields that exclude each other, and capabilities that are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_kling.api.capabilities import Capability
from airflow_provider_kling.api.models import model_of


def choice_faults(
    schema: Mapping[str, Any], given: Iterable[str], *, open_ones: Iterable[str] = ()
) -> Iterator[tuple[str, str]]:
    """
    Yield (field, message) for what a request breaks of its schema's ``exactlyOneOf`` and ``atMostOneOf``.

    :param given: names of the fields that are set, if only by a template.
    :param open_ones: names of fields that may be set later.
    """
    names = set(given)
    possible = names.union(open_ones)
    for group in schema.get("exactlyOneOf", ()):
        if not possible.intersection(group):
            yield group[0], f"or {' or '.join(map(repr, group[1:]))} must be set"
    for group in (*schema.get("exactlyOneOf", ()), *schema.get("atMostOneOf", ())):
        first, *more = [name for name in group if name in names] or [""]
        yield from ((name, f"cannot be combined with {first!r}") for name in more)


def parent_faults(capability: Capability, models: Iterable[str]) -> Iterator[tuple[str, str]]:
    """
    Yield why a capability is not sold any more: Kling retired every model whose videos it goes on from.

    :param models: names that the connection accepts all the same.
    """
    rows = [model_of("image2video", name) for name in capability.parents]
    retired = [row for row in rows if row is not None and row.retired_on]
    if retired and len(retired) == len(rows) and not {*capability.parents}.intersection(models):
        names = ", ".join(capability.parents)
        yield (
            "video_id",
            f"{capability.name} goes on from videos of {names} alone, which Kling retired on {retired[0].retired_on}. "
            f'To try it all the same, add "models": ["{capability.parents[-1]}"] to the extra of the connection',
        )
