"""What a deferral carries over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.compat import clock
from airflow_provider_kling.exceptions import (
    KlingApprovalError,
    KlingBudgetError,
    KlingError,
    KlingModerationError,
    KlingRejectedError,
)
from airflow_provider_kling.lifecycle.item import Complete, Failed, Moderated
from airflow_provider_kling.lifecycle.record import Record
from airflow_provider_kling.lifecycle.waiting import is_moderated

if TYPE_CHECKING:
    from airflow_provider_kling.execution.item import Item
    from airflow_provider_kling.lifecycle.identity import Wish

# The only item of a task that makes one video, whatever its templates render to now.
_ONLY = ""

# Failures that say more than their message does.
_KINDS: Mapping[str, type[KlingError]] = {
    "over_budget": KlingBudgetError,
    "refused": KlingModerationError,
    "rejected": KlingRejectedError,
    "unapproved": KlingApprovalError,
}


@dataclass(frozen=True)
class DeferredState:
    """
    Where a try stood when it deferred, by wish. Small, since each deferral writes it to Airflow's database.

    :param records: of items under way; where there is no store, of all.
    :param done: items whose video is made.
    :param failed: of items that failed: the message and the reason in it, whether a retry can help, and whether no more
        is to be submitted; of those that moderation refused, what becomes of them: ``skip`` or ``return``.
    :param digest: of all requests, to notice a template that renders differently.
    :param started_at: when the try began, seconds since the epoch: Airflow 3.0 and 3.1 forget it over a deferral.
    :param moved_at: when a task was last made or landed, seconds since the epoch.
    :param units: spent in this try on what is done.
    :param lands: whether a landing of this try has worked.
    :param elsewhere: units of wishes that are not among the items any more.
    :param costs: units of items that are done, by wish, where it is not their price.
    :param max_active: as the account's resource packs said; 0 where they were not asked.
    :param approval: what is known of an approval: ``answer``, ``asked_at`` while it is waited for, ``waited`` seconds.
    """

    records: Mapping[str, Any] = field(default_factory=dict)
    done: Sequence[str] = ()
    failed: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    started_at: float = 0.0
    moved_at: float = 0.0
    units: float = 0.0
    lands: bool = False
    elsewhere: float = 0.0
    costs: Mapping[str, float] = field(default_factory=dict)
    max_active: int = 0
    approval: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, items: Sequence[Item], *, is_batch: bool, **facts: Any) -> DeferredState:
        """Return what is to be carried of these items, and the other facts."""
        if not is_batch:
            return cls(records={_ONLY: items[0].record.to_json()}, **facts)
        keep_all = not items[0].store.exists
        return cls(
            records={item.wish.key: _kept(item).to_json() for item in items if keep_all or _is_under_way(item)},
            done=[item.wish.key for item in items if isinstance(item.state, Complete)],
            failed={item.wish.key: _plain(item.state) for item in items if isinstance(item.state, (Failed, Moderated))},
            **facts,
        )

    @classmethod
    def read(cls, carried: Mapping[str, Any] | None, event: Any) -> DeferredState | None:
        """
        Return what a deferral of this release or an earlier one carried; ``None`` where Airflow lost it.

        :param carried: what was given to ``defer(kwargs=...)``.
        :param event: of the trigger. ``dag.test()`` drops the kwargs (all of Airflow 3), and before 3.3 there is no
            store: the trigger of one video gives its ids back.
        """
        if carried and "external_task_id" in carried:
            # One video, as the first releases carried it.
            return cls(records={_ONLY: carried}, started_at=carried.get("started_at") or 0.0)
        if carried:
            return cls(**carried)
        if isinstance(event, Mapping) and event.get("task_id"):
            return cls(records={_ONLY: _echoed(event).to_json()})
        return None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON for ``defer(kwargs=...)``."""
        return {name: value for name, value in asdict(self).items() if name != "approval" or value}

    @property
    def task_id(self) -> str | None:
        """Kling's id of the only item, where it is known: its request is of no consequence any more."""
        return (self.records.get(_ONLY) or {}).get("task_id")

    def record_of(self, wish: Wish) -> Record | None:
        """Return the record of an item, or ``None`` where none was carried."""
        carried = self.records.get(wish.key) or self.records.get(_ONLY)
        return Record.from_json(carried) if carried else None

    def knows(self, wish: Wish) -> bool:
        """Whether this very wish was carried, and may have been paid for; or had its end before the deferral."""
        if wish.key in self.done or wish.key in self.failed:
            return True
        carried = self.record_of(wish)
        return carried is not None and carried.wish == wish.key and carried.may_be_paid

    def failure_of(self, key: str) -> Failed | Moderated | None:
        """Return the state of an item that had failed before the deferral."""
        failure = self.failed.get(key)
        if failure is None:
            return None
        if on_moderation := failure.get("moderated"):
            return Moderated(_again(KlingModerationError, failure), skips=on_moderation == "skip")
        kind = next((kind for mark, kind in _KINDS.items() if failure.get(mark)), KlingError)
        return Failed(_again(kind, failure), stops=failure.get("stops", False))


def _again(kind: type[KlingError], failure: Mapping[str, Any]) -> KlingError:
    """Return the error that was carried: the same words, and the reason alone for the gallery."""
    text = failure["message"]
    reason = failure.get("reason") or text
    # The ids and the next step are in the text already.
    return kind(reason, retryable=failure["retryable"], next_step=text.removeprefix(reason).strip())


def _echoed(event: Mapping[str, Any]) -> Record:
    return Record(
        wish="",
        external_task_id=str(event.get("external_task_id") or ""),
        task_id=str(event["task_id"]),
        submitted_at=event.get("submitted_at"),
    )


def _kept(item: Item) -> Record:
    """Return what matters of a record: no manifest, as its links are signed, and Airflow's tables no place for them."""
    done = isinstance(item.state, Complete)
    return replace(item.record, manifest=None, landed=(), fields={}) if done else item.record


def _is_under_way(item: Item) -> bool:
    if isinstance(item.state, Complete):
        return False
    record = item.record
    touched = record.task_id is not None or record.posted_at is not None
    return touched or record.generation > 0 or record.pauses > 0


def _plain(state: Failed | Moderated) -> dict[str, Any]:
    told = {"message": str(state.error), "reason": state.error.message}
    if isinstance(state, Moderated):
        # An earlier release takes it for a failure that stops no other.
        return {**told, "retryable": False, "stops": False, "moderated": "skip" if state.skips else "return"}
    plain = {**told, "retryable": state.error.retryable, "stops": state.stops}
    if is_moderated(state.error):
        return {**plain, "refused": True}
    return plain | {mark: True for mark, kind in _KINDS.items() if type(state.error) is kind}


def after_an_answer(carried: Mapping[str, Any] | None) -> DeferredState | None:
    """Return what was carried while somebody was asked: the time to submit in begins with the answer."""
    state = DeferredState.read(carried, None)
    return state and replace(state, moved_at=clock.now())


def ended_of(event: Any) -> frozenset[str]:
    """Return the ids of the tasks that a trigger of ours saw end."""
    if not isinstance(event, Mapping):
        return frozenset()
    one = [event["task_id"]] if event.get("task_id") else []
    return frozenset([*event.get("ended", ()), *one])
