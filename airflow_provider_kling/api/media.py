"""
What the pictures and sounds are that go along with a request, told from their first bytes.

No picture library: the API asks for a type, a size and a shape, and all three stand in the headers of the two formats
that it takes. Source of the limits: Kling's image2video, avatar and lip-sync pages, which agree.
"""

from __future__ import annotations

from typing import NamedTuple

SHORTEST_SIDE = 300
WIDEST = 2.5
_MB = 1 << 20
LARGEST_SOUND = 5 * _MB

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# JPEG, ITU-T T.81, table B.1: SOF0 to SOF15, but for DHT, JPG and DAC, which stand between them.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# TEM, RST0 to RST7 and SOI have no length.
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
# What people send instead, by how it begins.
_OTHERS = {
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"%PDF": "PDF",
    b"<svg": "SVG",
    b"<?xml": "SVG or XML",
    b"<!DOCTYPE": "HTML",
    b"<html": "HTML",
    b"version https://git-lfs": "Git LFS pointer",
}


class Shape(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


def image_flaw(data: bytes) -> str | None:
    """Return what the API refuses about a picture, but for its size in bytes; ``None`` where it takes it."""
    if not data.startswith((_PNG, _JPEG)):
        return f"is {_kind(data)}; Kling takes JPEG and PNG"
    shape = _png_shape(data) if data.startswith(_PNG) else _jpeg_shape(data)
    if shape is None:
        kind = "PNG" if data.startswith(_PNG) else "JPEG"
        return f"is no whole {kind}: its width and height cannot be read"
    shown = f"{shape.width} x {shape.height} pixels"
    if min(shape) < SHORTEST_SIDE:
        return f"has {shown}; each side must have at least {SHORTEST_SIDE}"
    if max(shape) > WIDEST * min(shape):
        return f"has {shown}; the longer side may be at most {WIDEST:g} times the shorter one"
    return None


def sound_flaw(data: bytes) -> str | None:
    """Return what the API refuses about a sound, but for its size in bytes and its length."""
    known = (
        data.startswith((b"ID3", b"ADIF"))
        # A frame of MPEG audio or of AAC begins with eleven set bits.
        or (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0)
        or (data.startswith(b"RIFF") and data[8:12] == b"WAVE")
        or data[4:8] == b"ftyp"
    )
    return None if known else f"is {_kind(data)}; Kling takes mp3, wav, m4a and aac"


def size_flaw(size: int, most: int) -> str | None:
    """Return what is wrong with a size in bytes."""
    if size == 0:
        return "is empty"
    return f"has {size / _MB:.1f} MB; at most {most / _MB:g} MB are allowed" if size > most else None


def _kind(data: bytes) -> str:
    start = data.lstrip()[:40]
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "a WebP image"
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"avif"):
        return "a HEIC or AVIF image"
    for magic, name in _OTHERS.items():
        if start.lower().startswith(magic.lower()):
            return f"a {name} file"
    return "of no known type"


def _png_shape(data: bytes) -> Shape | None:
    # The first chunk is IHDR: length, name, width, height (PNG specification, 11.2.1).
    if data[12:16] != b"IHDR" or len(data) < 24:
        return None
    return Shape(int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))


def _jpeg_shape(data: bytes) -> Shape | None:
    """Walk the segments to the frame header, which holds the size."""
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF or marker in _BARE:
            # A fill byte, or a marker without a segment.
            position += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAMES:
            height, width = data[position + 5 : position + 7], data[position + 7 : position + 9]
            return Shape(int.from_bytes(width, "big"), int.from_bytes(height, "big"))
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None
