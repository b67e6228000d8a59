"""Land videos: from Kling's signed URL to any ``ObjectStoragePath``, whole or not at all."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from itertools import takewhile
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from airflow_provider_kling.compat import clock
from airflow_provider_kling.exceptions import KlingDownloadError, KlingError, KlingValidationError, TaskState
from airflow_provider_kling.storage.mp4 import Mp4Check

if TYPE_CHECKING:
    import requests
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_kling.api.task import KlingTask

log = logging.getLogger(__name__)

CHUNK = 1 << 20
ATTEMPTS = 3
_TIMEOUTS = (10.0, 60.0)
# File systems take 255 bytes; what is being written has a longer suffix.
_LONGEST_NAME = 200

Landed = tuple[tuple[str, int], ...]


def land(
    task: KlingTask,
    output_path: str,
    *,
    name: str,
    refresh: Callable[[], KlingTask],
    stopped: Callable[[], bool] = lambda: False,
) -> Landed:
    """
    Write every video of a task and return (path, bytes) of each.

    Landing again is harmless: a file that is whole already is left as it is.

    :param output_path: a directory when it ends in ``/``, else the file.
    :param name: file name without suffix in a directory.
    :param refresh: asks Kling for the task anew; a link can expire before its 30 days.
    :param stopped: asked now and then whether to give up.
    :raises KlingDownloadError: after three attempts.
    """
    landed = []
    for index, target in enumerate(targets(output_path, name, len(task.videos))):
        for attempt in range(1, ATTEMPTS + 1):
            try:
                url = _link(task, index) if attempt == 1 else _fresh_link(refresh, index)
                landed.append((str(target), _fetch(url, target, stopped)))
                break
            except KlingDownloadError as error:
                error.about(task_id=task.task_id, external_task_id=task.external_task_id)
                if attempt == ATTEMPTS or stopped():
                    raise
                log.warning("%s Trying again with a fresh link.", error.message)
                clock.sleep(2.0 * attempt)
    return tuple(landed)


def _link(task: KlingTask, index: int) -> str:
    if index >= len(task.videos):
        raise _failed("Kling gives no link to the video any more.")
    return task.videos[index].url


def _fresh_link(refresh: Callable[[], KlingTask], index: int) -> str:
    try:
        return _link(refresh(), index)
    except KlingDownloadError:
        raise
    except KlingError as error:
        if not error.retryable:
            raise
        raise _failed(f"Kling gave no fresh link ({error.message})") from error


def targets(output_path: str, name: str, count: int) -> list[ObjectStoragePath]:
    """Return the path of each of ``count`` videos: the second and later get ``-2``, ``-3`` … in their names."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    first = ObjectStoragePath(output_path)
    if output_path.endswith("/"):
        first = first / _file_name(name, ".mp4")
    more = [first.with_name(f"{first.stem}-{number}{first.suffix}") for number in range(2, count + 1)]
    return [first, *more]


def write_lines(directory: str, name: str, lines: Iterable[str]) -> str:
    """
    Write ``<name>.jsonl`` into a directory and return its path.

    :raises KlingDownloadError: when it cannot be written.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    path = ObjectStoragePath(directory) / _file_name(name, ".jsonl")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))
    except Exception as error:
        raise _failed(f"{path} cannot be written ({type(error).__name__}: {error}).") from error
    return str(path)


def _file_name(stem: str, suffix: str) -> str:
    """Return a name that any file system takes: dag, run and task ids, and a user's own id, hold anything."""
    safe = re.sub(r"[^\w.-]+", "_", stem)
    if len(safe.encode()) > _LONGEST_NAME:
        digest = sha256(stem.encode()).hexdigest()[:16]
        safe = f"{safe.encode()[: _LONGEST_NAME - 17].decode(errors='ignore')}-{digest}"
    return safe + suffix


def check_output_path(output_path: str) -> None:
    """
    Open the file system of a path, so that a missing package or connection is found before anything is paid.

    A local directory is made, as well: whether a bucket can be written to is known only once something is.

    :raises KlingValidationError: when it cannot be used.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    try:
        path = ObjectStoragePath(output_path)
        _ = path.fs
        if _is_local(path):
            (path if output_path.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
    except Exception as error:
        fault = ("output_path", f"{output_path!r} cannot be used ({type(error).__name__}: {error})")
        refused = KlingValidationError(f"output_path: {fault[1]}.", faults=(fault,))
        # A disk that is full or away comes back; a retry may already have videos to land.
        refused.retryable = isinstance(error, OSError)
        raise refused from error


def _is_local(path: ObjectStoragePath) -> bool:
    return path.protocol in ("", "file")


def still_there(landed: Landed) -> bool:
    """Whether every landed file exists with the size that it was landed with."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return bool(landed) and all(_size(ObjectStoragePath(path)) == size for path, size in landed)


def _size(path: ObjectStoragePath) -> int | None:
    try:
        return int(path.stat().st_size)
    except FileNotFoundError:
        return None


def _fetch(url: str, target: ObjectStoragePath, stopped: Callable[[], bool]) -> int:
    import requests

    host = urlsplit(url).netloc
    with requests.Session() as session:
        # The link carries its own signature. Any auth object keeps requests from adding one from .netrc.
        session.auth = lambda request: request
        try:
            with session.get(url, stream=True, timeout=_TIMEOUTS) as answer:
                return _write(answer, target, host, stopped)
        except requests.exceptions.RequestException as error:
            raise _failed(f"The download from {host} broke off ({type(error).__name__}).") from error
        except KlingDownloadError:
            raise
        except Exception as error:
            # Each object store has errors of its own (botocore's are no OSError); the video is paid for in any case.
            raise _failed(f"{target} cannot be written ({type(error).__name__}: {error}).") from error


def _write(answer: requests.Response, target: ObjectStoragePath, host: str, stopped: Callable[[], bool]) -> int:
    if answer.status_code != 200:
        raise _failed(f"{host} answered the download with HTTP {answer.status_code}.")
    encoded = answer.headers.get("Content-Encoding", "identity") != "identity"
    length = None if encoded else answer.headers.get("Content-Length")
    expected = int(length) if length else None
    if expected is not None and _size(target) == expected:
        log.info("%s is whole already (%d bytes).", target, expected)
        return expected
    target.parent.mkdir(parents=True, exist_ok=True)
    if _is_local(target) and target.is_dir():
        # With Airflow 3.0, replace() would move the file into it, as mv does.
        raise IsADirectoryError(f"{target} is a directory")
    # Nobody sees half a video under the final name, and two runs at once do not write into each other's file.
    part = target.with_name(f"{target.name}.{uuid4().hex[:8]}.part")
    try:
        size = _stream(takewhile(lambda _: not stopped(), answer.iter_content(CHUNK)), part, expected, host)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    log.info("Landed %s (%d bytes).", target, size)
    return size


def _stream(chunks: Iterable[bytes], part: ObjectStoragePath, expected: int | None, host: str) -> int:
    check, size = Mp4Check(), 0
    with part.open("wb") as file:  # type: ignore[no-untyped-call]
        for chunk in chunks:
            file.write(chunk)
            check.feed(chunk)
            size += len(chunk)
    flaw = f"it has {size} of {expected} bytes" if expected not in (None, size) else check.flaw()
    if flaw:
        raise _failed(f"What {host} sent is not a whole mp4: {flaw}.")
    return size


def _failed(message: str) -> KlingDownloadError:
    return KlingDownloadError(message, task_state=TaskState.EXISTS, retryable=True)
