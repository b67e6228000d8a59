"""Pictures and sounds for a request, from where a worker can read them: object storage, a local path, or Base64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from airflow_provider_kling.api.content import Content, Inline
from airflow_provider_kling.api.media import LARGEST_SOUND, image_flaw, size_flaw, sound_flaw
from airflow_provider_kling.api.plain import join, shorten
from airflow_provider_kling.api.text import tidy
from airflow_provider_kling.exceptions import KlingValidationError

Faults = list[tuple[str, str]]


def resolved(
    schema: Mapping[str, Any], fields: Mapping[str, Any], *, largest_image: int
) -> tuple[dict[str, Any], Faults]:
    """
    Return request fields with each file that they name as a checked :class:`Content`, and what is wrong with them.

    A link is left as it is: Kling fetches it. Which fields are files, the schema says by ``contentMediaType``.

    :param largest_image: in bytes.
    :raises KlingValidationError: when a store cannot be reached; a retry can help.
    """
    faults: Faults = []
    return _resolved(schema, dict(fields), "", largest_image, faults), faults


def _resolved(schema: Mapping[str, Any], value: Any, path: str, largest: int, faults: Faults) -> Any:
    kind = schema.get("contentMediaType")
    if kind is not None:
        return _file(value, path, kind.partition("/")[0], largest, faults)
    if isinstance(value, Mapping):
        rules = schema.get("properties", {})
        return {
            name: _resolved(rules[name], item, join(path, name), largest, faults) if name in rules else item
            for name, item in value.items()
        }
    if isinstance(value, (list, tuple)) and "items" in schema:
        return [
            _resolved(schema["items"], item, f"{path}[{index}]", largest, faults) for index, item in enumerate(value)
        ]
    return value


def _file(value: Any, path: str, kind: str, largest: int, faults: Faults) -> Any:
    if value is None or (isinstance(value, str) and value.startswith(("http://", "https://"))):
        return value
    most = largest if kind == "image" else LARGEST_SOUND
    if isinstance(value, Inline):
        read: Callable[[], bytes | None] = value.decoded
    elif isinstance(value, str) and value:
        read = partial(_read, value, path, most)
    else:
        faults.append((path, f"must be a URL, a path or Base64, not {shorten(value)}"))
        return value
    try:
        data = read()
    except _UnfitError as error:
        faults.append((path, str(error)))
        return value
    if data is None:
        faults.append((path, "is no valid Base64"))
        return str(value)
    flaw = size_flaw(len(data), most) or (image_flaw if kind == "image" else sound_flaw)(data)
    if flaw:
        faults.append((path, f"{flaw} ({value})" if isinstance(value, str) else flaw))
    return Content(data, lambda: read() or b"", path)


class _UnfitError(Exception):
    """Why a file cannot be used, in the words of a fault."""


def _read(place: str, path: str, most: int) -> bytes:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    try:
        file = ObjectStoragePath(place)
        size = int(file.stat().st_size)
        if flaw := size_flaw(size, most):
            raise _UnfitError(f"{flaw} ({place})")
        with file.open("rb") as stream:  # type: ignore[no-untyped-call]
            data: bytes = stream.read(most + 1)
        return data
    except _UnfitError:
        raise
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        what = "is no file that this worker can read, no URL and no Base64"
        raise _UnfitError(f"{shorten(place)} {what}") from None
    except Exception as error:
        # Of the store: credentials, network, a missing package. Each has errors of its own.
        fault = (path, f"{shorten(place)} cannot be read ({type(error).__name__}: {tidy(error, 300)})")
        refused = KlingValidationError(f"{fault[0]}: {fault[1]}.", faults=(fault,))
        refused.retryable = not isinstance(error, (ImportError, ValueError, PermissionError))
        raise refused from error
