"""A Kling task in one normal form for every dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

UNKNOWN_PRICE: Mapping[str, float | None] = {"units": None, "usd": None}
"""The estimate in the manifest of what has no price that is known."""


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
class KlingOutput:
    """
    One produced video, image or sound.

    :param url: signed and public for about 30 days; it must be fetched without an Authorization header.
    :param id: Kling's id of it, used to extend a video; ``None`` for images, and when a gateway leaves it out.
    :param duration: seconds; ``None`` for images.
    :param kind: ``video``, ``image`` or ``audio``.
    :param suffix: how its file name ends: ``mp4``, ``png``, ``jpg``, ``webp``, ``mp3`` or ``wav``.
    """

    url: str
    id: str | None = None
    duration: float | None = None
    kind: str = "video"
    suffix: str = "mp4"


@dataclass(frozen=True, slots=True)
class KlingTask:
    """
    A task as last seen.

    :param task_id: Kling's id, opaque.
    :param task_status: the documented status, or ``UNKNOWN``.
    :param raw_status: the word on the wire.
    :param task_status_msg: the reason of a failure; Kling puts it here alone.
    :param external_task_id: the id that the submitter chose.
    :param videos: of the result; empty until ``succeed``.
    :param images: of the result.
    :param audios: of the result; a sound that there is as mp3 and as wav is two files.
    :param created_at: when the task was created, UTC.
    :param updated_at: when it last changed, UTC.
    :param units: what Kling says it deducted (``final_unit_deduction``, ``billing``), a small decimal string.
    :param request_id: the vendor's id of the request that this was read from.
    """

    task_id: str
    task_status: TaskStatus
    raw_status: str = ""
    task_status_msg: str = ""
    external_task_id: str | None = None
    videos: tuple[KlingOutput, ...] = ()
    images: tuple[KlingOutput, ...] = ()
    audios: tuple[KlingOutput, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None
    units: str | None = None
    request_id: str | None = None

    @property
    def outputs(self) -> tuple[KlingOutput, ...]:
        """All that the task made: what is landed, in this order."""
        return (*self.videos, *self.images, *self.audios)

    def manifest(
        self, capability: str, output_paths: list[str] | None = None, estimate: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """
        Return the small JSON that goes to XCom.

        :param capability: e.g. ``text2video``.
        :param output_paths: where they were landed, in the order of :attr:`outputs`.
        :param estimate: ``units`` and ``usd`` that the request was listed at, where that is known.
        """
        manifest: dict[str, Any] = {
            "task_id": self.task_id,
            "external_task_id": self.external_task_id,
            "capability": capability,
            "task_status": self.task_status.value,
            "videos": [{"id": v.id, "url": v.url, "duration": v.duration} for v in self.videos],
            "output_paths": output_paths or [],
            "estimate": dict(estimate or UNKNOWN_PRICE),
            "created_at": self.created_at.isoformat() if self.created_at else None,
            "updated_at": self.updated_at.isoformat() if self.updated_at else None,
        }
        if self.images:
            manifest["images"] = [{"url": image.url} for image in self.images]
        if self.audios:
            manifest["audios"] = [
                {"id": audio.id, "url": audio.url, "duration": audio.duration, "format": audio.suffix}
                for audio in self.audios
            ]
        if self.units is not None:
            manifest["units"] = self.units
        return manifest
