"""A request for every path as the vendor's pages show them, in words of our own; tests send each of them.

The fields and values are those of Kling's examples of 2026-07 to 2026-09, and of requests seen live.
"""

from __future__ import annotations

from typing import Any

Body = dict[str, Any]
PICTURE = "https://files.example/girl.png"
CLIP = "https://files.example/dance.mp4"
SONG = "https://files.example/go.mp3"
NO_OPTIONS = {"callback_url": "https://hook.example/kling", "external_task_id": ""}
OPTIONS = {**NO_OPTIONS, "watermark_info": {"enabled": True}}
EMPTY = {"callback_url": "", "external_task_id": ""}


def text(words: str = "Rain on a train window") -> Body:
    return {"type": "prompt", "text": words}


def frame(kind: str = "first_frame", **more: str) -> Body:
    return {"type": kind, "url": PICTURE, **more}


def clip(kind: str, **more: str) -> Body:
    return {"type": kind, "url": CLIP, **more}


def element(number: int) -> Body:
    return {"type": "element", "element_id": str(160 + number), "id": f"element_{number}"}


# Name -> (path, body, units): the price is our own sum from the vendor's price page.
NEW: dict[str, tuple[str, Body, str]] = {
    "turbo": (
        "/text-to-video/kling-3.0-turbo",
        {"prompt": "A train", "settings": {"resolution": "1080p", "aspect_ratio": "9:16", "duration": 7}},
        "7",
    ),
    "turbo shots": (
        "/text-to-video/kling-3.0-turbo",
        {"prompt": "shot 1, 2, a door opens; shot 2, 3, rain falls;", "settings": {"duration": 5}},
        "4",
    ),
    "turbo image": (
        "/image-to-video/kling-3.0-turbo",
        {"contents": [text(), frame()], "settings": {"duration": 3}, "options": OPTIONS},
        "2.4",
    ),
    "3.0": (
        "/text-to-video/kling-3.0",
        {
            "prompt": "A girl on a train",
            "settings": {
                "resolution": "4k",
                "aspect_ratio": "16:9",
                "duration": 15,
                "audio": "off",
                "multi_shot": True,
            },
            "options": {**NO_OPTIONS, "watermark_info": {"enabled": False}},
        },
        "45",
    ),
    "3.0 image": (
        "/image-to-video/kling-3.0",
        {
            "contents": [text(), frame(), frame("last_frame"), element(1)],
            "settings": {"resolution": "1080p", "duration": 10, "audio": "native", "multi_shot": False},
            "options": OPTIONS,
        },
        "12",
    ),
    "3.0 motion": (
        "/motion-control/kling-3.0",
        {
            "contents": [text(), frame("image"), clip("video")],
            "settings": {"character_orientation": "video", "resolution": "1080p", "audio": "original"},
            "options": NO_OPTIONS,
        },
        "6",
    ),
    "2.6": (
        "/text-to-video/kling-2.6",
        {"prompt": "A girl", "settings": {"audio": "native", "resolution": "1080p", "duration": 5}, "options": OPTIONS},
        "5",
    ),
    "2.6 voice": (
        "/image-to-video/kling-2.6",
        {
            "contents": [text("@1 whispers"), frame(), {"type": "voice", "voice_id": "891495440020668439", "id": "1"}],
            "settings": {"audio": "native", "resolution": "1080p", "duration": 5},
            "options": OPTIONS,
        },
        "6",
    ),
    "2.6 motion": (
        "/motion-control/kling-2.6",
        {"contents": [frame("image"), clip("video")], "settings": {"character_orientation": "image"}},
        "2.5",
    ),
    "2.5": ("/text-to-video/kling-2.5-turbo", {"prompt": "A girl", "settings": {}}, "1.5"),
    "2.5 frames": (
        "/image-to-video/kling-2.5-turbo",
        {"contents": [frame(), frame("last_frame")], "settings": {"resolution": "1080p", "duration": 10}},
        "5",
    ),
    "omni words": (
        "/omni-video/kling-3.0-omni",
        {
            "contents": [text()],
            "settings": {"resolution": "1080p", "duration": 5, "audio": "native", "multi_shot": False},
            "options": NO_OPTIONS,
        },
        "5",
    ),
    "omni frame and picture": (
        "/omni-video/kling-3.0-omni",
        {
            "contents": [text("@image_1 beside @image_2"), frame(id="image_1"), frame("refer_image", id="image_2")],
            "settings": {"resolution": "1080p", "duration": 5, "audio": "native", "multi_shot": False},
        },
        "5",
    ),
    "omni frames and elements": (
        "/omni-video/kling-3.0-omni",
        {
            "contents": [text(), frame(id="image_1"), frame("last_frame", id="image_2"), element(1), element(2)],
            "settings": {"resolution": "720p", "duration": 5, "audio": "off", "multi_shot": True},
        },
        "3",
    ),
    "omni feature": (
        "/omni-video/kling-3.0-omni",
        {
            "contents": [text(), clip("feature_video", id="video_1")],
            "settings": {"resolution": "4k", "audio": "off", "multi_shot": True},
        },
        "15",
    ),
    "omni base": (
        "/omni-video/kling-3.0-omni",
        {
            "contents": [text(), clip("base_video", id="video_1")],
            "settings": {"resolution": "1080p", "audio": "original", "multi_shot": False},
        },
        "6",
    ),
    "o1 picture": (
        "/omni-video/kling-o1",
        {
            "contents": [text(), frame(id="image_1"), frame("refer_image", id="image_2")],
            "settings": {"resolution": "720p", "aspect_ratio": "16:9", "duration": 7, "audio": "off"},
        },
        "4.2",
    ),
    "o1 base": (
        "/omni-video/kling-o1",
        {
            "contents": [text(), frame("refer_image", id="image_1"), clip("base_video", id="video_1")],
            "settings": {"resolution": "1080p", "aspect_ratio": "16:9", "audio": "off"},
        },
        "6",
    ),
    "o1 feature": (
        "/omni-video/kling-o1",
        {
            "contents": [text(), element(1), frame(id="image_1"), clip("feature_video", id="video_1")],
            "settings": {"resolution": "1080p", "aspect_ratio": "16:9", "audio": "off"},
        },
        "6",
    ),
}

