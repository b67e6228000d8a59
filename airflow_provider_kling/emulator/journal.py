"""The journal: every request to the emulated API and to the videos, in the order of arrival."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class JournalEntry:
    """One request and what became of it.

    Attributes:
        n: number of the request, from 1.
        at: emulator time of arrival, seconds since the Unix epoch.
        wall: real time of arrival, seconds since the Unix epoch.
        operation: ``create``, ``get``, ``list``, ``identify`` (faces), ``costs``, ``download`` or ``other`` (no such
            path).
        dialect: ``kling``, ``kling-v3`` (the new standard), ``llmprovider``, or None for a download.
        headers: by lower-case name; Authorization is its scheme and a hash, never the key.
        body: the JSON of the request, or its text when it is not JSON, or None.
        status: HTTP status answered; None while it is being worked on and when the connection was dropped.
        fault: kind of the fault applied, if any.
        task_id: the task created or looked at, if any; of several the first.
        leaked_authorization: a video was asked for with an Authorization header, which belongs to the API alone.
    """

    n: int
    at: float
    wall: float
    operation: str
    dialect: str | None
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None
    status: int | None = None
    fault: str | None = None
    task_id: str | None = None
    leaked_authorization: bool = False

    def to_json(self) -> dict[str, object]:
        """The entry for ``/_kling/requests``."""
        return dict(vars(self))


def without_key(headers: Mapping[str, str]) -> dict[str, str]:
    """``headers`` with the credential replaced by its scheme and the first 12 hex digits of its SHA-256."""
    safe = {name.lower(): value for name, value in headers.items()}
    if value := safe.get("authorization"):
        scheme, _, secret = value.rpartition(" ")
        safe["authorization"] = f"{scheme} sha256:{hashlib.sha256(secret.encode()).hexdigest()[:12]}".strip()
    return safe


@dataclass
class Journal:
    """The entries so far. Safe to use from any thread."""

    _entries: dict[int, JournalEntry] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _opened: int = 0

    def open(self, at: float, **seen: Any) -> JournalEntry:
        """Enter a request as it arrives."""
        with self._lock:
            self._opened += 1
            entry = JournalEntry(n=self._opened, at=at, wall=time.time(), **seen)
            self._entries[entry.n] = entry
            return entry

    def close(self, entry: JournalEntry, **outcome: Any) -> None:
        """Add what became of ``entry``. Does nothing when the journal was cleared in between."""
        with self._lock:
            if self._entries.get(entry.n) is entry:
                self._entries[entry.n] = replace(entry, **outcome)

    @property
    def entries(self) -> list[JournalEntry]:
        """A copy of the entries, oldest first."""
        with self._lock:
            return list(self._entries.values())

    def clear(self) -> None:
        """Forget every entry and count from 1 again."""
        with self._lock:
            self._entries.clear()
            self._opened = 0
