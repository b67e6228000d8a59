"""Is a stream of bytes a whole file of its kind? Decided on the way, without keeping the bytes."""

from __future__ import annotations

from typing import Protocol

from airflow_provider_kling.storage.mp4 import Mp4Check

# Some writers put a little behind the end of the image.
_TAIL = 4096


class Check(Protocol):
    """What is fed each chunk of a file, and asked at the end."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""

    @property
    def is_hopeless(self) -> bool:
        """Whether nothing that may follow makes such a file of this."""

    def flaw(self) -> str | None:
        """Return what is wrong with the file so far, or ``None`` when it could end here."""


def check_of(suffix: str) -> Check:
    """
    Return the check for a file.

    :param suffix: as of :class:`~airflow_provider_kling.api.task.KlingOutput`.
    """
    checks: dict[str, type[Check]] = {"mp4": Mp4Check, "mp3": SoundCheck, "wav": SoundCheck}
    return checks.get(suffix, ImageCheck)()


class _Ends:
    """Keeps both ends of a file, and its size."""

    def __init__(self) -> None:
        self._head = self._tail = b""
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if len(self._head) < 12:
            self._head = (self._head + chunk[:12])[:12]
        self._tail = (self._tail + chunk)[-_TAIL:]
        self._size += len(chunk)

    @property
    def is_hopeless(self) -> bool:
        """Whether nothing that may follow makes such a file of this."""
        return len(self._head) == 12 and not self._begins_right()

    def _begins_right(self) -> bool:
        raise NotImplementedError

    def _riff_flaw(self) -> str | None:
        # The size that stands in a RIFF header; a writer that could not know it left 0 or all bits set.
        told = int.from_bytes(self._head[4:8], "little")
        return "it is shorter than its header says" if 0 < told < 0xFFFFFFFF and self._size < told + 8 else None


class ImageCheck(_Ends):
    """A PNG ends with IEND, a JPEG with EOI, a WebP where its header says; which of them it is does not matter."""

    def _begins_right(self) -> bool:
        is_webp = self._head.startswith(b"RIFF") and self._head[8:] == b"WEBP"
        return is_webp or self._head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))

    def flaw(self) -> str | None:
        """Return what is wrong with the file so far, or ``None`` when it could end here."""
        if self._head.startswith(b"\x89PNG\r\n\x1a\n"):
            return None if b"IEND\xaeB`\x82" in self._tail else "it has no IEND chunk"
        if self._head.startswith(b"\xff\xd8\xff"):
            return None if b"\xff\xd9" in self._tail else "it has no EOI marker"
        return self._riff_flaw() if self._begins_right() else "it is no PNG, JPEG or WebP"


class SoundCheck(_Ends):
    """A wav is as long as its header says; an mp3 is told by its beginning alone."""

    def _is_wav(self) -> bool:
        return self._head.startswith(b"RIFF") and self._head[8:] == b"WAVE"

    def _begins_right(self) -> bool:
        framed = len(self._head) > 1 and self._head[0] == 0xFF and self._head[1] & 0xE0 == 0xE0
        return framed or self._is_wav() or self._head.startswith(b"ID3")

    def flaw(self) -> str | None:
        """Return what is wrong with the file so far, or ``None`` when it could end here."""
        if self._is_wav():
            return self._riff_flaw()
        return None if self._begins_right() else "it is no mp3 or wav"