_SHOTS = [{"index": 1, "prompt": "A street", "duration": "2"}, {"index": 2, "prompt": "A wood", "duration": "3"}]
LEGACY: dict[str, tuple[str, Body, str]] = {
    "text": (
        "/v1/videos/text2video",
        {
            "model_name": "kling-v2-6", "prompt": "A rabbit reads", "negative_prompt": "", "duration": "5",
            "mode": "pro", "sound": "on", "aspect_ratio": "1:1", **EMPTY,
        },
        "5",
    ),
    "text, seen live": (
        "/v1/videos/text2video",
        {
            "prompt": "A woman smiles", "duration": "5", "mode": "std", "aspect_ratio": "16:9",
            "model_name": "kling-v3", "external_task_id": "final-1774805076",
        },
        "3",
    ),
    "text in shots": (
        "/v1/videos/text2video",
        {
            "model_name": "kling-v3", "prompt": "", "multi_prompt": _SHOTS, "multi_shot": True,
            "shot_type": "customize", "duration": "5", "mode": "pro", "sound": "on",
        },
        "6",
    ),
    "image": (
        "/v1/videos/image2video",
        {
            "model_name": "kling-v2-6", "image": PICTURE, "image_tail": PICTURE, "prompt": "She smiles",
            "negative_prompt": "", "duration": "5", "mode": "pro", "sound": "off", **EMPTY,
        },
        "2.5",
    ),
    "image with voice": (
        "/v1/videos/image2video",
        {
            "model_name": "kling-v2-6", "image": PICTURE, "prompt": "<<<voice_1>>> says hello", "mode": "pro",
            "voice_list": [{"voice_id": "829824295735410756"}], "sound": "on", "duration": "10",
        },
        "12",
    ),
    "omni": (
        "/v1/videos/omni-video",
        {
            "model_name": "kling-video-o1", "prompt": "<<<image_1>>> waves", "image_list": [{"image_url": PICTURE}],
            "duration": "7", "mode": "pro", "aspect_ratio": "16:9", **EMPTY,
        },
        "5.6",
    ),
    "omni video": (
        "/v1/videos/omni-video",
        {
            "model_name": "kling-v3-omni", "prompt": "The crown of <<<image_1>>> on <<<video_1>>>",
            "image_list": [{"image_url": PICTURE}], "element_list": [{"element_id": 12345}],
            "video_list": [{"video_url": CLIP, "refer_type": "base", "keep_original_sound": "yes"}], "mode": "std",
        },
        "4.5",
    ),
    "omni frames": (
        "/v1/videos/omni-video",
        {
            "prompt": "She dances", "mode": "pro",
            "image_list": [
                {"image_url": PICTURE, "type": "first_frame"}, {"image_url": PICTURE, "type": "end_frame"},
            ],
        },
        "4",
    ),
    "motion": (
        "/v1/videos/motion-control",
        {
            "model_name": "kling-v2-6", "image_url": PICTURE, "prompt": "A gray T-shirt", "video_url": CLIP,
            "keep_original_sound": "yes", "character_orientation": "image", "mode": "pro", **EMPTY,
        },
        "4",
    ),
    "avatar": (
        "/v1/videos/avatar/image2video",
        {"image": PICTURE, "sound_file": SONG, "prompt": "Shakes his head", "mode": "std", **EMPTY},
        "2",
    ),
    "effects": ("/v1/videos/effects", {"effect_scene": "hug_pro", "input": {"images": [PICTURE, PICTURE]}}, "2"),
    "effect": ("/v1/videos/effects", {"effect_scene": "bloombloom", "input": {"image": PICTURE}, **EMPTY}, "2"),
    "sound": ("/v1/audio/text-to-audio", {"prompt": "Waves", "duration": 3.5, **EMPTY}, "0.25"),
    "sound of a video": (
        "/v1/audio/video-to-audio",
        {"video_url": CLIP, "sound_effect_prompt": "Steps", "bgm_prompt": "Piano", "asmr_mode": False, **EMPTY},
        "0.25",
    ),
    "images": ("/v1/images/generations", {"prompt": "A puppy", "resolution": "2k", "aspect_ratio": "21:9"}, "8"),
    "images of an image": (
        "/v1/images/generations",
        {"model_name": "kling-v2-1", "prompt": "A puppy", "negative_prompt": "", "image": PICTURE, "n": 2, **EMPTY},
        "16",
    ),
}  # fmt: skip
# Sold no longer, so only with ``retired="sell"``.
OLD: dict[str, tuple[str, Body, str]] = {
    "masks": (
        "/v1/videos/image2video",
        {
            "model_name": "kling-v1", "mode": "pro", "duration": "5", "image": PICTURE, "prompt": "He walks away",
            "cfg_scale": 0.5, "static_mask": PICTURE,
            "dynamic_masks": [{"mask": PICTURE, "trajectories": [{"x": 279, "y": 219}, {"x": 417, "y": 65}]}],
        },
        "3.5",
    ),
    "end frame alone": ("/v1/videos/image2video", {"model_name": "kling-v1", "image_tail": PICTURE}, "1"),
    "several images": (
        "/v1/videos/multi-image2video",
        {
            "model_name": "kling-v1-6", "image_list": [{"image": PICTURE}, {"image": PICTURE}], "prompt": "A dog",
            "negative_prompt": "", "mode": "pro", "duration": "5", "aspect_ratio": "16:9", **EMPTY,
        },
        "3.5",
    ),
    "images": ("/v1/images/generations", {"model_name": "kling-v1", "prompt": "A puppy"}, "4"),
}  # fmt: skip
