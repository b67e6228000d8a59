"""Everything the provider does to the outside world, counted, with a crash at a chosen point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath

from airflow_provider_kling.hooks.transport import AsyncTransport, SyncTransport
from airflow_provider_kling.storage import landing
from tests.rig import FakeStore, WorkerCrash


class Outside:
    """
    Two points around each statement that touches the outside: just before it, and just after it took effect.

    ``arm(n)`` kills the worker at the n-th point from now; ``passed`` counts the points.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 0
        self.trace: list[str] = []
        self.crashed = False
        self._fatal: int | None = None
        statements: list[tuple[Any, str]] = [
            (SyncTransport, "send"),
            (FakeStore, "get"),
            (FakeStore, "set"),
            (landing, "_stream"),
            (ObjectStoragePath, "replace"),
        ]
        for owner, name in statements:
            monkeypatch.setattr(owner, name, self._around(name, getattr(owner, name)))
        monkeypatch.setattr(AsyncTransport, "send", self._around_async("async send", AsyncTransport.send))

    def arm(self, point: int | None) -> None:
        """Crash at the point of this number, counted from now; ``None`` disarms."""
        self.passed = 0
        self.trace.clear()
        self.crashed = False
        self._fatal = point

    def _point(self, what: str) -> None:
        self.trace.append(what)
        self.passed += 1
        if self._fatal is not None and self.passed > self._fatal:
            self._fatal = None
            self.crashed = True
            raise WorkerCrash(what)

    def _around(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._point(f"before {name}")
            result = real(*args, **kwargs)
            self._point(f"after {name}")
            return result

        return call

    def _around_async(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self._point(f"before {name}")
            result = await real(*args, **kwargs)
            self._point(f"after {name}")
            return result

        return call
