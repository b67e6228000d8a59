"""Each capability from its operator to the landed files, by real HTTP; and what is refused before paying."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api.capabilities import CAPABILITIES
from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingError, KlingValidationError
from airflow_provider_kling.operators.audio import (
    KlingAvatarOperator,
    KlingLipSyncOperator,
    KlingText2AudioOperator,
    KlingVideo2AudioOperator,
)
from airflow_provider_kling.operators.base import KlingOperator
from airflow_provider_kling.operators.image import (
    KlingImage2VideoOperator,
    KlingImageGenerationOperator,
    KlingMultiImage2VideoOperator,
)
from airflow_provider_kling.operators.kling import KlingBatchOperator, KlingText2VideoOperator
from airflow_provider_kling.operators.video import (
    KlingMotionControlOperator,
    KlingOmniVideoOperator,
    KlingVideoEffectsOperator,
    KlingVideoExtendOperator,
)
from tests.pictures import picture, sound
from tests.rig import HAS_STORE, Instance, connect

CLIP = "https://files.example/dance.mp4"


class Sold(NamedTuple):
    """One operator, what it is asked for, how the files end that it lands, and what Kling takes for it."""

    operator: type[KlingOperator]
    arguments: dict[str, Any]
    suffixes: tuple[str, ...]
    units: float
    connection: Mapping[str, Any] = MappingProxyType({})


OLD = {"models": "kling-v1-6"}
# {image} and {sound} stand for files on the worker.
SOLD = {
    "text2video": Sold(KlingText2VideoOperator, {"prompt": "A cat"}, (".mp4",), 1.5),
    "image2video": Sold(KlingImage2VideoOperator, {"image": "{image}", "mode": "pro"}, (".mp4",), 2.5),
    "multi-image2video": Sold(
        KlingMultiImage2VideoOperator,
        {"image_list": [{"image": "{image}"}, {"image": "{image}"}], "prompt": "A dog"},
        (".mp4",),
        2,
        OLD,
    ),
    "omni-video": Sold(
        KlingOmniVideoOperator,
        {"prompt": "<<<image_1>>> waves", "image_list": [{"image_url": "{image}"}], "mode": "pro", "duration": 7},
        (".mp4",),
        5.6,
    ),
    "motion-control": Sold(
        KlingMotionControlOperator,
        {"image_url": "{image}", "video_url": CLIP, "character_orientation": "image", "mode": "pro"},
        (".mp4",),
        4,
    ),
    "lip-sync": Sold(
        KlingLipSyncOperator, {"video_url": CLIP, "sound_file": "{sound}", "sound_end_time": 2500}, (".mp4",), 0.5
    ),
    "avatar": Sold(KlingAvatarOperator, {"image": "{image}", "sound_file": "{sound}"}, (".mp4",), 1.2),
    "effects": Sold(
        KlingVideoEffectsOperator,
        {"effect_scene": "hug_pro", "input": {"images": ["{image}", "{image}"]}},
        (".mp4",),
        2,
    ),
    "text-to-audio": Sold(KlingText2AudioOperator, {"prompt": "Waves", "duration": 3.5}, (".mp3", ".wav"), 0.25),
    "video-to-audio": Sold(
        KlingVideo2AudioOperator, {"video_url": CLIP, "bgm_prompt": "Piano"}, (".mp4", ".mp3", ".wav"), 0.25
    ),
    "images": Sold(KlingImageGenerationOperator, {"prompt": "A puppy", "n": 3}, (".png", "-2.png", "-3.png"), 24),
}
on_kling = pytest.mark.parametrize("dialect", ["kling", "kling-v3"])


@pytest.fixture
def arguments(tmp_path: Path) -> Callable[[Any], Any]:
    """Put files on the worker, and their paths into arguments."""
    places = {"{image}": tmp_path / "girl.png", "{sound}": tmp_path / "go.mp3"}
    places["{image}"].write_bytes(picture())
    places["{sound}"].write_bytes(sound(3))

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(item) for name, item in value.items()}
        if isinstance(value, list):
            return [filled(item) for item in value]
        return str(places.get(value, value)) if isinstance(value, str) else value

    return filled


def test_every_capability_is_here() -> None:
    assert {*SOLD, "video-extend"} == set(CAPABILITIES)


@on_kling
@pytest.mark.parametrize("name", SOLD)
def test_from_the_operator_to_the_landed_files(
    emulator: KlingEmulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: Callable[[Any], Any],
    name: str,
    dialect: str,
) -> None:
    sold = SOLD[name]
    if sold.connection:
        emulator.settings.retired = "sell"
        connect(emulator, monkeypatch, dialect, **sold.connection)
    given: dict[str, Any] = {"task_id": "make", "wait_for_completion": True, "output_path": f"{tmp_path}/out/"}
    given |= {"deferrable": name != "effects", **arguments(sold.arguments)}
    task = Instance(lambda: sold.operator(**given))

    manifest = task.run()

    assert manifest["capability"] == name
    charges = [charge for charge in emulator.ledger.charges if charge.external_task_id]
    assert [float(charge.units) for charge in charges] == [sold.units]
    assert manifest["task_id"] == charges[0].task_id
    stem = manifest["external_task_id"]
    landed = [Path(path) for path in manifest["output_paths"]]
    assert [path.name.removeprefix(stem) for path in landed] == list(sold.suffixes)
    assert all(path.stat().st_size > 100 for path in landed)
    assert float(manifest["units"]) == sold.units
    results = CAPABILITIES[name].results
    assert manifest[results]
    if not HAS_STORE:
        return
    # Again, it is all there.
    requests = len(emulator.journal)
    assert task.run() == {**manifest, **without_links(manifest)}
    assert len(emulator.journal) == requests


def without_links(manifest: dict[str, Any]) -> dict[str, Any]:
    lists = [name for name in ("videos", "images", "audios") if name in manifest]
    return {name: [{**file, "url": None} for file in manifest[name]] for name in lists}


@on_kling
@pytest.mark.parametrize("name", [name for name in SOLD if name != "text2video"])
def test_the_same_in_a_batch(
    emulator: KlingEmulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: Callable[[Any], Any],
    name: str,
    dialect: str,
) -> None:
    sold = SOLD[name]
    if sold.connection:
        emulator.settings.retired = "sell"
        connect(emulator, monkeypatch, dialect, **sold.connection)
    given: dict[str, Any] = {
        "task_id": "make",
        "items": [arguments(sold.arguments)] * 2,
        "capability": name,
        "deferrable": True,
    }
    task = Instance(lambda: KlingBatchOperator(**given, output_path=f"{tmp_path}/out/"))

    result = task.run()

    assert result["succeeded"] == 2
    rows = [json.loads(line) for line in Path(result["manifest_path"]).read_text("utf-8").splitlines()]
    assert [len(row["output_paths"]) for row in rows] == [len(sold.suffixes)] * 2
    task.run()
    assert len([charge for charge in emulator.ledger.charges if charge.external_task_id]) == 2


def test_a_sound_at_a_path_that_people_chose(
    emulator: KlingEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(emulator, monkeypatch, "kling")
    given: dict[str, Any] = {"task_id": "make", "prompt": "Waves", "duration": "3.5", "wait_for_completion": True}
    manifest = Instance(lambda: KlingText2AudioOperator(**given, output_path=f"{tmp_path}/waves.wav")).run()

    assert manifest["output_paths"] == [f"{tmp_path}/waves.wav"]
    assert (tmp_path / "waves.wav").read_bytes()[:4] == b"RIFF"
    assert [audio["format"] for audio in manifest["audios"]] == ["mp3", "wav"]


# --- what is refused --------------------------------------------------------------------------------------------------

WRONG: list[tuple[type[KlingOperator], dict[str, Any], str]] = [
    (KlingLipSyncOperator, {"sound_file": "x.mp3", "sound_end_time": 2000}, "video_id: or 'video_url' must be set"),
    (
        KlingLipSyncOperator,
        {"video_id": "1", "video_url": CLIP, "audio_id": "1", "sound_end_time": 2000},
        "video_url: cannot be combined with 'video_id'",
    ),
    (KlingAvatarOperator, {"image": "x.png"}, "audio_id: or 'sound_file' must be set"),
    (KlingVideo2AudioOperator, {}, "video_id: or 'video_url' must be set"),
    (KlingText2AudioOperator, {"prompt": "x" * 201, "duration": 3}, "prompt: has 201 characters; at most 200"),
    (KlingText2AudioOperator, {"prompt": "x", "duration": 11}, "duration: is 11"),
    (KlingImageGenerationOperator, {"prompt": "x", "n": 10}, "n: is 10; it must be between 1 and 9"),
    (KlingImageGenerationOperator, {"prompt": "x", "image": "y", "negative_prompt": "z"}, "image: cannot be combined"),
    (
        KlingVideoEffectsOperator,
        {"effect_scene": "hug_pro", "input": {"picture": "x"}},
        "input.picture: is not",
    ),
    (KlingMotionControlOperator, {"image_url": "x"}, "missing keyword arguments"),
    (KlingOmniVideoOperator, {"prompt": "x", "video_list": [{"video_url": "clip.mp4"}]}, "video_list.0.video_url"),
    (KlingMultiImage2VideoOperator, {"prompt": "x", "image_list": []}, "image_list: "),
    (KlingVideoExtendOperator, {"video_id": ""}, "video_id: is empty"),
]


@pytest.mark.parametrize(("operator", "arguments", "words"), WRONG)
def test_what_is_known_to_be_wrong_is_an_import_error(
    operator: type[KlingOperator], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises((KlingValidationError, TypeError), match=re.escape(words)):
        operator(task_id="make", **arguments)


@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_what_a_dialect_has_not_is_refused_by_name(emulator: KlingEmulator, dialect: str) -> None:
    task = Instance(lambda: KlingImageGenerationOperator(task_id="make", prompt="A puppy"))

    with pytest.raises(AirflowFailException, match="llmprovider"):
        task.run()
    assert emulator.journal_for("create") == []


@on_kling
def test_an_extension_is_refused_as_its_models_are_retired(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    def extend() -> Any:
        return Instance(lambda: KlingVideoExtendOperator(task_id="more", video_id="task-1")).run()

    with pytest.raises(AirflowFailException, match=r"video_id: .*kling-v1-6.* retired"):
        extend()
    assert emulator.journal_for("create") == []
    emulator.settings.retired, emulator.settings.foreign_ids = "sell", "accept"
    connect(emulator, monkeypatch, dialect, **OLD)
    assert extend()
    assert len(emulator.ledger) == 1


# --- lip sync ---------------------------------------------------------------------------------------------------------


def lip_sync(tmp_path: Path, **more: Any) -> Instance:
    path = tmp_path / "go.mp3"
    path.write_bytes(sound(3))
    given: dict[str, Any] = {
        "video_url": CLIP,
        "sound_file": str(path),
        "sound_end_time": 2500,
        "wait_for_completion": True,
        **more,
    }
    return Instance(lambda: KlingLipSyncOperator(task_id="speak", **given))


@on_kling
def test_a_repeated_lip_sync_pays_for_the_faces_again_and_never_for_the_video(
    emulator: KlingEmulator, tmp_path: Path, dialect: str
) -> None:
    task = lip_sync(tmp_path)
    emulator.faults.add(Fault("busy", times=1, on="create"))
    first = task.run()
    assert task.run()["task_id"] == first["task_id"]

    videos = [charge for charge in emulator.ledger.charges if charge.external_task_id]
    assert len(videos) == 1


@on_kling
def test_a_face_that_is_not_there(emulator: KlingEmulator, tmp_path: Path, dialect: str) -> None:
    with pytest.raises(AirflowFailException, match="face_id: is not usable: its faces are '0'") as caught:
        lip_sync(tmp_path, face_id="7").run()
    assert "is charged by itself: 0.05 units" in str(caught.value)
    assert [charge for charge in emulator.ledger.charges if charge.external_task_id] == []


@on_kling
def test_what_kling_refuses_of_the_video_is_told(emulator: KlingEmulator, tmp_path: Path, dialect: str) -> None:
    with pytest.raises((AirflowFailException, KlingError), match="charged by itself"):
        lip_sync(tmp_path, video_url=None, video_id="nobody").run()
