"""A Kling task in one normal form for every dialect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class TaskStatus(StrEnum):
    """
    ``task_status`` as documented, and one member for words that are not.

    ``succeed`` is the API's own spelling. Source: the text2video page and Kling's reference of the
    ``/v1/videos`` paths.
    """

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEED = "succeed"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @classmethod
    def parse(cls, word: Any) -> TaskStatus:
        """Return the member for a wire word; a word that is not documented is ``UNKNOWN``, never an error."""
        try:
            return cls(word)
        except ValueError:
            return cls.UNKNOWN

    @property
    def is_final(self) -> bool:
        """Whether the task can change no more."""
        return self in (TaskStatus.SUCCEED, TaskStatus.FAILED)


@dataclass(frozen=True, slots=True)
class KlingVideo:
    """
    One produced video.

    :param url: signed and public for about 30 days; it must be fetched without an Authorization header.
    :param id: Kling's id of the video, used to extend it; ``None`` when a gateway leaves it out.
    :param duration: seconds.
    """

    url: str
    id: str | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class KlingTask:
    """
    A task as last seen.

    :param task_id: Kling's id, opaque.
    :param task_status: the documented status, or ``UNKNOWN``.
    :param raw_status: the word on the wire.
    :param task_status_msg: the reason of a failure; Kling puts it here alone.
    :param external_task_id: the id that the submitter chose.
    :param videos: the result; empty until ``succeed``.
    :param created_at: when the task was created, UTC.
    :param updated_at: when it last changed, UTC.
    :param units: ``final_unit_deduction``, a small decimal string, when the dialect reports it.
    :param request_id: the vendor's id of the request that this was read from.
    """

    task_id: str
    task_status: TaskStatus
    raw_status: str = ""
    task_status_msg: str = ""
    external_task_id: str | None = None
    videos: tuple[KlingVideo, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None
    units: str | None = None
    request_id: str | None = None

    def manifest(self, capability: str, output_paths: list[str] | None = None) -> dict[str, Any]:
        """
        Return the small JSON that goes to XCom.

        :param capability: e.g. ``text2video``.
        :param output_paths: where the videos were landed, in the order of ``videos``.
        """
        manifest: dict[str, Any] = {
            "task_id": self.task_id,
            "external_task_id": self.external_task_id,
            "capability": capability,
            "task_status": self.task_status.value,
            "videos": [{"id": v.id, "url": v.url, "duration": v.duration} for v in self.videos],
            "output_paths": output_paths or [],
            "created_at": self.created_at.isoformat() if self.created_at else None,
            "updated_at": self.updated_at.isoformat() if self.updated_at else None,
        }
        if self.units is not None:
            manifest["units"] = self.units
        return manifest


def timestamp(value: object) -> datetime | None:
    """
    Return an API timestamp as UTC.

    Kling documents milliseconds; the gateway xmsmartlink sends seconds, so the size decides.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        return None
    seconds = value / 1000 if value > 1e11 else float(value)
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (OverflowError, ValueError, OSError):
        return None


def number(value: object) -> float | None:
    """Return a number that the API sends as a string (``"5.041"``), or ``None``."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None
