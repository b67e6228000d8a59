"""Small inputs for requests: pictures and sounds as bytes."""

from __future__ import annotations

import base64
import io

from PIL import Image

from tests.emulator import pictures


def picture(width: int = 400, height: int = 300, kind: str = "PNG", shade: int = 128) -> bytes:
    """Return a picture of one shade."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), (shade, shade, shade)).save(out, kind)
    return out.getvalue()


def base64_of(data: bytes) -> str:
    """Return Base64 as people paste it."""
    return base64.b64encode(data).decode()


def sound(seconds: float = 3, kind: str = "mp3") -> bytes:
    """Return a melody."""
    return base64.b64decode(pictures.sound(seconds, kind))
