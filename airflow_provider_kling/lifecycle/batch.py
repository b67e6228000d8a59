"""
Which of many videos is to be dealt with next: states x limits x now -> one step.

A task that makes one video is a batch of one. The driver in ``execution`` carries a step out, turns what came of it
into the new state of each item, and asks again; nothing here waits, sends or knows Airflow.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from airflow_provider_kling.lifecycle.budget import Bill, Purse
from airflow_provider_kling.lifecycle.item import (
    Ended,
    State,
    Submitted,
    Unresolved,
    Unsubmitted,
    holds_slot,
    stops_others,
)

# Shorter pauses are slept: a deferral costs the scheduler more, and Airflow races on very short ones (#71580).
SHORTEST_DEFERRAL = 15.0
# A timer may wake us a little early; a deferral of a moment would be no better.
_EARLY = 1.0
# A few videos are landed faster than a worker is started.
_FEW = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What bounds a batch.

    :param max_active: tasks at Kling at once.
    :param deferrable: whether the task may wait in the triggerer.
    :param gives_up_at: when ``execution_timeout`` has passed, seconds since the epoch.
    :param max_units: what may be submitted for the items in all; ``None``: whatever it costs.
    """

    max_active: int = 1
    deferrable: bool = False
    gives_up_at: float = float("inf")
    max_units: float | None = None


@dataclass(frozen=True, slots=True)
class Submit:
    """
    Find or make the tasks of these items, in this order.

    :param slots: how many may be posted. One that needs a slot and gets none is :class:`Unsubmitted` again.
    """

    items: tuple[int, ...]
    slots: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody is to approve that these items are paid for: all that are not submitted, some for the first time."""

    items: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """These items would pass ``max_units``, whatever comes of the others."""

    items: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Poll:
    """Poll the tasks of these items."""

    items: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Land:
    """Land the videos of these items."""

    items: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sleep:
    """Nothing is due for so long; keep the worker."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Defer:
    """
    Wait in the triggerer.

    :param watch: items whose tasks are polled there.
    :param until: wake up at this time in any case, seconds since the epoch.
    :param enough: wake up when this many of them have ended.
    """

    watch: tuple[int, ...]
    until: float | None
    enough: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """``execution_timeout`` has passed; Airflow ignores it while a task is deferred."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Return the result."""


Step = Submit | Ask | Refuse | Poll | Land | Sleep | Defer | GiveUp | Finish


def next_step(
    states: Sequence[State],
    limits: Limits,
    now: float,
    *,
    lands: bool,
    bills: Sequence[Bill] = (),
    held: Collection[int] = (),
) -> Step:
    """
    Return what to do next.

    What may have been paid for comes first, then what frees no slot by waiting: slots are filled before videos are
    landed, so that Kling works meanwhile. But until a landing of this try has worked, nothing is bought on top of what
    waits to be landed.

    :param states: of all items, in their order.
    :param now: seconds since the epoch.
    :param lands: whether a landing of this try has worked.
    :param bills: what each item costs; not needed without ``max_units``.
    :param held: items that may not be paid for before somebody approves it.
    """
    if now > limits.gives_up_at - _EARLY:
        return GiveUp()
    due = _Due.of(states, limits, now, bills, held)
    if due.over:
        return Refuse(tuple(due.over))
    if due.own:
        # A task of an earlier try that failed is made anew in the slot that it held, if that many are allowed now.
        return Submit(tuple(due.own), slots=len(due.own) if due.may_post and due.active <= limits.max_active else 0)
    if due.ended and not lands:
        return Land(tuple(due.ended))
    return _look_up_or_ask(states, due) if due.unapproved else _go_on(states, limits, now, due)


def _go_on(states: Sequence[State], limits: Limits, now: float, due: _Due) -> Step:
    if due.new:
        return Submit(tuple(due.new), slots=due.slots)
    if due.ended:
        return Land(tuple(due.ended))
    if due.polls:
        return Poll(tuple(due.polls))
    return _wait(states, limits, now, due)


