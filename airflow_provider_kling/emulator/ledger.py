"""The money: one charge per created task."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from airflow_provider_kling.emulator.prices import plain
from airflow_provider_kling.emulator.task import Task


@dataclass(frozen=True)
class Charge:
    """One charge. ``units`` in Kling's units, ``at`` in emulator seconds, ``task_status`` as of when it was read.

    Whether a failed task is paid for is not known in public; the charge stays, and its ``task_status`` says ``failed``.
    """

    task_id: str
    external_task_id: str | None
    units: Decimal
    at: float
    dialect: str
    prompt: str
    task_status: str = "submitted"

    def to_json(self) -> dict[str, object]:
        """The charge for ``/_kling/ledger``; units as a string, so that no digit is lost."""
        return {**vars(self), "units": plain(self.units)}


class Ledger:
    """All charges, oldest first. ``len(ledger)`` counts them. Safe to read from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[tuple[Charge, Callable[[], str]]] = []

    def charge(self, task: Task) -> None:
        """Book one charge for ``task``."""
        wish = task.wish
        entry = Charge(task.task_id, wish.external_task_id, wish.units, task.created_at, task.dialect, wish.prompt)
        with self._lock:
            self._entries.append((entry, lambda: task.status))

    @property
    def charges(self) -> list[Charge]:
        """The charges, each with the state its task has now."""
        with self._lock:
            entries = list(self._entries)
        return [replace(charge, task_status=status()) for charge, status in entries]

    def by_external_id(self) -> dict[str | None, list[Charge]]:
        """The charges by external id; more than one in a list is a video paid for twice."""
        groups: dict[str | None, list[Charge]] = {}
        for charge in self.charges:
            groups.setdefault(charge.external_task_id, []).append(charge)
        return groups

    @property
    def total_units(self) -> Decimal:
        """Units of all charges together."""
        return self.units_of()

    def units_of(self, dialect: str | None = None) -> Decimal:
        """Units charged in ``dialect``, or in all."""
        with self._lock:
            entries = list(self._entries)
        return sum((charge.units for charge, _ in entries if dialect in (None, charge.dialect)), Decimal(0))

    def clear(self) -> None:
        """Forget every charge."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Charge]:
        return iter(self.charges)
