"""A whole Airflow on this machine: API server, scheduler, triggerer and DAG processor, on the loopback alone."""

from __future__ import annotations

import base64
import configparser
import contextlib
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Collection, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from dev.airflow_api import AirflowAPI
from dev.processes import ROOT, Leashed, free_port, stop_all, tail, wait_until

EXAMPLE_DAGS = ROOT / "example_dags"
# Airflow 3.0 has no form for people.
SINCE_3_1 = ("example_kling_review",)

# The components talk over the API server and share the log files, so nobody needs the log servers, which would listen
# on every address.
COMPONENTS: dict[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}

Settings = Mapping[str, Mapping[str, str]]


def environment(
    home: Path,
    *,
    connection: Mapping[str, Any] | None = None,
    output: str | None = None,
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """
    Return the environment of an Airflow process.

    Nothing of an Airflow that the caller may have set up is in it. The rest is in ``airflow.cfg``, so that a plain
    ``AIRFLOW_HOME=… airflow …`` in a terminal meets the same Airflow.

    :param home: ``AIRFLOW_HOME``.
    :param connection: becomes ``kling_default``.
    :param output: where the example DAG lands its video.
    :param extra: further variables.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW", "KLING_"))}
    # What pytest was told about warnings is not meant for Airflow's own processes.
    env.pop("PYTHONWARNINGS", None)
    env["AIRFLOW_HOME"] = str(home)
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
    env["NO_PROXY"] = env["no_proxy"] = "127.0.0.1,localhost"
    if connection is not None:
        env["AIRFLOW_CONN_KLING_DEFAULT"] = json.dumps(connection)
    if output is not None:
        env["AIRFLOW_VAR_KLING_OUTPUT"] = output
    return {**env, **(extra or {})}


def write_config(
    home: Path, *, dags: Path = EXAMPLE_DAGS, port: int | None = None, settings: Settings | None = None
) -> None:
    """
    Write ``airflow.cfg``; the keys of an earlier one are kept, since the database is encrypted with them.

    :param port: of the API server; none for an Airflow without one, which is enough for ``dag.test()``.
    :param settings: section, option, value; wins over what is set here.
    """
    path = home / "airflow.cfg"
    # Values are taken as they stand: Airflow would read % as an interpolation.
    config = configparser.ConfigParser(interpolation=None)
    config.read(path, encoding="utf-8")
    kept = {section: dict(config[section]) for section in config.sections()}
    fernet = kept.get("core", {}).get("fernet_key") or base64.urlsafe_b64encode(os.urandom(32)).decode()
    config = configparser.ConfigParser(interpolation=None)
    config.read_dict(
        {
            "core": {
                "dags_folder": _escaped(dags),
                "load_examples": "False",
                "dags_are_paused_at_creation": "False",
                "parallelism": "8",
                "test_connection": "Enabled",
                "simple_auth_manager_all_admins": "True",
                "fernet_key": fernet,
            },
            "database": {"sql_alchemy_conn": f"sqlite:///{_escaped(home / 'airflow.db')}"},
            "logging": {"base_log_folder": _escaped(home / "logs")},
            "dag_processor": {"refresh_interval": "10", "min_file_process_interval": "10"},
            # The one thing in Airflow that would call out of this machine.
            "usage_data_collection": {"enabled": "False"},
            # How late a supervisor may notice that its task has ended or deferred; 5 s by default.
            "workers": {"min_heartbeat_interval": "1"},
            # Airflow 3.0 and 3.1 have the XComs of a run decoded only where this is set.
            "api": {
                "enable_xcom_deserialize_support": "True",
                "secret_key": kept.get("api", {}).get("secret_key") or secrets.token_urlsafe(32),
            },
            # HS512 wants 64 bytes.
            "api_auth": {"jwt_secret": kept.get("api_auth", {}).get("jwt_secret") or secrets.token_urlsafe(64)},
        }
    )
    if port is not None:
        url = f"http://127.0.0.1:{port}"
        config.read_dict({"api": {"host": "127.0.0.1", "port": str(port), "base_url": url, "workers": "1"}})
        config.read_dict({"core": {"execution_api_server_url": f"{url}/execution/"}})
    config.read_dict(settings or {})
    home.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        config.write(file)


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")


def migrate(home: Path, env: Mapping[str, str], log: Path) -> None:
    """
    Make the database unless it is there already, in its present version.

    :raises RuntimeError: with the end of the log.
    """
    stamp = home / "airflow.db.version"
    installed = airflow_version()
    if stamp.exists() and (home / "airflow.db").exists() and stamp.read_text(encoding="utf-8") == installed:
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        done = subprocess.run(command, env=env, cwd=ROOT, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"airflow db migrate failed; {log} ends:\n{tail(log)}")
    stamp.write_text(installed, encoding="utf-8")


def parsable(dags: Path, home: Path) -> Path:
    """Return a folder of DAGs; on Airflow 3.0 a copy without those that need a later one."""
    if not (airflow_version().startswith("3.0.") and any((dags / f"{name}.py").exists() for name in SINCE_3_1)):
        return dags
    copy = home / "dags"
    shutil.copytree(dags, copy, dirs_exist_ok=True, ignore=lambda *_: [f"{name}.py" for name in SINCE_3_1])
    return copy


def airflow_version() -> str:
    """Return the version of the Airflow installed."""
    return version("apache-airflow-core")


class LocalAirflow:
    """
    An Airflow of its own, started and stopped as a context manager.

    Everybody is its administrator, and it listens on 127.0.0.1 alone.

    :param home: ``AIRFLOW_HOME``: configuration, SQLite database and logs; kept for the next time.
    :param dags: folder of the DAG files.
    :param expect: DAGs to wait for; by default one per file, named as the file.
    :param connection: becomes ``kling_default`` through the environment, where the UI does not list it.
    :param output: where the example DAG lands its video.
    :param settings: Airflow's settings, by section and option.
    :param extra_env: further variables for every component.
    :param port: of the API server; by default a free one.
    """

    def __init__(
        self,
        home: Path,
        *,
        dags: Path = EXAMPLE_DAGS,
        expect: Collection[str] | None = None,
        connection: Mapping[str, Any] | None = None,
        output: str | None = None,
        settings: Settings | None = None,
        extra_env: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        self.home = home.resolve()
        self.log = self.home / "local-airflow.log"
        self._dags = parsable(dags.resolve(), self.home)
        self._expect = set(expect if expect is not None else (path.stem for path in self._dags.glob("[!_]*.py")))
        self._settings = settings
        self._port = port or free_port()
        self.env = environment(self.home, connection=connection, output=output, extra=extra_env)
        self.url = f"http://127.0.0.1:{self._port}"
        self.api = AirflowAPI(self.url)
        self._processes: dict[str, Leashed] = {}
        self._headless: list[Leashed] = []

    # --- its life -------------------------------------------------------------------------------------------------

    def start(self, timeout: float = 120.0) -> LocalAirflow:
        """
        Return once every component is healthy and the DAGs are parsed.

        :raises RuntimeError: with the end of the log, when a component ends or a DAG cannot be parsed.
        """
        write_config(self.home, dags=self._dags, port=self._port, settings=self._settings)
        migrate(self.home, self.env, self.log)
        try:
            for role in COMPONENTS:
                self.start_component(role)
            wait_until(self._is_up, timeout=timeout, what=f"Airflow's start (log: {self.log})", pause=0.25)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop every process that was started, whatever became of it."""
        processes, self._processes = self._processes, {}
        headless, self._headless = self._headless, []
        stop_all(headless, policy=0)
        stop_all(processes.values())
        self.api.close()

    def __enter__(self) -> LocalAirflow:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ended(self) -> list[str]:
        """Return the components that ended by themselves."""
        return [role for role, process in self._processes.items() if process.ended()]

    def _is_up(self) -> bool:
        for role in self.ended():
            log = self._processes[role].log
            raise RuntimeError(f"Airflow's {role} ended; {log} ends:\n{tail(log)}")
        if not self.api.healthy():
            return False
        if errors := self.api.import_errors():
            raise RuntimeError("A DAG cannot be parsed:\n" + "\n".join(errors))
        return self._expect <= self.api.dag_ids()

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the database: the REST API would put load on what is being measured."""
        database = f"{(self.home / 'airflow.db').as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(database, uri=True, timeout=30)) as connection:
            return connection.execute(sql, values).fetchall()

    # --- its parts ------------------------------------------------------------------------------------------------

    def start_component(self, role: str) -> None:
        """Start a component, anew after :meth:`kill`."""
        command = [sys.executable, "-m", "airflow", *COMPONENTS[role]]
        self._processes[role] = Leashed(command, env=self.env, log=self.home / f"{role}.log")

    def kill(self, role: str, *, alone: bool = False) -> None:
        """
        Kill -9 a component with all its processes; the scheduler's are the workers and their tasks.

        :param alone: kill its main process only; the others live on as orphans until :meth:`stop`.
        """
        process = self._processes.pop(role)
        if not alone:
            process.kill()
            return
        process.process.kill()
        process.process.wait()
        self._headless.append(process)

    def pids(self) -> dict[str, list[int]]:
        """
        Return the living processes by role.

        The first of a component is its main process. ``workers`` are the executor's processes under the scheduler,
        ``tasks`` the processes in which operators run, one per running try.
        """
        found = {role: process.members() for role, process in self._processes.items()}
        below = [(pid, _title(pid)) for pid in found.get("scheduler", [])[1:]]
        found["workers"] = [pid for pid, title in below if "LocalExecutor" in title or "supervisor" in title]
        found["tasks"] = [pid for pid, title in below if title.startswith("airflow worker -- 0")]
        return found


def _title(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""
