"""The items of a batch: where each stands, and what a deferral carries over of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.exceptions import (
    KlingAuthenticationError,
    KlingBalanceError,
    KlingConfigurationError,
    KlingConnectionError,
    KlingDownloadError,
    KlingError,
    KlingPermissionError,
    KlingTaskTimeoutError,
)
from airflow_provider_kling.lifecycle.record import Record
from airflow_provider_kling.lifecycle.submission import VISIBILITY

if TYPE_CHECKING:
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.compat.state_store import RecordStore
    from airflow_provider_kling.lifecycle.identity import Wish

_FEW = 8

# What went wrong with one item goes wrong with the next one as well.
_OF_THE_ACCOUNT = (
    KlingAuthenticationError,
    KlingBalanceError,
    KlingConfigurationError,
    KlingConnectionError,
    KlingPermissionError,
)


@dataclass
class Item:
    """
    One wish of the batch, and where it stands.

    :param position: from 0, as in ``items``.
    :param record: what is remembered of it.
    :param opened_at: when this try began; what is assumed of earlier tries counts as done then.
    :param wake_at: nothing is to be done before this time.
    :param adopted: whether its task was found or made in this try; a failed one of an earlier try is made anew.
    :param ready: all that it lacks is a slot; what an earlier try may have posted was looked for.
    :param ended: its task, with videos that are still to be landed.
    :param done: whether its video is made, and landed where that is wished for.
    :param stops: whether its error is a reason to submit no more.
    """

    position: int
    body: dict[str, Any]
    wish: Wish
    store: RecordStore
    record: Record
    opened_at: float
    wake_at: float = 0.0
    adopted: bool = False
    ready: bool = False
    seen: KlingTask | KlingError | None = None
    ended: KlingTask | None = None
    done: bool = False
    error: KlingError | None = None
    stops: bool = False

    @property
    def settled(self) -> bool:
        """Whether nothing more is to be done in this try."""
        return self.done or self.error is not None

    @property
    def running(self) -> bool:
        """
        Whether it holds, or may hold, a slot at Kling.

        Not for an assumption alone: where the record is lost, all items would count, and ``max_active`` hold for none.
        """
        record = self.record
        assumed = record.assumed and not record.task_id and (record.posted_at or 0.0) <= self.opened_at
        return not (self.settled or self.ended or self.ready) and self.is_touched and not assumed

    @property
    def wants_slot(self) -> bool:
        """Whether the next thing to do is to pay."""
        return not self.settled and (self.ready or not self.is_touched)

    @property
    def is_touched(self) -> bool:
        """Whether a task may exist."""
        return self.record.task_id is not None or self.record.posted_at is not None

    def may_show(self, now: float) -> bool:
        """Whether a task of an earlier try may still show at Kling; that it does not says nothing of the others."""
        return self.record.posted_at is not None and now - self.record.posted_at < VISIBILITY


@dataclass(frozen=True)
class Carried:
    """
    What a deferral carries over, by wish. Small, since each deferral writes it to Airflow's database.

    :param records: of items under way; where there is no store, of all.
    :param done: items whose video is made.
    :param failed: of items that failed: the message, whether a retry can help, and whether no more is to be submitted.
    :param digest: of all requests, to notice a template that renders differently. Empty: Airflow lost all of this.
    :param started_at: when the try began, seconds since the epoch: Airflow 3.0 and 3.1 forget it over a deferral.
    :param moved_at: when a task was last made or landed, seconds since the epoch.
    :param units: spent in this try on what is done.
    :param lands: whether a landing of this try has worked.
    """

    records: Mapping[str, Any] = field(default_factory=dict)
    done: Sequence[str] = ()
    failed: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    started_at: float = 0.0
    moved_at: float = 0.0
    units: float = 0.0
    lands: bool = False

    @classmethod
    def of(cls, items: Sequence[Item], **facts: Any) -> Carried:
        """Return what is to be carried of these items, and the other facts."""
        keep_all = not items[0].store.exists
        return cls(
            records={item.wish.key: _kept(item).to_json() for item in items if keep_all or _is_under_way(item)},
            done=[item.wish.key for item in items if item.done],
            failed={
                item.wish.key: {"message": str(item.error), "retryable": item.error.retryable, "stops": item.stops}
                for item in items
                if item.error
            },
            **facts,
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON for ``defer(kwargs=...)``."""
        return asdict(self)

    def restore(self, item: Item) -> None:
        """Bring an item back to where it stood."""
        item.done = item.done or item.wish.key in self.done
        item.adopted = item.record.task_id is not None
        if failure := self.failed.get(item.wish.key):
            item.error = KlingError(failure["message"], retryable=failure["retryable"])
            item.stops = failure.get("stops", False)


def _kept(item: Item) -> Record:
    """Return what matters of a record: no manifest, as its links are signed, and Airflow's tables no place for them."""
    return replace(item.record, manifest=None, landed=(), fields={}) if item.done else item.record


def _is_under_way(item: Item) -> bool:
    return not item.done and (item.is_touched or item.record.generation > 0 or item.record.pauses > 0)


def worth_a_worker(running: int, *, waiting: int, max_active: int) -> int:
    """
    Return how many of the running videos shall have ended before a worker is started for them.

    While others wait for a slot, a quarter of the slots. At the end half of what runs, so that one slow video does not
    hold up the landing of all others; a few are landed faster than a worker is started.
    """
    if waiting:
        return max(1, max_active // 4)
    return min(running, max(_FEW, running // 2))


def is_reason_to_stop(error: KlingError, on_item_failure: str, *, lands: bool) -> bool:
    """
    Return whether no more is to be submitted because of the error of one item.

    :param lands: whether anything could be landed in this try.
    """
    if isinstance(error, _OF_THE_ACCOUNT) or (isinstance(error, KlingDownloadError) and not lands):
        return True
    # A task that takes too long says nothing of the others, and would end every retry before they are submitted.
    return on_item_failure == "fail" and not isinstance(error, KlingTaskTimeoutError)
