"""What is remembered of one wish between tries, as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_provider_kling.exceptions import KlingConfigurationError

VERSION = 1


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
    :param landed: (path, size in bytes) of each landed video.
    :param manifest: the result, once there is one.
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
    landed: tuple[tuple[str, int], ...] = ()
    manifest: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON, without what has its default."""
        values = asdict(self)
        values["landed"] = [list(item) for item in self.landed]
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
            values["landed"] = tuple((str(path), int(size)) for path, size in stored.get("landed", ()))
            values["earlier"] = tuple(stored.get("earlier", ()))
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise _unreadable(str(error)) from error


def _unreadable(why: str) -> KlingConfigurationError:
    return KlingConfigurationError(
        f"The stored state of this task cannot be read ({why}); nothing was submitted.",
        next_step="Upgrade the provider on this worker, or delete the key 'kling' from the task's state store "
        "after checking in Kling's console that no video is missing.",
    )
