"""Legacy bodies that refer to pictures, elements and videos: omni-video and motion-control (documented).

A reference video is a link and is taken unseen: five seconds long, unless it is one of this emulator's own.
"""

from __future__ import annotations

from typing import NamedTuple

from airflow_provider_kling.emulator import prices
from airflow_provider_kling.emulator.catalogue import Model
from airflow_provider_kling.emulator.fields import ASPECT_RATIOS, PROMPT_LIMIT, Fields
from airflow_provider_kling.emulator.reading import inputs
from airflow_provider_kling.emulator.reading.shop import (
    HEAD,
    SHOT_FIELDS,
    TAIL,
    Shop,
    elements_of,
    finished,
    model_of,
    prompt_of,
    seconds_of,
)  # fmt: skip
from airflow_provider_kling.emulator.task import Parent, Wish

OMNI_VIDEO = (
    *HEAD, "prompt", "image_list", "element_list", "video_list", "sound", "mode", "aspect_ratio", "duration",
    *SHOT_FIELDS, *TAIL,
)  # fmt: skip
MOTION_CONTROL = (
    *HEAD, "prompt", "image_url", "video_url", "keep_original_sound", "character_orientation", "mode", "element_list",
    *TAIL,
)  # fmt: skip
YES_NO = ("yes", "no")
_FRAMES = ("first_frame", "end_frame")
# With a video at most four pictures and elements together, without one seven.
MOST_REFERENCES, MOST_BESIDE_A_VIDEO = 7, 4
SHORT_O1 = (5, 10)
O1 = "kling-o1"


class References(NamedTuple):
    """What a request refers to: how many loose pictures and elements, which frames, and which video."""

    pictures: int = 0
    elements: int = 0
    first: bool = False
    last: bool = False
    video: str = ""  # "feature", "base", or none
    parent: Parent | None = None
    aspect_ratio: str = ""


def trouble(seen: References, model: str) -> tuple[str, str] | None:
    """What is wrong with a combination, as the thing at fault (``video``, ``last``, ``elements`` or ``pictures``) and
    the reason; None when nothing is. ``model`` by its name in the new paths: the rules are the same on both.
    """
    most = MOST_BESIDE_A_VIDEO if seen.video else MOST_REFERENCES
    rules = (
        ("video", seen.video == "base" and (seen.first or seen.last), "to edit cannot be combined with frames"),
        ("last", seen.last and not seen.first, "needs a first frame"),
        ("last", seen.last and seen.video != "" and model == O1, "cannot be combined with a video"),
        (
            "pictures",
            seen.first and seen.last and seen.pictures > 0 and model == O1,
            "cannot join first and last frame",
        ),
        (
            "elements",
            seen.first and seen.last and seen.elements > 0 and model == O1,
            "cannot join first and last frame",
        ),
        ("elements", seen.first and seen.elements > 3, "must be at most 3 with a first frame"),
        ("pictures", seen.pictures + seen.elements > most, f"and elements must be at most {most} together"),
    )
    return next(((thing, why) for thing, broken, why in rules if broken), None)


_FIELD = {"video": "video_list", "last": "image_list", "elements": "element_list", "pictures": "image_list"}


def omni_video(given: Fields, shop: Shop) -> Wish:
    """``POST /v1/videos/omni-video``. One page calls ``aspect_ratio`` required without a frame or a video, and its own
    example leaves it out: it is not required here.
    """
    model = model_of(given, shop, "omni-video", "kling-video-o1")
    mode, seconds = given.choice("mode", model.modes, "pro"), seconds_of(given, model)
    seen = _references(given, shop, model)
    if problem := trouble(seen, model.path):
        raise given.wrong(_FIELD[problem[0]], problem[1])
    check_o1_length(given, "duration", model.path, seen, seconds)
    sound = given.choice("sound", ("on", "off"), "off") == "on"
    if sound and (seen.video or (model.price_key, "sound") not in prices.PER_SECOND):
        raise given.wrong("sound", "cannot be on with a video" if seen.video else f"is not supported by {model.name}")
    if seen.parent is not None and seen.video == "base":
        seconds = round(seen.parent.seconds)  # documented: as long as the video that is edited
    ratio = given.choice("aspect_ratio", ASPECT_RATIOS, "16:9")
    variant = "video" if seen.video else "sound" if sound else "silent"
    wish = Wish(
        prompt=prompt_of(given, model, seconds, required=True),
        model=model.name,
        units=prices.video_units(model.price_key, mode, seconds, variant),
        mode=mode,
        seconds=seconds,
        aspect_ratio=seen.aspect_ratio or ratio,
        sound=sound,
        parent=seen.parent,
    )
    return finished(given, wish)


def check_o1_length(given: Fields, name: str, model: str, seen: References, seconds: int) -> None:
    """Documented for O1: 5 or 10 seconds from words or frames alone, 3 to 10 with references."""
    alone = not (seen.pictures or seen.elements or seen.video)
    if model == O1 and alone and seconds not in SHORT_O1:
        raise given.wrong(name, f"must be 5 or 10 without references, not {seconds}")


def _references(given: Fields, shop: Shop, model: Model) -> References:
    frames: list[str] = []
    shapes: list[str] = []
    pictures = 0
    for item in given.objects("image_list", ("image_url", "type"), most=MOST_REFERENCES + 2):
        shape = inputs.required_picture(item, "image_url").aspect_ratio
        kind = item.choice("type", ("", *_FRAMES), "")
        frames += [kind] if kind else []
        shapes += [shape] if kind == "first_frame" else []
        pictures += not kind
    if len(frames) != len(set(frames)):
        raise given.wrong("image_list", "must have one first and one end frame at most")
    video, parent = _video(given, shop)
    return References(
        pictures, elements_of(given, 7, model.name), "first_frame" in frames, "end_frame" in frames, video, parent,
        "".join(shapes[:1]),
    )  # fmt: skip


def _video(given: Fields, shop: Shop) -> tuple[str, Parent | None]:
    for item in given.objects("video_list", ("video_url", "refer_type", "keep_original_sound"), most=1):
        item.required("video_url")
        item.choice("keep_original_sound", YES_NO, "no")
        return item.choice("refer_type", ("base", "feature"), "base"), shop.linked(item.url("video_url"))
    return "", None


def motion_control(given: Fields, shop: Shop) -> Wish:
    """``POST /v1/videos/motion-control``: as long as the video whose motion it takes."""
    model = model_of(given, shop, "motion-control", "kling-v2-6")
    shape = inputs.required_picture(given, "image_url").aspect_ratio
    given.required("video_url")
    parent = shop.linked(given.url("video_url"))
    orientation = given.choice("character_orientation", ("image", "video"), "")
    mode = given.choice("mode", ("std", "pro"), "")
    keep = given.choice("keep_original_sound", YES_NO, "yes")
    elements_of(given, min(1, model.elements), model.name)
    check_motion_length(given, "video_url", orientation, parent.seconds)
    wish = Wish(
        prompt=given.text("prompt", PROMPT_LIMIT),
        model=model.name,
        units=prices.video_units(model.price_key, mode, parent.seconds, "motion"),
        mode=mode,
        seconds=parent.seconds,
        aspect_ratio=shape,
        sound=keep == "yes",
        parent=parent,
    )
    return finished(given, wish)


def check_motion_length(given: Fields, name: str, orientation: str, seconds: float) -> None:
    """Documented: from 3 seconds to 30, and to 10 where the character keeps the picture's orientation."""
    longest = 10 if orientation == "image" else 30
    if not 3 <= seconds <= longest:
        raise given.wrong(name, f"must last from 3 to {longest} seconds, lasts {seconds:g}")
