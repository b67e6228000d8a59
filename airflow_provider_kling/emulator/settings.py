"""What may be changed while the emulator runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any


def _number(name: str, value: Any, lowest: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < lowest:
        raise ValueError(f"{name} must be a number of at least {lowest:g}, or None, not {value!r}")
    return float(value)


def _count(name: str, value: Any, lowest: int) -> int | None:
    number = _number(name, value, lowest)
    if number is None:
        return None
    if number != int(number):
        raise ValueError(f"{name} must be a whole number, not {value!r}")
    return int(number)


def _units(name: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{name} must be a number of units, or None, not {value!r}") from None


def _duplicates(name: str, value: Any) -> str:
    if value not in ("reject", "accept"):
        raise ValueError(f"{name} must be 'reject' or 'accept', not {value!r}")
    return str(value)


def _names(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{name} must be a list of names, not {value!r}")
    return tuple(str(item) for item in value)


_CHECKS: dict[str, Callable[[str, Any], object]] = {
    "concurrency": lambda name, value: _count(name, value, 0),
    "balance_units": _units,
    "duplicates": _duplicates,
    "generation_seconds": lambda name, value: _number(name, value, 0),
    "retry_after": lambda name, value: _number(name, value, 0),
    "height": lambda name, value: _count(name, value, 16),
    "extra_models": _names,
}


@dataclass
class Settings:
    """Every assignment is checked, whether it comes from Python or from ``PATCH /_kling/settings``.

    Attributes:
        concurrency: tasks that may be unfinished at once, per dialect; None is no limit.
        balance_units: units in the account, per dialect, before any charge; None is no limit.
        duplicates: ``reject`` refuses an ``external_task_id`` that was used before (seen live on the new standard,
            unknown for the legacy paths and for llmprovider); ``accept`` makes, and charges, a second task.
        generation_seconds: seconds from creation to the end for every new task; None draws 83 to 253.
        retry_after: value of the ``Retry-After`` header of every 429, in seconds; None sends none.
        height: height of the videos in pixels; None is 360 to 640 by aspect ratio.
        extra_models: model names taken besides the documented ones.
    """

    concurrency: int | None = None
    balance_units: Decimal | float | None = None
    duplicates: str = "reject"
    generation_seconds: float | None = None
    retry_after: float | None = None
    height: int | None = None
    extra_models: tuple[str, ...] = ()

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _CHECKS:
            raise ValueError(f"no such setting: {name!r}; there are {', '.join(_CHECKS)}")
        object.__setattr__(self, name, _CHECKS[name](name, value))

    def update(self, changes: Mapping[str, object]) -> None:
        """Change several at once; nothing is changed when one of them is wrong."""
        trial = Settings(**{field.name: getattr(self, field.name) for field in fields(self)})
        for name, value in changes.items():
            setattr(trial, name, value)
        for name in changes:
            setattr(self, name, getattr(trial, name))

    def to_json(self) -> dict[str, object]:
        """The settings as JSON values; units as a string, so that no digit is lost."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        units = values["balance_units"]
        return {**values, "balance_units": None if units is None else str(units)}