def _look_up_or_ask(states: Sequence[State], due: _Due) -> Step:
    """Nothing is asked for that turns out to be paid for, and what is there does not wait for an answer."""
    if due.ended:
        return Land(tuple(due.ended))
    if looked_up := tuple(position for position in due.new if isinstance(states[position], Unresolved)):
        return Submit(looked_up, slots=0)
    return Ask(tuple(at for at, state in enumerate(states) if isinstance(state, (Unsubmitted, Unresolved))))


@dataclass(slots=True)
class _Due:
    """
    What is due, by kind.

    :param own: to be looked up, with a slot of their own.
    :param new: to be looked up without a slot, or to be submitted.
    :param over: would pass ``max_units``.
    :param held: what may not be paid for yet.
    :param unapproved: of these, what is to be submitted.
    """

    purse: Purse
    prices: Sequence[float]
    held: Collection[int]
    active: int = 0
    may_post: bool = True
    slots: int = 0
    submits: int = 0
    own: list[int] = field(default_factory=list)
    new: list[int] = field(default_factory=list)
    polls: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    over: list[int] = field(default_factory=list)
    unapproved: list[int] = field(default_factory=list)

    @classmethod
    def of(
        cls, states: Sequence[State], limits: Limits, now: float, bills: Sequence[Bill], held: Collection[int]
    ) -> _Due:
        due = cls(
            purse=Purse(limits.max_units, bills),
            prices=[0.0] * len(states) if limits.max_units is None else [bill.price for bill in bills],
            held=held,
            active=sum(map(holds_slot, states)),
            may_post=not any(map(stops_others, states)),
        )
        due.slots = max(0, limits.max_active - due.active) if due.may_post else 0
        for position, state in enumerate(states):
            match state:
                case Unresolved(until, holds) if until <= now:
                    (due.own if holds else due.new).append(position)
                case Unsubmitted(until):
                    due.take_unsubmitted(position, is_due=until <= now)
                case Submitted(poll_at) if poll_at <= now:
                    due.polls.append(position)
                case Ended():
                    due.ended.append(position)
        return due

    def take_unsubmitted(self, position: int, *, is_due: bool) -> None:
        """Submit it, leave it out, or let it wait: for its time, a slot, or the outcome of others."""
        price = self.prices[position]
        if self.may_post and self.purse.never_buys(price):
            self.over.append(position)
        elif self.may_post and position in self.held:
            self.unapproved.append(position)
        elif is_due and self.submits < self.slots and self.purse.buys(price):
            self.new.append(position)
            self.submits += 1
            self.purse.buy(price)


def _wait(states: Sequence[State], limits: Limits, now: float, due: _Due) -> Step:
    watch = tuple(position for position, state in enumerate(states) if isinstance(state, Submitted))
    moments = (_due_at(state, limits, due, price) for state, price in zip(states, due.prices, strict=True))
    times = [moment for moment in moments if moment is not None]
    if not watch and not times:
        return Finish()
    until: float | None = min(times, default=None)
    if not limits.deferrable or (until is not None and until - now < SHORTEST_DEFERRAL):
        return Sleep(max(0.0, (until or now) - now))
    if limits.gives_up_at < (until or float("inf")):
        until = limits.gives_up_at
    waiting = sum(_waits_for_slot(state) for state in states) if due.may_post else 0
    return Defer(watch, until, worth_a_worker(len(watch), waiting=waiting, max_active=limits.max_active))


def _due_at(state: State, limits: Limits, due: _Due, price: float) -> float | None:
    """Return when a worker has something to do for an item; ``None`` where only the end of another changes that."""
    match state:
        case Submitted(poll_at):
            return None if limits.deferrable else poll_at
        case Unresolved(until):
            return until
        case Unsubmitted(until) if due.may_post and due.active < limits.max_active and due.purse.buys(price):
            return until
    return None


def _waits_for_slot(state: State) -> bool:
    return isinstance(state, Unsubmitted) or (isinstance(state, Unresolved) and not state.holds_slot)


def worth_a_worker(running: int, *, waiting: int, max_active: int) -> int:
    """
    Return how many of the running videos shall have ended before a worker is started for them.

    While others wait for a slot, a quarter of the slots. At the end half of what runs, so that one slow video does not
    hold up the landing of all others; a few are landed faster than a worker is started.
    """
    if waiting:
        return max(1, max_active // 4)
    return min(running, max(_FEW, running // 2))
