"""What a video costs, in Kling's units (1 unit was 0.14 US dollars in 2026)."""

from __future__ import annotations

from decimal import Decimal

# Units per second: (std, pro, 4k), silent. Documented on Kling's price page for v2-5-turbo, v2-6 and v3.
_PER_SECOND: dict[str, tuple[str, str, str]] = {
    "kling-v2-5-turbo": ("0.3", "0.5", "0.5"),
    "kling-v2-6": ("0.3", "0.5", "0.5"),
    "kling-v3": ("0.6", "0.8", "3.0"),
}
_PER_SECOND_WITH_SOUND: dict[str, tuple[str, str, str]] = {
    "kling-v2-6": ("1.0", "1.0", "1.0"),
    "kling-v3": ("0.9", "1.2", "3.0"),
}
# Units per five seconds: (std, pro). Known at second hand only; v1 in pro is a guess by v1-6.
_PER_FIVE_SECONDS: dict[str, tuple[str, str]] = {
    "kling-v1": ("1", "3.5"),
    "kling-v1-5": ("2", "3.5"),
    "kling-v1-6": ("2", "3.5"),
    "kling-v2-master": ("10", "10"),
    "kling-v2-1-master": ("10", "10"),
}
_UNKNOWN_MODEL = ("2", "3.5")


def units(model: str, mode: str, seconds: int, *, sound: bool = False) -> Decimal:
    """Units of one video. ``model`` by either dialect's name; a model without a known price costs what v1-6 does."""
    name = model.replace("kling-video-", "kling-")
    table = _PER_SECOND_WITH_SOUND if sound and name in _PER_SECOND_WITH_SOUND else _PER_SECOND
    if name in table:
        return Decimal(table[name][("std", "pro", "4k").index(mode)]) * seconds
    std, pro = _PER_FIVE_SECONDS.get(name, _UNKNOWN_MODEL)
    return Decimal(std if mode == "std" else pro) * seconds / 5


def plain(amount: Decimal) -> str:
    """``amount`` without an exponent and without trailing zeros, as ``final_unit_deduction`` shows it ("3.5", "10")."""
    return f"{amount.normalize():f}"
