"""What JSON can carry: told before anything is sent, with the name of the field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

DEEPEST = 32
# Larger than any number of the API; Python refuses to print an integer of more than 4,300 digits.
_MOST_BITS = 64


def faults_of(path: str, value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield (field, message) for each value that strict JSON in UTF-8 cannot carry."""
    if depth > DEEPEST:
        yield path, f"is nested more than {DEEPEST} levels deep, or holds itself"
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from key_faults(path, name)
            yield from faults_of(join(path, shorten_name(name)), item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from faults_of(f"{path}[{index}]", item, depth + 1)
    else:
        if fault := _fault(value):
            yield path, fault


def is_too_deep(value: Any, depth: int = 0) -> bool:
    """Whether lists and dicts stand in one another for more levels than any request has."""
    if not isinstance(value, (Mapping, list, tuple)):
        return False
    inner = value.values() if isinstance(value, Mapping) else value
    return depth >= DEEPEST or any(is_too_deep(item, depth + 1) for item in inner)


def is_given(value: object) -> bool:
    """Whether something was set; an empty text or list was not. Arrays of numpy have no truth to ask for."""
    return value is not None and not (isinstance(value, (str, list, tuple, Mapping)) and not value)


def key_faults(path: str, name: object) -> Iterator[tuple[str, str]]:
    """Yield (field, message) for the name of a field that JSON cannot carry."""
    if not isinstance(name, str):
        yield join(path, shorten_name(name)), f"has a name of type {type(name).__name__}; names must be text"
    elif _fault(name):
        yield join(path, shorten_name(name)), "has a name with half a character in it (a lone surrogate)"


def _fault(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return None if is_utf8(value) else "holds half a character (a lone surrogate), which UTF-8 cannot carry"
    if isinstance(value, int):
        return None if value.bit_length() <= _MOST_BITS else "is too large a number"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{value} is not a finite number"
    return f"is of type {type(value).__name__}, which JSON cannot carry"


def is_utf8(text: str) -> bool:
    """Whether a text can be encoded: Python's may hold lone surrogates."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def join(path: str, name: str) -> str:
    """Return the path of a field within another."""
    return f"{path}.{name}" if path else name


def shorten_name(name: object) -> str:
    """Return a field's name at a length and in characters that a message can show."""
    text = name if isinstance(name, str) else shorten(name)
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= 60 else text[:59] + "…"


def shorten(value: object) -> str:
    """Return the repr of a value at a length that a message can show."""
    try:
        text = repr(value)
    except Exception:
        # An integer of more than 4,300 digits, or an object of the user's that cannot show itself.
        return f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:59] + "…"


def choice(value: object, allowed: Iterable[str]) -> str | None:
    """Return what is wrong with one of some words."""
    if isinstance(value, str) and value in allowed:
        return None
    return f"{shorten(value)} is not one of {', '.join(map(repr, allowed))}"
