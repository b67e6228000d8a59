"""Rename and delete files by their very names: in most stores fsspec takes ``*``, ``?`` and ``[`` for a pattern."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath


def rename(path: ObjectStoragePath, target: ObjectStoragePath) -> None:
    """Give a file another name, whatever has it now."""
    if _is_literal(path):
        path.replace(target)
    else:
        path.fs.cp_file(path.path, target.path)
        path.fs.rm_file(path.path)


def delete(path: ObjectStoragePath) -> None:
    """Delete a file, if there is one."""
    if _is_literal(path):
        path.unlink(missing_ok=True)
    else:
        with suppress(FileNotFoundError):
            path.fs.rm_file(path.path)


def _is_literal(path: ObjectStoragePath) -> bool:
    # A local disk renames in one step, and knows no patterns.
    return path.protocol in ("", "file") or not any(sign in path.path for sign in "*?[")
