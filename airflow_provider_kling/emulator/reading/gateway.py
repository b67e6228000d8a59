"""Bodies of llmprovider.ai, its pages text2video and image2video: two old models, and ``model`` names them."""

from __future__ import annotations

from airflow_provider_kling.emulator import prices
from airflow_provider_kling.emulator.fields import ASPECT_RATIOS, PROMPT_LIMIT, Fields
from airflow_provider_kling.emulator.reading import camera, inputs
from airflow_provider_kling.emulator.reading.shop import Shop
from airflow_provider_kling.emulator.refusals import unknown_model
from airflow_provider_kling.emulator.task import Wish

# Still on its pages though Kling itself retired them; nobody has said that the gateway stopped.
MODELS = ("kling-video-v1", "kling-video-v1-6")
_COMMON = ("model", "prompt", "negative_prompt", "cfg_scale", "mode", "duration", "external_task_id")
TEXT2VIDEO = (*_COMMON, "camera_control", "aspect_ratio")
IMAGE2VIDEO = (*_COMMON, "image", "image_tail", "static_mask", "dynamic_masks")


def text2video(body: dict[str, object], shop: Shop) -> Wish:
    """The page marks every field as optional but model and prompt."""
    given = Fields(body, TEXT2VIDEO)
    model = _model(given, shop, given.required("model"))
    prompt = given.required("prompt", PROMPT_LIMIT)
    # Kling's own limits on camera control (one axis; kling-v1, std, 5 s) are not on this page, so not enforced.
    camera_type, moves = camera.read(given)
    ratio = given.choice("aspect_ratio", ASPECT_RATIOS, "16:9")
    return _wish(given, "text2video", model, prompt, ratio, camera_type, moves)


def image2video(body: dict[str, object], shop: Shop) -> Wish:
    """The model has a default here; that a first or an end frame must be there is Kling's own rule."""
    given = Fields(body, IMAGE2VIDEO)
    model = _model(given, shop, given.text("model") or MODELS[0])
    first, last = inputs.picture(given, "image"), inputs.picture(given, "image_tail")
    if first is None and last is None:
        raise given.wrong("image", "is required")
    inputs.masks(given)
    shape = (first or last or inputs.Picture()).aspect_ratio
    return _wish(given, "image2video", model, given.text("prompt", PROMPT_LIMIT), shape)


def _model(given: Fields, shop: Shop, model: str) -> str:
    if model not in MODELS and model not in shop.settings.extra_models:
        raise unknown_model(model, "model")
    return model


def _wish(
    given: Fields,
    kind: str,
    model: str,
    prompt: str,
    ratio: str,
    camera_type: str = "",
    moves: tuple[tuple[str, float], ...] = (),
) -> Wish:
    given.text("negative_prompt", PROMPT_LIMIT)
    given.number("cfg_scale", 0, 1)
    mode, seconds = given.choice("mode", ("std", "pro"), "std"), int(given.choice("duration", ("5", "10"), "5"))
    return Wish(
        prompt=prompt,
        model=model,
        units=prices.video_units(model, mode, seconds),
        kind=kind,
        mode=mode,
        seconds=seconds,
        aspect_ratio=ratio,
        external_task_id=given.text("external_task_id") or None,
        camera_type=camera_type,
        camera=moves,
    )
