"""The items of a batch: where each stands, what a deferral carries over of them, and what is reported at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.exceptions import KlingBatchError, KlingError
from airflow_provider_kling.lifecycle.record import Record

if TYPE_CHECKING:
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.lifecycle.identity import Wish
    from airflow_provider_kling.state_store import RecordStore


@dataclass
class Item:
    """
    One wish of the batch, and where it stands.

    :param position: from 0, as in ``items``.
    :param record: what is remembered of it.
    :param wake_at: nothing is to be done before this time.
    :param adopted: whether its task was found or made in this try; a failed one of an earlier try is made anew.
    :param done: whether its video is made, and landed where that is wished for.
    """

    position: int
    body: dict[str, Any]
    wish: Wish
    store: RecordStore
    record: Record
    wake_at: float = 0.0
    adopted: bool = False
    seen: KlingTask | KlingError | None = None
    done: bool = False
    error: KlingError | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing more is to be done in this try."""
        return self.done or self.error is not None

    @property
    def running(self) -> bool:
        """Whether it holds, or may hold, a slot at Kling."""
        return not self.settled and self.is_touched

    @property
    def is_touched(self) -> bool:
        """Whether a task may exist."""
        return self.record.task_id is not None or self.record.posted_at is not None

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
    """

    records: Mapping[str, Any] = field(default_factory=dict)
    done: Sequence[str] = ()
    failed: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    @classmethod
    def of(cls, items: Sequence[Item], digest: str) -> Carried:
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
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON for ``defer(kwargs=...)``."""
        return {
            "records": dict(self.records),
            "done": list(self.done),
            "failed": dict(self.failed),
            "digest": self.digest,
        }

    def restore(self, item: Item) -> None:
        """Bring an item back to where it stood."""
        item.done = item.wish.key in self.done
        item.adopted = item.record.task_id is not None
        if failure := self.failed.get(item.wish.key):
            item.error = KlingError(failure["message"], retryable=failure["retryable"])


def _is_under_way(item: Item) -> bool:
    return not item.done and (item.is_touched or item.record.generation > 0)


def progress(items: Sequence[Item], seconds: float) -> str:
    """
    Say how far a batch is.

    :param seconds: how long this try has taken so far.
    """
    done = [item for item in items if item.done]
    failed = sum(item.error is not None for item in items)
    running = sum(item.running for item in items)
    waiting = len(items) - len(done) - failed - running
    text = f"Batch: {len(done)} done, {running} running, {waiting} waiting, {failed} failed"
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
