"""Legacy bodies that make a video of words and pictures: Kling's API reference of the kling-v3 era (documented)."""

from __future__ import annotations

from airflow_provider_kling.emulator import prices
from airflow_provider_kling.emulator.catalogue import BY_NAME, Model
from airflow_provider_kling.emulator.fields import ASPECT_RATIOS, PROMPT_LIMIT, Fields
from airflow_provider_kling.emulator.reading import inputs
from airflow_provider_kling.emulator.reading.camera import camera_of
from airflow_provider_kling.emulator.reading.shop import (
    HEAD,
    SHOT_FIELDS,
    TAIL,
    Shop,
    cfg_scale,
    elements_of,
    finished,
    model_of,
    prompt_of,
    seconds_of,
    sound_of,
)  # fmt: skip
from airflow_provider_kling.emulator.refusals import discontinued
from airflow_provider_kling.emulator.task import Wish

# Documented: the ``model_name`` of none means V1, which is retired since.
DEFAULT_MODEL = "kling-v1"
_SAID = ("prompt", "negative_prompt", "cfg_scale", "mode", "duration", "aspect_ratio")
_MADE = ("camera_control", "sound", "voice_list", *SHOT_FIELDS)
_MASKS = ("static_mask", "dynamic_masks")
# Which old models take masks stands in the capability table of the same reference.
_MASKED = ("kling-v1", "kling-v1-5")

TEXT2VIDEO = (*HEAD, *_SAID, *_MADE, *TAIL)
IMAGE2VIDEO = (*HEAD, *_SAID, *_MADE, *_MASKS, "image", "image_tail", "element_list", *TAIL)
MULTI_IMAGE2VIDEO = (*HEAD, *_SAID, "image_list", *TAIL)
VIDEO_EXTEND = ("video_id", "prompt", "negative_prompt", "cfg_scale", *TAIL)


def text2video(given: Fields, shop: Shop) -> Wish:
    """``POST /v1/videos/text2video``."""
    return _video(given, shop, model_of(given, shop, "text2video", DEFAULT_MODEL), prompt_required=True)


def image2video(given: Fields, shop: Shop) -> Wish:
    """``POST /v1/videos/image2video``. The shape of the video is that of the picture."""
    model = model_of(given, shop, "image2video", DEFAULT_MODEL)
    first, last = inputs.picture(given, "image"), inputs.picture(given, "image_tail")
    if first is None and (last is None or not model.tail_alone):
        raise given.wrong("image", "is required")
    wish = _video(given, shop, model, prompt_required=False, ratio=(first or last or inputs.Picture()).aspect_ratio)
    if last is not None:
        _check_tail(given, model, wish)
    _check_masks(given, model)
    _check_together(given)
    elements_of(given, model.elements, model.name)
    return wish


def _video(given: Fields, shop: Shop, model: Model, *, prompt_required: bool, ratio: str = "") -> Wish:
    mode = given.choice("mode", model.modes, "std")
    seconds = seconds_of(given, model)
    camera_type, camera = camera_of(given, model.name, mode, seconds)
    cfg_scale(given, shop, model)
    given.text("negative_prompt", PROMPT_LIMIT)
    asked = given.choice("aspect_ratio", ASPECT_RATIOS, "16:9")
    variant = sound_of(given, model, mode)
    wish = Wish(
        prompt=prompt_of(given, model, seconds, required=prompt_required),
        model=model.name,
        units=prices.video_units(model.price_key, mode, seconds, variant),
        mode=mode,
        seconds=seconds,
        aspect_ratio=ratio or asked,
        camera_type=camera_type,
        camera=camera,
        sound=variant != "silent",
    )
    return finished(given, wish)


def _check_tail(given: Fields, model: Model, wish: Wish) -> None:
    if not model.tail:
        raise given.wrong("image_tail", f"is not supported by {model.name}")
    if wish.mode not in model.tail:
        raise given.wrong("image_tail", f"is only supported in {' and '.join(model.tail)} mode by {model.name}")
    if wish.sound and model.name == "kling-v2-6":
        # Documented in the capability map: "Only supports 1080P silent videos".
        raise given.wrong("image_tail", "is only supported without sound by kling-v2-6")


def _check_masks(given: Fields, model: Model) -> None:
    for name in _MASKS:
        if given.has(name) and model.name not in _MASKED:
            raise given.wrong(name, f"is not supported by {model.name}")
    inputs.masks(given)


def _check_together(given: Fields) -> None:
    """Documented: end frame, masks and camera exclude each other, and so do elements and voices."""
    used = [name for name in ("image_tail", "static_mask", "dynamic_masks", "camera_control") if given.has(name)]
    groups = {"masks" if name in _MASKS else name for name in used}
    if len(groups) > 1:
        raise given.wrong(used[-1], f"cannot be combined with {used[0]}")
    if given.has("element_list") and given.has("voice_list"):
        raise given.wrong("element_list", "cannot be combined with voice_list")


def multi_image2video(given: Fields, shop: Shop) -> Wish:
    """``POST /v1/videos/multi-image2video``: up to four pictures, kling-v1-6 alone, which is retired."""
    model = model_of(given, shop, "multi-image2video", "kling-v1-6")
    images = given.objects("image_list", ("image",), most=4)
    if not images:
        raise given.wrong("image_list", "is required")
    for image in images:
        inputs.required_picture(image, "image")
    prompt = given.required("prompt", PROMPT_LIMIT)
    given.text("negative_prompt", PROMPT_LIMIT)
    cfg_scale(given, shop, model)
    mode, seconds = given.choice("mode", model.modes, "std"), seconds_of(given, model)
    wish = Wish(
        prompt=prompt,
        model=model.name,
        units=prices.video_units(model.price_key, mode, seconds),
        mode=mode,
        seconds=seconds,
        aspect_ratio=given.choice("aspect_ratio", ASPECT_RATIOS, "16:9"),
    )
    return finished(given, wish)


def video_extend(given: Fields, shop: Shop) -> Wish:
    """``POST /v1/videos/video-extend``: five seconds more, for videos of V1, V1.5 and V1.6 up to three minutes."""
    parent = shop.video(given, given.required("video_id"))
    task = shop.service.task(parent.task_id)
    model, mode = (task.wish.model, task.wish.mode) if task else (DEFAULT_MODEL, "std")
    if not model.startswith("kling-v1"):
        raise given.wrong("video_id", f"is a video of {model}; only those of kling-v1, v1-5 and v1-6 can be extended")
    row = BY_NAME.get(model)
    if row and row.retired and shop.settings.retired == "refuse":
        raise discontinued(model, "video_id")
    if parent.seconds + 5 > 180:
        raise given.wrong("video_id", "is a video that would be longer than 3 minutes")
    given.text("negative_prompt", PROMPT_LIMIT)
    given.number("cfg_scale", 0, 1)
    wish = Wish(
        prompt=given.text("prompt", PROMPT_LIMIT),
        model=model,
        units=prices.video_units(model, mode, 5),
        mode=mode,
        seconds=parent.seconds + 5,
        parent=parent,
    )
    return finished(given, wish)
