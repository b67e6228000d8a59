"""One video task and its life: submitted, processing, then succeed or failed, all read off the clock."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from airflow_provider_kling.emulator.clock import Clock
from airflow_provider_kling.emulator.prices import plain, units
from airflow_provider_kling.emulator.spec import VideoSpec, frame_size

FASTEST, MEDIAN, SLOWEST = 83.0, 105.0, 253.0
_SUBMITTED_AT_MOST = 5.0
# Documented: "Generated videos are retained for 30 days"; one signed URL seen live expired 30 days after updated_at.
URL_LIFETIME = 30 * 24 * 3600.0
RISK_CONTROL = "risk-control"
RISK_CONTROL_MESSAGE = "Failure to pass the risk control system"


@dataclass(frozen=True)
class Wish:
    """What a create request asks for, in the same words for every dialect."""

    prompt: str
    model: str
    mode: str = "std"
    seconds: int = 5
    aspect_ratio: str = "16:9"
    external_task_id: str | None = None
    camera_type: str = ""
    camera: tuple[tuple[str, float], ...] = ()
    sound: bool = False
    watermark: bool = False

    @property
    def units(self) -> Decimal:
        """Price in Kling's units."""
        return units(self.model, self.mode, self.seconds, sound=self.sound)


def generation_time(seed: int, prompt: str) -> float:
    """Seconds from creation to the end: 83 to 253, half of them under 105, the same for the same seed and prompt."""
    digest = hashlib.sha256(f"{seed}\x00{prompt}".encode()).digest()
    share = (int.from_bytes(digest[:8], "big") + 1) / (2**64 + 2)
    odds: float = share / (1 - share)
    return min(SLOWEST, FASTEST + (MEDIAN - FASTEST) * math.pow(odds, 0.7))


@dataclass(eq=False)
class Task:
    """A task as the emulator keeps it. ``status`` and ``updated_at`` follow the clock; times are emulator seconds."""

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
    _served: list[tuple[int, int]] = field(default_factory=list, repr=False)
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
        """Has it ended, well or not? An unfinished task holds one slot of the concurrency."""
        return self.status in ("succeed", "failed")

    @property
    def visible(self) -> bool:
        """Can it be found by get and list yet?"""
        return self.clock.now() >= self.visible_from

    @property
    def fetched(self) -> bool:
        """Was every byte of the video sent at least once?"""
        return self.downloads > 0

    def served(self, first: int, last: int, length: int) -> None:
        """Note that the bytes ``first`` to ``last`` of ``length`` were sent."""
        with self._lock:
            self._served.append((first, last))
            reached = 0
            for start, end in sorted(self._served):
                if start > reached:
                    return
                reached = max(reached, end + 1)
            if reached >= length:
                self.downloads += 1
                self._served.clear()

    def video_spec(self, height: int | None) -> VideoSpec:
        """What the video of this task looks like."""
        wish = self.wish
        width, tall = frame_size(wish.aspect_ratio, height)
        label = f"{wish.model} · {wish.seconds} s · {wish.mode}"
        return VideoSpec(wish.prompt, label, wish.seconds, width, tall, self.seed, wish.camera_type, wish.camera)

    def to_json(self) -> Mapping[str, object]:
        """The task for ``/_kling/tasks``."""
        return {
            "task_id": self.task_id,
            "external_task_id": self.external_task_id,
            "dialect": self.dialect,
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
        }
