"""What is refused before anything is charged."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.emulator import KlingEmulator
from tests.emulator.client import PATH, Client, refusal

SIMPLE = {"type": "simple", "config": {"pan": 1}}

OLD = {"model_name": "kling-v1"}


@pytest.fixture(autouse=True)
def _old_models_are_sold(kling_emulator: KlingEmulator) -> None:
    kling_emulator.settings.update({"retired": "sell", "cfg_scale_v2": "refuse"})


BOTH: list[tuple[dict[str, Any], str]] = [
    ({"prompt": ""}, "prompt"),
    ({"prompt": "  "}, "prompt"),
    ({"prompt": "x" * 2501}, "prompt"),
    ({"prompt": 5}, "prompt"),
    ({"negative_prompt": "x" * 2501}, "negative_prompt"),
    ({"cfg_scale": 1.1}, "cfg_scale"),
    ({"cfg_scale": "0.5"}, "cfg_scale"),
    ({"cfg_scale": True}, "cfg_scale"),
    ({"mode": "ultra"}, "mode"),
    ({"aspect_ratio": "4:3"}, "aspect_ratio"),
    ({"duration": "7"}, "duration"),
    ({"duration": 5}, "duration"),
    ({"external_task_id": 5}, "external_task_id"),
    ({"camera_control": "pan"}, "camera_control"),
    ({"camera_control": {"type": "orbit"}}, "camera_control.type"),
    ({"camera_control": {"type": "simple"}}, "camera_control.config"),
    ({"camera_control": {"type": "simple", "config": {"pan": 11}}}, "camera_control.config.pan"),
    ({"camera_control": {"type": "simple", "config": {"dolly": 1}}}, "camera_control.config.dolly"),
    ({"sed": 1}, "sed"),
]

KLING: list[tuple[dict[str, Any], str]] = [
    ({"mode": "4k"}, "mode"),
    ({"model_name": "kling-v2-6", "cfg_scale": 0.5}, "cfg_scale"),
    ({**OLD, "camera_control": SIMPLE, "mode": "pro"}, "camera_control"),
    ({**OLD, "camera_control": SIMPLE, "duration": "10"}, "camera_control"),
    ({"camera_control": SIMPLE, "model_name": "kling-v1-6"}, "camera_control"),
    ({"camera_control": SIMPLE}, "camera_control"),
    ({**OLD, "camera_control": {"type": "simple", "config": {"pan": 1, "zoom": 1}}}, "camera_control.config"),
    ({**OLD, "camera_control": {"type": "simple", "config": {"pan": 0}}}, "camera_control.config"),
    ({**OLD, "sound": "on"}, "sound"),
    ({"model_name": "kling-v2-6", "sound": "on"}, "sound"),
    ({"voice_list": [{"voice_id": "1"}]}, "voice_list"),
    ({"multi_shot": True, "shot_type": "customize"}, "multi_shot"),
    ({"model_name": "kling-v3", "multi_shot": True, "shot_type": "customize"}, "multi_prompt"),
    ({"model_name": "kling-v3", "duration": "16"}, "duration"),
    ({"watermark_info": {"enabled": "yes"}}, "watermark_info.enabled"),
]


@pytest.mark.parametrize(("body", "field"), BOTH)
def test_both_dialects_refuse(client: Client, body: dict[str, Any], field: str) -> None:
    answer = client.create(**body)
    expected = (400, 1201) if client.dialect == "kling" else (422, "invalid_field")
    assert refusal(answer) == expected
    message = answer.json()["message"] if client.dialect == "kling" else answer.json()["error"]["message"]
    assert message.startswith(f"{field} ")
    assert client.emulator.tasks == []


@pytest.mark.parametrize(("body", "field"), KLING)
def test_kling_refuses(kling: Client, body: dict[str, Any], field: str) -> None:
    answer = kling.create(**body)
    assert refusal(answer) == (400, 1201)
    assert answer.json()["message"].startswith(f"{field} ")


def test_unknown_models(kling: Client, gateway: Client) -> None:
    assert refusal(kling.create(model_name="kling-v9")) == (404, 1203)
    assert refusal(gateway.create(model="kling-v1")) == (422, "unknown_model")
    assert refusal(gateway.create(model="")) == (422, "invalid_field")
    kling.emulator.settings.extra_models = ("kling-v9",)
    assert kling.create(model_name="kling-v9").status_code == 200
    assert gateway.create(model="kling-v9").status_code == 200


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff"])
def test_bodies_that_are_no_json_object(kling: Client, gateway: Client, raw: bytes) -> None:
    assert refusal(kling.send("POST", PATH, data=raw)) == (400, 1200)
    assert refusal(gateway.send("POST", PATH, data=raw)) == (400, "bad_json")


TAKEN: list[dict[str, Any]] = [
    {"callback_url": "", "external_task_id": "", "negative_prompt": "", "cfg_scale": None},
    {"shot_type": "customize", "multi_shot": False},
    {**OLD, "camera_control": SIMPLE},
    {**OLD, "camera_control": {"type": "down_back"}},
    {"model_name": "kling-v1-6", "mode": "pro", "duration": "10", "cfg_scale": 0},
    {"model_name": "kling-v2-6", "mode": "pro", "sound": "on", "voice_list": [{"voice_id": "1"}]},
    {"model_name": "kling-v3", "mode": "4k", "duration": "3", "sound": "off"},
    {"model_name": "kling-v3", "multi_shot": True, "shot_type": "intelligence", "duration": "15"},
    {
        "model_name": "kling-v3", "prompt": "", "multi_shot": True, "shot_type": "customize", "duration": "5",
        "multi_prompt": [{"index": 1, "prompt": "a", "duration": "2"}, {"index": 2, "prompt": "b", "duration": "3"}],
    },
    {"watermark_info": {"enabled": False}, "callback_url": "https://example.com/hook"},
]  # fmt: skip


@pytest.mark.parametrize("body", TAKEN)
def test_kling_takes_the_documented_fields(kling: Client, body: dict[str, Any]) -> None:
    answer = kling.create(**body)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("model", ["kling-v2-5-turbo", "kling-v2-6", "kling-v2-master"])
def test_cfg_scale_of_v2_is_ignored_unless_told_otherwise(kling: Client, model: str) -> None:
    assert refusal(kling.create(model_name=model, cfg_scale=0.5)) == (400, 1201)
    kling.emulator.settings.cfg_scale_v2 = "ignore"
    assert kling.create(model_name=model, cfg_scale=0.5).status_code == 200
    assert refusal(kling.create(model_name=model, cfg_scale=2)) == (400, 1201)
