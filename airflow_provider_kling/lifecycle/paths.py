"""
Where each video lands: ``output_path`` as a pattern over ``{key}``, ``{external_task_id}`` and ``{index}``.

What stands in for a name is quoted as in a URL, and as Hive quotes the value of a partition: letters and digits of any
script, ``-``, ``_``, ``.`` and single spaces stay, all else becomes ``%XX`` of its UTF-8, a leading dot too. So no key
leaves its directory, and two keys never give one name. A name that would be too long for a file system is cut, and ends
in ``~`` and a digest, which no quoted key holds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from airflow_provider_kling.api.plain import shorten
from airflow_provider_kling.exceptions import KlingConfigurationError
from airflow_provider_kling.lifecycle.labels import Label

NAMES = ("key", "external_task_id", "index")
"""What may stand in braces."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# A bucket, and what leads to it, is no part of the path that a key may choose.
_PLACE = re.compile(r"[^/]*://[^/]*")
# Most keys, and ids.
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_KNOWN = "known are {key}, {external_task_id} and {index}"

# File systems take 255 bytes for a name; what is being written has 14 more, and the 99th file of a task 3.
_LONGEST_NAME = 238
_LONGEST_VALUE = 150
_DIGEST = 16
_LENGTH_OF_ID = 43


class Place(NamedTuple):
    """
    Where one video lands.

    :param path: a directory when it ends in ``/``, else the file.
    :param name: of the file in a directory, without its suffix.
    :param is_own: whether the path names the task, so that no other video ever lies there.
    :param joint: stands between a file's name and the number of the second and later file.
    """

    path: str
    name: str
    is_own: bool
    joint: str = "-"


def place_at(output_path: str, external_task_id: str, *, key: str | None = None, number: int = 0) -> Place:
    """
    Return where a video lands.

    :param output_path: a directory, a file or a pattern.
    :param number: stands in for ``{index}``.
    :raises KlingConfigurationError: where it cannot be: what was checked before paying has rendered differently since.
    """
    names = _PLACEHOLDER.findall(output_path)
    if fault := unknown_names(output_path) or ("needs a key" if "key" in names and key is None else None):
        raise KlingConfigurationError(
            f"output_path {shorten(output_path)} {fault}; what was submitted is kept.",
            retryable=True,
            next_step="Make the templates of key and output_path give the same each time (no random, no now()).",
        )
    values = {"key": key or "", "external_task_id": external_task_id, "index": str(number)}
    path = _PLACEHOLDER.sub(lambda found: quoted(values[found[1]]), output_path)
    is_own = output_path.endswith("/") or "external_task_id" in names
    # "a-2" may be a key beside "a"; no quoted one holds a tilde.
    return Place(path, external_task_id, is_own, "~" if names else "-")


def directory_of(output_path: str) -> str:
    """Return the directory that all videos lie in or under: what comes before the first placeholder, to its ``/``."""
    fixed = _PLACEHOLDER.split(output_path, maxsplit=1)[0]
    return fixed[: fixed.rfind("/") + 1] or "./"


def quoted(value: str) -> str:
    """Return a part of a file's name, another one for each value but for its Unicode normalization."""
    if len(value) <= _LONGEST_VALUE and _PLAIN.fullmatch(value):
        return value
    value = unicodedata.normalize("NFC", value)
    inner = range(1, len(value) - 1)
    pieces = [
        character if _stays(character, at in inner, value[at - 1 : at]) else _escaped(character)
        for at, character in enumerate(value)
    ]
    text = "".join(pieces)
    if len(text.encode()) <= _LONGEST_VALUE:
        return text
    while len("".join(pieces).encode()) > _LONGEST_VALUE - _DIGEST - 1:
        pieces.pop()
    return f"{''.join(pieces)}~{sha256(value.encode()).hexdigest()[:_DIGEST]}"


def _stays(character: str, is_inner: bool, before: str) -> bool:
    if character == ".":
        return before != ""
    if character == " ":
        return is_inner and before != " "
    return character in "-_" or (character.isascii() and character.isalnum()) or _is_of_a_word(character)


def _is_of_a_word(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character)[0] in "LMN"


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


# --- what is wrong with them ------------------------------------------------------------------------------------------


def unknown_names(text: str) -> str | None:
    """Return what is wrong with the names in braces in a part of a path."""
    unknown = [name for name in _PLACEHOLDER.findall(text) if name not in NAMES]
    return f"holds {{{shorten(unknown[0])[1:-1]}}}; {_KNOWN}" if unknown else None


def path_fault(output_path: str, *, is_batch: bool) -> str | None:
    """
    Return what is wrong with a path or a pattern.

    :param is_batch: whether many videos land there, that must not land on one file.
    """
    if fault := unknown_names(output_path):
        return fault
    if any(brace in _PLACEHOLDER.sub("", output_path) for brace in "{}"):
        return f"{shorten(output_path)} holds a brace that is none of a name's; {_KNOWN}"
    if (place := _PLACE.match(output_path)) and _PLACEHOLDER.search(place[0]):
        return f"{shorten(output_path)} has a name in braces where the bucket is named; let it stand in the path"
    if output_path.endswith("/"):
        return None
    if is_batch and not _PLACEHOLDER.search(output_path):
        return (
            f"must be a directory ending in '/', or hold {{key}}, {{external_task_id}} or {{index}}, "
            f"not {shorten(output_path)}: a batch lands many files"
        )
    # Mapped tasks would all land on a nameless file.
    if "." in _PLACEHOLDER.sub("x", output_path).rpartition("/")[2]:
        return None
    return f"must end in '/' (a directory) or in .mp4 (a file), not {shorten(output_path)}"


def label_faults(output_path: str, labels: Sequence[Label], *, is_batch: bool) -> Iterator[tuple[str, str]]:
    """
    Yield what is wrong with keys, by their field, where files are named by them.

    :param output_path: without a fault.
    """
    names = _PLACEHOLDER.findall(output_path)
    if "key" not in names:
        return
    seen: dict[str, int] = {}
    for position, label in enumerate(labels):
        field = f"items[{position}].key" if is_batch else "key"
        if label.key is None:
            yield field, f"is missing; output_path {shorten(output_path)} names each file by its {{key}}"
            continue
        path = place_at(output_path, "x" * _LENGTH_OF_ID, key=label.key, number=position).path
        if fault := _length_fault(path):
            yield field, fault
        first = seen.setdefault(unicodedata.normalize("NFC", path).casefold(), position)
        if first != position and not (output_path.endswith("/") or "external_task_id" in names):
            # 1 and 11, 11 and 1: what tells them apart needs something in between.
            how = "part {key} and {index} in" if "index" in names else "add {index} or {external_task_id} to"
            yield (
                field,
                f"{shorten(label.key)} would land on the file of items[{first}], {shorten(labels[first].key)}: to some "
                f"file systems they are one name; {how} output_path",
            )


def _length_fault(path: str) -> str | None:
    longest = max(len(name.encode("utf-8", "replace")) for name in path.split("/"))
    if longest <= _LONGEST_NAME:
        return None
    return f"gives a file name of {longest} bytes; at most {_LONGEST_NAME} are allowed, so shorten output_path"


def meets_itself(output_path: str, *, key_differs: bool, is_batch: bool) -> bool:
    """
    Whether mapped tasks would all land on one file.

    :param key_differs: whether each of them may have a key of its own.
    """
    names = {*_PLACEHOLDER.findall(output_path)}
    if output_path.endswith("/") or "external_task_id" in names:
        return False
    differing = [name for name, differs in (("key", key_differs), ("index", not is_batch)) if differs]
    return names.isdisjoint(differing)
