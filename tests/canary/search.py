"""Search text for keys, tokens and link signatures, in whatever form they are in."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.canary.cells import Cell

# Halves of keys and signatures, which no escaping changes (cells.py).
_MARK = re.compile(r"qz([abs])([0-9a-f]{12})", re.IGNORECASE)
# What may be base64 of something with a mark in it, in either alphabet, or hex.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){15,}")
# The signature of a JWT, which with a header and claims that anybody can write is the token.
_LONG_WORD = re.compile(r"[A-Za-z0-9_-]{43,}")


@dataclass(frozen=True)
class Place:
    """
    A text that is left of a run.

    :param name: file, or table and columns.
    :param text: what it says.
    :param may_hold_links: whether a signed link may stand here.
    """

    name: str
    text: str
    may_hold_links: bool = False


@dataclass(frozen=True)
class Find:
    """
    Something that was found.

    :param cell: whose.
    :param what: ``key``, ``token`` or ``signature``.
    :param place: where.
    :param allowed: whether it may be there.
    :param excerpt: the text around it.
    """

    cell: Cell
    what: str
    place: str
    allowed: bool
    excerpt: str


@dataclass
class Search:
    """
    What to look for.

    :param index: the cells by the digest in their marks.
    :param tokens: the JWTs that were sent, and whose they are.
    """

    index: Mapping[str, Cell]
    tokens: Mapping[str, Cell] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # An API key is no JWT, and has marks of its own.
        self._signatures = {
            token.rpartition(".")[2]: cell for token, cell in self.tokens.items() if token.count(".") == 2
        }

    def run(self, places: Iterable[Place]) -> list[Find]:
        """Return all finds."""
        return [find for place in places for find in self._in(place)]

    def _in(self, place: Place) -> Iterator[Find]:
        yield from self._plain(place, place.text)
        for decoded in _decoded(place.text):
            yield from self._plain(place, decoded)

    def _plain(self, place: Place, text: str) -> Iterator[Find]:
        for match in _MARK.finditer(text):
            if cell := self.index.get(match[2].lower()):
                what = "signature" if match[1].lower() == "s" else "key"
                # Where links may stand, they may do so for cells that have not asked to keep them out.
                allowed = what == "signature" and place.may_hold_links and cell.facts.xcom_links
                yield Find(cell, what, place.name, allowed, _around(text, match.start()))
        for word in _LONG_WORD.finditer(text) if self._signatures else ():
            for signature, cell in self._signatures.items():
                if signature in word[0]:
                    yield Find(cell, "token", place.name, False, _around(text, word.start()))


def _around(text: str, position: int) -> str:
    return " ".join(text[max(0, position - 160) : position + 60].split())


def _decoded(text: str) -> Iterator[str]:
    """Yield what of a text decodes, from any of the places where a group of base64 can begin."""
    for match in _BASE64.finditer(text):
        run = match[0].replace("-", "+").replace("_", "/")
        for offset in range(4):
            part = run[offset:]
            with_groups = part[: len(part) // 4 * 4]
            found = base64.b64decode(with_groups).decode("latin-1")
            if "qz" in found.lower():
                yield found
    for match in _HEX.finditer(text):
        found = binascii.unhexlify(match[0]).decode("latin-1")
        if "qz" in found.lower():
            yield found
