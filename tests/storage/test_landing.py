from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingDownloadError
from airflow_provider_kling.lifecycle.paths import place_at
from airflow_provider_kling.storage.landing import targets
from airflow_provider_kling.storage.mp4 import Mp4Check
from tests.fixtures import Make

FAULTS = [
    Fault("truncated_mp4"),
    Fault("truncated_mp4_chunked"),
    Fault("expired_url"),
    Fault("lost_before", on="download"),
    Fault("error_before", on="download"),
    Fault("html", on="download", status=200),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.kind))
def test_a_broken_download_is_done_again_and_leaves_no_scrap(
    emulator: KlingEmulator, instance: Make, tmp_path: Path, fault: Fault
) -> None:
    emulator.faults.add(fault)

    (path,) = instance().run()["output_paths"]

    assert [str(file) for file in (tmp_path / "out").iterdir()] == [path]
    assert emulator.unfetched() == []


def test_a_download_that_never_works_keeps_the_video_for_the_retry(
    emulator: KlingEmulator, instance: Make, tmp_path: Path
) -> None:
    emulator.faults.add(Fault("truncated_mp4", times=3))
    clip = instance()

    with pytest.raises(KlingDownloadError, match=r"not a whole mp4|broke off") as caught:
        clip.run()
    assert caught.value.task_id == emulator.ledger.charges[0].task_id
    assert "downloads the same video again at no cost" in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []

    assert Path(clip.run()["output_paths"][0]).exists()
    assert len(emulator.ledger) == 1


def test_landing_again_is_harmless(emulator: KlingEmulator, instance: Make) -> None:
    clip = instance(with_store=False)
    (path,) = clip.run()["output_paths"]
    before = Path(path).stat()

    clip.run()

    assert Path(path).stat().st_mtime_ns == before.st_mtime_ns
    assert Path(path).stat().st_ino == before.st_ino


def test_a_landed_file_that_was_deleted_is_landed_again(emulator: KlingEmulator, instance: Make) -> None:
    clip = instance()
    (path,) = clip.run()["output_paths"]
    Path(path).unlink()

    clip.run()

    assert Path(path).exists()
    assert len(emulator.ledger) == 1


def test_an_output_path_that_cannot_be_written_keeps_the_video(
    emulator: KlingEmulator, instance: Make, tmp_path: Path
) -> None:
    blocked = tmp_path / "clip.mp4"
    (blocked / "in_the_way").mkdir(parents=True)

    with pytest.raises(KlingDownloadError, match="cannot be written"):
        instance(output_path=str(blocked)).run()
    assert len(emulator.ledger) == 1


def test_names_of_targets(tmp_path: Path) -> None:
    def names(output_path: str, *suffixes: str) -> list[str]:
        return [str(path).removeprefix(f"{tmp_path}/") for _, path in targets(place_at(output_path, "a/b c"), suffixes)]

    assert names(f"{tmp_path}/", "mp4", "mp4", "mp4") == ["a_b_c.mp4", "a_b_c-2.mp4", "a_b_c-3.mp4"]
    assert names(f"{tmp_path}/", "mp4", "mp3", "wav") == ["a_b_c.mp4", "a_b_c.mp3", "a_b_c.wav"]
    assert names(f"{tmp_path}/x.mp4", "mp4", "mp4") == ["x.mp4", "x-2.mp4"]
    assert names(f"{tmp_path}/x.wav", "mp3", "wav") == ["x.wav"]
    assert names(f"{tmp_path}/x.png", "jpg", "jpg") == ["x.png", "x-2.png"]
    assert names(f"{tmp_path}/x.mov", "mp4") == ["x.mov"]


def box(kind: bytes, payload: bytes = b"", *, long: bool = False) -> bytes:
    if long:
        return b"\x00\x00\x00\x01" + kind + (16 + len(payload)).to_bytes(8, "big") + payload
    return (8 + len(payload)).to_bytes(4, "big") + kind + payload


MOVIE = box(b"ftyp", b"isom") + box(b"free") + box(b"moov", b"m" * 40) + box(b"mdat", b"d" * 99, long=True)


def flaw(data: bytes, cuts: list[int] | None = None) -> str | None:
    check = Mp4Check()
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts or []), len(data)]
    for start, end in itertools.pairwise(edges):
        check.feed(data[start:end])
    return check.flaw()


@given(st.lists(st.integers(min_value=0), max_size=8))
def test_a_whole_file_is_whole_however_it_is_cut_into_chunks(cuts: list[int]) -> None:
    assert flaw(MOVIE, cuts) is None


@given(st.integers(min_value=0, max_value=len(MOVIE) - 1))
def test_every_shorter_file_is_not_whole_unless_it_ends_with_a_box(length: int) -> None:
    ends = {len(box(b"ftyp", b"isom")) + 8 + 48}
    assert (flaw(MOVIE[:length]) is None) == (length in ends)


def test_what_else_is_no_mp4() -> None:
    assert flaw(b"<html>Sign in</html>") == "it does not begin with an ftyp box"
    assert flaw(box(b"ftyp") + box(b"mdat", b"x")) == "it has no moov box"
    assert flaw(box(b"ftyp") + box(b"moov") + b"\x00\x00\x00\x00mdat" + b"x" * 9) is None
    for small in (b"\x00\x00\x00\x03free", b"\x00\x00\x00\x01free" + (9).to_bytes(8, "big")):
        assert flaw(MOVIE + small) == "it has a box that is smaller than its own header"
