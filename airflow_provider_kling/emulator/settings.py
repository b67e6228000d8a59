"""What may be changed while the emulator runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any

from airflow_provider_kling.emulator.packs import read_name


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


def _choice(*allowed: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"{name} must be {' or '.join(map(repr, allowed))}, not {value!r}")
        return str(value)

    return check


def _names(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{name} must be a list of names, not {value!r}")
    return tuple(str(item) for item in value)


def _packs(name: str, value: Any) -> tuple[str, ...]:
    packs = _names(name, value)
    for pack in packs:
        read_name(pack)
    return packs


_CHECKS: dict[str, Callable[[str, Any], object]] = {
    "concurrency": lambda name, value: _count(name, value, 0),
    "balance_units": _units,
    "packs": _packs,
    "duplicates": _choice("reject", "accept"),
    "charge_on": _choice("submit", "completion"),
    "retired": _choice("refuse", "sell"),
    "cfg_scale_v2": _choice("ignore", "refuse"),
    "foreign_ids": _choice("refuse", "accept"),
    "costs_interval": lambda name, value: _number(name, value, 0) or 0.0,
    "generation_seconds": lambda name, value: _number(name, value, 0),
    "retry_after": lambda name, value: _number(name, value, 0),
    "height": lambda name, value: _count(name, value, 16),
    "extra_models": _names,
}


@dataclass
class Settings:
    """Every assignment is checked, whether it comes from Python or from ``PATCH /_kling/settings``.

    Attributes:
        concurrency: tasks that may be unfinished at once, per account and product; None is no limit.
        balance_units: units in the account, per account and product, before any charge; None is no limit.
        packs: names of resource packs of Kling's own account, such as ``Trial-Video-100Units-5Con-1Months``: each says
            its product, units, concurrency and months. ``@20`` after a name means bought 20 days before the start.
            With packs, a product without units in a pack that is in effect is refused as 1102.
        duplicates: ``reject`` refuses an ``external_task_id`` that was used before (seen live on the new standard,
            unknown for the legacy paths and for llmprovider); ``accept`` makes, and charges, a second task.
        charge_on: ``submit`` books a charge with the create; ``completion`` when the task ends, as seen live.
        retired: ``refuse`` the models that Kling stopped serving on 2026-09-15, or ``sell`` them. Kling's own account
            alone: llmprovider goes on selling its two.
        cfg_scale_v2: ``ignore`` the ``cfg_scale`` of kling-v2 models, as a public client relies on, or ``refuse`` it,
            as "not supported" on Kling's page could be read.
        foreign_ids: ``refuse`` ids of videos and face sessions that this account never made, or ``accept`` them.
        costs_interval: real seconds that must pass between two ``GET /account/costs``; 0 is no limit.
        generation_seconds: seconds from creation to the end for every new task; None draws 83 to 253.
        retry_after: value of the ``Retry-After`` header of every 429, in seconds; None sends none.
        height: height of the videos in pixels; None is 360 to 640 by aspect ratio.
        extra_models: model names taken besides the documented ones.
    """

    concurrency: int | None = None
    balance_units: Decimal | float | None = None
    packs: tuple[str, ...] = ()
    duplicates: str = "reject"
    charge_on: str = "submit"
    retired: str = "refuse"
    cfg_scale_v2: str = "ignore"
    foreign_ids: str = "refuse"
    costs_interval: float = 1.0
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
