"""What Kling can be asked for: name, path, schema."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple

from airflow_provider_kling.api.plain import shorten
from airflow_provider_kling.exceptions import KlingConfigurationError


class Capability(NamedTuple):
    """
    One kind of generation.

    :param name: Kling's word for it, as in the path.
    :param path: create path below the base URL, in Kling's ``/v1`` paths.
    :param new_path: the same in the new standard, where the model's name follows it; empty: it has none there, and
        dialect ``kling-v3`` uses ``path``.
    :param dialects: those that serve it.
    :param results: what comes of it: ``videos``, ``images`` or ``audios``.
    :param parents: models whose videos it goes on from, where it takes no other's.
    """

    name: str
    path: str
    new_path: str = ""
    dialects: tuple[str, ...] = ("llmprovider", "kling", "kling-v3")
    results: str = "videos"
    parents: tuple[str, ...] = ()

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the request in the ``llmprovider`` spelling."""
        return _schema(f"{self.name}.json")

    @property
    def extra_schema(self) -> dict[str, Any]:
        """The JSON Schema of documented fields that are no arguments, for ``extra_body``."""
        return _schema(f"{self.name}.extra_body.json", "extra_body.json")


@cache
def _schema(name: str, otherwise: str = "") -> dict[str, Any]:
    from importlib.resources import files

    file = files(__package__).joinpath("schemas", name)
    if otherwise and not file.is_file():
        return _schema(otherwise)
    schema: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return schema


_KLING = ("kling", "kling-v3")

TEXT2VIDEO = Capability("text2video", "/v1/videos/text2video", "/text-to-video")
IMAGE2VIDEO = Capability("image2video", "/v1/videos/image2video", "/image-to-video")
MULTI_IMAGE2VIDEO = Capability("multi-image2video", "/v1/videos/multi-image2video", dialects=_KLING)
OMNI_VIDEO = Capability("omni-video", "/v1/videos/omni-video", "/omni-video", _KLING)
MOTION_CONTROL = Capability("motion-control", "/v1/videos/motion-control", "/motion-control", _KLING)
VIDEO_EXTEND = Capability(
    "video-extend", "/v1/videos/video-extend", dialects=_KLING, parents=("kling-v1", "kling-v1-5", "kling-v1-6")
)
LIP_SYNC = Capability("lip-sync", "/v1/videos/advanced-lip-sync", dialects=_KLING)
AVATAR = Capability("avatar", "/v1/videos/avatar/image2video", dialects=_KLING)
EFFECTS = Capability("effects", "/v1/videos/effects", dialects=_KLING)
TEXT_TO_AUDIO = Capability("text-to-audio", "/v1/audio/text-to-audio", dialects=_KLING, results="audios")
# It gives the video with the sound as well.
VIDEO_TO_AUDIO = Capability("video-to-audio", "/v1/audio/video-to-audio", dialects=_KLING, results="audios")
IMAGES = Capability("images", "/v1/images/generations", dialects=_KLING, results="images")

CAPABILITIES = {
    capability.name: capability
    for capability in (
        TEXT2VIDEO,
        IMAGE2VIDEO,
        MULTI_IMAGE2VIDEO,
        OMNI_VIDEO,
        MOTION_CONTROL,
        VIDEO_EXTEND,
        LIP_SYNC,
        AVATAR,
        EFFECTS,
        TEXT_TO_AUDIO,
        VIDEO_TO_AUDIO,
        IMAGES,
    )
}


def capability_of(name: str, who: str) -> Capability:
    """
    Return the capability of this name.

    :param who: the task that names it.
    :raises KlingConfigurationError: when there is none.
    """
    if not isinstance(name, str) or name not in CAPABILITIES:
        known = ", ".join(map(repr, CAPABILITIES))
        raise KlingConfigurationError(f"Task {who!r}: capability {shorten(name)} is not one of {known}.")
    return CAPABILITIES[name]
