"""
Files that go along with a request: known by the digest of their bytes, and read again just before the POST.

A request holds a :class:`Content` where the API wants Base64. Its text is the digest, so fingerprints, records and
messages hold 71 characters and not ten megabytes; the same bytes from another place are the same request, and other
bytes at the same place another one.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from airflow_provider_kling.exceptions import KlingValidationError

_BASE64 = re.compile(r"[A-Za-z0-9+/\s]*=*\s*")
# How the Base64 of a PNG and of a JPEG begins; "/9j/" might be a directory, but no path is without a dot after it.
_BEGINNINGS = ("iVBORw0KGgo", "/9j/")
# No path and no word is longer.
_LONG = 1024
_DEEPEST = 32


class Inline:
    """
    Base64 that an argument holds: Airflow shows arguments, and stores them, and it shows the digest of this one.

    :param text: with or without a ``data:`` prefix, which the API does not take.
    """

    __slots__ = ("_shown", "given", "text")

    def __init__(self, text: str) -> None:
        self.given = text
        self.text = text.partition(",")[2] if text.startswith("data:") else text
        digest = sha256(self.text.encode("utf-8", "replace")).hexdigest()[:16]
        self._shown = f"<Base64, {len(self.text):,} characters, digest {digest}>"

    def __repr__(self) -> str:
        return self._shown

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Inline) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def decoded(self) -> bytes | None:
        """Return the bytes, or ``None`` where it is no Base64."""
        try:
            return base64.b64decode("".join(self.text.split()), validate=True)
        except (binascii.Error, ValueError):
            return None


def is_inline(text: str) -> bool:
    """Whether a text is a file as Base64, and no URL, path or prompt."""
    if text.startswith("data:"):
        return ";base64," in text[:256]
    if not text.startswith(_BEGINNINGS) and len(text) <= _LONG:
        return False
    return bool(_BASE64.fullmatch(text[: 4 * _LONG]))


def hidden(value: Any, depth: int = 0) -> Any:
    """Return an argument with each Base64 in it as an :class:`Inline` and each path as text."""
    if isinstance(value, str):
        return Inline(value) if is_inline(value) else value
    if depth < _DEEPEST and value.__class__ in (list, tuple):
        items = [hidden(item, depth + 1) for item in value]
        return value if all(map(_is, items, value)) else value.__class__(items)
    if depth < _DEEPEST and value.__class__ is dict:
        items = [hidden(item, depth + 1) for item in value.values()]
        return value if all(map(_is, items, value.values())) else dict(zip(value, items, strict=True))
    return str(value) if _is_path(value) else value


def _is_path(value: Any) -> bool:
    """Whether it is a ``pathlib`` path, or Airflow's ``ObjectStoragePath``, which is none."""
    return hasattr(value, "__fspath__") or (hasattr(value, "protocol") and hasattr(value, "joinpath"))


def revealed(schema: Mapping[str, Any], value: Any, depth: int = 0) -> Any:
    """Return request fields with the text as given where no file is wanted: it only looked like one."""
    if "contentMediaType" in schema or depth > _DEEPEST:
        return value
    if isinstance(value, Inline):
        return value.given
    if isinstance(value, Mapping):
        rules = schema.get("properties", {})
        return {name: revealed(rules.get(name, {}), item, depth + 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [revealed(schema.get("items", {}), item, depth + 1) for item in value]
    return value


def as_text(value: Any, depth: int = 0) -> Any:
    """Return request fields with a text for each :class:`Inline`, for a check of all but the files."""
    if isinstance(value, Inline):
        return repr(value)
    if depth > _DEEPEST:
        return value
    if isinstance(value, Mapping):
        return {name: as_text(item, depth + 1) for name, item in value.items()}
    return [as_text(item, depth + 1) for item in value] if isinstance(value, (list, tuple)) else value


def _is(one: object, other: object) -> bool:
    return one is other


class Content(str):
    """
    The bytes of a file, in a request: as text ``sha256:`` and their digest.

    :param data: the bytes, which are not kept.
    :param read: gives them again.
    :param name: of the field, for messages.
    """

    __slots__ = ("_name", "_read")
    _name: str
    _read: Callable[[], bytes]

    def __new__(cls, data: bytes, read: Callable[[], bytes], name: str) -> Content:
        """Make the text of the bytes."""
        content = super().__new__(cls, f"sha256:{sha256(data).hexdigest()}")
        content._name, content._read = name, read
        return content

    def base64(self) -> str:
        """
        Return the bytes as the API wants them.

        :raises KlingValidationError: when they are others by now.
        """
        data = self._read()
        if f"sha256:{sha256(data).hexdigest()}" != self:
            fault = (self._name, "has changed since it was checked")
            error = KlingValidationError(f"{fault[0]}: {fault[1]}; nothing was sent.", faults=(fault,))
            error.retryable = True
            raise error
        return base64.b64encode(data).decode("ascii")


def filled(value: Any) -> Any:
    """
    Return what is to be sent, with the bytes in place of their digests.

    :raises KlingValidationError: when one is not there any more.
    """
    if isinstance(value, Content):
        return value.base64()
    if isinstance(value, Mapping):
        return {name: filled(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(item) for item in value]
    return value
