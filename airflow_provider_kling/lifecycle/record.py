"""What is remembered of one wish between tries, as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from airflow_provider_kling.api.task import KlingTask
from airflow_provider_kling.exceptions import KlingConfigurationError
from airflow_provider_kling.lifecycle.identity import Wish

VERSION = 1
# What a manifest lists with a link each; in this order they are landed.
FILES = ("videos", "images", "audios")


class LandedFile(NamedTuple):
    """
    A video, image or sound where it was landed.

    :param path: as ``ObjectStoragePath`` has it.
    :param size: in bytes.
    :param mark: what its file system keeps of this version of the file (an ETag, a time); empty where it keeps nothing.
    """

    path: str
    size: int
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """
    The state of one wish. Times are seconds since the epoch.

    :param wish: :attr:`Wish.key`, to notice a changed request.
    :param external_task_id: id of the current generation.
    :param generation: how many generations before this one Kling ended as failed.
    :param fields: a digest per request field, to tell what changed.
    :param posted_at: the last POST whose outcome is open or good; ``None`` when surely none was accepted.
    :param posted_before: the value of ``posted_at`` before the POST under way.
    :param assumed: an earlier try may have posted what this record does not know of.
    :param duplicate: Kling said that this external id exists already.
    :param pauses: pauses in a row, for the backoff.
    :param troubles: lookups in a row that failed, or submits that did not reach Kling.
    :param earlier: keys of the wishes that this task instance had before its request was changed.
    :param task_id: Kling's id, once known.
    :param submitted_at: when the task was created, once known.
    :param landed: each landed file.
    :param manifest: the result, once there is one.
    :param estimate: ``units`` and ``usd`` of the current generation, by the price list of when it was posted.
    :param units: what Kling says it deducted for the current generation, once it says so.
    :param spent: units of the generations before it.
    :param before: units by the keys of ``earlier`` wishes.
    :param refused: ``message`` of the moderation that refused the last submit, and ``max_tries`` of the task instance
        then.
    """

    wish: str
    external_task_id: str
    generation: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)
    posted_at: float | None = None
    posted_before: float | None = None
    assumed: bool = False
    duplicate: bool = False
    pauses: int = 0
    troubles: int = 0
    earlier: tuple[str, ...] = ()
    task_id: str | None = None
    submitted_at: float | None = None
    landed: tuple[LandedFile, ...] = ()
    manifest: Mapping[str, Any] | None = None
    estimate: Mapping[str, float] | None = None
    units: float | None = None
    spent: float = 0.0
    before: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, Any] | None = None

    @property
    def may_exist(self) -> bool:
        """Whether the current generation was submitted, as far as is known."""
        return self.task_id is not None or self.posted_at is not None

    @property
    def cost(self) -> float:
        """Units of the current generation, if it is or was submitted."""
        return self.units if self.units is not None else (self.estimate or {}).get("units", 0.0)

    @property
    def total(self) -> float:
        """Units of all that was submitted for this wish, or may have been."""
        return self.spent + (self.cost if self.may_exist else 0.0)

    @property
    def may_be_paid(self) -> bool:
        """Whether a task of it exists, or may exist."""
        return self.task_id is not None or self.posted_at is not None or self.manifest is not None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON, without what has its default, and without signed links: Kling gives fresh ones."""
        values = asdict(self)
        values["landed"] = [list(file) for file in self.landed]
        values["manifest"] = None if self.manifest is None else without_links(self.manifest)
        values["earlier"] = list(self.earlier)
        return {"version": VERSION, **{name: value for name, value in values.items() if value not in (None, [], {})}}

    @classmethod
    def from_json(cls, stored: object) -> Record:
        """
        Read what :meth:`to_json` wrote, in this release or an earlier one.

        :raises KlingConfigurationError: when it cannot be read. A state that cannot be read is not an empty state:
            submitting on top of it could pay twice.
        """
        if not isinstance(stored, Mapping) or stored.get("version") != VERSION:
            raise _unreadable("it was written by another release of the provider, or edited by hand")
        values = {name: value for name, value in stored.items() if name in cls.__slots__}
        try:
            values["landed"] = tuple(
                LandedFile(str(path), int(size), *map(str, mark)) for path, size, *mark in stored.get("landed", ())
            )
            values["earlier"] = tuple(stored.get("earlier", ()))
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise _unreadable(str(error)) from error


def initial_record(
    stored: Record | None,
    wish: Wish,
    fields: dict[str, str],
    *,
    first_try: bool,
    now: float,
    estimate: dict[str, float] | None = None,
) -> Record:
    """
    Return the record to begin a try with.

    :param stored: what an earlier try left, if anything.
    :param fields: :func:`field_digests` of the request.
    :param first_try: whether no try of this task instance can have come before.
    :param now: no earlier than any POST of an earlier try.
    :param estimate: what the request costs today.
    """
    if stored is not None and stored.wish == wish.key:
        kept = stored.estimate if stored.may_exist and stored.estimate else estimate
        return replace(stored, pauses=0, troubles=0, estimate=kept)
    earlier: tuple[str, ...] = ()
    before: dict[str, float] = {}
    if stored is None:
        assumed = not first_try
    else:
        # Another wish. It was posted before only if it is an old one come back, or if the record has gaps: one without
        # a wish was written by a release that knew the ids alone.
        assumed = stored.assumed or wish.key in stored.earlier or not stored.wish
        earlier = (*stored.earlier, stored.wish)
        before = {**stored.before, stored.wish: stored.total}
        # What was paid for this one is found again at Kling.
        before.pop(wish.key, None)
    return Record(
        wish=wish.key,
        external_task_id=wish.external_task_id(0),
        fields=fields,
        posted_at=now if assumed else None,
        assumed=assumed,
        earlier=earlier,
        estimate=estimate,
        before=before,
    )


def with_reported(record: Record, task: KlingTask) -> Record:
    """Return the record with what Kling says it deducted, where it says so."""
    return record if task.units is None else replace(record, units=float(task.units))


def unposted(record: Record) -> Record:
    """Return the record as it was before a POST that was not carried out, or made nothing."""
    return replace(record, posted_at=record.posted_before, posted_before=None)


def without_links(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest whose files have ``None`` for their signed links."""
    return {
        name: [{**file, "url": None} for file in value] if name in FILES else value for name, value in manifest.items()
    }


def _unreadable(why: str) -> KlingConfigurationError:
    return KlingConfigurationError(
        f"The stored state of this task cannot be read ({why}); nothing was submitted.",
        next_step="Upgrade the provider on this worker, or delete the key 'kling' from the task's state store "
        "after checking in Kling's console that no video is missing.",
    )
