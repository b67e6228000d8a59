"""A crash at every point for what is more than a prompt: files, two calls for a task, several results, functions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_provider_kling.decorators.kling import kling_image2video
from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.operators.audio import KlingLipSyncOperator
from airflow_provider_kling.operators.image import KlingImage2VideoOperator, KlingImageGenerationOperator
from tests.money.outside import Outside
from tests.money.test_crashes import modes, stores, tries
from tests.pictures import picture, sound
from tests.rig import Instance

SCENARIOS: dict[str, list[Fault]] = {
    "answer_lost": [Fault("lost_after")],
    "garbled_and_not_visible": [Fault("truncated_json"), Fault("not_found", times=3)],
}


def image2video(files: Path, **more: Any) -> Any:
    return KlingImage2VideoOperator(task_id="make", image=str(files / "girl.png"), **more)


def images(files: Path, **more: Any) -> Any:
    return KlingImageGenerationOperator(task_id="make", prompt="A puppy", n=2, **more)


def lip_sync(files: Path, **more: Any) -> Any:
    video, voice = "https://files.example/dance.mp4", str(files / "go.mp3")
    return KlingLipSyncOperator(task_id="make", video_url=video, sound_file=voice, sound_end_time=2500, **more)


def decorated(files: Path, **more: Any) -> Any:
    with DAG("clips", schedule=None, start_date=datetime(2026, 1, 1)):

        @kling_image2video(**more)
        def make() -> dict[str, str]:
            return {"image": str(files / "girl.png"), "prompt": "She smiles"}

        return make().operator  # type: ignore[attr-defined]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "girl.png").write_bytes(picture())
    (tmp_path / "go.mp3").write_bytes(sound(3))
    return tmp_path


@modes
@stores
@pytest.mark.parametrize(
    ("make", "dialect", "scenario"),
    [
        *((image2video, dialect, "answer_lost") for dialect in ("llmprovider", "kling", "kling-v3")),
        (image2video, "kling-v3", "garbled_and_not_visible"),
        *((make, "kling-v3", "answer_lost") for make in (images, lip_sync, decorated)),
    ],
)
def test_a_crash_at_every_point(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    outside: Outside,
    files: Path,
    make: Callable[..., Any],
    scenario: str,
    dialect: str,
    with_store: bool,
    deferrable: bool,
) -> None:
    use_dialect(dialect, auth="key")
    more: dict[str, Any] = {"wait_for_completion": True, "output_path": f"{files}/out/", "deferrable": deferrable}
    for point in range(200):
        emulator.reset()
        emulator.settings.duplicates = "accept"
        emulator.settings.generation_seconds = 70
        emulator.faults.add(*SCENARIOS[scenario])
        clip = Instance(lambda: make(files, **more), with_store=with_store, run_id=f"run-{point}")
        outside.arm(point)
        *_, manifest = tries(clip)
        where = f"crash at point {point}: {outside.trace[-1:]}, {scenario}"
        # Identifying a face has no id, and is charged by itself.
        assert len([charge for charge in emulator.ledger if charge.external_task_id]) == 1, where
        assert all(Path(path).stat().st_size > 100 for path in manifest["output_paths"]), where
        if not outside.crashed:
            break
    assert 5 < point < 199
