"""Takes the fields of a create body one by one; the first that is wrong refuses the request, named.

That one fault is told at a time, and that an unknown field is refused at all, are guesses.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_kling.emulator.refusals import Reason, Refusal, invalid

PROMPT_LIMIT = 2500
ASPECT_RATIOS = ("16:9", "9:16", "1:1")


def parse_json(raw: bytes) -> dict[str, Any]:
    """The body as a JSON object."""
    try:
        body = json.loads(raw)
    except ValueError:
        raise Refusal(Reason.BAD_JSON, "Invalid request parameters: the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refusal(Reason.BAD_JSON, "Invalid request parameters: the body is not a JSON object")
    return body


def is_url(value: str) -> bool:
    """Does it look like a link that Kling could fetch?"""
    parts = urlsplit(value)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


class Fields:
    """The fields of one JSON object. ``null`` and, for texts, ``""`` count as not given: the vendor's own examples
    send ``"callback_url": ""`` and ``"external_task_id": ""``.
    """

    def __init__(self, body: Mapping[str, Any], known: Collection[str], prefix: str = "") -> None:
        for name in body:
            if name not in known:
                raise invalid(prefix + name, "is not a known parameter")
        self.body = body
        self.prefix = prefix

    def has(self, name: str) -> bool:
        """Is it given at all?"""
        return self.body.get(name) not in (None, "", [])

    def wrong(self, name: str, why: str) -> Refusal:
        """The refusal of a field of this object."""
        return invalid(self.prefix + name, why)

    def text(self, name: str, limit: int | None = None) -> str:
        """A string, "" when not given."""
        value = self.body.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong(name, "must be a string")
        if limit is not None and len(value) > limit:
            raise self.wrong(name, f"must have at most {limit} characters, has {len(value)}")
        return value

    def required(self, name: str, limit: int | None = None) -> str:
        """A string that is more than blanks."""
        value = self.text(name, limit)
        if not value.strip():
            raise self.wrong(name, "is required")
        return value

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        """One of ``allowed``; required where ``default`` is none of them."""
        value = self.text(name) or default
        if value not in allowed:
            raise self.wrong(name, f"must be one of {', '.join(allowed)}, not {value!r}")
        return value

    def url(self, name: str) -> str:
        """A link, "" when not given."""
        value = self.text(name)
        if value and not is_url(value):
            raise self.wrong(name, "must be an http or https URL")
        return value

    def number(self, name: str, lowest: float, highest: float) -> float | None:
        """A number in a closed range."""
        value = self.body.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
            raise self.wrong(name, f"must be a number from {lowest:g} to {highest:g}, not {value!r}")
        return float(value)

    def whole(self, name: str, lowest: int, highest: int, default: int | None) -> int:
        """A whole number in a closed range; required where there is no default."""
        value = self.body.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise self.wrong(name, f"must be a whole number from {lowest} to {highest}, not {value!r}")
        return value

    def pick(self, name: str, allowed: Sequence[int], default: int) -> int:
        """One of some whole numbers."""
        value = self.body.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
            raise self.wrong(name, f"must be one of {', '.join(map(str, allowed))} as a number, not {value!r}")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self.body.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(name, "must be true or false")
        return value

    def object(self, name: str, known: Collection[str]) -> Fields | None:
        """A nested object."""
        value = self.body.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(name, "must be an object")
        return Fields(value, known, f"{self.prefix}{name}.")

    def objects(self, name: str, known: Collection[str], most: int) -> list[Fields]:
        """A list of nested objects."""
        value = self.body.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(name, "must be a list of objects")
        if len(value) > most:
            raise self.wrong(name, f"must have at most {most} items, has {len(value)}")
        return [Fields(item, known, f"{self.prefix}{name}[{n}].") for n, item in enumerate(value)]
