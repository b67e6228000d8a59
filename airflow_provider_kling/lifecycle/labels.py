"""
What people call a video, and what they know of it: the key and the other columns of its row.

Neither is sent to Kling, and neither is part of what is paid for: a renamed key buys nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from airflow_provider_kling.api.plain import faults_of, is_utf8, shorten

LONGEST_KEY = 500
"""Characters of a key at most."""

LARGEST_META = 10_000
"""Characters of the JSON of ``meta`` at most: it goes into XCom, the manifest and events."""

# Postgres keeps no such text, and labels go into XCom.
_NUL = "holds a NUL character, which Airflow's database cannot keep"
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Label(NamedTuple):
    """
    The label of one video.

    :param key: unique in its batch; ``None`` where the user gave none.
    :param meta: plain JSON.
    """

    key: str | None = None
    meta: Mapping[str, Any] = _NOTHING


def label_of(key: Any, meta: Any) -> tuple[Label, list[tuple[str, str]]]:
    """
    Return the label that a user gave, and its faults, by ``key`` and ``meta``.

    :param key: text, or a number, whose text it is; ``None``: none.
    :param meta: a dict, or ``None``.
    """
    text = _text(key)
    fault = _key_fault(key, text)
    plain, faults = _meta(meta)
    return Label(text, plain), [("key", fault), *faults] if fault else faults


def repeated(labels: Sequence[Label]) -> Iterator[tuple[int, str]]:
    """Yield the position of each label whose key an earlier one has, and what is wrong with that."""
    first: dict[str, int] = {}
    for position, label in enumerate(labels):
        if label.key is not None and first.setdefault(label.key, position) != position:
            yield position, f"{shorten(label.key)} is the key of items[{first[label.key]}] too; a key is unique"


def _text(key: Any) -> str | None:
    if isinstance(key, str):
        return key
    is_number = isinstance(key, (int, float)) and not isinstance(key, bool)
    # Python refuses to print an integer of more than 4,300 digits.
    is_short = is_number and (math.isfinite(key) if isinstance(key, float) else key.bit_length() <= 64)
    return str(key) if is_short else None


def _key_fault(key: Any, text: str | None) -> str | None:
    if key is None:
        return None
    if text is None:
        return f"must be text or a number, not {shorten(key)}"
    if not text:
        return "is empty; leave it out where there is none"
    if len(text) > LONGEST_KEY:
        return f"has {len(text):,} characters; at most {LONGEST_KEY} are allowed"
    if not is_utf8(text):
        return "holds half a character (a lone surrogate), which UTF-8 cannot carry"
    return _NUL if "\x00" in text else None


def _meta(meta: Any) -> tuple[Mapping[str, Any], list[tuple[str, str]]]:
    if meta is None:
        return _NOTHING, []
    if not isinstance(meta, Mapping):
        what = f"must be a dict of the row's other columns, not {type(meta).__name__} ({shorten(meta)})"
        return _NOTHING, [("meta", what)]
    if faults := list(faults_of("meta", meta)):
        return _NOTHING, faults
    plain = _plain(meta)
    text = json.dumps(plain)
    if len(text) > LARGEST_META:
        return _NOTHING, [("meta", f"is {len(text):,} characters of JSON; at most {LARGEST_META:,} are allowed")]
    # A backslash before "u0000" is no NUL.
    return plain, [("meta", _NUL)] if "\\u0000" in text and _holds_nul(plain) else []


def _plain(value: Any) -> Any:
    """Return a copy that nobody changes, with lists for tuples: as it is read from the manifest again."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _holds_nul(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_nul(name) or _holds_nul(item) for name, item in value.items())
    if isinstance(value, list):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and "\x00" in value
