"""Land what was made: from Kling's signed URL to any ``ObjectStoragePath``, whole or not at all."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_kling.api.text import tidy
from airflow_provider_kling.compat import clock
from airflow_provider_kling.exceptions import KlingDownloadError, KlingError, KlingValidationError
from airflow_provider_kling.lifecycle.paths import directory_of
from airflow_provider_kling.lifecycle.record import LandedFile
from airflow_provider_kling.storage.download import ANYTHING, Download, DownloadLimits, failed, opened
from airflow_provider_kling.storage.names import delete, rename
from airflow_provider_kling.storage.uris import uri_of
from airflow_provider_kling.storage.whole import check_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_kling.api.task import KlingOutput, KlingTask
    from airflow_provider_kling.lifecycle.paths import Place

log = logging.getLogger(__name__)

ATTEMPTS = 3
# File systems take 255 bytes; what is being written has a longer suffix.
_LONGEST_NAME = 200

# Names of the facts that file systems keep of a version of a file: s3 and gcs, azure, local, memory.
_MARKS = ("ETag", "etag", "generation", "mtime", "last_modified", "created")

Landed = tuple[LandedFile, ...]
Stopped = Callable[[], bool]


def land(
    task: KlingTask,
    place: Place,
    *,
    refresh: Callable[[], KlingTask],
    limits: DownloadLimits = ANYTHING,
    stopped: Stopped = lambda: False,
) -> Landed:
    """
    Write every file of a task and return what was landed.

    Landing again is harmless. Where the path names the task, a file that is whole already is left as it is; at a path
    that people chose another video may lie, of the same length.

    :param refresh: asks Kling for the task anew; a link can expire before its 30 days.
    :param limits: of each download.
    :param stopped: asked now and then whether to give up.
    :raises KlingDownloadError: after three attempts.
    """
    landed = []
    for index, target in targets(place, [file.suffix for file in task.outputs]):
        for attempt in range(1, ATTEMPTS + 1):
            try:
                file = _file(task, index) if attempt == 1 else _fresh(refresh, index)
                landed.append(_fetch(file, target, limits, place.is_own, stopped))
                break
            except KlingDownloadError as error:
                error.about(task_id=task.task_id, external_task_id=task.external_task_id)
                if attempt == ATTEMPTS or stopped() or not error.retryable:
                    raise
                log.warning("%s Trying again with a fresh link.", error.message)
                clock.sleep(2.0 * attempt)
    return tuple(landed)


def _file(task: KlingTask, index: int) -> KlingOutput:
    if index >= len(task.outputs):
        raise failed("Kling gives no link to the video any more.")
    return task.outputs[index]


def _fresh(refresh: Callable[[], KlingTask], index: int) -> KlingOutput:
    try:
        return _file(refresh(), index)
    except KlingDownloadError:
        raise
    except KlingError as error:
        if not error.retryable:
            raise
        raise failed(f"Kling gave no fresh link ({error.message})") from error


def targets(place: Place, suffixes: Sequence[str]) -> list[tuple[int, ObjectStoragePath]]:
    """
    Return the path of each file that is landed, with its number: the second and later of a suffix get ``-2``, ``-3`` …,
    or where the path is a pattern ``~2``, ``~3`` ….

    In a directory all are landed. At a path that people chose, those of its kind are: of a sound that there is as mp3
    and as wav, the one that the path names.

    :param suffixes: of the files, as they end.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    path, seen = ObjectStoragePath(place.path), Counter[str]()
    if not place.path.endswith("/"):
        kinds = [kind_of(suffix) for suffix in suffixes]
        wanted = kind_of(path.suffix.removeprefix(".").lower())
        chosen = [number for number, kind in enumerate(kinds) if kind == wanted or wanted not in kinds]
        return [(number, _numbered(path, place.joint, count)) for count, number in enumerate(chosen, 1)]
    found = []
    for number, suffix in enumerate(suffixes):
        seen[suffix] += 1
        found.append((number, _numbered(path / _file_name(place.name, f".{suffix}"), place.joint, seen[suffix])))
    return found


def kind_of(suffix: str) -> str:
    """Return the suffix of a file, or ``image`` for those of images."""
    return "image" if suffix in ("png", "jpg", "jpeg", "webp") else suffix


def _numbered(path: ObjectStoragePath, joint: str, number: int) -> ObjectStoragePath:
    return path if number == 1 else path.with_name(f"{path.stem}{joint}{number}{path.suffix}")


def write_lines(directory: str, name: str, lines: Iterable[str]) -> str:
    """
    Write ``<name>.jsonl`` into a directory and return its path.

    :raises KlingDownloadError: when it cannot be written.
    """
    path = path_of_lines(directory, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))
    except Exception as error:
        raise failed(f"{path} cannot be written ({type(error).__name__}: {error}).") from error
    return str(path)


