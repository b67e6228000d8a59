"""Legacy bodies about faces: identify-face, advanced-lip-sync, avatar and effects (Kling's pages of 2026-09)."""

from __future__ import annotations

from typing import Any

from airflow_provider_kling.emulator import prices
from airflow_provider_kling.emulator.catalogue import STD_PRO
from airflow_provider_kling.emulator.fields import PROMPT_LIMIT, Fields
from airflow_provider_kling.emulator.reading import inputs
from airflow_provider_kling.emulator.reading.shop import TAIL, UNSEEN_SECONDS, Shop, finished
from airflow_provider_kling.emulator.task import Parent, Wish

IDENTIFY_FACE = ("video_id", "video_url")
LIP_SYNC = ("session_id", "face_choose", *TAIL)
AVATAR = ("image", "audio_id", "sound_file", "prompt", "mode", *TAIL)
EFFECTS = ("effect_scene", "input", *TAIL)
_FACE = (
    "face_id", "audio_id", "sound_file", "sound_start_time", "sound_end_time", "sound_insert_time", "sound_volume",
    "original_audio_volume",
)  # fmt: skip
FACE_ID = "0"
SHORTEST_SOUND_MS = 2000
_LATEST_MS = 300_000
# The scenes that take two pictures. All 219 names change by the month, so an unknown one is taken as of one picture.
DUAL_SCENES = (
    "pet_skateboard", "daily_ootd", "toss_run", "switch_to_silk", "studio_look", "french_elegance", "finger_swipe",
    "smooth_transition", "kiss_pro", "snow_night_kiss", "eternal_kiss", "cheers_2026", "fight_pro", "hug_pro",
    "heart_gesture_pro",
)  # fmt: skip
# Kling's log of updates: gone between 2025-12-30 and 2026-07-03.
RETIRED_SCENES = (
    "celebration", "c4d_cartoon", "kiss", "fight", "hug", "thumbs_up", "tiger_hug", "pet_lion", "3d_cartoon_1",
    "magic_match_tree",
)  # fmt: skip


def identify_face(given: Fields, shop: Shop) -> Wish:
    """``POST /v1/videos/identify-face``: answered at once."""
    parent = shop.parent(given)
    if not 2 <= parent.seconds <= 60:
        raise given.wrong("video_id" if parent.video_id else "video_url", "must last from 2 to 60 seconds")
    return Wish(
        prompt="", model="identify-face", units=prices.FLAT["identify-face"], seconds=parent.seconds, parent=parent
    )


def lip_sync(given: Fields, shop: Shop) -> Wish:
    """``POST /v1/videos/advanced-lip-sync``: one face of a session of identify-face."""
    parent = _session(given, shop)
    faces = given.objects("face_choose", _FACE, most=1)
    if not faces:
        raise given.wrong("face_choose", "is required")
    _check_face(faces[0], parent)
    wish = Wish(
        prompt="",
        model="lip-sync",
        units=prices.lip_sync_units(parent.seconds),
        seconds=parent.seconds,
        sound=True,
        parent=parent,
    )
    return finished(given, wish)


def _session(given: Fields, shop: Shop) -> Parent:
    session_id = given.required("session_id")
    session = shop.service.session(shop.account, session_id)
    if session is not None and session.wish.parent is not None:
        return session.wish.parent
    if shop.settings.foreign_ids == "refuse":
        raise given.wrong("session_id", f"was not found: {session_id}")
    return Parent("", "", UNSEEN_SECONDS)


def _check_face(face: Fields, parent: Parent) -> None:
    face.required("face_id")
    seconds = _voice(face, 2, 60)
    start = face.whole("sound_start_time", 0, _LATEST_MS, None)
    end = face.whole("sound_end_time", 0, _LATEST_MS, None)
    insert = face.whole("sound_insert_time", 0, _LATEST_MS, None)
    if end - start < SHORTEST_SOUND_MS:
        raise face.wrong("sound_end_time", "must be at least 2 seconds after sound_start_time")
    if seconds is not None and end > seconds * 1000 + 100:
        raise face.wrong("sound_end_time", "must not be after the end of the sound")
    if insert + end - start > parent.seconds * 1000 + 100:
        raise face.wrong("sound_insert_time", "must leave the sound within the video")
    for name in ("sound_volume", "original_audio_volume"):
        face.number(name, 0, 2)


def _voice(given: Fields, shortest: float, longest: float) -> float | None:
    """Seconds of the sound where it came as Base64; exactly one of ``audio_id`` and ``sound_file`` must be given."""
    audio_id = given.text("audio_id")
    heard = inputs.sound(given, "sound_file", shortest, longest)
    if bool(audio_id) == (heard is not None):
        raise given.wrong("sound_file", "or audio_id must be given, and not both")
    return None if heard is None or given.text("sound_file").startswith("http") else heard


def avatar(given: Fields, shop: Shop) -> Wish:
    """``POST /v1/videos/avatar/image2video``: as long as its sound."""
    shape = inputs.required_picture(given, "image").aspect_ratio
    seconds = _voice(given, 2, 300) or inputs.UNSEEN_SECONDS
    mode = given.choice("mode", STD_PRO, "std")
    wish = Wish(
        prompt=given.text("prompt", PROMPT_LIMIT),
        model="avatar",
        units=prices.video_units("avatar", mode, round(seconds, 1)),
        mode=mode,
        seconds=round(seconds, 1),
        aspect_ratio=shape,
        sound=True,
    )
    return finished(given, wish)


def effects(given: Fields, shop: Shop) -> Wish:
    """``POST /v1/videos/effects``: a scene by name and one picture, or two."""
    scene = given.required("effect_scene")
    if scene in RETIRED_SCENES and shop.settings.retired == "refuse":
        raise given.wrong("effect_scene", f"{scene!r} has been discontinued")
    # Older pages had a model, a mode and a length in here, and Kling's own plugin for ComfyUI still sends them.
    inner = given.object("input", ("image", "images", "model_name", "mode", "duration"))
    if inner is None:
        raise given.wrong("input", "is required")
    shape = _two(inner) if scene in DUAL_SCENES or inner.has("images") else inputs.required_picture(inner, "image")
    for name in ("model_name", "mode", "duration"):
        inner.text(name)
    wish = Wish(prompt=scene, model="effects", units=prices.FLAT["effects"], seconds=5, aspect_ratio=shape.aspect_ratio)
    return finished(given, wish)


def _two(inner: Fields) -> inputs.Picture:
    images: Any = inner.body.get("images")
    if not isinstance(images, list) or len(images) != 2:
        raise inner.wrong("images", "must be a list of two pictures")
    for number, image in enumerate(images):
        inputs.required_picture(Fields({"image": image}, ("image",), f"{inner.prefix}images[{number}]."), "image")
    return inputs.Picture()
