"""Resource packs: prepaid units of one product, with a concurrency and an end. All of it stands in the name.

The form of the name was seen live (``Trial-Video-100Units-5Con-1Months``). Documented: the concurrency of a product is
the highest among its packs in effect, not their sum. Guesses: a month has 30 days, and the pack that ends first pays.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

_NAME = re.compile(
    r"(?:.*-)?(?P<product>Video|Image|Audio)-(?P<units>\d+)Units(?:-(?P<slots>\d+)Con)?(?:-(?P<months>\d+)Months?)?",
    re.I,
)
_DAY = 24 * 3600.0
_MONTH = 30 * _DAY


class Paid(Protocol):
    """What a pack needs to know of a charge."""

    @property
    def product(self) -> str: ...
    @property
    def units(self) -> Decimal: ...
    @property
    def at(self) -> float: ...


class Pack(NamedTuple):
    """One pack. Times are emulator seconds; ``slots`` is None where the name tells no concurrency."""

    name: str
    product: str
    units: Decimal
    slots: int | None
    effective: float
    ends: float

    @property
    def pack_id(self) -> str:
        """32 hex digits, as the documented example has."""
        return hashlib.sha256(f"{self.name}{self.effective:.3f}".encode()).hexdigest()[:32]

    def in_effect(self, now: float) -> bool:
        """Has it begun and not ended?"""
        return self.effective <= now < self.ends

    def status(self, left: Decimal, now: float) -> str:
        """One of the four documented words."""
        if now >= self.ends:
            return "expired"
        if now < self.effective:
            return "toBeOnline"
        return "online" if left > 0 else "runOut"


def read_name(text: str) -> tuple[str, str, Decimal, int | None, int, float]:
    """Name, product, units, concurrency, months and age in days; ``ValueError`` when ``text`` tells no pack."""
    name, _, age = text.partition("@")
    match = _NAME.fullmatch(name)
    try:
        days = float(age or 0)
    except ValueError:
        match = None
    if match is None:
        raise ValueError(f"packs must have names like Trial-Video-100Units-5Con-1Months or ...@20, not {text!r}")
    slots = match["slots"]
    product = match["product"].lower()
    return name, product, Decimal(match["units"]), int(slots) if slots else None, int(match["months"] or 1), days


def build(texts: Iterable[str], start: float) -> list[Pack]:
    """The packs of an account whose emulator clock began at ``start``."""
    packs = []
    for text in texts:
        name, product, units, slots, months, age = read_name(text)
        effective = start - age * _DAY
        packs.append(Pack(name, product, units, slots, effective, effective + months * _MONTH))
    return packs


def left(packs: Sequence[Pack], charges: Iterable[Paid]) -> list[Decimal]:
    """What is left in each pack after ``charges``; what no pack could pay is nobody's."""
    amounts = [pack.units for pack in packs]
    by_end = sorted(range(len(packs)), key=lambda number: packs[number].ends)
    for charge in charges:
        owed = charge.units
        for number in by_end:
            if packs[number].product == charge.product and packs[number].in_effect(charge.at):
                paid = min(owed, amounts[number])
                amounts[number] -= paid
                owed -= paid
    return amounts


def available(packs: Sequence[Pack], charges: Iterable[Paid], product: str, now: float) -> Decimal:
    """Units of ``product`` that can be spent now."""
    both = zip(packs, left(packs, charges), strict=True)
    return sum((amount for pack, amount in both if _usable(pack, product, now)), Decimal(0))


def slots(packs: Sequence[Pack], product: str, now: float) -> int | None:
    """The concurrency of ``product`` now; None where no name tells one."""
    told = [pack.slots for pack in packs if _usable(pack, product, now) and pack.slots is not None]
    return max(told, default=None)


def _usable(pack: Pack, product: str, now: float) -> bool:
    return pack.product == product and pack.in_effect(now)