def path_of_lines(directory: str, name: str) -> ObjectStoragePath:
    """Return where :func:`write_lines` writes."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return ObjectStoragePath(directory) / _file_name(name, ".jsonl")


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

    :param output_path: a directory, a file or a pattern.
    :raises KlingValidationError: when it cannot be used.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    try:
        path = ObjectStoragePath(directory_of(output_path))
        _ = path.fs
        if _is_local(path):
            path.mkdir(parents=True, exist_ok=True)
    except Exception as error:
        fault = ("output_path", f"{output_path!r} cannot be used ({type(error).__name__}: {error})")
        refused = KlingValidationError(f"output_path: {fault[1]}.", faults=(fault,))
        # A disk that is full or away comes back; a retry may already have videos to land.
        refused.retryable = isinstance(error, OSError)
        raise refused from error


def _is_local(path: ObjectStoragePath) -> bool:
    return path.protocol in ("", "file")


def still_there(landed: Landed) -> bool:
    """Whether every landed file exists, as it was landed: another video of equal length may lie there by now."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return bool(landed) and all(_is_same(ObjectStoragePath(file.path), file) for file in landed)


def _is_same(path: ObjectStoragePath, file: LandedFile) -> bool:
    # Earlier releases kept no mark, and not every file system has one.
    return size_of(path) == file.size and (not file.mark or _mark(path) in ("", file.mark))


def size_of(path: ObjectStoragePath) -> int | None:
    """Return the size of a file in bytes, or ``None`` where there is none."""
    try:
        return int(path.stat().st_size)
    except FileNotFoundError:
        return None


def _mark(path: ObjectStoragePath) -> str:
    """Return what changes when a file is written again, as its file system has it; empty where it has nothing."""
    try:
        facts = path.fs.info(path.path)
    except Exception:
        # Of no use for the landing itself, which has worked.
        return ""
    return next((str(facts[name]) for name in _MARKS if facts.get(name)), "")


def _fetch(
    file: KlingOutput, target: ObjectStoragePath, limits: DownloadLimits, ours: bool, stopped: Stopped
) -> LandedFile:
    try:
        with opened(file.url, limits) as download:
            if ours and download.length is not None and size_of(target) == download.length:
                log.info("%s is whole already (%d bytes).", target, download.length)
                return LandedFile(str(target), download.length, _mark(target))
            return _write(download, target, file.suffix, stopped)
    except KlingDownloadError:
        raise
    except Exception as error:
        # Each object store has errors of its own (botocore's are no OSError); the video is paid for in any case.
        raise failed(f"{target} cannot be written ({type(error).__name__}: {tidy(error, 300)}).") from error


def _write(download: Download, target: ObjectStoragePath, suffix: str, stopped: Stopped) -> LandedFile:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(target)
    try:
        size = _stream(takewhile(lambda _: not stopped(), download.chunks), part, download, suffix)
        landed = put(part, target, size)
    except BaseException:
        delete(part)
        raise
    note(target)
    log.info("Landed %s (%d bytes).", target, size)
    return landed


def part_of(target: ObjectStoragePath) -> ObjectStoragePath:
    """
    Return where a file is written before it gets its name.

    Nobody sees half a video under that, and two runs at once do not write into each other's file.

    :raises IsADirectoryError: when there is a directory of that name.
    """
    if _is_local(target) and target.is_dir():
        # With Airflow 3.0, replace() would move the file into it, as mv does.
        raise IsADirectoryError(f"{target} is a directory")
    return target.with_name(f"{target.name}.{uuid4().hex[:8]}.part")


def put(part: ObjectStoragePath, target: ObjectStoragePath, size: int) -> LandedFile:
    """Give a whole file its name, whatever has it now."""
    rename(part, target)
    return LandedFile(str(target), size, _mark(target))


def note(target: ObjectStoragePath) -> None:
    """Note a file for Airflow's lineage, as it does itself for what is written under its own name."""
    from airflow.providers.common.compat.lineage import hook

    try:
        collector: Any = hook.get_hook_lineage_collector()  # type: ignore[no-untyped-call]
        collector.add_output_asset(context=target, uri=uri_of(str(target)))
    except Exception as error:
        log.debug("%s was not noted for lineage: %s", target, error)


def _stream(chunks: Iterable[bytes], part: ObjectStoragePath, download: Download, suffix: str) -> int:
    check, size = check_of(suffix), 0
    # Not part.open(): Airflow would note the name of the part as what the task has written.
    with part.fs.open(part.path, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
            check.feed(chunk)
            size += len(chunk)
            if check.is_hopeless:
                # Gigabytes of something else, to fill the disk.
                raise failed(f"What {download.host} sends is no {suffix}: {check.flaw()}.")
    expected = download.length
    flaw = f"it has {size} of {expected} bytes" if expected not in (None, size) else check.flaw()
    if flaw:
        raise failed(f"What {download.host} sent is not a whole {suffix}: {flaw}.")
    return size
