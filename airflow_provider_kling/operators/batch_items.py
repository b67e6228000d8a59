"""The items of a batch: where each stands, what a deferral carries over of them, and what is reported at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.exceptions import KlingBatchError, KlingError
from airflow_provider_kling.lifecycle.record import Record
from airflow_provider_kling.lifecycle.submission import VISIBILITY

if TYPE_CHECKING:
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.lifecycle.identity import Wish
    from airflow_provider_kling.state_store import RecordStore

_FEW = 8


@dataclass
class Item:
    """
    One wish of the batch, and where it stands.

    :param position: from 0, as in ``items``.
    :param record: what is remembered of it.
    :param opened_at: when this try began; what is assumed of earlier tries counts as done then.
    :param wake_at: nothing is to be done before this time.
    :param adopted: whether its task was found or made in this try; a failed one of an earlier try is made anew.
    :param ended: its task, with videos that are still to be landed.
    :param done: whether its video is made, and landed where that is wished for.
    """

    position: int
    body: dict[str, Any]
    wish: Wish
    store: RecordStore
    record: Record
    opened_at: float
    wake_at: float = 0.0
    adopted: bool = False
    seen: KlingTask | KlingError | None = None
    ended: KlingTask | None = None
    done: bool = False
    error: KlingError | None = None

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
        return not (self.settled or self.ended) and self.is_touched and not assumed

    @property
    def is_touched(self) -> bool:
        """Whether a task may exist."""
        return self.record.task_id is not None or self.record.posted_at is not None

    def may_show(self, now: float) -> bool:
        """Whether a task of an earlier try may still show at Kling; that it does not says nothing of the others."""
        return self.record.posted_at is not None and now - self.record.posted_at < VISIBILITY

    def row(self) -> dict[str, Any]:
        """Return its line of the manifest."""
        if self.done:
            # Of items that were done before a deferral only the store knows the manifest.
            record = self.record if self.record.manifest else self.store.load() or self.record
            return {"position": self.position, **(record.manifest or {})}
        return {
            "position": self.position,
            "task_id": self.record.task_id,
            "external_task_id": self.record.external_task_id,
            "task_status": "failed",
            "error": str(self.error),
        }


@dataclass(frozen=True)
class Carried:
    """
    What a deferral carries over, by wish. Small, since each deferral writes it to Airflow's database.

    :param records: of items under way; where there is no store, of all.
    :param done: items whose video is made.
    :param failed: message of items that failed, and whether a retry can help.
    :param digest: of all requests, to notice a template that renders differently. Empty: Airflow lost all of this.
    :param moved_at: when a task was last made or landed, seconds since the epoch.
    """

    records: Mapping[str, Any] = field(default_factory=dict)
    done: Sequence[str] = ()
    failed: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    moved_at: float = 0.0

    @classmethod
    def of(cls, items: Sequence[Item], digest: str, moved_at: float) -> Carried:
        """Return what is to be carried of these items."""
        keep_all = not items[0].store.exists
        return cls(
            records={i.wish.key: i.record.to_json() for i in items if keep_all or _is_under_way(i)},
            done=[item.wish.key for item in items if item.done],
            failed={
                item.wish.key: {"message": str(item.error), "retryable": item.error.retryable}
                for item in items
                if item.error
            },
            digest=digest,
            moved_at=moved_at,
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON for ``defer(kwargs=...)``."""
        return {
            "records": dict(self.records),
            "done": list(self.done),
            "failed": dict(self.failed),
            "digest": self.digest,
            "moved_at": self.moved_at,
        }

    def restore(self, item: Item) -> None:
        """Bring an item back to where it stood."""
        item.done = item.wish.key in self.done
        item.adopted = item.record.task_id is not None
        if failure := self.failed.get(item.wish.key):
            item.error = KlingError(failure["message"], retryable=failure["retryable"])


def _is_under_way(item: Item) -> bool:
    return not item.done and (item.is_touched or item.record.generation > 0)


def worth_a_worker(running: int, *, waiting: int, max_active: int) -> int:
    """
    Return how many of the running videos shall have ended before a worker is started for them.

    While others wait for a slot, a quarter of the slots. At the end half of what runs, so that one slow video does not
    hold up the landing of all others; a few are landed faster than a worker is started.
    """
    if waiting:
        return max(1, max_active // 4)
    return min(running, max(_FEW, running // 2))


def progress(items: Sequence[Item], seconds: float) -> str:
    """
    Say how far a batch is.

    :param seconds: how long this try has taken so far.
    """
    done = [item for item in items if item.done]
    failed = sum(item.error is not None for item in items)
    running = sum(item.running for item in items)
    landing = sum(item.ended is not None for item in items)
    waiting = len(items) - len(done) - failed - running - landing
    text = f"Batch: {len(done)} done, {running} running, {waiting} waiting, {failed} failed"
    if landing:
        text += f", {landing} to be landed"
    units = [float(i.record.manifest["units"]) for i in done if i.record.manifest and "units" in i.record.manifest]
    if units:
        text += f"; {sum(units):g} units"
    if done and running + waiting:
        text += f"; about {(running + waiting) * seconds / len(done) / 60:.0f} min left"
    return text + "."


def result(items: Sequence[Item], output_path: str | None, name: str) -> dict[str, Any]:
    """
    Return what goes to XCom: counts, and the manifests or the path of the file that holds them.

    :param output_path: directory of the videos; the manifests are written beside them, a line of JSON each.
    :param name: name of that file.
    """
    rows = [item.row() for item in items if item.settled]
    counts: dict[str, Any] = {
        "succeeded": sum(item.done for item in items),
        "failed": sum(item.error is not None for item in items),
        "not_submitted": sum(not item.settled for item in items),
    }
    if not output_path:
        return {**counts, "items": rows}
    from airflow_provider_kling.storage import write_text

    lines = "".join(json.dumps(row) + "\n" for row in rows)
    return {**counts, "manifest_path": write_text(output_path, f"{name}.jsonl", lines)}


def batch_error(items: Sequence[Item], counts: Mapping[str, Any]) -> KlingBatchError:
    """Return the error of a batch in which items failed."""
    errors = [(item.position, item.error) for item in items if item.error]
    lines = "".join(f"\n  - item {position}: {error}" for position, error in errors)
    return KlingBatchError(
        f"{counts['failed']} items failed, {counts['succeeded']} succeeded, {counts['not_submitted']} were not "
        f"submitted:{lines}\n",
        # One item that a retry can help is worth a retry: the others are taken up or refused again at no cost.
        retryable=any(error.retryable for _, error in errors),
    )
