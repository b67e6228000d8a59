"""What an operator shows of its request before it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.content import as_text, revealed
from airflow_provider_kling.api.preview import preview
from airflow_provider_kling.api.requests import prepared

if TYPE_CHECKING:
    from airflow_provider_kling.api.capabilities import Capability

REQUESTED = "{{ task.requested_in_words() }}"
"""A template that renders to the request, as :data:`~airflow_provider_kling.operators.money.ESTIMATED` to its price."""

# Airflow cuts a rendered field at 4096 characters unless told otherwise ([core] max_templated_field_length).
_LONGEST = 3800
_LONGEST_PROMPTS = (2500, 1000, 300, 100)
_LONGEST_PROMPT_OF_MANY = 160


class Shown:
    """The part of :class:`~airflow_provider_kling.operators.base.KlingOperator` that shows the request."""

    if TYPE_CHECKING:
        capability: Capability
        extra_body: Mapping[str, Any] | None

        def set_fields(self) -> dict[str, Any]: ...
        def dialect_for(self, fields: Mapping[str, Any]) -> str: ...

    def requested_in_words(self) -> str:
        """
        Return the request in its normal form as JSON, for Airflow's page of rendered templates. Never raises.

        With the model that stands in where none is named; without Base64, signed links and addresses to call back.
        """
        try:
            return self._requested()
        except Exception as error:
            # The task itself says better what is wrong, when it checks the request.
            return f"not known: {type(error).__name__}"

    def _requested(self) -> str:
        request = self.shown_request(self.set_fields())
        texts = (_json(request, longest, indent=1) for longest in _LONGEST_PROMPTS)
        return next((text for text in texts if len(text) <= _LONGEST), "too long to be shown")

    def shown_request(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is asked for with these fields."""
        given = as_text(revealed(self.capability.schema, fields))
        body, _ = prepared(self.capability, given, dialect=self.dialect_for(fields))
        return {**body, **(self.extra_body if isinstance(self.extra_body, Mapping) else {})}


def shown_of_many(requests: Iterator[Mapping[str, Any]], total: int) -> str:
    """Return as many of the first requests as there is room for, and how many more there are."""
    shown: list[str] = []
    room = _LONGEST
    for request in islice(requests, _LONGEST):
        text = _json(request, _LONGEST_PROMPT_OF_MANY)
        room -= len(text) + 2
        if room < 0:
            break
        shown.append(text)
    more = [json.dumps(f"and {total - len(shown)} more")] if total > len(shown) else []
    return "[" + ",\n".join([*shown, *more]) + "]"


def _json(request: Mapping[str, Any], longest_prompt: int, indent: int | None = None) -> str:
    return json.dumps(preview(request, longest_prompt=longest_prompt), ensure_ascii=False, indent=indent)
