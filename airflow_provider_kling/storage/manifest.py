"""Read what a task has returned: which video belongs to which row."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.plain import shorten
from airflow_provider_kling.lifecycle.labels import label_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

Row = Mapping[str, Any]


class KlingManifest:
    """
    The manifests of one or many videos, in their order, each a dict of the same keys.

    >>> manifest = KlingManifest.read("s3://clips/dt=2026-11-01/catalogue.jsonl")  # doctest: +SKIP
    >>> manifest.by_key("4711")["output_paths"]  # doctest: +SKIP
    ['s3://clips/dt=2026-11-01/4711.mp4']

    A batch has a row for each item that was submitted, failed or left out; ``manifest[7]`` is the one of ``items[7]``.

    :param rows: as the operators return them; of single videos the place in this list is the position.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = [_whole(row, position) for position, row in enumerate(rows)]
        self._found: dict[str, dict[Any, list[dict[str, Any]]]] = {}

    @classmethod
    def read(cls, source: Row | str | ObjectStoragePath | Sequence[Row]) -> KlingManifest:
        """
        Read the result of a task of ours, or of many.

        :param source: what ``KlingBatchOperator`` returned, or its ``manifest_path``; the manifest that an operator of
            one video returned, or the list of them that a mapped one's ``.output`` is. Of several batches each row has
            the position in its own.
        :raises ValueError: when it is none of these.
        :raises OSError: when the file cannot be read; object stores have errors of their own.
        """
        if isinstance(source, Mapping):
            if source.get("manifest_path"):
                return cls.read(source["manifest_path"])
            if isinstance(source.get("items"), Sequence):
                return cls(source["items"])
            rows: list[Any] = [source]
        elif isinstance(source, str) or hasattr(source, "protocol"):
            rows = list(_lines(str(source)))
        else:
            # None too: what a task that was skipped has returned.
            results = source if isinstance(source, Iterable) else [source]
            rows = [row for one in results for row in (cls.read(one) if _is_of_batch(one) else [one])]
        for at, row in enumerate(rows):
            if not isinstance(row, Mapping) or "task_status" not in row:
                hint = "what KlingBatchOperator returned, or another operator with wait_for_completion=True"
                raise ValueError(f"Row {at} is no manifest: {shorten(row)}. Give {hint}, or a manifest_path.")
        return cls(rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, position: int) -> dict[str, Any]:
        """
        Return the row of an item.

        :param position: of it in ``items``, from 0.
        :raises KeyError: when there is none: it was not submitted, as the batch failed before.
        """
        return self._one("position", position)

    def by_key(self, key: str | float) -> dict[str, Any]:
        """
        Return the row of the video with this key.

        :param key: text, or a number, as it was given.
        :raises KeyError: when there is none, or more than one, as only different tasks can have it.
        """
        return self._one("key", label_of(key, None)[0].key)

    def by_external_task_id(self, external_task_id: str) -> dict[str, Any]:
        """
        Return the row of the video with this id.

        :raises KeyError: when there is none, or more than one.
        """
        return self._one("external_task_id", external_task_id)

    def _one(self, name: str, value: Any) -> dict[str, Any]:
        if name not in self._found:
            found = self._found[name] = defaultdict(list)
            for row in self._rows:
                found[row.get(name)].append(row)
        rows = self._found[name].get(value, []) if value is not None else []
        if len(rows) != 1:
            raise KeyError(f"{len(rows) or 'none'} of the {len(self)} rows have {name} {shorten(value)}")
        return rows[0]


def _is_of_batch(result: Any) -> bool:
    is_manifest = not isinstance(result, Mapping) or "task_status" in result
    return not is_manifest and ("manifest_path" in result or "items" in result)


def _whole(row: Row, position: int) -> dict[str, Any]:
    """Return a row with what those of earlier releases, and those of single videos, do not have."""
    absent: dict[str, Any] = {"position": position, "key": None, "meta": {}, "prompt": None, "error": None}
    return {**absent, "moderated": False, "units": None, **row}


def _lines(path: str) -> Iterator[Any]:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    for number, line in enumerate(ObjectStoragePath(path).read_bytes().splitlines(), 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}: line {number} is no JSON ({error}); is it the manifest of a batch?") from error
