"""Bodies of the new standard: ``prompt`` or ``contents``, ``settings``, ``options`` (Kling's pages of 2026-07)."""

from __future__ import annotations

import re

from airflow_provider_kling.emulator import prices
from airflow_provider_kling.emulator.catalogue import BY_PATH, MODES, RETIRED_PATHS, Model
from airflow_provider_kling.emulator.fields import ASPECT_RATIOS, Fields
from airflow_provider_kling.emulator.reading import contents as listed
from airflow_provider_kling.emulator.reading.contents import Contents
from airflow_provider_kling.emulator.reading.offers import FAMILIES, OFFERS, Offer
from airflow_provider_kling.emulator.reading.references import check_motion_length, check_o1_length, trouble
from airflow_provider_kling.emulator.reading.shop import MOST_SHOTS, SHOT_PROMPT_LIMIT, TAIL, Shop, finished
from airflow_provider_kling.emulator.refusals import discontinued, unknown_model
from airflow_provider_kling.emulator.task import Wish

_SHOT = re.compile(r"shot\s+(\d+)\s*,\s*(\d+)\s*,\s*(.+)", re.I | re.S)
_SHOTS = re.compile(r"\s*shot\s+\d+\s*,\s*\d+\s*,", re.I)


def wish(family: str, model_name: str, body: dict[str, object], shop: Shop) -> Wish:
    """Read a create body of ``POST /{family}/{model_name}``, or raise a ``Refusal``."""
    offer = _offer(family, model_name, shop)
    model = BY_PATH.get(model_name, Model("", model_name, (), offer.seconds))
    given = Fields(body, ("contents" if offer.contents else "prompt", "settings", "options"))
    found = listed.read(given, offer, shop) if offer.contents else Contents(given.required("prompt", offer.prompt))
    settings = given.object("settings", _known(offer)) or Fields({}, (), "settings.")
    read = _made(family, model, offer, found, settings)
    return finished(given.object("options", TAIL) or Fields({}, (), "options."), read)


def _offer(family: str, model: str, shop: Shop) -> Offer:
    offer = OFFERS.get((family, model))
    if offer is None and model in shop.settings.extra_models:
        return OFFERS[family, "kling-2.6"] if (family, "kling-2.6") in OFFERS else OFFERS[family, "kling-3.0-omni"]
    if offer is None and model in RETIRED_PATHS and shop.settings.retired == "refuse":
        raise discontinued(model, "model")
    if offer is None:
        raise unknown_model(model, "model")
    return offer


def _known(offer: Offer) -> list[str]:
    fields = {
        "resolution": True,
        "duration": bool(offer.seconds),
        "audio": bool(offer.audio),
        "aspect_ratio": offer.ratios,
        "multi_shot": offer.multi_shot,
        "character_orientation": not offer.seconds,
    }
    return [name for name, there in fields.items() if there]


def _made(family: str, model: Model, offer: Offer, found: Contents, settings: Fields) -> Wish:
    resolution = settings.choice("resolution", offer.resolutions, offer.resolutions[0])
    mode = MODES[resolution]
    seconds = _seconds(offer, found, settings)
    ratio = settings.choice("aspect_ratio", ASPECT_RATIOS, "16:9")
    audio = settings.choice("audio", offer.audio, offer.audio[0]) if offer.audio else ""
    _check_frames(model, mode, audio, found, settings)
    if family == "omni-video":
        _check_omni(model, audio, found, settings, seconds)
    variant = _variant(family, model, audio, found)
    if not prices.sold(model.price_key, mode, variant):
        raise settings.wrong("audio", f"{audio} is only supported in 1080p by {model.path}")
    if offer.shots and settings.flag("multi_shot", default=True):
        _check_shots(settings, found, seconds)
    return Wish(
        prompt=found.prompt,
        model=model.path,
        units=prices.video_units(model.price_key, mode, seconds, variant),
        kind=FAMILIES[family],
        mode=mode,
        seconds=seconds,
        aspect_ratio=found.shape or ratio,
        sound=audio in ("native", "original") or variant == "sound",
        parent=found.parent,
    )


def _seconds(offer: Offer, found: Contents, settings: Fields) -> float:
    """As asked for, or as long as the video that is edited or followed."""
    if not offer.seconds:
        seconds = found.parent.seconds if found.parent else 5.0
        orientation = settings.choice("character_orientation", ("image", "video"), "")
        check_motion_length(settings, "character_orientation", orientation, seconds)
        return seconds
    asked = settings.pick("duration", offer.seconds, 5)
    return found.parent.seconds if found.parent and found.video == "base" else asked


def _variant(family: str, model: Model, audio: str, found: Contents) -> str:
    if family == "motion-control":
        return "motion"
    if found.video:
        return "video"
    if found.counts["voice"]:
        return "voice"
    always = (model.price_key, "silent") not in prices.PER_SECOND
    return "sound" if audio == "native" or (always and model.price_key == "kling-3.0-turbo") else "silent"


def _check_frames(model: Model, mode: str, audio: str, found: Contents, settings: Fields) -> None:
    if found.counts["last_frame"] and mode not in model.tail:
        raise settings.wrong("resolution", f"must be 1080p with first and last frame on {model.path}")
    if found.counts["last_frame"] and model.path == "kling-2.6" and audio != "off":
        # Documented in the capability map: "Only supports 1080P silent videos".
        raise settings.wrong("audio", "must be off with first and last frame on kling-2.6")
    if found.counts["voice"] and audio == "off":
        raise settings.wrong("audio", "cannot be off with a voice")


def _check_omni(model: Model, audio: str, found: Contents, settings: Fields, seconds: float) -> None:
    seen = found.references()
    if problem := trouble(seen, model.path):
        raise Fields({}, ()).wrong("contents", " ".join(problem))
    check_o1_length(settings, "duration", model.path, seen, round(seconds))
    if found.video == "feature" and audio != "off":
        raise settings.wrong("audio", "can only be off with a feature_video")
    if found.video == "base" and audio == "native":
        raise settings.wrong("audio", "cannot be native with a base_video")
    if audio == "original" and not found.video:
        raise settings.wrong("audio", "original needs a video")
    if found.video == "base" and settings.body.get("multi_shot") is True:
        raise settings.wrong("multi_shot", "cannot be true with a base_video")


def _check_shots(settings: Fields, found: Contents, seconds: float) -> None:
    """Documented: "shot n, m, words;" up to six times, m whole seconds that add up to the duration."""
    if not _SHOTS.match(found.prompt):
        return
    shots = [_SHOT.fullmatch(part.strip()) for part in found.prompt.split(";") if part.strip()]
    parts = [shot for shot in shots if shot]
    name = Fields({}, ())
    if len(parts) < len(shots) or [int(shot[1]) for shot in parts] != list(range(1, len(parts) + 1)):
        raise name.wrong("prompt", "must be shots as 'shot n, m, words;' numbered from 1")
    if len(parts) > MOST_SHOTS:
        raise name.wrong("prompt", f"must have at most {MOST_SHOTS} shots, has {len(parts)}")
    if any(int(shot[2]) < 1 or len(shot[3]) > SHOT_PROMPT_LIMIT for shot in parts):
        raise name.wrong("prompt", f"must have shots of at least 1 second and at most {SHOT_PROMPT_LIMIT} characters")
    total = sum(int(shot[2]) for shot in parts)
    if total != seconds:
        raise settings.wrong("duration", f"must be what the shots add up to, {total}, not {seconds:g}")
