"""An API server alone, over a database with videos that nobody has made."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from dev.local_airflow import LocalAirflow, Settings, migrate, write_config
from dev.processes import ROOT, tail, wait_until


class GalleryServer:
    """
    Airflow's API server with a gallery in it, as a context manager.

    :param home: ``AIRFLOW_HOME``; a database is made where there is none.
    :param seed: arguments of ``dev.gallery_data``.
    :param settings: Airflow's settings.
    :param passwords: of the users of the simple auth manager.
    :param path: what Airflow is served below.
    """

    def __init__(
        self,
        home: Path,
        *seed: str,
        settings: Settings | None = None,
        passwords: Mapping[str, str] | None = None,
        path: str = "",
    ) -> None:
        self._seed = seed
        self._passwords = passwords
        self._path = path
        self._settings: dict[str, dict[str, str]] = {name: dict(values) for name, values in (settings or {}).items()}
        self.airflow = LocalAirflow(home, dags=home / "dags", expect=())
        self.url = f"{self.airflow.url}{path}"
        self._tokens: dict[str | None, str] = {}
        self._http = requests.Session()
        self._http.trust_env = False

    def __enter__(self) -> GalleryServer:
        home = self.airflow.home
        (home / "dags").mkdir(parents=True, exist_ok=True)
        settings = self._settings
        if self._path:
            settings.setdefault("api", {})["base_url"] = self.url
        if self._passwords is not None:
            passwords = home / "passwords.json"
            passwords.write_text(json.dumps(self._passwords))
            core = settings.setdefault("core", {})
            core["simple_auth_manager_passwords_file"] = str(passwords)
            core["simple_auth_manager_all_admins"] = "False"
        port = int(self.airflow.url.rpartition(":")[2])
        write_config(home, dags=home / "dags", port=port, settings=settings)
        self.airflow.env["PYTHONPATH"] = str(ROOT)
        migrate(home, self.airflow.env, self.airflow.log)
        if self._seed:
            command = [sys.executable, "-m", "dev.gallery_data", "--output", str(home / "videos"), *self._seed]
            done = subprocess.run(command, env=self.airflow.env, cwd=ROOT, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"The videos cannot be seeded:\n{done.stderr[-2000:]}")
        self.airflow.start_component("api-server")
        try:
            wait_until(self._is_up, timeout=90, what="the API server's start", pause=0.25)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.airflow.stop()
        self._http.close()

    def _is_up(self) -> bool:
        if self.airflow.ended():
            raise RuntimeError(f"The API server ended:\n{tail(self.airflow.home / 'api-server.log')}")
        try:
            return self._http.get(f"{self.url}/api/v2/version", timeout=5).ok
        except requests.RequestException:
            return False

    def token(self, user: str | None = None) -> str:
        """Return a user's token; an administrator's where everybody is one."""
        if user not in self._tokens:
            self._tokens[user] = self._fresh_token(user)
        return self._tokens[user]

    def _fresh_token(self, user: str | None) -> str:
        if user is None:
            answer = self._http.get(f"{self.url}/auth/token", timeout=30)
        else:
            body = {"username": user, "password": (self._passwords or {})[user]}
            answer = self._http.post(f"{self.url}/auth/token", json=body, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def get(self, path: str, user: str | None = None, *, method: str = "GET", **options: Any) -> requests.Response:
        """Ask for a path of the gallery with a user's token; of nobody's with ``user=""``."""
        headers = dict(options.pop("headers", {}))
        if user != "":
            headers["Authorization"] = f"Bearer {self.token(user)}"
        url = f"{self.url}/kling/{path}"
        return self._http.request(method, url, headers=headers, timeout=60, allow_redirects=False, **options)
