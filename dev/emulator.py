"""The emulator as a process of its own, polled over HTTP."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import requests

from dev.processes import Leashed, tail, wait_until


class EmulatorProcess:
    """
    ``kling-emulator`` on a free loopback port.

    :param options: further arguments of the command, such as ``--speed``, ``"20"``.
    :param log: where its output goes.
    """

    def __init__(self, *options: str, log: Path) -> None:
        self._options = options
        self._log = log
        self._process: Leashed | None = None
        self._ready: dict[str, Any] = {}
        self._http = requests.Session()
        # A proxy of the environment has no business on the loopback.
        self._http.trust_env = False

    def start(self) -> EmulatorProcess:
        """Return once it answers."""
        with tempfile.TemporaryDirectory(prefix="kling-emulator-") as directory:
            ready = Path(directory) / "ready.json"
            command = [sys.executable, "-m", "airflow_provider_kling.emulator", "--port", "0", *self._options]
            self._process = Leashed([*command, "--ready-file", str(ready)], env=os.environ, log=self._log)
            try:
                wait_until(lambda: ready.exists() or self._process_ended(), timeout=20, what="the emulator's start")
                self._ready = json.loads(ready.read_text(encoding="utf-8"))
            except (OSError, TimeoutError) as error:
                self.stop()
                raise RuntimeError(f"The emulator did not start.\n{tail(self._log)}") from error
            except BaseException:
                self.stop()
                raise
        return self

    def _process_ended(self) -> bool:
        return self._process is None or self._process.ended()

    def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()
        self._http.close()

    def __enter__(self) -> EmulatorProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Its page, and the root of all its paths."""
        return str(self._ready["url"])

    @property
    def pid(self) -> int:
        """Its process id."""
        if self._process is None:
            raise RuntimeError("The emulator is not running.")
        return self._process.pid

    def connection(self, dialect: str = "llmprovider") -> dict[str, Any]:
        """Return the Airflow connection to it."""
        return dict(self._ready["connections"][dialect])

    def ledger(self) -> dict[str, Any]:
        """Return ``charges`` and ``total_units``."""
        return dict(self._get("ledger"))

    def tasks(self) -> list[dict[str, Any]]:
        """Return every task with its present status, oldest first."""
        return list(self._get("tasks"))

    def requests(self) -> list[dict[str, Any]]:
        """Return the journal of requests."""
        return list(self._get("requests"))

    def change(self, **settings: Any) -> None:
        """Change settings (see the emulator's ``Settings``)."""
        self._http.patch(f"{self.url}/_kling/settings", json=settings, timeout=10).raise_for_status()

    def reset(self) -> None:
        """Forget everything."""
        self._http.post(f"{self.url}/_kling/reset", timeout=10).raise_for_status()

    def _get(self, name: str) -> Any:
        answer = self._http.get(f"{self.url}/_kling/{name}", timeout=10)
        answer.raise_for_status()
        return answer.json()
