"""What a clip depends on, and the size of its frames."""

from __future__ import annotations

from typing import NamedTuple

_SIZES = {"16:9": (640, 360), "9:16": (360, 640), "1:1": (480, 480)}


class VideoSpec(NamedTuple):
    """All that a clip depends on; equal specs give equal bytes.

    ``seconds`` is the length of the clip; ``camera`` the pairs of ``camera_control.config`` that are not zero.
    """

    prompt: str
    label: str
    seconds: int
    width: int
    height: int
    seed: int
    camera_type: str = ""
    camera: tuple[tuple[str, float], ...] = ()


def frame_size(aspect_ratio: str, height: int | None) -> tuple[int, int]:
    """Width and height in pixels, both even as yuv420p demands.

    The real service answers 720p and more; small clips keep tests quick and show the same shape.
    """
    width, full = _SIZES.get(aspect_ratio, _SIZES["16:9"])
    if height is None:
        return width, full
    return max(16, round(height * width / full / 2) * 2), max(16, round(height / 2) * 2)
