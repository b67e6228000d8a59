"""A thousand requests with one fault each are refused by the field's name, before anything is sent."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_kling.api.models import models_of
from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.exceptions import KlingValidationError
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.kling import KlingText2VideoOperator

Fields = dict[str, Any]
SEED, NUMBER = 10, 1_200


def whole(dice: random.Random, row: Any, dialect: str) -> Fields:
    """Return a request that is right."""
    fields: Fields = {"model": dice.choice([row.name, row.spelled(dialect)]), "prompt": "A cat on a fence"}
    if row.modes and dice.random() < 0.5:
        fields["mode"] = dice.choice(row.modes)
    if dice.random() < 0.5:
        fields["duration"] = dice.choice(row.durations)
    if dice.random() < 0.5:
        fields["aspect_ratio"] = dice.choice(row.aspect_ratios)
    if dialect != "kling-v3" and dice.random() < 0.3:
        fields["negative_prompt"] = "fog"
    if dialect != "llmprovider" and dice.random() < 0.3:
        fields["watermark"] = dice.choice([True, False])
    return fields


def shots(seconds: list[int], words: str = "A cat") -> Fields:
    return {"shots": [{"prompt": words, "duration": number} for number in seconds], "prompt": None}


# What makes it wrong: the field that must be named, what is set, and where it is a fault.
EVERYWHERE: list[tuple[str, Callable[[random.Random], Fields]]] = [
    ("prompt", lambda dice: {"prompt": ""}),
    ("prompt", lambda dice: {"prompt": "x" * dice.randint(3_073, 9_000)}),
    ("model", lambda dice: {"model": f"kling-v{dice.randint(7, 99)}"}),
    ("model", lambda dice: {"model": "kling-v3-omni"}),
    ("mode", lambda dice: {"mode": dice.choice(["fast", "8k", "", 1])}),
    ("duration", lambda dice: {"duration": dice.choice([0, 1, 2, 16, 60, "five", 5.5, True])}),
    ("aspect_ratio", lambda dice: {"aspect_ratio": dice.choice(["4:3", "21:9", "square", 1])}),
    ("cfg_scale", lambda dice: {"cfg_scale": dice.choice([-0.1, 1.1, "much", float("nan")])}),
    ("negative_prompt", lambda dice: {"negative_prompt": "x" * 2_501}),
    ("camera_control", lambda dice: {"camera_control": {"type": "spin"}}),
    ("camera_control", lambda dice: {"camera_control": {"type": "simple", "config": {"pan": 11}}}),
    ("resolution", lambda dice: {"resolution": dice.choice(["480p", "8k", 720])}),
    ("resolution", lambda dice: {"resolution": "1080p", "mode": "std"}),
    ("audio", lambda dice: {"audio": dice.choice(["loud", "on", 1])}),
    ("audio", lambda dice: {"audio": "native", "sound": "off"}),
    ("sound", lambda dice: {"sound": dice.choice(["loud", "native", 1])}),
    ("multi_shot", lambda dice: {"multi_shot": dice.choice(["maybe", 1])}),
    ("watermark", lambda dice: {"watermark": dice.choice(["maybe", 1])}),
    ("shots", lambda dice: {"shots": [], "prompt": "A cat"}),
    ("shots", lambda dice: shots([1] * 7)),
    ("shots", lambda dice: shots([5], "x" * 513)),
    ("external_task_id", lambda dice: {"external_task_id": dice.choice(["a/b", "a b", "a,b", "a\nb"])}),
    ("extra_body.promt", lambda dice: {"extra_body": {"promt": "x"}}),
    ("extra_body.voice_list", lambda dice: {"extra_body": {"voice_list": [{}]}}),
]
AT_KLING: list[tuple[str, Callable[[random.Random], Fields]]] = [
    ("model", lambda dice: {"model": dice.choice(["kling-v1", "kling-video-v1-6", "kling-v2-master"])}),
    ("camera_control", lambda dice: {"camera_control": {"type": "simple", "config": {"pan": 1}}}),
    ("shots", lambda dice: {**shots([1, 1, 1]), "duration": "10", "model": "kling-v3"}),
    ("prompt", lambda dice: {**shots([5]), "duration": "5", "model": "kling-v3", "prompt": "A cat"}),
    ("multi_shot", lambda dice: {**shots([5]), "duration": "5", "model": "kling-v3", "multi_shot": False}),
    ("duration", lambda dice: {"model": "kling-v2-6", "duration": dice.choice(["3", "7", "15"])}),
    ("mode", lambda dice: {"model": "kling-v2-6", "mode": "4k"}),
    ("sound", lambda dice: {"model": "kling-v2-6", "mode": "std", "sound": "on"}),
    ("sound", lambda dice: {"model": "kling-v2-5-turbo", "sound": "on"}),
    ("multi_shot", lambda dice: {"model": "kling-v2-6", "multi_shot": True}),
]
ELSEWHERE: dict[str, list[tuple[str, Callable[[random.Random], Fields]]]] = {
    "llmprovider": [
        ("duration", lambda dice: {"duration": dice.choice(["3", "7", "15"])}),
        ("mode", lambda dice: {"mode": "4k"}),
        ("sound", lambda dice: {"sound": dice.choice(["on", "off"])}),
        ("multi_shot", lambda dice: {"multi_shot": dice.choice([True, False])}),
        ("watermark", lambda dice: {"watermark": dice.choice([True, False])}),
        ("prompt", lambda dice: {"prompt": "x" * 2_501}),
    ],
    "kling": [*AT_KLING, ("model", lambda dice: {"model": "kling-3.0-turbo"})],
    "kling-v3": [
        *AT_KLING,
        ("negative_prompt", lambda dice: {"negative_prompt": "fog"}),
        ("cfg_scale", lambda dice: {"cfg_scale": 0.5}),
        ("extra_body.shot_type", lambda dice: {"extra_body": {"shot_type": "customize"}}),
        ("sound", lambda dice: {"model": "kling-3.0-turbo", "mode": "std", "sound": "off"}),
        ("multi_shot", lambda dice: {"model": "kling-3.0-turbo", "mode": "std", "multi_shot": True}),
        ("shots[0].prompt", lambda dice: {**shots([5], "A cat; a dog"), "duration": "5", "model": "kling-v3"}),
    ],
}


@pytest.mark.parametrize("dialect", list(ELSEWHERE))
def test_one_fault_is_refused_by_its_name(
    shared_emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    shared_emulator.reset()
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(shared_emulator.connection(dialect)))
    dice = random.Random(f"{SEED} {dialect}")
    settings = KlingHook().settings
    rows = [row for row in models_of("text2video", dialect) if dialect == "llmprovider" or not row.retired_on]
    faults = [*EVERYWHERE, *ELSEWHERE[dialect]]
    for number in range(NUMBER // 3):
        field, change = faults[number % len(faults)]
        wrong = change(dice)
        right = whole(dice, dice.choice(rows), dialect)
        if "model" in wrong:
            # The rest must be right for the other model too.
            right = {"prompt": right["prompt"]}
        arguments = {name: value for name, value in {**right, **wrong}.items() if value is not None}

        with pytest.raises(KlingValidationError) as caught:
            KlingText2VideoOperator(task_id="clip", **arguments).job(settings)

        named = [name for name, _ in caught.value.faults]
        assert any(name == field or name.startswith((f"{field}.", f"{field}[")) for name in named), (wrong, named)
        assert {name.partition(".")[0].partition("[")[0] for name in named} <= {
            field.partition(".")[0].partition("[")[0]
        }, (wrong, caught.value.faults)
    assert len(shared_emulator.journal) == 0


@pytest.mark.parametrize("dialect", list(ELSEWHERE))
def test_without_the_fault_they_are_taken(
    shared_emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(shared_emulator.connection(dialect)))
    dice = random.Random(f"{SEED} {dialect}")
    settings = KlingHook().settings
    rows = [row for row in models_of("text2video", dialect) if dialect == "llmprovider" or not row.retired_on]
    for _ in range(100):
        KlingText2VideoOperator(task_id="clip", **whole(dice, dice.choice(rows), dialect)).job(settings)
