"""Copies of landed files: how a video comes under a new name without being downloaded again."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_kling.storage.landing import kind_of, note, part_of, put, size_of, still_there, targets
from airflow_provider_kling.storage.names import delete

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_kling.lifecycle.paths import Place
    from airflow_provider_kling.storage.landing import Landed

log = logging.getLogger(__name__)

_KINDS = {"videos": ("mp4",), "images": ("image",), "audios": ("mp3", "wav")}


class Copy(NamedTuple):
    """
    A copy that is written, but not under its own name yet.

    :param part: where it is.
    :param size: in bytes.
    """

    part: ObjectStoragePath
    target: ObjectStoragePath
    size: int


def copies(landed: Landed, made: Sequence[str], place: Place) -> list[Copy]:
    """
    Copy landed files beside their new places; nothing there is overwritten yet.

    :param landed: where they are.
    :param made: for each file of the task, in which list of the manifest it is.
    :returns: nothing where a file is gone or has changed, or not all of the task's files were landed.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    # People may call a video .mov or .MP4; Kling makes no other kind than mp4.
    suffixes = [file.path.rpartition(".")[2].lower() for file in landed]
    suffixes = ["mp4" if kind == "videos" else suffix for suffix, kind in zip(suffixes, made, strict=False)]
    # At a path that people chose may be fewer files than there are, and with another suffix.
    if len(landed) != len(made) or any(kind_of(a) not in _KINDS[b] for a, b in zip(suffixes, made, strict=True)):
        return []
    if not still_there(landed):
        return []
    found: list[Copy] = []
    try:
        for number, target in targets(place, suffixes):
            found.append(Copy(part_of(target), target, landed[number].size))
            _copy(ObjectStoragePath(landed[number].path), found[-1])
    except BaseException:
        dropped(found)
        raise
    return found


def _copy(source: ObjectStoragePath, copy: Copy) -> None:
    copy.target.parent.mkdir(parents=True, exist_ok=True)
    if source.fs == copy.part.fs:
        # Within an object store nothing is sent through this machine.
        source.fs.cp_file(source.path, copy.part.path)
    else:
        # Not part.open(): Airflow would note the name of the part as what the task has written.
        with source.fs.open(source.path, "rb") as read, copy.part.fs.open(copy.part.path, "wb") as write:
            shutil.copyfileobj(read, write, 1024 * 1024)
    if size_of(copy.part) != copy.size:
        raise OSError(f"the copy of {source} has not all of its bytes")


def moved(found: Sequence[Copy], source: Landed) -> Landed:
    """
    Give copies their own names.

    :param source: what they were copied from.
    """
    try:
        landed = tuple(put(copy.part, copy.target, copy.size) for copy in found)
    except BaseException:
        if still_there(source):
            dropped(found)
        else:
            # Another video has been moved to where this one was, so a copy is all that there is of it outside of Kling.
            log.warning("Left of %s: %s.", source[0].path, ", ".join(str(copy.part) for copy in found))
        raise
    for copy in found:
        note(copy.target)
    return landed


def dropped(found: Sequence[Copy]) -> None:
    """Delete what has not been moved to its place."""
    for copy in found:
        delete(copy.part)
