"""
How the new standard writes a request: ``prompt`` or ``contents``, ``settings`` and ``options``.

Source: Kling's pages of the new standard (2026-07). What a request refers to has its name here: ``<<<image_1>>>`` of
the ``/v1`` paths is ``@image_1``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_kling.api.normal import RESOLUTIONS

Body = Mapping[str, Any]

_IN_PROMPT = "is in no page of Kling's new standard; say it in the prompt, or use dialect 'kling'"
_UNSAID = {
    "negative_prompt": _IN_PROMPT,
    "camera_control": _IN_PROMPT,
    "cfg_scale": "is in no page of Kling's new standard; leave it out, or use dialect 'kling'",
    "shot_type": "is in no page of Kling's new standard: shots cuts where you say, multi_shot alone where Kling likes",
}
_NOWHERE = "has no place in Kling's new standard for this; leave it out, or use dialect 'kling'"

_COMMON = frozenset(
    {"model", "prompt", "mode", "sound", "watermark", "watermark_info", "callback_url", "external_task_id"}
)
_LENGTH = frozenset({"duration", "multi_shot", "shots", "multi_prompt"})
_SAID = {
    "text2video": _COMMON | _LENGTH | {"aspect_ratio"},
    "image2video": _COMMON | _LENGTH | {"image", "image_tail", "element_list", "voice_list"},
    "omni-video": _COMMON | _LENGTH | {"aspect_ratio", "image_list", "video_list", "element_list"},
    "motion-control": (_COMMON - {"sound"})
    | {"image_url", "video_url", "element_list", "character_orientation", "keep_original_sound"},
}

_REFERENCE = re.compile(r"<<<(\w+)>>>")


def faults(capability: str, body: Body) -> Iterator[tuple[str, str]]:
    """Yield what of a request has no place here, as (field, reason)."""
    for field in body:
        if field not in _SAID[capability]:
            yield field, _UNSAID.get(field, _NOWHERE)
    for field in ("shots", "multi_prompt"):
        for number, shot in enumerate(_shots(body, field)):
            if ";" in str(shot.get("prompt")):
                yield f"{field}[{number}].prompt", "holds a ';', which ends a shot in Kling's new standard"


def wire(capability: str, body: Body, *, fixed_sound: bool) -> dict[str, Any]:
    """
    Return the body of a create.

    :param fixed_sound: whether the model makes sound in any case, so that there is no field for it.
    """
    contents = list(_CONTENTS[capability](body)) if capability in _CONTENTS else None
    text = _text(body)
    settings = dict(_settings(body, fixed_sound=fixed_sound))
    options = dict(_options(body))
    built: dict[str, Any] = {}
    if contents is None:
        built["prompt"] = text
    else:
        built["contents"] = [*([{"type": "prompt", "text": text}] if text else []), *contents]
    if settings:
        built["settings"] = settings
    if options:
        built["options"] = options
    return built


def _shots(body: Body, field: str) -> Iterable[Mapping[str, Any]]:
    shots = body.get(field)
    return [shot for shot in shots if isinstance(shot, Mapping)] if isinstance(shots, list) else ()


def _text(body: Body) -> str:
    shots = [*_shots(body, "shots"), *_shots(body, "multi_prompt")]
    if shots:
        listed = (f"shot {number}, {shot['duration']}, {shot['prompt']};" for number, shot in enumerate(shots, 1))
        return _REFERENCE.sub(r"@\1", " ".join(listed))
    return _REFERENCE.sub(r"@\1", str(body.get("prompt") or ""))


def _settings(body: Body, *, fixed_sound: bool) -> Iterator[tuple[str, Any]]:
    if "mode" in body:
        yield "resolution", RESOLUTIONS.get(body["mode"], body["mode"])
    if "duration" in body:
        yield "duration", int(body["duration"])
    if "sound" in body and not fixed_sound:
        yield "audio", "native" if body["sound"] == "on" else "off"
    for name in ("aspect_ratio", "multi_shot", "character_orientation"):
        if name in body:
            yield name, body[name]
    kept = body.get("keep_original_sound")
    kept = kept or next((video.get("keep_original_sound") for video in _shots(body, "video_list")), None)
    if kept:
        yield "audio", "original" if kept == "yes" else "off"


def _options(body: Body) -> Iterator[tuple[str, Any]]:
    for name in ("callback_url", "external_task_id", "watermark_info"):
        if name in body:
            yield name, body[name]
    if "watermark" in body:
        yield "watermark_info", {"enabled": body["watermark"]}


def _frames(body: Body) -> Iterator[dict[str, Any]]:
    for field, kind in (("image", "first_frame"), ("image_tail", "last_frame")):
        if field in body:
            yield {"type": kind, "url": body[field]}
    yield from _elements(body)
    for number, voice in enumerate(_shots(body, "voice_list"), 1):
        yield {"type": "voice", "voice_id": voice["voice_id"], "id": f"voice_{number}"}


def _elements(body: Body) -> Iterator[dict[str, Any]]:
    for number, element in enumerate(_shots(body, "element_list"), 1):
        yield {"type": "element", "element_id": str(element["element_id"]), "id": f"element_{number}"}


def _omni(body: Body) -> Iterator[dict[str, Any]]:
    kinds = {"first_frame": "first_frame", "end_frame": "last_frame"}
    for number, image in enumerate(_shots(body, "image_list"), 1):
        kind = kinds.get(str(image.get("type")), "refer_image")
        yield {"type": kind, "url": image["image_url"], "id": f"image_{number}"}
    for number, video in enumerate(_shots(body, "video_list"), 1):
        kind = "feature_video" if video.get("refer_type") == "feature" else "base_video"
        yield {"type": kind, "url": video["video_url"], "id": f"video_{number}"}
    yield from _elements(body)


def _motion(body: Body) -> Iterator[dict[str, Any]]:
    for field, kind in (("image_url", "image"), ("video_url", "video")):
        if field in body:
            yield {"type": kind, "url": body[field]}
    yield from _elements(body)


_CONTENTS: dict[str, Callable[[Body], Iterator[dict[str, Any]]]] = {
    "image2video": _frames,
    "omni-video": _omni,
    "motion-control": _motion,
}
