"""
Fetch a video from a link that a host gave: only from where it may come, only so long, and only so much.

The link carries its own signature, so no key goes along, and none of it goes into a message.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from airflow_provider_kling import MAX_BYTES
from airflow_provider_kling.api.fields import is_link
from airflow_provider_kling.exceptions import KlingDownloadError, TaskState
from airflow_provider_kling.network.addresses import EVERYWHERE, Reach, first_refused, resolve

if TYPE_CHECKING:
    import requests

    from airflow_provider_kling.network.sessions import Session

log = logging.getLogger(__name__)

CHUNK = 1 << 20
_CONNECT_TIMEOUT, _READ_TIMEOUT = 10.0, 60.0
# A host has a minute, and as much longer as what it has sent takes at 32 KiB a second.
_SECONDS_FIRST, _SLOWEST = 60.0, 32 << 10
_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_HOPS = 5


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """
    What a download may do.

    :param max_bytes: size of a video at most.
    :param reaches: where its host may be; by default anywhere.
    """

    max_bytes: int = MAX_BYTES
    reaches: frozenset[Reach] = EVERYWHERE


ANYTHING = DownloadLimits()


@dataclass(slots=True)
class Download:
    """
    A video on its way.

    :param host: who sends it.
    :param length: bytes that it says it has; ``None`` where it does not.
    :param chunks: what arrives.
    """

    host: str
    length: int | None
    chunks: Iterator[bytes]


@contextmanager
def opened(url: str, limits: DownloadLimits) -> Iterator[Download]:
    """
    Give a download, redirects followed.

    :raises KlingDownloadError: also while the chunks are read, when nothing more comes, or too much.
    """
    from airflow_provider_kling.network.sessions import Session, Watchdog

    progress = _Progress()
    url = _checked(url, limits)
    session = Session(url, lambda host, port: _allowed(host, port, limits))
    with closing(session), Watchdog(session, progress.deadline) as watchdog:
        host = urlsplit(url).netloc
        try:
            answer, host = _followed(session, url, limits)
            with closing(answer):
                length = _length(answer, host, limits)
                yield Download(host, length, _chunks(answer, host, limits, progress))
        except KlingDownloadError:
            if watchdog.fired:
                raise failed(f"{host} sends too slowly; the download was given up.") from None
            raise


class _Progress:
    """How much has arrived, and until when the host has time."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.received = 0

    def deadline(self) -> float:
        return self._began + _SECONDS_FIRST + self.received / _SLOWEST


def _followed(session: Session, url: str, limits: DownloadLimits) -> tuple[requests.Response, str]:
    for _ in range(_MOST_HOPS):
        host = urlsplit(url).netloc
        answer = _get(session, url, host)
        if answer.status_code not in _REDIRECTS:
            return answer, host
        answer.close()
        url = _next_hop(url, answer.headers.get("Location", ""), limits)
    raise failed(f"{urlsplit(url).netloc} redirects the download more than {_MOST_HOPS} times.")


def _get(session: Session, url: str, host: str) -> requests.Response:
    try:
        return session.requests.get(
            url,
            stream=True,
            timeout=(_CONNECT_TIMEOUT, _READ_TIMEOUT),
            allow_redirects=False,
            headers={"Accept-Encoding": "identity"},
        )
    except KlingDownloadError:
        raise
    except Exception as error:
        # Without the cause: its text holds the link, and Airflow logs it with the traceback.
        raise failed(f"The download from {host} broke off ({type(error).__name__}).") from None


def _next_hop(url: str, location: str, limits: DownloadLimits) -> str:
    try:
        # http.client reads header fields as latin-1; what is sent is UTF-8, if it is not ASCII.
        target = urljoin(url, location.encode("latin-1").decode()) if location else ""
    except ValueError:
        target = ""
    if url.startswith("https:") and target.startswith("http:"):
        raise failed(f"{urlsplit(url).netloc} redirects the download away from https.")
    return _checked(target, limits)


def _checked(url: str, limits: DownloadLimits) -> str:
    """Return a link that may be followed, as far as can be told before its host is looked up."""
    if not is_link(url):
        raise failed("What should be a link to the video, or a redirect of it, is no http(s) URL.")
    parts = urlsplit(url)
    if limits.reaches != EVERYWHERE:
        # Through a proxy it is the proxy that looks the host up; one that has no address here is left to it.
        try:
            _allowed(str(parts.hostname), parts.port or 443, limits)
        except OSError:
            log.debug("%s has no address here.", parts.hostname)
    return url


def _allowed(host: str, port: int, limits: DownloadLimits) -> list[str]:
    addresses = resolve(host, port)
    if refused := first_refused(addresses, limits.reaches):
        raise KlingDownloadError(
            f"The video's link leads to {host}, which is a {refused.value} address; nothing was asked of it.",
            task_state=TaskState.EXISTS,
            next_step='If it is meant to be there, set "allow_private_downloads": true in the extra of the connection, '
            "then clear this task: the same video is downloaded at no cost.",
        )
    return addresses


def _length(answer: requests.Response, host: str, limits: DownloadLimits) -> int | None:
    if answer.status_code != 200:
        raise failed(f"{host} answered the download with HTTP {answer.status_code}.")
    length = answer.headers.get("Content-Length", "")
    if _encoding(answer) or not length.isdecimal() or len(length) > 18:
        return None
    if int(length) > limits.max_bytes:
        raise _too_large(host, limits)
    return int(length)


def _encoding(answer: requests.Response) -> str:
    encoding: str = answer.headers.get("Content-Encoding", "").strip().lower()
    return "" if encoding == "identity" else encoding


def _chunks(answer: requests.Response, host: str, limits: DownloadLimits, progress: _Progress) -> Iterator[bytes]:
    size = 0
    try:
        for chunk in _decoded(answer.raw.stream(CHUNK, decode_content=False), _encoding(answer), progress):
            size += len(chunk)
            if size > limits.max_bytes:
                raise _too_large(host, limits)
            yield chunk
    except KlingDownloadError:
        raise
    except Exception as error:
        raise failed(f"The download from {host} broke off ({type(error).__name__}).") from None


def _decoded(chunks: Iterator[bytes], encoding: str, progress: _Progress) -> Iterator[bytes]:
    """Yield what was encoded, a piece at a time however much a few bytes stand for."""
    import zlib

    if encoding not in ("", "gzip", "x-gzip", "deflate"):
        raise ValueError(f"unknown encoding {encoding!r}")
    inflater = zlib.decompressobj(32 + zlib.MAX_WBITS)
    for chunk in chunks:
        progress.received += len(chunk)
        plain = inflater.decompress(chunk, CHUNK) if encoding else chunk
        yield plain
        while encoding and (inflater.unconsumed_tail or len(plain) == CHUNK):
            plain = inflater.decompress(inflater.unconsumed_tail, CHUNK)
            yield plain


def _too_large(host: str, limits: DownloadLimits) -> KlingDownloadError:
    return KlingDownloadError(
        f"What {host} sends is larger than max_bytes ({limits.max_bytes:,} bytes).",
        task_state=TaskState.EXISTS,
        next_step="Raise max_bytes, then clear this task: the same video is downloaded at no cost.",
    )


def failed(message: str) -> KlingDownloadError:
    """Return the error for a download that a retry can help."""
    return KlingDownloadError(message, task_state=TaskState.EXISTS, retryable=True)
