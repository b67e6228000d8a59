"""One task and its life: submitted, processing, then succeed or failed, all read off the clock."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from airflow_provider_kling.emulator.clock import Clock
from airflow_provider_kling.emulator.prices import plain
from airflow_provider_kling.emulator.spec import VideoSpec, frame_size

FASTEST, MEDIAN, SLOWEST = 83.0, 105.0, 253.0
_SUBMITTED_AT_MOST = 5.0
# Documented: "Generated videos are retained for 30 days"; signed URLs seen live expired 30 days after updated_at.
URL_LIFETIME = 30 * 24 * 3600.0
RISK_CONTROL = "risk-control"
RISK_CONTROL_MESSAGE = "Failure to pass the risk control system"


class Parent(NamedTuple):
    """The video that a task works on: one of our own by ``task_id``, or one elsewhere by ``url``."""

    video_id: str
    url: str
    seconds: float
    task_id: str = ""


class File(NamedTuple):
    """One file that a task makes. ``media`` is ``video``, ``image`` or ``audio``."""

    media: str
    name: str

    @property
    def path(self) -> str:
        """Its path, without the signature."""
        return f"/_kling/{self.media}s/{self.name}"

    @property
    def suffix(self) -> str:
        """mp4, png, mp3 or wav."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Wish:
    """What a create request asks for, in the same words for every dialect, and its price in Kling's units.

    ``kind`` is the capability, named after its legacy path; ``product`` the kind of pack that pays; ``media`` what
    comes out; ``count`` how many images.
    """

    prompt: str
    model: str
    units: Decimal
    kind: str = "text2video"
    product: str = "video"
    media: tuple[str, ...] = ("video",)
    mode: str = "std"
    seconds: float = 5
    aspect_ratio: str = "16:9"
    external_task_id: str | None = None
    camera_type: str = ""
    camera: tuple[tuple[str, float], ...] = ()
    sound: bool = False
    watermark: bool = False
    count: int = 1
    parent: Parent | None = None

    @property
    def slots(self) -> int:
        """Documented: an image task holds as many slots as it makes images, any other one slot."""
        return self.count


def generation_time(seed: int, prompt: str) -> float:
    """Seconds from creation to the end: 83 to 253, half of them under 105, the same for the same seed and prompt."""
    digest = hashlib.sha256(f"{seed}\x00{prompt}".encode()).digest()
    share = (int.from_bytes(digest[:8], "big") + 1) / (2**64 + 2)
    odds: float = share / (1 - share)
    return min(SLOWEST, FASTEST + (MEDIAN - FASTEST) * math.pow(odds, 0.7))


@dataclass(eq=False)
class Task:
    """A task as the emulator keeps it. ``status`` and ``updated_at`` follow the clock; times are emulator seconds.

    ``dialect`` is the account it belongs to: ``kling`` (whose new paths see the same tasks) or ``llmprovider``.
    """

    task_id: str
    dialect: str
    wish: Wish
    created_at: float
    generation_seconds: float
    seed: int
    clock: Clock = field(repr=False)
    visible_from: float = 0.0
    no_videos: bool = False
    failure: str = ""
    url_version: int = 0
    downloads: int = 0
    _sent: dict[str, list[tuple[int, int]]] = field(default_factory=dict, repr=False)
    _whole: set[str] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def external_task_id(self) -> str | None:
        """The caller's own id, None when none was given."""
        return self.wish.external_task_id

    @property
    def prompt(self) -> str:
        """The prompt as sent."""
        return self.wish.prompt

    @property
    def video_id(self) -> str:
        """The id of its video, which is not the id of the task."""
        return f"{self.task_id}-0"

    @property
    def finished_at(self) -> float:
        """When the task ends or ended."""
        return self.created_at + self.generation_seconds

    @property
    def _processing_from(self) -> float:
        return self.created_at + min(_SUBMITTED_AT_MOST, self.generation_seconds / 2)

    @property
    def status(self) -> str:
        """``submitted``, ``processing``, ``succeed`` or ``failed``."""
        now = self.clock.now()
        if now < self._processing_from:
            return "submitted"
        if now < self.finished_at:
            return "processing"
        return "failed" if self.failure or RISK_CONTROL in self.wish.prompt else "succeed"

    @property
    def status_message(self) -> str:
        """Why it failed, else empty. The text of risk control was seen live."""
        return (self.failure or RISK_CONTROL_MESSAGE) if self.status == "failed" else ""

    @property
    def updated_at(self) -> float:
        """When the status last changed."""
        status = self.status
        if status == "submitted":
            return self.created_at
        return self._processing_from if status == "processing" else self.finished_at

    @property
    def finished(self) -> bool:
        """Has it ended, well or not? An unfinished task holds its slots of the concurrency."""
        return self.status in ("succeed", "failed")

    @property
    def visible(self) -> bool:
        """Can it be found by get and list yet?"""
        return self.clock.now() >= self.visible_from

    def files(self, media: str) -> list[File]:
        """Its files of one medium: one mp4, the images, or one sound as mp3 and as wav."""
        if media not in self.wish.media:
            return []
        names = {
            "video": [f"{self.task_id}.mp4"],
            "image": [f"{self.task_id}-{number}.png" for number in range(self.wish.count)],
            "audio": [f"{self.task_id}.mp3", f"{self.task_id}.wav"],
        }[media]
        return [File(media, name) for name in names]

    @property
    def fetched(self) -> bool:
        """Was every byte sent at least once: of each image, or of the video or the sound in one of its forms?"""
        names = [file.name for media in self.wish.media for file in self.files(media)]
        done = [name in self._whole for name in names]
        return all(done) if self.wish.media == ("image",) else any(done)

    def served(self, name: str, first: int, last: int, length: int) -> None:
        """Note that the bytes ``first`` to ``last`` of ``length`` of a file were sent."""
        with self._lock:
            sent = self._sent.setdefault(name, [])
            sent.append((first, last))
            reached = 0
            for start, end in sorted(sent):
                if start > reached:
                    return
                reached = max(reached, end + 1)
            if reached >= length:
                self.downloads += 1
                self._whole.add(name)
                sent.clear()

    def spec(self, height: int | None) -> VideoSpec:
        """What the pictures of this task look like."""
        wish = self.wish
        width, tall = frame_size(wish.aspect_ratio, height)
        label = f"{wish.model} · {wish.seconds:g} s · {wish.mode}"
        shown = (wish.prompt or wish.kind, label, wish.seconds, width, tall, self.seed)
        return VideoSpec(*shown, wish.camera_type, wish.camera, wish.sound)

    def to_json(self) -> Mapping[str, object]:
        """The task for ``/_kling/tasks``."""
        return {
            "task_id": self.task_id,
            "external_task_id": self.external_task_id,
            "dialect": self.dialect,
            "kind": self.wish.kind,
            "model": self.wish.model,
            "prompt": self.prompt,
            "status": self.status,
            "status_message": self.status_message,
            "units": plain(self.wish.units),
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "finishes_at": self.finished_at,
            "visible": self.visible,
            "fetched": self.fetched,
            "files": [file.name for media in self.wish.media for file in self.files(media)],
        }
