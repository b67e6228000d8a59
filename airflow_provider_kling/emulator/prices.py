"""What things cost, in Kling's units: one unit of a video pack had the list price of 0.14 US dollars in 2026.

Units of image packs are other units (8 of them were 0.028 dollars): see ``Charge.product``.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

_ORDER = ("std", "pro", "4k")


class Row(NamedTuple):
    """Units per second in std (720p), pro (1080p) and 4k; None where it is not sold."""

    std: str | None
    pro: str | None
    ultra: str | None = None


# Kling's page "Pricing, Video", read in 2026-09. By model (its name in the new paths) and variant: ``silent``,
# ``sound`` (native audio), ``voice`` (with voice control), ``video`` (with a video as input), ``motion`` control.
PER_SECOND: dict[tuple[str, str], Row] = {
    ("kling-3.0-turbo", "sound"): Row("0.8", "1.0"),
    ("kling-3.0", "silent"): Row("0.6", "0.8", "3.0"),
    ("kling-3.0", "sound"): Row("0.9", "1.2", "3.0"),
    ("kling-3.0", "motion"): Row("0.9", "1.2"),
    ("kling-3.0-omni", "silent"): Row("0.6", "0.8", "3.0"),
    ("kling-3.0-omni", "sound"): Row("0.8", "1.0", "3.0"),
    ("kling-3.0-omni", "video"): Row("0.9", "1.2", "3.0"),
    ("kling-o1", "silent"): Row("0.6", "0.8"),
    ("kling-o1", "video"): Row("0.9", "1.2"),
    ("kling-2.6", "silent"): Row("0.3", "0.5"),
    ("kling-2.6", "sound"): Row(None, "1.0"),
    ("kling-2.6", "voice"): Row(None, "1.2"),
    ("kling-2.6", "motion"): Row("0.5", "0.8"),
    ("kling-2.5-turbo", "silent"): Row("0.3", "0.5"),
    ("avatar", "silent"): Row("0.4", "0.8"),
    # No row of the page is for voices on 3.0: a guess that they cost what sound does.
    ("kling-3.0", "voice"): Row("0.9", "1.2", "3.0"),
}
# Units per five seconds: (std, pro). Known at second hand only; v1 in pro and v2-1 are guesses by v1-6.
PER_FIVE_SECONDS: dict[str, tuple[str, str]] = {
    "kling-v1": ("1", "3.5"),
    "kling-v1-5": ("2", "3.5"),
    "kling-v1-6": ("2", "3.5"),
    "kling-v2-1": ("2", "3.5"),
    "kling-v2-master": ("10", "10"),
    "kling-v2-1-master": ("10", "10"),
}
_UNKNOWN_MODEL = ("2", "3.5")
# The same page, per call; the price of an effect stands nowhere and is a guess.
FLAT: dict[str, Decimal] = {
    "text-to-audio": Decimal("0.25"),
    "video-to-audio": Decimal("0.25"),
    "identify-face": Decimal("0.05"),
    "effects": Decimal(2),
}
LIP_SYNC_PER_FIVE_SECONDS = Decimal("0.5")
# Kling's page "Pricing, Image", units of an image pack per image: (from text, from an image).
PER_IMAGE: dict[str, tuple[str, str]] = {"kling-v3": ("8", "8"), "kling-v2-1": ("4", "8")}
_UNKNOWN_IMAGE_MODEL = ("4", "8")


def sold(model: str, mode: str, variant: str) -> bool:
    """Is this variant of a model sold in this mode? A model without prices per second is not asked."""
    if not any(name == model for name, _ in PER_SECOND):
        return True
    row = PER_SECOND.get((model, variant))
    return row is not None and row[_ORDER.index(mode)] is not None


def video_units(model: str, mode: str, seconds: float, variant: str = "silent") -> Decimal:
    """Units of one video. A model without a known price costs what v1-6 does."""
    row = PER_SECOND.get((model, variant))
    amount = row[_ORDER.index(mode)] if row else None
    if amount is not None:
        return Decimal(amount) * Decimal(str(seconds))
    std, pro = PER_FIVE_SECONDS.get(model.replace("kling-video-", "kling-"), _UNKNOWN_MODEL)
    return Decimal(std if mode == "std" else pro) * Decimal(str(seconds)) / 5


def image_units(model: str, count: int, *, from_image: bool) -> Decimal:
    """Units of ``count`` images."""
    text, image = PER_IMAGE.get(model, _UNKNOWN_IMAGE_MODEL)
    return Decimal(image if from_image else text) * count


def lip_sync_units(seconds: float) -> Decimal:
    """Per five seconds begun, a guess at what "per 5 seconds" means for six."""
    return LIP_SYNC_PER_FIVE_SECONDS * max(1, math.ceil(Decimal(str(seconds)) / 5))


def plain(amount: Decimal) -> str:
    """``amount`` without an exponent and without trailing zeros, as ``final_unit_deduction`` shows it ("3.5", "10")."""
    return f"{amount.normalize():f}"
