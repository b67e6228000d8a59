"""The money: one charge per task, booked when it is created or when it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from airflow_provider_kling.emulator.prices import plain
from airflow_provider_kling.emulator.task import Task


@dataclass(frozen=True)
class Charge:
    """One charge. ``units`` in Kling's units of ``product``, ``at`` in emulator seconds, ``task_status`` as of when it
    was read; ``dialect`` is the account, ``kind`` the capability.

    Whether a failed task is paid for is not known in public; the charge stays, and its ``task_status`` says ``failed``.
    """

    task_id: str
    external_task_id: str | None
    units: Decimal
    at: float
    dialect: str
    prompt: str
    task_status: str = "submitted"
    kind: str = "text2video"
    product: str = "video"

    def to_json(self) -> dict[str, object]:
        """The charge for ``/_kling/ledger``; units as a string, so that no digit is lost."""
        return {**vars(self), "units": plain(self.units)}


class Ledger:
    """All charges whose time has come, in the order of the creates. ``len(ledger)`` counts them. Safe to read from any
    thread.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._entries: list[tuple[Charge, Callable[[], str]]] = []

    def charge(self, task: Task, at: float) -> None:
        """Book one charge for ``task``, to count from ``at``."""
        wish = task.wish
        entry = Charge(
            task.task_id, wish.external_task_id, wish.units, at, task.dialect, wish.prompt, "submitted", wish.kind,
            wish.product,
        )  # fmt: skip
        with self._lock:
            self._entries.append((entry, lambda: task.status))

    def _due(self) -> list[tuple[Charge, Callable[[], str]]]:
        now = self._now()
        with self._lock:
            return [entry for entry in self._entries if entry[0].at <= now]

    @property
    def charges(self) -> list[Charge]:
        """The charges, each with the state its task has now."""
        return [replace(charge, task_status=status()) for charge, status in self._due()]

    def by_external_id(self) -> dict[str | None, list[Charge]]:
        """The charges by external id; more than one in a list is a video paid for twice."""
        groups: dict[str | None, list[Charge]] = {}
        for charge in self.charges:
            groups.setdefault(charge.external_task_id, []).append(charge)
        return groups

    @property
    def total_units(self) -> Decimal:
        """Units of all charges together."""
        return sum((charge.units for charge, _ in self._due()), Decimal(0))

    def of(self, dialect: str, product: str | None = None) -> list[Charge]:
        """The charges of one account, of one product where it is given, by time."""
        due = [charge for charge, _ in self._due() if charge.dialect == dialect and product in (None, charge.product)]
        return sorted(due, key=lambda charge: charge.at)

    def clear(self) -> None:
        """Forget every charge."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._due())

    def __iter__(self) -> Iterator[Charge]:
        return iter(self.charges)
