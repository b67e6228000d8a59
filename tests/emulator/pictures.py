"""Small inputs for requests: pictures and sounds as Base64."""

from __future__ import annotations

import base64
import io

from PIL import Image

from airflow_provider_kling.emulator.sound import mp3, wav
from airflow_provider_kling.emulator.spec import VideoSpec


def picture(width: int = 400, height: int = 300, kind: str = "PNG") -> str:
    """A grey picture."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "grey").save(out, kind)
    return base64.b64encode(out.getvalue()).decode()


def sound(seconds: float, kind: str = "mp3") -> str:
    """A melody."""
    spec = VideoSpec("song", "", seconds, 16, 16, 0)
    return base64.b64encode(mp3(spec) if kind == "mp3" else wav(spec)).decode()
