"""The legacy capabilities as a table: where each lives, what it reads, what comes out and which pack pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from airflow_provider_kling.emulator.fields import Fields
from airflow_provider_kling.emulator.reading import people, references, stills, videos
from airflow_provider_kling.emulator.reading.shop import Shop
from airflow_provider_kling.emulator.task import Wish

_VIDEO, _IMAGE, _AUDIO = ("video",), ("image",), ("audio",)


class Kind(NamedTuple):
    """One capability. ``at_once`` answers without a task; ``lengths`` is False where no video's length is told;
    ``tells_parent`` where ``task_info`` tells of the video that was worked on.
    """

    name: str
    path: str
    known: tuple[str, ...]
    read: Callable[[Fields, Shop], Wish]
    media: tuple[str, ...] = _VIDEO
    product: str = "video"
    at_once: bool = False
    lengths: bool = True
    tells_parent: bool = False

    def wish(self, body: dict[str, object], shop: Shop) -> Wish:
        """Read a create body, or raise a ``Refusal``."""
        wish = self.read(Fields(body, self.known), shop)
        return replace(wish, kind=self.name, media=self.media, product=self.product)


# Paths and fields: documented. That an audio pack pays for sounds follows from the enumeration of ``package_type``.
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("text2video", "/v1/videos/text2video", videos.TEXT2VIDEO, videos.text2video),
        Kind("image2video", "/v1/videos/image2video", videos.IMAGE2VIDEO, videos.image2video),
        Kind("multi-image2video", "/v1/videos/multi-image2video", videos.MULTI_IMAGE2VIDEO, videos.multi_image2video),
        Kind("omni-video", "/v1/videos/omni-video", references.OMNI_VIDEO, references.omni_video),
        Kind("motion-control", "/v1/videos/motion-control", references.MOTION_CONTROL, references.motion_control),
        Kind("video-extend", "/v1/videos/video-extend", videos.VIDEO_EXTEND, videos.video_extend, tells_parent=True),
        Kind(
            "identify-face", "/v1/videos/identify-face", people.IDENTIFY_FACE, people.identify_face, _IMAGE,
            at_once=True,
        ),
        Kind("lip-sync", "/v1/videos/advanced-lip-sync", people.LIP_SYNC, people.lip_sync, tells_parent=True),
        Kind("avatar", "/v1/videos/avatar/image2video", people.AVATAR, people.avatar),
        Kind("effects", "/v1/videos/effects", people.EFFECTS, people.effects, lengths=False),
        Kind("text-to-audio", "/v1/audio/text-to-audio", stills.TEXT_TO_AUDIO, stills.text_to_audio, _AUDIO, "audio"),
        Kind(
            "video-to-audio", "/v1/audio/video-to-audio", stills.VIDEO_TO_AUDIO, stills.video_to_audio,
            ("video", "audio"), "audio", tells_parent=True,
        ),
        Kind("images", "/v1/images/generations", stills.IMAGES, stills.images, _IMAGE, "image"),
    )
}  # fmt: skip
