"""Legacy bodies that make sounds and pictures (Kling's pages of 2026-09)."""

from __future__ import annotations

from airflow_provider_kling.emulator import prices
from airflow_provider_kling.emulator.catalogue import IMAGE_MODELS, RETIRED_IMAGE_MODELS
from airflow_provider_kling.emulator.fields import PROMPT_LIMIT, Fields
from airflow_provider_kling.emulator.reading import inputs
from airflow_provider_kling.emulator.reading.shop import HEAD, TAIL, Shop, elements_of, finished
from airflow_provider_kling.emulator.refusals import discontinued, unknown_model
from airflow_provider_kling.emulator.task import Wish

TEXT_TO_AUDIO = ("prompt", "duration", "callback_url", "external_task_id")
VIDEO_TO_AUDIO = (
    "video_id", "video_url", "sound_effect_prompt", "bgm_prompt", "asmr_mode", "callback_url", "external_task_id",
)  # fmt: skip
IMAGES = (
    *HEAD, "prompt", "negative_prompt", "image", "image_reference", "image_fidelity", "human_fidelity", "element_list",
    "resolution", "n", "aspect_ratio", *TAIL,
)  # fmt: skip
SOUND_PROMPT_LIMIT = 200
IMAGE_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")
# The one model that takes a picture as subject or face.
REFERENCE_MODEL = "kling-v2-1"


def text_to_audio(given: Fields, shop: Shop) -> Wish:
    """``POST /v1/audio/text-to-audio``: 3 to 10 seconds, to a tenth."""
    prompt = given.required("prompt", SOUND_PROMPT_LIMIT)
    seconds = given.number("duration", 3, 10)
    if seconds is None:
        raise given.wrong("duration", "is required")
    units = prices.FLAT["text-to-audio"]
    return finished(given, Wish(prompt=prompt, model="text-to-audio", units=units, seconds=round(seconds, 1)))


def video_to_audio(given: Fields, shop: Shop) -> Wish:
    """``POST /v1/audio/video-to-audio``: the video with sound, and the sound alone."""
    parent = shop.parent(given)
    if not 3 <= parent.seconds <= 20:
        raise given.wrong("video_id" if parent.video_id else "video_url", "must last from 3 to 20 seconds")
    effect, music = (given.text(name, SOUND_PROMPT_LIMIT) for name in ("sound_effect_prompt", "bgm_prompt"))
    given.flag("asmr_mode")
    wish = Wish(
        prompt=" / ".join(text for text in (effect, music) if text),
        model="video-to-audio",
        units=prices.FLAT["video-to-audio"],
        seconds=parent.seconds,
        sound=True,
        parent=parent,
    )
    return finished(given, wish)


def images(given: Fields, shop: Shop) -> Wish:
    """``POST /v1/images/generations``: one to nine pictures of words, or of words and a picture."""
    model = _model(given, shop)
    prompt = given.required("prompt", PROMPT_LIMIT)
    source = inputs.picture(given, "image")
    if given.text("negative_prompt", PROMPT_LIMIT).strip() and source is not None:
        raise given.wrong("negative_prompt", "is not supported with an image")
    _check_reference(given, model, source is not None)
    if elements_of(given, 10, model) + (source is not None) > 10:
        raise given.wrong("element_list", "and image must be at most 10 together")
    count = given.whole("n", 1, 9, 1)
    wish = Wish(
        prompt=prompt,
        model=model,
        units=prices.image_units(model, count, from_image=source is not None),
        mode=given.choice("resolution", ("1k", "2k"), "1k"),
        seconds=0,
        aspect_ratio=given.choice("aspect_ratio", IMAGE_RATIOS, "16:9"),
        count=count,
    )
    return finished(given, wish)


def _model(given: Fields, shop: Shop) -> str:
    given.text("model")
    name = given.text("model_name") or IMAGE_MODELS[0]
    if name in shop.settings.extra_models or name in IMAGE_MODELS:
        return name
    if name not in RETIRED_IMAGE_MODELS:
        raise unknown_model(name, "model_name")
    if shop.settings.retired == "refuse":
        raise discontinued(name, "model_name")
    return name


def _check_reference(given: Fields, model: str, from_image: bool) -> None:
    """``image_reference`` is refused where it cannot work; the two fidelities do nothing without it, and clients send
    their defaults along.
    """
    if given.has("image_reference"):
        given.choice("image_reference", ("subject", "face"), "")
        if not from_image:
            raise given.wrong("image_reference", "needs an image")
        if model not in (REFERENCE_MODEL, *RETIRED_IMAGE_MODELS):
            raise given.wrong("image_reference", f"is not supported by {model}")
    for name in ("image_fidelity", "human_fidelity"):
        given.number(name, 0, 1)
