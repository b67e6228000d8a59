"""What a deferral carries over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.lifecycle.item import Complete, Failed
from airflow_provider_kling.lifecycle.record import Record

if TYPE_CHECKING:
    from airflow_provider_kling.execution.item import Item
    from airflow_provider_kling.lifecycle.identity import Wish

# The only item of a task that makes one video, whatever its templates render to now.
_ONLY = ""


@dataclass(frozen=True)
class DeferredState:
    """
    Where a try stood when it deferred, by wish. Small, since each deferral writes it to Airflow's database.

    :param records: of items under way; where there is no store, of all.
    :param done: items whose video is made.
    :param failed: of items that failed: the message, whether a retry can help, and whether no more is to be submitted.
    :param digest: of all requests, to notice a template that renders differently.
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
    def of(cls, items: Sequence[Item], *, is_batch: bool, **facts: Any) -> DeferredState:
        """Return what is to be carried of these items, and the other facts."""
        if not is_batch:
            return cls(records={_ONLY: items[0].record.to_json()}, **facts)
        keep_all = not items[0].store.exists
        return cls(
            records={item.wish.key: _kept(item).to_json() for item in items if keep_all or _is_under_way(item)},
            done=[item.wish.key for item in items if isinstance(item.state, Complete)],
            failed={item.wish.key: _plain(item.state) for item in items if isinstance(item.state, Failed)},
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
        return asdict(self)

    @property
    def task_id(self) -> str | None:
        """Kling's id of the only item, where it is known: its request is of no consequence any more."""
        return (self.records.get(_ONLY) or {}).get("task_id")

    def record_of(self, wish: Wish) -> Record | None:
        """Return the record of an item, or ``None`` where none was carried."""
        carried = self.records.get(wish.key) or self.records.get(_ONLY)
        return Record.from_json(carried) if carried else None

    def failure_of(self, key: str) -> Failed | None:
        """Return the state of an item that had failed before the deferral."""
        failure = self.failed.get(key)
        if failure is None:
            return None
        error = KlingError(failure["message"], retryable=failure["retryable"])
        return Failed(error, stops=failure.get("stops", False))


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


def _plain(state: Failed) -> dict[str, Any]:
    return {"message": str(state.error), "retryable": state.error.retryable, "stops": state.stops}


def ended_of(event: Any) -> frozenset[str]:
    """Return the ids of the tasks that a trigger of ours saw end."""
    if not isinstance(event, Mapping):
        return frozenset()
    one = [event["task_id"]] if event.get("task_id") else []
    return frozenset([*event.get("ended", ()), *one])
