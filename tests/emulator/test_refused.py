"""What each path refuses, one wrong thing at a time, named as Kling names it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.client import Client, refusal
from tests.emulator.examples import CLIP, LEGACY, NEW, PICTURE, SONG, Body, clip, element, frame, text
from tests.emulator.pictures import picture, sound

_WORDS: list[tuple[Body, str]] = [
    ({"prompt": ""}, "prompt"),
    ({"prompt": 5}, "prompt"),
    ({"settings": {"duration": "5"}}, "settings.duration"),
    ({"settings": {"duration": 5.0}}, "settings.duration"),
    ({"settings": {"resolution": "std"}}, "settings.resolution"),
    ({"settings": {"aspect_ratio": "4:3"}}, "settings.aspect_ratio"),
    ({"settings": {"mode": "pro"}}, "settings.mode"),
    ({"settings": []}, "settings"),
    ({"options": {"external_task_id": 5}}, "options.external_task_id"),
    ({"options": {"callback_url": "hook"}}, "options.callback_url"),
    ({"options": {"watermark_info": {"enabled": 1}}}, "options.watermark_info.enabled"),
    ({"negative_prompt": "x"}, "negative_prompt"),
    ({"contents": []}, "contents"),
]
_OWN: list[tuple[str, Body, str]] = [
    ("2.5", {"prompt": "x" * 2501}, "prompt"),
    ("3.0", {"prompt": "x" * 3073}, "prompt"),
    ("2.5", {"settings": {"resolution": "4k"}}, "settings.resolution"),
    ("2.5", {"settings": {"audio": "off"}}, "settings.audio"),
    ("2.5", {"settings": {"multi_shot": False}}, "settings.multi_shot"),
    ("2.5", {"settings": {"duration": 7}}, "settings.duration"),
    ("turbo", {"settings": {"audio": "native"}}, "settings.audio"),
    ("turbo", {"settings": {"duration": 16}}, "settings.duration"),
    ("2.6", {"settings": {"audio": "native"}}, "settings.audio"),
    ("2.6", {"settings": {"audio": "original"}}, "settings.audio"),
    ("turbo shots", {"settings": {"duration": 6}}, "settings.duration"),
    ("turbo shots", {"prompt": "shot 1, 5, a; shot 3, 1, b;"}, "prompt"),
    ("turbo shots", {"prompt": "".join(f"shot {n}, 1, a;" for n in range(1, 8))}, "prompt"),
    ("turbo shots", {"prompt": f"shot 1, 5, {'x' * 513};"}, "prompt"),
    ("turbo shots", {"prompt": "shot 1, 2, a; then what?"}, "prompt"),
    ("3.0 image", {"contents": [text()]}, "contents"),
    ("3.0 image", {"contents": [text(), frame("last_frame")]}, "contents"),
    ("3.0 image", {"contents": "x"}, "contents"),
    ("3.0 image", {"contents": [frame(), {"type": "prompt"}]}, "contents[1].text"),
    ("3.0 image", {"contents": [frame(), {"type": "refer_image", "url": PICTURE}]}, "contents[1].type"),
    ("3.0 image", {"contents": [frame(), frame()]}, "contents[1].type"),
    ("3.0 image", {"contents": [{"type": "first_frame"}]}, "contents[0].url"),
    ("3.0 image", {"contents": [{**frame(), "mask": "x"}]}, "contents[0].mask"),
    ("3.0 image", {"contents": [frame(), *map(element, range(4))]}, "contents[4].type"),
    ("3.0 image", {"contents": [frame(), element(1), element(1)]}, "contents[2].id"),
    ("3.0 image", {"contents": [frame(), {"type": "element", "id": "a"}]}, "contents[1].element_id"),
    ("turbo image", {"contents": [frame(), frame("last_frame")]}, "contents[1].type"),
    ("turbo image", {"settings": {"aspect_ratio": "1:1"}}, "settings.aspect_ratio"),
    ("2.5 frames", {"settings": {"resolution": "720p"}}, "settings.resolution"),
    ("2.6 voice", {"settings": {"audio": "off", "resolution": "1080p"}}, "settings.audio"),
    ("2.6 voice", {"settings": {"audio": "native"}}, "settings.audio"),
    (
        "2.6 voice",
        {"contents": [frame(), frame("last_frame")], "settings": {"resolution": "1080p", "audio": "native"}},
        "settings.audio",
    ),
    ("3.0 motion", {"settings": {}}, "settings.character_orientation"),
    ("3.0 motion", {"settings": {"character_orientation": "image", "duration": 5}}, "settings.duration"),
    ("3.0 motion", {"settings": {"character_orientation": "image", "resolution": "4k"}}, "settings.resolution"),
    ("3.0 motion", {"contents": [clip("video")]}, "contents"),
    ("3.0 motion", {"contents": [frame("image"), {"type": "video", "url": "a.mp4"}]}, "contents[1].url"),
    ("2.6 motion", {"contents": [frame("image"), clip("video"), element(1)]}, "contents[2].type"),
    ("omni words", {"contents": [frame()]}, "contents"),
    ("omni words", {"contents": [text(), frame("last_frame")]}, "contents"),
    ("omni words", {"settings": {"audio": "original"}}, "settings.audio"),
    ("omni words", {"contents": [text(), *[frame("refer_image") for _ in range(8)]]}, "contents"),
    ("omni feature", {"settings": {"audio": "native"}}, "settings.audio"),
    ("omni base", {"settings": {"audio": "native"}}, "settings.audio"),
    ("omni base", {"settings": {"multi_shot": True}}, "settings.multi_shot"),
    ("omni base", {"contents": [text(), frame(), clip("base_video")]}, "contents"),
    ("omni base", {"contents": [text(), clip("feature_video"), clip("base_video")]}, "contents[2].type"),
    ("o1 picture", {"settings": {"resolution": "4k"}}, "settings.resolution"),
    ("o1 picture", {"settings": {"audio": "native"}}, "settings.audio"),
    ("o1 picture", {"settings": {"duration": 11}}, "settings.duration"),
    ("o1 picture", {"contents": [text()]}, "settings.duration"),
    ("o1 feature", {"contents": [text(), frame(), frame("last_frame"), clip("feature_video")]}, "contents"),
    ("o1 feature", {"contents": [text(), frame(), frame("last_frame"), element(1)]}, "contents"),
    ("o1 feature", {"contents": [text(), clip("feature_video"), *map(element, range(5))]}, "contents"),
]
NEW_WRONG: list[tuple[str, Body, str]] = [*(("2.5", body, field) for body, field in _WORDS), *_OWN]

_FACE = {"face_id": "0", "sound_file": SONG, "sound_insert_time": 0, "sound_start_time": 0, "sound_end_time": 3000}
LEGACY_WRONG: list[tuple[str, Body, str]] = [
    ("image", {"image": ""}, "image"),
    ("image", {"image": "data:image/png;base64,iVBO"}, "image"),
    ("image", {"image": "files.example/girl.png"}, "image"),
    ("image", {"image": picture(299, 400)}, "image"),
    ("image", {"image": picture(1000, 300)}, "image"),
    ("image", {"image": picture(kind="GIF")}, "image"),
    ("image", {"image": "aGVsbG8="}, "image"),
    ("image", {"mode": "std"}, "image_tail"),
    ("image", {"sound": "on"}, "image_tail"),
    ("image", {"static_mask": PICTURE}, "static_mask"),
    ("image", {"element_list": [{"element_id": 1}]}, "element_list"),
    ("image", {"camera_control": {"type": "down_back"}}, "camera_control"),
    ("image", {"model_name": "kling-v3", "element_list": [{"element_id": n} for n in range(4)]}, "element_list"),
    ("image", {"model_name": "kling-v3", "element_list": [{}]}, "element_list[0].element_id"),
    ("image with voice", {"sound": "off"}, "voice_list"),
    ("image with voice", {"voice_list": [{"voice_id": ""}]}, "voice_list[0].voice_id"),
    ("image with voice", {"voice_list": [{"voice_id": "1"}] * 3}, "voice_list"),
    ("omni", {"mode": "4k"}, "mode"),
    ("omni", {"prompt": ""}, "prompt"),
    ("omni", {"duration": "11"}, "duration"),
    ("omni", {"image_list": []}, "duration"),
    ("omni", {"image_list": [{"image_url": PICTURE, "type": "end_frame"}]}, "image_list"),
    ("omni", {"image_list": [{"image_url": PICTURE, "type": "middle"}]}, "image_list[0].type"),
    ("omni", {"image_list": [{"image": PICTURE}]}, "image_list[0].image"),
    ("omni", {"image_list": [{"image_url": PICTURE}] * 8}, "image_list"),
    ("omni", {"sound": "on"}, "sound"),
    ("omni video", {"sound": "on"}, "sound"),
    ("omni video", {"video_list": [{"video_url": CLIP, "refer_type": "style"}]}, "video_list[0].refer_type"),
    ("omni video", {"video_list": [{"refer_type": "base"}]}, "video_list[0].video_url"),
    ("omni video", {"image_list": [{"image_url": PICTURE, "type": "first_frame"}]}, "video_list"),
    ("motion", {"image_url": ""}, "image_url"),
    ("motion", {"video_url": ""}, "video_url"),
    ("motion", {"mode": ""}, "mode"),
    ("motion", {"character_orientation": ""}, "character_orientation"),
    ("motion", {"keep_original_sound": True}, "keep_original_sound"),
    ("motion", {"element_list": [{"element_id": 1}]}, "element_list"),
    ("avatar", {"image": ""}, "image"),
    ("avatar", {"sound_file": ""}, "sound_file"),
    ("avatar", {"audio_id": "1"}, "sound_file"),
    ("avatar", {"sound_file": "https://files.example/go.m4a"}, "sound_file"),
    ("avatar", {"sound_file": sound(1)}, "sound_file"),
    ("avatar", {"sound_file": "aGVsbG8="}, "sound_file"),
    ("avatar", {"mode": "4k"}, "mode"),
    ("effects", {"input": {"images": [PICTURE]}}, "input.images"),
    ("effects", {"input": {"image": PICTURE}}, "input.images"),
    ("effects", {"input": {"images": [PICTURE, ""]}}, "input.images[1].image"),
    ("effects", {"effect_scene": ""}, "effect_scene"),
    ("effects", {"effect_scene": "hug"}, "effect_scene"),
    ("effect", {"input": None}, "input"),
    ("effect", {"input": {}}, "input.image"),
    ("sound", {"prompt": "x" * 201}, "prompt"),
    ("sound", {"duration": 2.9}, "duration"),
    ("sound", {"duration": "5"}, "duration"),
    ("sound", {"duration": None}, "duration"),
    ("sound of a video", {"video_url": ""}, "video_id"),
    ("sound of a video", {"video_id": "1"}, "video_id"),
    ("sound of a video", {"bgm_prompt": "x" * 201}, "bgm_prompt"),
    ("sound of a video", {"asmr_mode": "on"}, "asmr_mode"),
    ("images", {"n": 10}, "n"),
    ("images", {"n": "1"}, "n"),
    ("images", {"resolution": "4k"}, "resolution"),
    ("images", {"aspect_ratio": "auto"}, "aspect_ratio"),
    ("images", {"prompt": ""}, "prompt"),
    ("images", {"image_reference": "face"}, "image_reference"),
    ("images of an image", {"negative_prompt": "cats"}, "negative_prompt"),
    ("images of an image", {"image_reference": "pose"}, "image_reference"),
    ("images of an image", {"image_fidelity": 2}, "image_fidelity"),
]


@pytest.mark.parametrize(("name", "change", "field"), NEW_WRONG)
def test_the_new_paths_refuse(kling: Client, name: str, change: Body, field: str) -> None:
    path, body, _ = NEW[name]
    _refused(kling, path, {**body, **change}, field)


@pytest.mark.parametrize(("name", "change", "field"), LEGACY_WRONG)
def test_the_legacy_paths_refuse(kling: Client, name: str, change: Body, field: str) -> None:
    path, body, _ = LEGACY[name]
    _refused(kling, path, {**body, **change}, field)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"face_choose": []}, "face_choose"),
        ({"face_choose": [_FACE, _FACE]}, "face_choose"),
        ({"face_choose": [{**_FACE, "face_id": ""}]}, "face_choose[0].face_id"),
        ({"face_choose": [{**_FACE, "audio_id": "1"}]}, "face_choose[0].sound_file"),
        ({"face_choose": [{**_FACE, "sound_end_time": 1999}]}, "face_choose[0].sound_end_time"),
        ({"face_choose": [{**_FACE, "sound_end_time": None}]}, "face_choose[0].sound_end_time"),
        ({"face_choose": [{**_FACE, "sound_file": sound(2.5)}]}, "face_choose[0].sound_end_time"),
        ({"face_choose": [{**_FACE, "sound_insert_time": 2500}]}, "face_choose[0].sound_insert_time"),
        ({"face_choose": [{**_FACE, "sound_volume": 3}]}, "face_choose[0].sound_volume"),
        ({"session_id": ""}, "session_id"),
    ],
)
def test_lip_sync_refuses(kling: Client, change: Body, field: str) -> None:
    kling.emulator.settings.foreign_ids = "accept"
    body: dict[str, Any] = {"session_id": "1", "face_choose": [_FACE], **change}
    _refused(kling, "/v1/videos/advanced-lip-sync", body, field)


def _refused(kling: Client, path: str, body: Body, field: str) -> None:
    answer = kling.send("POST", path, json=body)
    assert refusal(answer) == (400, 1201), answer.text
    assert answer.json()["message"].startswith(f"{field} ")
    assert kling.emulator.tasks == []


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize(("width", "height", "shape"), [(750, 300, "16:9"), (300, 750, "9:16"), (300, 300, "1:1")])
def test_pictures_are_taken_and_shape_the_video(kling: Client, kind: str, width: int, height: int, shape: str) -> None:
    path, body, _ = LEGACY["image"]
    image = picture(width, height, kind)
    assert kling.send("POST", path, json={**body, "image": image}).status_code == 200
    path, body, _ = NEW["turbo image"]
    assert kling.send("POST", path, json={"contents": [{"type": "first_frame", "url": image}]}).status_code == 200
    assert [task.wish.aspect_ratio for task in kling.emulator.tasks] == [shape, shape]


def test_a_sound_decides_how_long_an_avatar_speaks(kling: Client) -> None:
    path, body, _ = LEGACY["avatar"]
    for kind in ("mp3", "wav"):
        assert kling.send("POST", path, json={**body, "sound_file": sound(2.5, kind)}).status_code == 200
    assert [task.wish.seconds for task in kling.emulator.tasks] == pytest.approx([2.5, 2.5], abs=0.1)


def test_pictures_are_larger_on_new_paths_and_short_in_the_journal(kling: Client) -> None:
    big = picture(2000, 2000, "BMP")
    assert len(big) > 10 * 2**20
    path, body, _ = LEGACY["image"]
    assert "at most 10 MB" in kling.send("POST", path, json={**body, "image": big}).json()["message"]
    path, body, _ = NEW["turbo image"]
    answer = kling.send("POST", path, json={"contents": [{"type": "first_frame", "url": big}]})
    assert "must be a jpg, jpeg or png, not BMP" in answer.json()["message"]
    assert len(repr(kling.emulator.journal)) < 5000
