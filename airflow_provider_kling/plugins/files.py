"""
Landed files, read through Airflow's ``ObjectStoragePath`` with the connections of the API server.

The paths come from what an operator recorded, never from a request. Who may write XComs could put another path there,
so a file is given out only when it is what we land: of a file system that holds files, and with the first bytes of a
video, a picture or a sound.
"""

from __future__ import annotations

import json
import logging
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

log = logging.getLogger(__name__)

CHUNK = 256 * 1024
# A block of an object store's client is fetched whole for each range; theirs are of up to 50 MiB.
_BLOCK = 1024 * 1024
# Anything else that fsspec knows could be made to fetch from an address, or to look into an archive.
_FILE_SYSTEMS = {
    *("file", "local", "memory", "s3", "s3a", "s3n", "gs", "gcs", "abfs", "abfss", "adl", "az", "wasb", "wasbs"),
    *("hdfs", "webhdfs", "oci", "oss", "obs", "cos", "b2", "swift"),
}
_MOST_LINES = 50_000
_LARGEST_MANIFEST = 64 * 1024 * 1024
_MANIFESTS_KEPT = 64
_SIGNATURES = (
    (re.compile(rb"....ftyp", re.DOTALL), "video/mp4"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"RIFF....WAVE", re.DOTALL), "audio/wav"),
    (re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"), "audio/mpeg"),
)
_KINDS = {
    "mp4": "video",
    "png": "image",
    "jpg": "image",
    "jpeg": "image",
    "webp": "image",
    "wav": "audio",
    "mp3": "audio",
}


class NoFileError(Exception):
    """There is nothing to give out; the message may be shown."""


@dataclass(frozen=True, slots=True)
class LandedMedia:
    """A file that may be given out."""

    path: ObjectStoragePath
    size: int
    media_type: str
    etag: str

    @property
    def name(self) -> str:
        """A file name that a header can carry."""
        return re.sub(r"[^\w.-]+", "_", self.path.name, flags=re.ASCII) or "video.mp4"

    def chunks(self, start: int, length: int) -> Iterator[bytes]:
        """Yield a part of the file."""
        with _open(self.path) as file:
            file.seek(start)
            left = length
            while left > 0 and (chunk := file.read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk


def kind_of(path: str) -> str:
    """Return what a page shows a file with: ``video``, ``image`` or ``audio``."""
    return _KINDS.get(path.rpartition(".")[2].lower(), "video")


def shown(path: str) -> str:
    """Return a path as people read it, without the connection in it."""
    # No urlsplit(): a path is no URL, may hold "#" and "?", and brackets that are no IPv6 address are no error.
    scheme, separator, rest = path.partition("://")
    if not separator:
        return path
    place, slash, name = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{name}"


def media(path: str) -> LandedMedia:
    """
    Return a landed file.

    :raises NoFileError: when there is none, or it is not what we land.
    """
    found, size, etag = _found(path)
    try:
        with _open(found) as file:
            head = file.read(16)
    except Exception as error:
        raise _unreadable(error) from error
    media_type = next((kind for pattern, kind in _SIGNATURES if pattern.match(head)), None)
    if media_type is None:
        raise NoFileError("What lies there is no video, picture or sound.")
    return LandedMedia(found, size, media_type, etag)


class Manifests:
    """The manifests of batches, each read once as long as its file stays as it is."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[str, Sequence[Any]]] = OrderedDict()
        self._lock = Lock()

    def lines(self, path: str) -> Sequence[Any] | None:
        """Return the lines of a manifest, or ``None`` where it is not there, or not yet."""
        if not path.endswith(".jsonl"):
            return None
        try:
            found, size, etag = _found(path)
        except NoFileError:
            return None
        with self._lock:
            kept = self._kept.get(path)
            if kept and kept[0] == etag:
                self._kept.move_to_end(path)
                return kept[1]
        read = _read_lines(found, size)
        if read is not None:
            with self._lock:
                self._kept[path] = (etag, read)
                while len(self._kept) > _MANIFESTS_KEPT:
                    self._kept.popitem(last=False)
        return read


def _read_lines(path: ObjectStoragePath, size: int) -> Sequence[Any] | None:
    if size > _LARGEST_MANIFEST:
        return None
    try:
        with _open(path) as file:
            return [json.loads(line) for line in file.read(size).splitlines()[:_MOST_LINES]]
    except Exception as error:
        log.warning("The manifest %s cannot be read (%s).", shown(str(path)), type(error).__name__)
        return None


def _found(path: str) -> tuple[ObjectStoragePath, int, str]:
    scheme = path.partition("://")[0] if "://" in path else "file"
    if scheme not in _FILE_SYSTEMS or "::" in path:
        raise NoFileError("The gallery does not read from such a place.")
    try:
        found = ObjectStoragePath(path)
        facts = found.fs.info(found.path)
    except FileNotFoundError as error:
        raise NoFileError(
            "It is not there any more, or this API server cannot see the disk that it lies on."
        ) from error
    except Exception as error:
        raise _unreadable(error) from error
    if facts.get("type") == "directory":
        raise NoFileError("There is a directory.")
    version = [facts.get(name) for name in ("ETag", "etag", "generation", "mtime", "last_modified", "size")]
    return found, int(facts.get("size") or 0), f'"{sha256(repr(version).encode()).hexdigest()[:32]}"'


def _open(path: ObjectStoragePath) -> Any:
    return path.fs.open(path.path, "rb", block_size=_BLOCK)


def _unreadable(error: Exception) -> NoFileError:
    # A library's own words may name keys and hosts.
    log.warning("A landed file cannot be read: %s", error)
    return NoFileError(f"It cannot be read from this API server ({type(error).__name__}).")
