"""What a clip depends on, the size of its frames, and what it takes to make it."""

from __future__ import annotations

from typing import NamedTuple

_SIZES = {"16:9": (640, 360), "9:16": (360, 640), "1:1": (480, 480)}


class MissingExtraError(RuntimeError):
    """PyAV or Pillow is not installed, and a video was asked for."""

    def __init__(self, module: str) -> None:
        super().__init__(f"{module} is missing: pip install 'airflow-provider-kling[emulator]'")


class VideoSpec(NamedTuple):
    """All that a clip depends on; equal specs give equal bytes.

    ``seconds`` is the length of the clip; ``camera`` the pairs of ``camera_control.config`` that are not zero.
    """

    prompt: str
    label: str
    seconds: float
    width: int
    height: int
    seed: int
    camera_type: str = ""
    camera: tuple[tuple[str, float], ...] = ()
    sound: bool = False


def frame_size(aspect_ratio: str, height: int | None) -> tuple[int, int]:
    """Width and height in pixels, both even as yuv420p demands.

    The real service answers 720p and more; small clips keep tests quick and show the same shape.
    """
    width, full = _SIZES.get(aspect_ratio) or _size(aspect_ratio)
    if height is None:
        return width, full
    return max(16, round(height * width / full / 2) * 2), max(16, round(height / 2) * 2)


def _size(aspect_ratio: str) -> tuple[int, int]:
    """The short side 360 pixels: the other ratios of images."""
    across, down = (int(part) for part in aspect_ratio.split(":"))
    unit = 360 / min(across, down)
    return round(across * unit / 2) * 2, round(down * unit / 2) * 2
