"""What a request asks of its model that the model is known to refuse, or not to use: the registry's rows applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_kling.api.model import LONGEST_PROMPT, Model
from airflow_provider_kling.api.models import models_of
from airflow_provider_kling.api.normal import RESOLUTIONS
from airflow_provider_kling.api.plain import shorten

Found = Iterator[tuple[str, str]]

# What llmprovider's own pages say of its models; all other limits are Kling's alone.
_ON_EVERY_PAGE = frozenset({"duration", "mode", "aspect_ratio", "prompt", "model"})


def limits(capability: str, body: Mapping[str, Any], row: Model, dialect: str) -> Found:
    """
    Yield what the model is known to refuse, as (field, message).

    :param capability: what is asked for.
    :param body: the request in its normal form.
    :param row: its model.
    :param dialect: some limits differ by dialect.
    """
    yield from _choice("duration", body, row, row.durations)
    yield from _alone(body, row)
    yield from _choice("mode", body, row, row.modes)
    yield from _choice("aspect_ratio", body, row, row.aspect_ratios)
    yield from _sound(capability, body, row, dialect)
    yield from _shots(capability, body, row, dialect)
    yield from _end_frame(body, row)
    prompt, most = body.get("prompt"), row.longest_prompt(dialect)
    if isinstance(prompt, str) and len(prompt) > most:
        yield "prompt", f"has {len(prompt):,} characters; at most {most:,} are allowed for {row.name}"


def unused(body: Mapping[str, Any], row: Model) -> Found:
    """Yield what the model is known not to use. Clients that send it all the same live on the real service."""
    for field in row.ignores:
        if field in body:
            yield field, f"has no effect with {row.name}"
    if "shot_type" in body and not row.shots:
        yield "shot_type", f"has no effect with {row.name}, which makes one shot"


def camera_faults(body: Mapping[str, Any]) -> Found:
    """
    Yield what is wrong with a camera movement, whatever the model.

    Kling's reference; for which model takes it KlingAIResearch/ComfyUI-KLingAI-API#14, where the API's own answer was
    recorded.
    """
    camera = body.get("camera_control")
    if not isinstance(camera, Mapping):
        return
    config = camera.get("config")
    if camera.get("type") == "simple" and isinstance(config, Mapping):
        moved = [axis for axis, value in config.items() if value]
        if len(moved) != 1:
            what = f"{len(moved)} are ({', '.join(moved)})" if moved else "none is"
            yield "camera_control.config", f"exactly one value must be non-zero; {what}"
    if (body.get("model"), body.get("mode", "std"), body.get("duration", "5")) != ("kling-v1", "std", "5"):
        yield "camera_control", "is supported only by kling-v1 in mode std with duration 5"


def is_on_every_page(field: str) -> bool:
    """Whether llmprovider documents the limits of a field too."""
    return field in _ON_EVERY_PAGE


def _choice(field: str, body: Mapping[str, Any], row: Model, allowed: tuple[str, ...]) -> Found:
    value = body.get(field)
    if value is None or value in allowed:
        return
    if not allowed:
        yield field, f"{row.name} has none; leave it out"
    else:
        yield field, f"{shorten(value)} is not one of {_listed(allowed)} for {row.name}"


def _alone(body: Mapping[str, Any], row: Model) -> Found:
    """A frame is no reference: with one, as from words alone, Kling's capability map has fewer lengths."""
    images = body.get("image_list")
    refers = any(isinstance(image, Mapping) and not image.get("type") for image in images or ())
    refers = refers or bool(body.get("element_list") or body.get("video_list"))
    value = body.get("duration")
    if row.alone and value in row.durations and value not in row.alone and not refers:
        yield "duration", f"{shorten(value)} is not one of {_listed(row.alone)} for {row.name} without references"


def _sound(capability: str, body: Mapping[str, Any], row: Model, dialect: str) -> Found:
    sound, mode = body.get("sound"), body.get("mode", "std")
    if body.get("voice_list") and sound != "on":
        yield "voice_list", "needs sound 'on'"
    if sound is None:
        return
    if row.sound == ("always",):
        if sound == "off":
            yield "sound", f"{row.name} always makes sound; leave it out"
    elif not row.sound:
        able = [other.name for other in models_of(capability, dialect) if other.sound and not other.retired_on]
        yield "sound", f"{row.name} makes none; leave it out" + (f", or use {_or(able)}" if able else "")
    elif sound == "on" and mode not in row.sound:
        resolutions = _or(f"{mode!r} ({RESOLUTIONS[mode]})" for mode in row.sound)
        yield "sound", f"{row.name} makes sound only in mode {resolutions}"
    elif sound == "on" and body.get("image_tail") and row.sound != row.modes:
        yield "sound", f"{row.name} makes none between two frames; leave out sound or image_tail"


def _shots(capability: str, body: Mapping[str, Any], row: Model, dialect: str) -> Found:
    for field in ("shots", "multi_shot", "multi_prompt"):
        if field not in body:
            continue
        if field in row.refuses:
            yield field, f"{row.name} has no such setting; shots alone says it"
        elif not row.shots:
            able = [other.name for other in models_of(capability, dialect) if other.shots]
            yield field, f"{row.name} makes one shot; leave it out" + (f", or use {_or(able)}" if able else "")


def _end_frame(body: Mapping[str, Any], row: Model) -> Found:
    if not body.get("image_tail"):
        return
    mode = body.get("mode", "std")
    if not row.end_frame:
        yield "image_tail", f"{row.name} takes no end frame; leave it out"
    elif mode not in row.end_frame:
        resolutions = _or(f"{mode!r} ({RESOLUTIONS[mode]})" for mode in row.end_frame)
        yield "image_tail", f"{row.name} takes an end frame only in mode {resolutions}"


def _listed(allowed: tuple[str, ...]) -> str:
    numbers = [int(value) for value in allowed if value.isdecimal()]
    if len(numbers) == len(allowed) > 3:
        return f"'{numbers[0]}' to '{numbers[-1]}'"
    return ", ".join(map(repr, allowed))


def _or(words: Iterable[str]) -> str:
    return " or ".join(words)


__all__ = ["LONGEST_PROMPT", "camera_faults", "is_on_every_page", "limits", "unused"]
