"""
What may still be bought under ``max_units``.

Counted is what was submitted for a task instance: what Kling says it deducted where it says so, else what was
estimated. A task that may exist counts as one that does, until it is known not to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from airflow_provider_kling.exceptions import KlingBudgetError, TaskState
from airflow_provider_kling.lifecycle.item import Failed, Moderated, State, Unresolved, Unsubmitted
from airflow_provider_kling.lifecycle.record import Record

# Sums of tenths are not exact in binary, and a cap of 3 units must let 0.3 pass ten times.
_PARTS = 10_000


class Bill(NamedTuple):
    """
    What one item costs, in units.

    :param price: of a submit, estimated.
    :param surely: what was submitted for it.
    :param perhaps: what a task costs that may have been submitted for it.
    """

    price: float
    surely: float = 0.0
    perhaps: float = 0.0


def bill_of(state: State, record: Record) -> Bill:
    """Return what an item in this state costs."""
    price = (record.estimate or {}).get("units") or 0.0
    match state:
        case Unsubmitted() | Failed(KlingBudgetError()):
            # Whatever its record still says of a lost submit: it was looked up, and is not there.
            return Bill(price, record.spent)
        case Unresolved():
            return Bill(price, record.spent, record.cost)
        case Failed() | Moderated():
            return Bill(price, record.total)
    return Bill(price, record.spent + record.cost)


class Purse:
    """
    What is left of ``max_units``.

    :param max_units: what may be submitted for the items in all; ``None``: whatever it costs.
    :param bills: of all items.
    """

    def __init__(self, max_units: float | None, bills: Iterable[Bill] = ()) -> None:
        self._bounded = max_units is not None
        self._left_at_best = _parts(max_units or 0.0)
        self._left = self._left_at_best
        for bill in bills if self._bounded else ():
            surely = _parts(bill.surely)
            self._left_at_best -= surely
            self._left -= surely + _parts(bill.perhaps)

    def never_buys(self, price: float) -> bool:
        """Whether this passes the limit even if no task exists that only may."""
        return self._bounded and _parts(price) > self._left_at_best

    def buys(self, price: float) -> bool:
        """Whether this stays within the limit, whatever exists."""
        return not self._bounded or _parts(price) <= self._left

    def buy(self, price: float) -> None:
        """Take this out."""
        self._left -= _parts(price)

    def admit(self, bill: Bill, record: Record) -> bool:
        """
        Take a POST out, if it stays within the limit.

        :param bill: of the item before its task was looked up: what may have existed does not, or has failed.
        :param record: what is known by now.
        """
        self._left += _parts(bill.perhaps) + _parts(bill.surely) - _parts(record.spent)
        if not self.buys(bill.price):
            return False
        self.buy(bill.price)
        return True


def _parts(units: float) -> int:
    return round(units * _PARTS)


def spent_on(bills: Iterable[Bill]) -> float:
    """Return the units that were submitted, or may have been."""
    return sum(_parts(bill.surely) + _parts(bill.perhaps) for bill in bills) / _PARTS


def told(estimate: Mapping[str, Any] | None) -> str:
    """Return an estimate in words."""
    if not estimate or estimate.get("units") is None:
        return "at a price that is not known"
    return f"{estimate['units']:g} units (USD {estimate['usd']:.2f} list price)"


def total(estimates: Sequence[Mapping[str, Any] | None]) -> str:
    """Return the sum of many estimates in words."""
    known = [estimate for estimate in estimates if estimate]
    text = told({name: sum(estimate[name] for estimate in known) for name in ("units", "usd")})
    unknown = len(estimates) - len(known)
    return text + (f", and {unknown} of {len(estimates)} at a price that is not known" if unknown else "")


def over_budget(record: Record, max_units: float, spent: float) -> KlingBudgetError:
    """
    Return the error for a submit that would pass the limit.

    :param record: of the item.
    :param max_units: the limit, as the user gave it.
    :param spent: units submitted for the task instance so far.
    """
    earlier = f" Tasks before it that failed count for {record.spent:g} of them." if record.spent else ""
    return KlingBudgetError(
        f"It is estimated at {told(record.estimate)}, and {spent:g} units of max_units={max_units:g} are spent, so it "
        f"was not submitted.{earlier}",
        task_state=None if record.spent else TaskState.NOT_CREATED,
        external_task_id=record.external_task_id,
    )


def listed(positions: Sequence[int]) -> str:
    """Return positions in a few words: ``0, 4-7, 9``."""
    runs: list[list[int]] = []
    for position in sorted(positions):
        if runs and position == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], position]
        else:
            runs.append([position])
    return ", ".join("-".join(map(str, run)) for run in runs)
