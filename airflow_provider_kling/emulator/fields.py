"""Takes the fields of a create body one by one; the first that is wrong refuses the request, named.

That one fault is told at a time, and that an unknown field is refused at all, are guesses.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_kling.emulator.refusals import Reason, Refusal

CAMERA_TYPES = ("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward")
CAMERA_AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
PROMPT_LIMIT = 2500
ASPECT_RATIOS = ("16:9", "9:16", "1:1")


def invalid(field: str, why: str) -> Refusal:
    """The refusal of a field, in a sentence that starts with its name."""
    return Refusal(Reason.INVALID_FIELD, f"{field} {why}", field=field)


def parse_json(raw: bytes) -> dict[str, Any]:
    """The body as a JSON object."""
    try:
        body = json.loads(raw)
    except ValueError:
        raise Refusal(Reason.BAD_JSON, "Invalid request parameters: the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refusal(Reason.BAD_JSON, "Invalid request parameters: the body is not a JSON object")
    return body


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

    def _get(self, name: str) -> Any:
        return self.body.get(name)

    def text(self, name: str, limit: int | None = None) -> str:
        """A string, "" when not given."""
        value = self._get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise invalid(self.prefix + name, "must be a string")
        if limit is not None and len(value) > limit:
            raise invalid(self.prefix + name, f"must have at most {limit} characters, has {len(value)}")
        return value

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        """One of ``allowed``."""
        value = self.text(name) or default
        if value not in allowed:
            raise invalid(self.prefix + name, f"must be one of {', '.join(allowed)}, not {value!r}")
        return value

    def number(self, name: str, lowest: float, highest: float) -> float | None:
        """A number in a closed range."""
        value = self._get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
            raise invalid(self.prefix + name, f"must be a number from {lowest:g} to {highest:g}, not {value!r}")
        return float(value)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise invalid(self.prefix + name, "must be true or false")
        return value

    def object(self, name: str, known: Collection[str]) -> Fields | None:
        """A nested object."""
        value = self._get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise invalid(self.prefix + name, "must be an object")
        return Fields(value, known, f"{self.prefix}{name}.")

    def objects(self, name: str, known: Collection[str], most: int) -> list[Fields]:
        """A list of nested objects."""
        value = self._get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise invalid(self.prefix + name, "must be a list of objects")
        if len(value) > most:
            raise invalid(self.prefix + name, f"must have at most {most} items, has {len(value)}")
        return [Fields(item, known, f"{self.prefix}{name}[{n}].") for n, item in enumerate(value)]


def camera(fields: Fields) -> tuple[str, tuple[tuple[str, float], ...]]:
    """Type and non-zero axes of ``camera_control``; ("", ()) when it is not given. Same on both vendors' pages."""
    control = fields.object("camera_control", ("type", "config"))
    if control is None:
        return "", ()
    kind = control.choice("type", CAMERA_TYPES, "")
    config = control.object("config", CAMERA_AXES)
    if kind == "simple" and config is None:
        raise invalid("camera_control.config", "is required when type is simple")
    if config is None:
        return kind, ()
    moves = [(axis, config.number(axis, -10, 10)) for axis in CAMERA_AXES]
    return kind, tuple((axis, value) for axis, value in moves if value)
