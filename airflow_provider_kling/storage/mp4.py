"""Is a stream of bytes a whole mp4? Decided on its top-level boxes, without keeping the bytes."""

from __future__ import annotations

_HEADER, _LONG_HEADER = 8, 16


class Mp4Check:
    """
    Walk the boxes of an ISO base media file (ISO/IEC 14496-12) chunk by chunk.

    A download without ``Content-Length`` that ends early looks finished to HTTP; the boxes tell.
    """

    def __init__(self) -> None:
        self._header = b""
        self._skip: float = 0
        self._kinds: list[bytes] = []
        self._broken = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        position = 0
        while position < len(chunk):
            if self._skip:
                step = int(min(self._skip, len(chunk) - position))
                self._skip -= step
                position += step
                continue
            needed = _LONG_HEADER if self._header[:4] == b"\x00\x00\x00\x01" else _HEADER
            taken = chunk[position : position + needed - len(self._header)]
            self._header += taken
            position += len(taken)
            self._open_box()

    def _open_box(self) -> None:
        if len(self._header) < _HEADER:
            return
        size, kind = int.from_bytes(self._header[:4], "big"), self._header[4:8]
        if size == 1:
            if len(self._header) < _LONG_HEADER:
                return
            size = int.from_bytes(self._header[8:16], "big")
        # Size 0 is a last box that reaches to the end of the file.
        self._skip = float("inf") if size == 0 else max(0, size - len(self._header))
        self._broken |= 0 < size < len(self._header)
        self._kinds.append(kind)
        self._header = b""

    @property
    def is_hopeless(self) -> bool:
        """Whether nothing that may follow makes an mp4 of this."""
        return self._broken or self._kinds[:1] not in ([], [b"ftyp"])

    def flaw(self) -> str | None:
        """Return what is wrong with the file so far, or ``None`` when it could end here."""
        if self._kinds[:1] != [b"ftyp"]:
            return "it does not begin with an ftyp box"
        if self._broken:
            return "it has a box that is smaller than its own header"
        if self._header or 0 < self._skip < float("inf"):
            return "it ends inside a box"
        if b"moov" not in self._kinds:
            return "it has no moov box"
        return None
