"""The mp4s and their links."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import pytest
import requests

from airflow_provider_kling.emulator.scene import wrap
from airflow_provider_kling.emulator.task import URL_LIFETIME
from tests.emulator.client import Client


@pytest.fixture(autouse=True)
def _quick(kling: Client) -> None:
    kling.emulator.settings.generation_seconds = 0
    kling.emulator.settings.height = 64


def fetch(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=10)


@pytest.mark.parametrize(
    ("ratio", "shape", "duration"),
    [("16:9", Fraction(16, 9), "5"), ("9:16", Fraction(9, 16), "5"), ("1:1", Fraction(1), "10")],
)
def test_the_video_is_what_was_asked_for(client: Client, ratio: str, shape: Fraction, duration: str) -> None:
    client.emulator.settings.height = None if duration == "5" else 64
    task_id = client.created("A beautiful sunset over the ocean", aspect_ratio=ratio, duration=duration)
    data = fetch(client.video_url(task_id)).content
    assert data.find(b"moov") < data.find(b"mdat")
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert Fraction(stream.width, stream.height) == shape
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(float(duration), abs=0.1)
        frames = [bytes(frame.reformat(32, 32, "gray").planes[0]) for frame in container.decode(stream)]
    assert frames[0] != frames[-1]


@pytest.mark.parametrize("config", [{"pan": 10}, {"tilt": -10}, {"zoom": 10}, {"roll": 10}])
def test_the_camera_changes_the_picture(kling: Client, config: dict[str, float]) -> None:
    kling.emulator.settings.retired = "sell"
    moved = kling.created("A lion", model_name="kling-v1", camera_control={"type": "simple", "config": config})
    still = fetch(kling.video_url(kling.created("A lion", model_name="kling-v1"))).content
    assert fetch(kling.video_url(moved)).content != still


def test_the_same_wish_gives_the_same_video(kling: Client) -> None:
    first, second, other = kling.created("A lion"), kling.created("A lion"), kling.created("A tiger")
    assert fetch(kling.video_url(first)).content == fetch(kling.video_url(second)).content
    assert fetch(kling.video_url(first)).content != fetch(kling.video_url(other)).content


def test_ranges(kling: Client) -> None:
    url = kling.video_url(kling.created())
    whole = fetch(url)
    length = len(whole.content)
    assert whole.headers["Content-Length"] == str(length)
    assert whole.headers["Accept-Ranges"] == "bytes"
    for header, first, last in [
        ("bytes=0-9", 0, 9),
        ("bytes=10-", 10, length - 1),
        ("bytes=-5", length - 5, length - 1),
    ]:
        part = fetch(url, Range=header)
        assert part.status_code == 206
        assert part.headers["Content-Range"] == f"bytes {first}-{last}/{length}"
        assert part.content == whole.content[first : last + 1]
    assert fetch(url, Range=f"bytes={length}-").status_code == 416
    assert fetch(url, Range="bytes=0-1,4-5").status_code == 200


def test_ranges_add_up_to_a_download(kling: Client) -> None:
    task_id = kling.created()
    url = kling.video_url(task_id)
    fetch(url, Range="bytes=100-")
    fetch(url, Range="bytes=0-50")
    assert len(kling.emulator.unfetched()) == 1
    fetch(url, Range="bytes=40-120")
    assert kling.emulator.unfetched() == []


def test_head(kling: Client) -> None:
    url = kling.video_url(kling.created())
    answer = requests.head(url, timeout=10)
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(fetch(url).content)
    assert answer.content == b""


def test_a_link_expires_after_thirty_days(kling: Client) -> None:
    task_id = kling.created()
    url = kling.video_url(task_id)
    kling.emulator.advance(URL_LIFETIME - 60)
    assert fetch(url).status_code == 200
    kling.emulator.advance(120)
    assert fetch(url).status_code == 403
    assert fetch(kling.video_url(task_id)).status_code == 403


def test_a_link_must_be_signed(kling: Client) -> None:
    url = kling.video_url(kling.created())
    path, _, query = url.partition("?")
    assert fetch(path).status_code == 403
    assert fetch(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 403
    assert fetch(f"{path}?{query.replace('expires=1', 'expires=2')}").status_code == 403
    assert fetch(url.replace("/videos/", "/videos/9")).status_code == 404


def test_leaked_authorization_is_noted(kling: Client) -> None:
    url = kling.video_url(kling.created())
    fetch(url)
    fetch(url, Authorization="Bearer secret")
    clean, leaked = kling.emulator.journal_for("download")
    assert (clean.leaked_authorization, leaked.leaked_authorization) == (False, True)
    assert "secret" not in repr(leaked)


def test_wrapping() -> None:
    assert wrap("one two three four", lambda text: len(text) <= 9, limit=3) == ["one two", "three", "four"]
    assert wrap("one two three four", lambda text: len(text) <= 9, limit=2) == ["one two", "three..."]
    assert wrap("enormously long", lambda text: len(text) <= 9, limit=1) == ["enormo..."]
