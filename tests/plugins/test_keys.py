"""Clips whose files have names of their own: the gallery finds them by key, and gives out what was recorded alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.execution.summary import KEY
from airflow_provider_kling.plugins.clips import Clip, clips_of, manifest_path
from airflow_provider_kling.plugins.files import Manifests, NoFileError, media
from tests.fixtures import Make
from tests.rig import Instance

ITEMS = [
    {"prompt": "A mug", "key": "Große Tasse"},
    {"prompt": "A shoe", "key": "../SHOES/42#a?b"},
    {"prompt": "risk-control", "key": "bad"},
]
NAMES = ["Große Tasse", "%2E.%2FSHOES%2F42%23a%3Fb"]


@pytest.fixture
def dialect() -> str:
    """One of them: a clip is the same in all."""
    return "kling"


def shown(made: Instance, result: object, *, with_lines: bool) -> list[Clip]:
    summary = made.xcom[KEY]
    lines = Manifests().lines(str(manifest_path(summary, result))) if with_lines else None
    assert (lines is not None) == with_lines
    return clips_of(summary, result, lines, "success")


@pytest.mark.parametrize("scheme", ["", "file://"], ids=["path", "uri"])
@pytest.mark.parametrize("with_lines", [True, False], ids=["ended", "from the summary"])
def test_a_clip_is_found_by_its_key_and_its_file_is_given_out(
    emulator: KlingEmulator, batch: Make, tmp_path: Path, scheme: str, with_lines: bool
) -> None:
    made = batch(ITEMS, output_path=f"{scheme}{tmp_path}/dt=1/{{key}}.mp4", on_moderation="return")
    clips = shown(made, made.run(), with_lines=with_lines)

    assert [(clip.key, clip.status) for clip in clips] == [
        ("Große Tasse", "done"),
        ("../SHOES/42#a?b", "done"),
        ("bad", "moderated"),
    ]
    assert [clip.key for clip in clips if clip.matches("große")] == ["Große Tasse"]
    for clip, name in zip(clips[:2], NAMES, strict=True):
        found = media(str(clip.path))
        assert b"".join(found.chunks(0, found.size)) == (tmp_path / "dt=1" / f"{name}.mp4").read_bytes()
    with pytest.raises(NoFileError):
        media(f"{tmp_path}/dt=1/../SHOES/42.mp4")
