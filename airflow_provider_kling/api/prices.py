"""
What Kling's price list says that a request costs, before it is sent.

An estimate: Kling deducts on completion, by the length that came out, and accounts have prices of their own. A gateway
has its own list, which this is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_kling.api.models import model_of

if TYPE_CHECKING:
    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.api.model import Model

# List prices of one unit (Kling's price pages, 2026-09: 0.6 units are $0.084, 8 image units $0.028).
USD_PER_UNIT = 0.14
USD_PER_IMAGE_UNIT = 0.0035

# By call, whatever the model (the same pages).
BY_CALL = {"text-to-audio": 0.25, "video-to-audio": 0.25, "identify-face": 0.05, "tts": 0.05}
_OF_IMAGES = frozenset({"images", "omni-image", "multi-image2image"})
_LONGEST_CLIP = 60


class Estimate(NamedTuple):
    """
    A price.

    :param units: as Kling counts them.
    :param usd: the same at the list price of a unit.
    """

    units: float
    usd: float


def estimate(capability: Capability, body: Mapping[str, Any], dialect: str = "") -> Estimate | None:
    """
    Return what a request costs, or ``None`` where nobody can tell: no row, or a length that the input decides.

    :param body: the request in its normal form; what is not set counts as Kling's own default.
    :param dialect: where it is sent, as a default may differ; without it, the dearer one counts.
    """
    if capability.name in BY_CALL:
        return _priced(BY_CALL[capability.name])
    row = model_of(capability.name, body.get("model"))
    if row is None or capability.name == "motion-control":
        # A motion-controlled video is as long as the one whose motion it takes.
        return None
    if capability.name in _OF_IMAGES:
        units = _units_of_images(row, capability.name, body)
        return None if units is None else Estimate(round(units, 4), round(units * USD_PER_IMAGE_UNIT, 4))
    # Kling's reference of the /v1 paths; its new standard says 720p.
    default = "pro" if capability.name == "omni-video" and dialect != "kling-v3" else "std"
    units = _units_of_a_video(row, {"mode": default, **body})
    return None if units is None else _priced(units)


def _priced(units: float) -> Estimate:
    return Estimate(round(units, 4), round(units * USD_PER_UNIT, 4))


def _units_of_a_video(row: Model, body: Mapping[str, Any]) -> float | None:
    mode, duration = str(body.get("mode") or "std"), str(body.get("duration") or "5")
    if row.clips:
        return row.clips.get((mode, duration))
    per_second = row.units.get(_made(row, body), {}).get(mode)
    if per_second is None or not duration.isdecimal() or not 0 < int(duration) <= _LONGEST_CLIP:
        return None
    return per_second * int(duration)


def _made(row: Model, body: Mapping[str, Any]) -> str:
    """Return under which heading of the price list the video stands."""
    if body.get("video_list"):
        return "video"
    if row.sound == ("always",):
        return "sound"
    if body.get("sound") == "on":
        return "voice" if body.get("voice_list") and "voice" in row.units else "sound"
    return ""


def _units_of_images(row: Model, capability: str, body: Mapping[str, Any]) -> float | None:
    made = "images" if capability == "multi-image2image" else "image" if body.get("image") else ""
    by_resolution = row.units.get(made) or row.units.get("") or {}
    per_image = by_resolution.get(str(body.get("resolution") or "1k"))
    count = body.get("n", 1)
    return None if per_image is None or not isinstance(count, int) else per_image * count
