"""A stand-in for Kling's video service: runs here, costs nothing, fails on demand, and keeps the books.

It knows nothing of the provider and shares no code with it, so that a test against it is no mirror of the provider's
own reading of the API. Importing this package loads nothing: the pytest plugin lives in it and is imported in every
pytest run. The web server is loaded by ``KlingEmulator.start``, the video libraries by the first download.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_kling.emulator.emulator import KlingEmulator
    from airflow_provider_kling.emulator.faults import Fault
    from airflow_provider_kling.emulator.journal import JournalEntry
    from airflow_provider_kling.emulator.ledger import Charge
    from airflow_provider_kling.emulator.task import Task

__all__ = ["Charge", "Fault", "JournalEntry", "KlingEmulator", "Task"]

_HOMES = {"Charge": "ledger", "Fault": "faults", "JournalEntry": "journal", "KlingEmulator": "emulator", "Task": "task"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
