"""
Where one of many videos stands, and what an outcome makes of that.

The states exclude each other; nothing else is remembered of an item but its record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from airflow_provider_kling.api.task import KlingTask
from airflow_provider_kling.exceptions import (
    KlingAuthenticationError,
    KlingBalanceError,
    KlingBudgetError,
    KlingConfigurationError,
    KlingConnectionError,
    KlingDownloadError,
    KlingError,
    KlingModerationError,
    KlingPermissionError,
    KlingTaskTimeoutError,
)
from airflow_provider_kling.lifecycle.record import Record
from airflow_provider_kling.lifecycle.submission import VISIBILITY
from airflow_provider_kling.lifecycle.waiting import is_moderated

# What went wrong with one item goes wrong with the next one as well.
_OF_THE_ACCOUNT = (
    KlingAuthenticationError,
    KlingBalanceError,
    KlingConfigurationError,
    KlingConnectionError,
    KlingPermissionError,
)


@dataclass(frozen=True, slots=True)
class Unsubmitted:
    """No task of it exists: the next thing to do is to pay, not before ``until``."""

    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Unresolved:
    """
    A task of it may exist: it is to be looked up, not before ``until``.

    :param holds_slot: whether it counts against ``max_active``. Not for an assumption alone: where the record is lost,
        all items would count, and none could be submitted.
    """

    until: float = 0.0
    holds_slot: bool = True


@dataclass(frozen=True, slots=True)
class Submitted:
    """Its task was made or found in this try, and is polled from ``poll_at`` on."""

    poll_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """Its task has succeeded; the videos are still to be landed."""

    task: KlingTask


@dataclass(frozen=True, slots=True)
class Complete:
    """Nothing is left to do: landed, or ended where nothing is to be landed, or submitted where nobody waits."""


@dataclass(frozen=True, slots=True)
class Failed:
    """
    Nothing more is done for it in this try.

    :param stops: whether nothing more is to be submitted for the others either.
    """

    error: KlingError
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Moderated:
    """
    Kling's moderation refused it, which is no failure of the task: nothing more is done for it.

    :param skips: whether it is skipped; else its reason is returned as its result.
    """

    error: KlingError
    skips: bool


State = Unsubmitted | Unresolved | Submitted | Ended | Complete | Failed | Moderated


def state_of(record: Record, *, opened_at: float, until: float = 0.0) -> State:
    """
    Return where an item stands whose task was neither made nor found in this try.

    :param opened_at: when this try began; what is assumed of earlier tries counts as posted then.
    :param until: nothing is to be done before this time.
    """
    if record.task_id is None and record.posted_at is None:
        return Unsubmitted(until)
    assumed = record.assumed and record.task_id is None and (record.posted_at or 0.0) <= opened_at
    return Unresolved(until, holds_slot=not assumed)


def refused_before(record: Record, on_moderation: str, max_tries: int) -> Moderated | None:
    """
    Return the state of an item whose submit moderation refused in an earlier try: a retry does not ask again.

    A clear does, as nothing was paid for. Nor is it believed where a task may exist all the same.

    :param max_tries: of the task instance now; a clear raises it.
    """
    refusal = record.refused
    if refusal is None or on_moderation == "fail" or record.may_exist or refusal.get("max_tries") != max_tries:
        return None
    return Moderated(KlingModerationError(str(refusal.get("message")), next_step=""), skips=on_moderation == "skip")


def holds_slot(state: State) -> bool:
    """Whether an item has, or may have, a task that Kling counts as running."""
    return isinstance(state, Submitted) or (isinstance(state, Unresolved) and state.holds_slot)


def is_settled(state: State) -> bool:
    """Whether nothing more is to be done in this try."""
    return isinstance(state, (Complete, Failed, Moderated))


def stops_others(state: State) -> bool:
    """Whether nothing more is to be submitted for the other items."""
    return isinstance(state, Failed) and state.stops


def is_account_busy(state: State, record: Record, now: float) -> bool:
    """
    Whether the pause of one item says that no other can be submitted before either.

    Not where the item waits for its own task to show at Kling.
    """
    may_show = record.posted_at is not None and now - record.posted_at < VISIBILITY
    return not holds_slot(state) and not may_show


def held_until(state: State, until: float) -> State:
    """Return the state of an item that waits for a busy account."""
    if isinstance(state, Unsubmitted) or (isinstance(state, Unresolved) and not state.holds_slot):
        return replace(state, until=max(state.until, until))
    return state


def failed(error: KlingError, on_item_failure: str, *, lands: bool, on_moderation: str = "fail") -> Failed | Moderated:
    """
    Return the state of an item that failed.

    :param on_item_failure: ``fail`` (submit nothing more) or ``continue``.
    :param lands: whether anything could be landed in this try.
    :param on_moderation: ``fail`` (as any failure), ``skip`` or ``return``.
    """
    if on_moderation != "fail" and is_moderated(error):
        return Moderated(error, skips=on_moderation == "skip")
    if isinstance(error, _OF_THE_ACCOUNT) or (isinstance(error, KlingDownloadError) and not lands):
        return Failed(error, stops=True)
    # A task that takes too long says nothing of the others, and would end every retry before they are submitted. Of
    # what max_units leaves out, a cheaper one may still fit.
    says_nothing = isinstance(error, (KlingTaskTimeoutError, KlingBudgetError))
    return Failed(error, stops=on_item_failure == "fail" and not says_nothing)
