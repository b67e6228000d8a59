"""Hosts of videos that lead elsewhere, send too much, or hardly anything."""

from __future__ import annotations

import gzip
import traceback
from pathlib import Path

import pytest

from airflow_provider_kling.api.task import KlingOutput, KlingTask, TaskStatus
from airflow_provider_kling.compat import clock
from airflow_provider_kling.exceptions import KlingDownloadError
from airflow_provider_kling.lifecycle.paths import place_at
from airflow_provider_kling.network.addresses import Reach
from airflow_provider_kling.storage import download
from airflow_provider_kling.storage.download import ANYTHING, DownloadLimits
from airflow_provider_kling.storage.landing import Landed, land, still_there
from tests.network.hosts import RawHost, drip, elapsed, http
from tests.storage.test_landing import MOVIE, box

SIGNED = "/v.mp4?Expires=1&Signature=s3cret"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "sleep", lambda _: None)


def fetch(url: str, path: Path, limits: DownloadLimits = ANYTHING) -> Landed:
    task = KlingTask("t", TaskStatus.SUCCEED, videos=(KlingOutput(url),))
    return land(task, place_at(str(path), "clip"), refresh=lambda: task, limits=limits)


def refused(url: str, path: Path, limits: DownloadLimits = ANYTHING) -> KlingDownloadError:
    with pytest.raises(KlingDownloadError) as caught:
        fetch(url, path, limits)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value)), "Airflow logs the causes too"
    assert not path.exists()
    return caught.value


def moved(to: str) -> bytes:
    return http(b"", f"Location: {to}", status="302 Found")


def test_a_redirect_is_followed(tmp_path: Path) -> None:
    with (
        RawHost(http(MOVIE)) as host,
        RawHost(moved(f"{host.url}/other")) as first,
        RawHost(moved("/here"), http(MOVIE)) as second,
    ):
        fetch(first.url + SIGNED, tmp_path / "a.mp4")
        fetch(second.url + SIGNED, tmp_path / "b.mp4")

    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes() == MOVIE
    assert b"Authorization" not in b"".join(host.requests + first.requests)


def test_no_netrc_of_a_redirects_host_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with RawHost(http(MOVIE)) as host, RawHost(moved(host.url)) as first:
        fetch(first.url + SIGNED, tmp_path / "a.mp4")

    assert b"uthorization" not in b"".join(host.requests + first.requests)


@pytest.mark.parametrize(
    "target",
    ["file:///etc/passwd", "ftp://x/v", "http://[bad", "", "//", "gopher:x", "http://x:99999/", "\xff\xfe://x"],
)
def test_a_redirect_to_what_is_no_link_ends_the_download(tmp_path: Path, target: str) -> None:
    with RawHost(moved(target)) as host:
        refused(host.url + SIGNED, tmp_path / "a.mp4")


def test_redirects_in_a_circle_end(tmp_path: Path) -> None:
    with RawHost(moved("/again")) as host:
        assert "more than 5 times" in str(refused(host.url + SIGNED, tmp_path / "a.mp4"))
        assert host.connections == 5 * 3


def test_no_request_goes_to_an_address_that_is_not_allowed(tmp_path: Path) -> None:
    """127.0.0.1 stands for the public host of a video, 169.254.169.254 and 127.0.0.2 for what must not be reached."""
    public = DownloadLimits(reaches=frozenset({Reach.PUBLIC}))
    beside = DownloadLimits(reaches=frozenset({Reach.PUBLIC, Reach.PRIVATE}))
    with RawHost(http(MOVIE), address="127.0.0.2") as inner, RawHost(moved("http://169.254.169.254/latest")) as host:
        for url in (inner.url + SIGNED, inner.url.replace("127.0.0.2", "localhost")):
            error = refused(url, tmp_path / "a.mp4", public)
            assert "private address" in str(error)
            assert "allow_private_downloads" in str(error)
            assert not error.retryable
        assert "link-local address" in str(refused(host.url + SIGNED, tmp_path / "a.mp4", beside))
        assert inner.connections == 0


def test_an_address_is_checked_where_it_is_connected_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that means a public address when it is looked at, and another one a moment later."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    monkeypatch.setattr(download, "resolve", lambda host, port: next(answers, ["127.0.0.1"]))
    public = DownloadLimits(reaches=frozenset({Reach.PUBLIC}))
    with RawHost(http(MOVIE)) as host:
        refused(host.url.replace("127.0.0.1", "localhost") + SIGNED, tmp_path / "a.mp4", public)
        assert host.connections == 0


def test_https_is_not_left(tmp_path: Path) -> None:
    with pytest.raises(KlingDownloadError, match="away from https"):
        download._next_hop("https://cdn.example/v", "http://cdn.example/v", ANYTHING)


def test_a_video_that_is_too_large_is_left(tmp_path: Path) -> None:
    small = DownloadLimits(max_bytes=len(MOVIE) - 1)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(MOVIE), MOVIE)
    for answer in (http(MOVIE), chunked, http(gzip.compress(MOVIE), "Content-Encoding: gzip")):
        with RawHost(answer) as host:
            error = refused(host.url + SIGNED, tmp_path / "a.mp4", small)
            assert "larger than max_bytes" in str(error)
            assert host.connections == 1, "a retry cannot help"


def test_an_encoded_video_is_decoded(tmp_path: Path) -> None:
    movie = MOVIE + box(b"free", b"\x00" * (3 << 20))
    with RawHost(http(gzip.compress(movie), "Content-Encoding: gzip")) as host:
        fetch(host.url + SIGNED, tmp_path / "a.mp4")

    assert (tmp_path / "a.mp4").read_bytes() == movie


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + MOVIE,
        http(MOVIE, "Content-Encoding: gzip"),
        http(MOVIE, "Content-Encoding: br"),
        http(b"<html>", "Content-Type: video/mp4"),
        b"",
    ],
)
def test_a_broken_download_is_an_error_of_ours(tmp_path: Path, answer: bytes) -> None:
    with RawHost(answer) as host:
        refused(host.url + SIGNED, tmp_path / "a.mp4")


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_byte_now_and_then_is_no_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    monkeypatch.setattr(download, "_SECONDS_FIRST", 0.5)
    answer = drip(http(MOVIE)) if part == "head" else [http(MOVIE)[: -len(MOVIE)], *drip(MOVIE)]
    with RawHost(answer) as host, elapsed() as seconds:
        assert "too slowly" in str(refused(host.url + SIGNED, tmp_path / "a.mp4"))
    # Three attempts of half a second each; all of one would take a minute.
    assert seconds[0] < 10


# --- whole already ----------------------------------------------------------------------------------------------------


def test_another_video_of_equal_length_is_not_taken_for_ours(tmp_path: Path) -> None:
    path, other = tmp_path / "hero.mp4", MOVIE[:-1] + b"X"
    with RawHost(http(MOVIE)) as host:
        path.write_bytes(other)
        landed = fetch(host.url + SIGNED, path)
        assert path.read_bytes() == MOVIE
        assert still_there(landed)

        path.write_bytes(other)
        assert not still_there(landed), "written over by somebody else"
        assert still_there(tuple(file._replace(mark="") for file in landed)), "as an earlier release kept it"
