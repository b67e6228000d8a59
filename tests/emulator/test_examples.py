"""Every request that the vendor shows is taken at the vendor's price, and each gives files that open."""

from __future__ import annotations

import io
from typing import Any

import av
import pytest
import requests
from PIL import Image

from airflow_provider_kling.emulator.prices import plain
from tests.emulator.client import Client
from tests.emulator.examples import CLIP, EMPTY, LEGACY, NEW, OLD, PICTURE, SONG, Body

ALL = {**{f"new {name}": example for name, example in NEW.items()}, **LEGACY}


@pytest.fixture(autouse=True)
def _quick(kling: Client) -> None:
    kling.emulator.settings.update({"generation_seconds": 0, "height": 32})


def sent(kling: Client, path: str, body: Body) -> str:
    answer = kling.send("POST", path, json=body)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return str(data.get("id") or data["task_id"])


def tasks(kling: Client, *ids: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kling.send("GET", "/tasks", params={"task_ids": ",".join(ids)}).json()["data"]
    return found


@pytest.mark.parametrize("name", ALL)
def test_examples_are_taken_and_priced(kling: Client, name: str) -> None:
    path, body, units = ALL[name]
    [item] = tasks(kling, sent(kling, path, body))
    [bill] = item["billing"]
    assert (bill["charge_type"], bill["amount"]) == ("unit", units)
    assert plain(kling.emulator.ledger.total_units) == units
    assert bill["package_type"] == kling.emulator.ledger.charges[0].product


@pytest.mark.parametrize("name", OLD)
def test_old_examples_are_taken_where_old_models_are_sold(kling: Client, name: str) -> None:
    path, body, units = OLD[name]
    refused = kling.send("POST", path, json=body)
    assert refused.status_code == 400
    assert refused.json()["code"] == 1201
    assert (
        refused.json()["message"]
        == f"The model '{body['model_name']}' has been discontinued and is no longer available."
    )
    kling.emulator.settings.retired = "sell"
    sent(kling, path, body)
    assert plain(kling.emulator.ledger.total_units) == units


def opened(url: str) -> tuple[str, float, set[str]]:
    """Format, seconds and kinds of stream of a media file."""
    with av.open(io.BytesIO(requests.get(url, timeout=10).content), "r") as container:
        for stream in container.streams:
            container.seek(0)
            assert next(iter(container.decode(stream)), None) is not None
        return container.format.name, (container.duration or 0) / av.time_base, {s.type for s in container.streams}


@pytest.mark.parametrize("name", ["text", "text, seen live", "image", "omni", "motion", "avatar", "effect"])
def test_videos_open(kling: Client, name: str) -> None:
    path, body, _ = LEGACY[name]
    task_id = sent(kling, path, body)
    shown = kling.send("GET", f"{path}/{task_id}").json()["data"]
    [video] = shown["task_result"]["videos"]
    kind, seconds, streams = opened(video["url"])
    assert "mp4" in kind
    assert ("duration" in video) is (name != "effect")
    assert seconds == pytest.approx(kling.emulator.tasks[0].wish.seconds, abs=0.15)
    assert streams == ({"video", "audio"} if kling.emulator.tasks[0].wish.sound else {"video"})
    assert kling.emulator.unfetched() == []


def test_new_videos_open(kling: Client) -> None:
    path, body, _ = NEW["2.6"]
    [item] = tasks(kling, sent(kling, path, body))
    [output] = item["outputs"]
    assert (output["type"], output["duration"]) == ("video", "5.0")
    assert opened(output["url"])[2] == {"video", "audio"}
    assert output["watermark_url"] == output["url"]


def test_sounds_open_in_both_forms(kling: Client) -> None:
    path, body, _ = LEGACY["sound"]
    task_id = sent(kling, path, body)
    [audio] = kling.send("GET", f"{path}/{task_id}").json()["data"]["task_result"]["audios"]
    assert audio["duration_mp3"] == audio["duration_wav"] == "3.5"
    kind, seconds, _ = opened(audio["url_mp3"])
    assert (kind, round(seconds, 1)) == ("mp3", 3.5)
    assert kling.emulator.unfetched() == []
    kind, seconds, _ = opened(audio["url_wav"])
    assert (kind, seconds) == ("wav", 3.5)
    [item] = tasks(kling, task_id)
    assert [output["type"] for output in item["outputs"]] == ["audio"]
    assert item["outputs"][0]["mp3_url"] == audio["url_mp3"]


def test_a_video_gets_its_sound(kling: Client) -> None:
    made = sent(kling, *NEW["2.5"][:2])
    video = tasks(kling, made)[0]["outputs"][0]["id"]
    task_id = sent(kling, "/v1/audio/video-to-audio", {"video_id": video, "bgm_prompt": "Piano"})
    shown = kling.send("GET", f"/v1/audio/video-to-audio/{task_id}").json()["data"]
    assert shown["task_info"]["parent_video"]["id"] == video
    assert opened(shown["task_info"]["parent_video"]["url"])[2] == {"video"}
    assert opened(shown["task_result"]["videos"][0]["url"])[2] == {"video", "audio"}
    assert shown["task_result"]["audios"][0]["url_mp3"]


def test_images_open(kling: Client) -> None:
    kling.emulator.settings.height = None
    path, body, _ = LEGACY["images of an image"]
    task_id = sent(kling, path, {**body, "aspect_ratio": "3:4"})
    images = kling.send("GET", f"{path}/{task_id}").json()["data"]["task_result"]["images"]
    assert [image["index"] for image in images] == [0, 1]
    pictures = [requests.get(image["url"], timeout=10).content for image in images]
    assert pictures[0] != pictures[1]
    assert kling.emulator.unfetched() == []
    for data in pictures:
        with Image.open(io.BytesIO(data)) as image:
            assert (image.format, image.width * 4) == ("PNG", image.height * 3)


def test_one_image_of_two_is_not_all(kling: Client) -> None:
    path, body, _ = LEGACY["images of an image"]
    task_id = sent(kling, path, body)
    outputs = tasks(kling, task_id)[0]["outputs"]
    requests.get(outputs[0]["url"], timeout=10)
    assert [task.task_id for task in kling.emulator.unfetched()] == [task_id]


def test_lip_sync_from_face_to_video(kling: Client) -> None:
    made = sent(kling, *NEW["2.5"][:2])
    video = tasks(kling, made)[0]["outputs"][0]["id"]
    found = kling.send("POST", "/v1/videos/identify-face", json={"video_id": video}).json()["data"]
    [face] = found["face_data"]
    assert (found["final_unit_deduction"], face["end_time"]) == ("0.05", 5000)
    assert requests.get(face["face_image"], timeout=10).headers["Content-Type"] == "image/png"
    choice = {"face_id": face["face_id"], "sound_file": SONG, "sound_insert_time": 1000, "sound_start_time": 0}
    choice |= {"sound_end_time": 3000, "sound_volume": 2, "original_audio_volume": 2}
    body = {"session_id": found["session_id"], "face_choose": [choice], **EMPTY}
    task_id = sent(kling, "/v1/videos/advanced-lip-sync", body)
    shown = kling.send("GET", f"/v1/videos/advanced-lip-sync/{task_id}").json()["data"]
    assert shown["final_unit_deduction"] == "0.5"
    assert shown["task_info"]["parent_video"]["id"] == video
    assert opened(shown["task_result"]["videos"][0]["url"])[2] == {"video", "audio"}
    assert [charge.kind for charge in kling.emulator.ledger] == ["text2video", "identify-face", "lip-sync"]
    assert len(kling.emulator.tasks) == 2


def test_a_video_is_extended(kling: Client) -> None:
    path = "/v1/videos/video-extend"
    kling.emulator.settings.retired = "sell"
    old = kling.show(kling.created(model_name="kling-v1-6", mode="pro"))["task_result"]["videos"][0]["id"]
    new = kling.show(kling.created(model_name="kling-v3"))["task_result"]["videos"][0]["id"]
    refused = kling.send("POST", path, json={"video_id": new, "prompt": "A puppy"})
    assert refused.json()["message"].startswith("video_id ")
    task_id = sent(kling, path, {"video_id": old, "prompt": "A puppy", "negative_prompt": "", "callback_url": ""})
    shown = kling.send("GET", f"{path}/{task_id}").json()["data"]
    assert (shown["task_result"]["videos"][0]["duration"], shown["final_unit_deduction"]) == ("10.0", "3.5")
    assert shown["task_info"]["parent_video"]["duration"] == "5.0"
    kling.emulator.settings.retired = "refuse"
    refused = kling.send("POST", path, json={"video_id": old})
    assert "'kling-v1-6' has been discontinued" in refused.json()["message"]


def test_ids_made_elsewhere(kling: Client) -> None:
    face = {"face_id": "0", "sound_file": SONG, "sound_insert_time": 0, "sound_start_time": 0, "sound_end_time": 3000}
    wishes: list[tuple[str, Body, str]] = [
        ("/v1/videos/identify-face", {"video_id": "743211632612511839"}, "video_id"),
        ("/v1/audio/video-to-audio", {"video_id": "743211632612511839"}, "video_id"),
        ("/v1/videos/advanced-lip-sync", {"session_id": "850508686686064678", "face_choose": [face]}, "session_id"),
    ]
    for path, body, field in wishes:
        kling.emulator.settings.foreign_ids = "refuse"
        refused = kling.send("POST", path, json=body)
        assert (refused.status_code, refused.json()["message"].split()[0]) == (400, field)
        kling.emulator.settings.foreign_ids = "accept"
        assert kling.send("POST", path, json=body).status_code == 200


def test_the_gateway_makes_videos_of_pictures(gateway: Client) -> None:
    body = {"model": "kling-video-v1-6", "image": PICTURE, "prompt": "She smiles", "duration": "10", "mode": "pro"}
    answer = gateway.send("POST", "/v1/videos/image2video", json=body).json()
    shown = gateway.show(answer["task_id"])
    assert shown["task_result"]["videos"][0]["duration"] == "10.0"
    assert plain(gateway.emulator.ledger.total_units) == "7"
    refused = gateway.send("POST", "/v1/videos/image2video", json={"prompt": "x"})
    assert refused.json()["error"]["param"] == "image"


def test_a_reference_video_of_our_own_is_measured(kling: Client) -> None:
    path, body, _ = NEW["2.5"]
    url = tasks(kling, sent(kling, path, {**body, "settings": {"duration": 10}}))[0]["outputs"][0]["url"]
    motion = LEGACY["motion"][1] | {"video_url": url}
    task_id = sent(kling, "/v1/videos/motion-control", motion)
    assert tasks(kling, task_id)[0]["billing"][0]["amount"] == "8"
    assert url != CLIP
