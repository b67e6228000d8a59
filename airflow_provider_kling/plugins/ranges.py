"""One range of a file over HTTP (RFC 9110, section 14): pure."""

from __future__ import annotations

import re
from typing import NamedTuple

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
# Python refuses to read longer numbers, and no file is that large.
_DIGITS = 18


class Part(NamedTuple):
    """Some bytes of a file."""

    start: int
    length: int


class NotSatisfiable(Exception):
    """The range begins after the end of the file."""


def part_of(header: str | None, size: int) -> Part | None:
    """
    Return the part that is asked for; ``None`` for all of it, where several ranges or none that is valid are asked for.

    :raises NotSatisfiable: when none of it exists.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or max(map(len, found.groups())) > _DIGITS:
        return None
    first, last = found.groups()
    if not first:
        return _suffix(last, size)
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return None
    if start >= size:
        raise NotSatisfiable
    return Part(start, end - start + 1)


def _suffix(last: str, size: int) -> Part | None:
    if not last:
        return None
    length = min(int(last), size)
    if length == 0:
        raise NotSatisfiable
    return Part(size - length, length)
