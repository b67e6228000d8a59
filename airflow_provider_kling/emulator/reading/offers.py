"""What each path of the new standard takes: Kling's fourteen pages of 2026-07 as one table.

Where two pages contradict each other the laxer one stands: a prompt of 3.0 Turbo is up to 3,072 characters on one page
and up to 2,500 on the other.
"""

from __future__ import annotations

from typing import NamedTuple

from airflow_provider_kling.emulator.catalogue import LONG, SHORT, UP_TO_TEN
from airflow_provider_kling.emulator.fields import PROMPT_LIMIT

FAMILIES = {
    "text-to-video": "text2video",
    "image-to-video": "image2video",
    "omni-video": "omni-video",
    "motion-control": "motion-control",
}
LONG_PROMPT = 3072
_HD = ("720p", "1080p")
_UHD = ("720p", "1080p", "4k")
_SWITCH = ("off", "native")
_OMNI = ("prompt", "first_frame", "last_frame", "refer_image", "feature_video", "base_video", "element")


class Offer(NamedTuple):
    """One path.

    Attributes:
        contents: the types of ``contents``; none where the body has a ``prompt`` instead.
        seconds: the lengths; none where the video is as long as the one it follows.
        resolutions: first the default.
        audio: the values of ``settings.audio``, first the default; none where there is no such field.
        needs: the types that must be there.
        ratios: does it take ``settings.aspect_ratio``?
        multi_shot: does it take ``settings.multi_shot`` (which defaults to true)?
        shots: does it read "shot n, m, words;" in the prompt?
        elements: how many elements it takes.
    """

    contents: tuple[str, ...] = ()
    seconds: tuple[int, ...] = SHORT
    resolutions: tuple[str, ...] = _HD
    audio: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    ratios: bool = False
    multi_shot: bool = False
    shots: bool = False
    prompt: int = PROMPT_LIMIT
    elements: int = 0


OFFERS: dict[tuple[str, str], Offer] = {
    ("text-to-video", "kling-3.0-turbo"): Offer(seconds=LONG, ratios=True, shots=True, prompt=LONG_PROMPT),
    ("image-to-video", "kling-3.0-turbo"): Offer(
        ("prompt", "first_frame"), LONG, needs=("first_frame",), shots=True, prompt=LONG_PROMPT
    ),
    ("text-to-video", "kling-3.0"): Offer(
        (), LONG, _UHD, _SWITCH, ratios=True, multi_shot=True, shots=True, prompt=LONG_PROMPT
    ),
    ("image-to-video", "kling-3.0"): Offer(
        ("prompt", "first_frame", "last_frame", "element"), LONG, _UHD, _SWITCH, ("first_frame",),
        multi_shot=True, shots=True, prompt=LONG_PROMPT, elements=3,
    ),
    ("omni-video", "kling-3.0-omni"): Offer(
        _OMNI, LONG, _UHD, ("off", "native", "original"), ("prompt",),
        ratios=True, multi_shot=True, shots=True, prompt=LONG_PROMPT, elements=7,
    ),
    ("omni-video", "kling-o1"): Offer(
        _OMNI, UP_TO_TEN, _HD, ("off", "original"), ("prompt",), ratios=True, elements=7
    ),
    ("motion-control", "kling-3.0"): Offer(
        ("prompt", "image", "video", "element"), (), _HD, ("original", "off"), ("image", "video"), elements=1
    ),
    ("motion-control", "kling-2.6"): Offer(
        ("prompt", "image", "video"), (), _HD, ("original", "off"), ("image", "video")
    ),
    ("text-to-video", "kling-2.6"): Offer(audio=_SWITCH, ratios=True),
    ("image-to-video", "kling-2.6"): Offer(
        ("prompt", "first_frame", "last_frame", "voice"), audio=_SWITCH, needs=("first_frame",)
    ),
    ("text-to-video", "kling-2.5-turbo"): Offer(ratios=True),
    ("image-to-video", "kling-2.5-turbo"): Offer(("prompt", "first_frame", "last_frame"), needs=("first_frame",)),
}  # fmt: skip
