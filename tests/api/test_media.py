"""Types, sizes and shapes of pictures and sounds, told from their first bytes."""

from __future__ import annotations

import pytest

from airflow_provider_kling.api.media import image_flaw, size_flaw, sound_flaw
from tests.pictures import picture, sound

MB = 1 << 20
# JFIF, a comment of 40,000 bytes, fill bytes, then the frame header of 640 x 480.
LONG_JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"\x00" * 10
    + b"\xff\xfe\x9c\x40" + b"\xff\xc0" * 19_999
    + b"\xff\xff\xff\xc2\x00\x11\x08\x01\xe0\x02\x80\x03"
)  # fmt: skip


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("shape", [(300, 300), (750, 300), (300, 750), (4000, 3000)])
def test_what_the_api_takes(kind: str, shape: tuple[int, int]) -> None:
    assert image_flaw(picture(*shape, kind)) is None


def test_a_jpeg_is_read_past_its_other_segments() -> None:
    assert image_flaw(LONG_JPEG) is None
    assert image_flaw(LONG_JPEG.replace(b"\x01\xe0\x02\x80", b"\x01\x00\x02\x80")) == (
        "has 640 x 256 pixels; each side must have at least 300"
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (picture(299, 300), "299 x 300 pixels; each side must have at least 300"),
        (picture(760, 300, "JPEG"), "760 x 300 pixels; the longer side may be at most 2.5 times"),
        (picture(300, 760), "300 x 760 pixels; the longer side"),
        (picture(kind="GIF"), "is a GIF file; Kling takes JPEG and PNG"),
        (picture(kind="BMP"), "is a BMP file"),
        (picture(kind="WEBP"), "is a WebP image"),
        (b"\x00\x00\x00\x18ftypheic", "is a HEIC or AVIF image"),
        (b"<!doctype html><html>", "is a HTML file"),
        (b"version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer file"),
        (b"no picture at all", "is of no known type"),
        (b"", "is of no known type"),
        (picture()[:20], "is no whole PNG"),
        (picture(kind="JPEG")[:30], "is no whole JPEG"),
        (b"\xff\xd8\xff\xe0\x00\x00" * 100, "is no whole JPEG"),
    ],
)
def test_what_it_does_not_take(data: bytes, words: str) -> None:
    assert words in str(image_flaw(data))


def test_sounds() -> None:
    assert sound_flaw(sound()) is None
    assert sound_flaw(sound(kind="wav")) is None
    assert sound_flaw(b"\x00\x00\x00\x20ftypM4A ") is None
    assert sound_flaw(b"\xff\xf1\x50\x80") is None
    assert "Kling takes mp3" in str(sound_flaw(b"OggS"))


def test_sizes() -> None:
    assert size_flaw(10 * MB, 10 * MB) is None
    assert size_flaw(10 * MB + 1, 10 * MB) == "has 10.0 MB; at most 10 MB are allowed"
    assert size_flaw(0, MB) == "is empty"
