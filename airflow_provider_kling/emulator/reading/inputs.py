"""Pictures and sounds in a request: a link, which is taken unseen, or Base64, which is opened and measured."""

from __future__ import annotations

import base64
import io
from typing import NamedTuple

from airflow_provider_kling.emulator.fields import Fields, is_url

# Documented alike on every page that takes a picture; only the size differs between old and new paths.
OLD_LIMIT, NEW_LIMIT = 10 * 2**20, 50 * 2**20
SHORTEST_SIDE, WIDEST = 300, 2.5
_FORMATS = ("JPEG", "PNG")
SOUND_LIMIT = 5 * 2**20
# Documented are m4a and aac too, but seen live (1201): both are refused in these words.
_SOUNDS = ("mp3", "wav")
_NOT_TAKEN = (".m4a", ".aac")
UNSEEN_SECONDS = 5.0


class Picture(NamedTuple):
    """A picture as far as it is known: a link is taken to be as wide as most videos."""

    aspect_ratio: str = "16:9"


def _decoded(given: Fields, name: str, value: str, limit: int) -> bytes:
    if value.startswith("data:"):
        raise given.wrong(name, "must be raw Base64 without a data: prefix, or a URL")
    try:
        data = base64.b64decode(value, validate=True)
    except ValueError:
        raise given.wrong(name, "must be an http or https URL or Base64") from None
    if len(data) > limit:
        raise given.wrong(name, f"must have at most {limit // 2**20} MB")
    return data


def picture(given: Fields, name: str, limit: int = OLD_LIMIT) -> Picture | None:
    """The picture in a field; None when it is not given."""
    value = given.text(name)
    if not value:
        return None
    return Picture() if is_url(value) else _measured(given, name, _decoded(given, name, value, limit))


def required_picture(given: Fields, name: str, limit: int = OLD_LIMIT) -> Picture:
    """The picture in a field that must be there."""
    found = picture(given, name, limit)
    if found is None:
        raise given.wrong(name, "is required")
    return found


def masks(given: Fields) -> None:
    """``static_mask`` and ``dynamic_masks``: up to six, each with a path of 2 to 77 points (documented)."""
    picture(given, "static_mask")
    for mask in given.objects("dynamic_masks", ("mask", "trajectories"), most=6):
        required_picture(mask, "mask")
        points = mask.objects("trajectories", ("x", "y"), most=77)
        if len(points) < 2:
            raise mask.wrong("trajectories", f"must have at least 2 points, has {len(points)}")
        for point in points:
            for axis in ("x", "y"):
                if point.number(axis, -100_000, 100_000) is None:
                    raise point.wrong(axis, "is required")


def _measured(given: Fields, name: str, data: bytes) -> Picture:
    try:
        from PIL import Image
    except ImportError:  # without the extra a picture is taken unseen, as a link is
        return Picture()
    try:
        with Image.open(io.BytesIO(data)) as image:
            kind, (width, height) = image.format, image.size
    except (OSError, Image.DecompressionBombError):
        raise given.wrong(name, "is not an image") from None
    if kind not in _FORMATS:
        raise given.wrong(name, f"must be a jpg, jpeg or png, not {kind}")
    if min(width, height) < SHORTEST_SIDE:
        raise given.wrong(name, f"must be at least {SHORTEST_SIDE} pixels wide and high, is {width} x {height}")
    if max(width, height) > WIDEST * min(width, height):
        raise given.wrong(name, f"must have a ratio between 1:{WIDEST:g} and {WIDEST:g}:1, is {width} x {height}")
    return Picture("1:1" if width == height else "16:9" if width > height else "9:16")


def sound(given: Fields, name: str, shortest: float, longest: float) -> float | None:
    """Seconds of the sound in a field; None when it is not given, five when it is a link."""
    value = given.text(name)
    if not value:
        return None
    if is_url(value):
        if value.partition("?")[0].lower().endswith(_NOT_TAKEN):
            raise given.wrong(name, "Audio format is invalid")
        return UNSEEN_SECONDS
    seconds = _heard(given, name, _decoded(given, name, value, SOUND_LIMIT))
    if not shortest <= seconds <= longest:
        raise given.wrong(name, f"must last from {shortest:g} to {longest:g} seconds, lasts {seconds:.1f}")
    return seconds


def _heard(given: Fields, name: str, data: bytes) -> float:
    try:
        import av
    except ImportError:
        return UNSEEN_SECONDS
    try:
        with av.open(io.BytesIO(data), "r") as container:
            kinds, duration = container.format.name.split(","), container.duration
    except (OSError, ValueError):
        raise given.wrong(name, "Audio format is invalid") from None
    if not set(kinds) & set(_SOUNDS):
        raise given.wrong(name, "Audio format is invalid")
    return float(duration or 0) / 1_000_000
