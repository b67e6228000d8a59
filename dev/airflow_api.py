"""The part of Airflow's REST API that tools and tests need."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any
from urllib.parse import quote

import requests

from dev.processes import wait_until

FINISHED = ("success", "failed")


class AirflowAPI:
    """
    Calls with an administrator's token.

    :param url: root of the API server, which must let everybody in as administrator.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = requests.Session()
        self._http.trust_env = False
        self._token_until = 0.0

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, method: str, path: str, *, root: str = "/api/v2", **options: Any) -> Any:
        """
        Call a path below ``root`` and return the JSON of the answer.

        :raises requests.HTTPError: with the server's words.
        """
        if time.monotonic() > self._token_until:
            token = self._http.get(f"{self.url}/auth/token", timeout=30)
            token.raise_for_status()
            self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            self._token_until = time.monotonic() + 600
        answer = self._http.request(method, f"{self.url}{root}{path}", timeout=30, **options)
        if not answer.ok:
            raise requests.HTTPError(f"{method} {path}: {answer.status_code} {answer.text}", response=answer)
        return answer.json() if answer.content else None

    def healthy(self) -> bool:
        """Whether every component reports itself healthy."""
        try:
            answer = self._http.get(f"{self.url}/api/v2/monitor/health", timeout=5)
            parts = answer.json()
        except (requests.RequestException, ValueError):
            return False
        names = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all((parts.get(name) or {}).get("status") == "healthy" for name in names)

    # --- DAGs and runs --------------------------------------------------------------------------------------------

    def dag_ids(self) -> set[str]:
        """Return the DAGs that are parsed."""
        return {dag["dag_id"] for dag in self.call("GET", "/dags", params={"limit": 100})["dags"]}

    def import_errors(self) -> list[str]:
        """Return the stack trace of every DAG file that cannot be parsed."""
        return [error["stack_trace"] for error in self.call("GET", "/importErrors")["import_errors"]]

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None, run_id: str | None = None) -> str:
        """Start a run and return its id."""
        body: dict[str, Any] = {"logical_date": None, "conf": conf or {}}
        if run_id:
            body["dag_run_id"] = run_id
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a run."""
        return dict(self.call("GET", _run_path(dag_id, run_id)))

    def wait(self, dag_id: str, run_id: str, timeout: float = 120.0) -> str:
        """Return the state of a run once it is finished."""
        state = ""

        def finished() -> bool:
            nonlocal state
            state = self.run(dag_id, run_id)["state"]
            return state in FINISHED

        wait_until(finished, timeout=timeout, what=f"the end of {dag_id} {run_id}", pause=0.3)
        return state

    def clear(self, dag_id: str, run_id: str, task_ids: list[str] | None = None) -> None:
        """Clear task instances of a run, all by default, whatever their state; the run goes on."""
        body: dict[str, Any] = {"dag_run_id": run_id, "dry_run": False, "only_failed": False, "reset_dag_runs": True}
        if task_ids is not None:
            body["task_ids"] = task_ids
        self.call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    # --- task instances -------------------------------------------------------------------------------------------

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        return list(self.call("GET", f"{_run_path(dag_id, run_id)}/taskInstances")["task_instances"])

    def states(self, dag_id: str, run_id: str) -> dict[tuple[str, int], str | None]:
        """Return the state of each (task id, map index) of a run."""
        return {(one["task_id"], one["map_index"]): one["state"] for one in self.task_instances(dag_id, run_id)}

    def visits(self, dag_id: str, run_id: str) -> dict[str, int]:
        """Return how often a worker took up each task of a run, at any try or resumption; not logged by Airflow 3.0."""
        params = {"dag_id": dag_id, "run_id": run_id, "event": "running", "limit": 100}
        entries = self.call("GET", "/eventLogs", params=params)["event_logs"]
        return dict(Counter(entry["task_id"] for entry in entries))

    def set_state(self, dag_id: str, run_id: str, task_id: str, state: str, map_index: int | None = None) -> None:
        """Mark a task instance ``success``, ``failed`` or ``skipped``."""
        params = {} if map_index is None else {"map_index": map_index}
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}"
        self.call("PATCH", path, json={"new_state": state}, params=params)

    def links(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> dict[str, str | None]:
        """Return the extra links of a task instance by name."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}/links"
        return dict(self.call("GET", path, params={"map_index": map_index})["extra_links"])

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int | None = None
    ) -> Any:
        """Return one XCom value."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/{key}"
        params = {"deserialize": "true"} | ({} if map_index is None else {"map_index": str(map_index)})
        return self.call("GET", path, params=params)["value"]

    def logs(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1) -> str:
        """Return the log of one try as one text."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}/logs/{try_number}"
        answer = self.call("GET", path, params={"map_index": map_index}, headers={"Accept": "application/json"})
        content = answer["content"]
        return content if isinstance(content, str) else "\n".join(str(line) for line in content)

    # --- forms for people -----------------------------------------------------------------------------------------

    def form(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> dict[str, Any]:
        """Return what a task instance asks people, and their answer."""
        return dict(self.call("GET", _form_path(dag_id, run_id, task_id, map_index)))

    def answer(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        option: str,
        params: dict[str, Any] | None = None,
        map_index: int = -1,
    ) -> None:
        """Answer what a task instance asks."""
        body = {"chosen_options": [option], "params_input": params or {}}
        self.call("PATCH", _form_path(dag_id, run_id, task_id, map_index), json=body)

    # --- connections ----------------------------------------------------------------------------------------------

    def connection_form(self, conn_type: str) -> dict[str, Any]:
        """Return what the UI draws the form of a connection type from."""
        forms = self.call("GET", "/connections/hook_meta", root="/ui")
        (form,) = (form for form in forms if form["connection_type"] == conn_type)
        return dict(form)

    def put_connection(self, conn_id: str, connection: dict[str, Any]) -> None:
        """Store a connection, new or changed, in Airflow's database, where the UI lists it."""
        body = {**connection, "connection_id": conn_id, "extra": json.dumps(connection.get("extra", {}))}
        action = {"action": "create", "entities": [body], "action_on_existence": "overwrite"}
        answer = self.call("PATCH", "/connections", json={"actions": [action]})
        if answer["create"]["errors"]:
            raise ValueError(f"Airflow refused connection {conn_id!r}: {answer['create']['errors']}")

    def test_connection(self, conn_id: str, password: str | None = None) -> tuple[bool, str]:
        """
        Press the UI's Test button: the request is the same, with a port of 0 where there is none.

        :param password: instead of the asterisks that the UI has for it, which Airflow 3.0 takes for the password.
        """
        names = ("connection_id", "conn_type", "description", "host", "login", "password", "schema", "extra")
        stored = self.call("GET", f"/connections/{conn_id}")
        body = {name: stored[name] or "" for name in names} | {"port": stored["port"] or 0}
        if password is not None:
            body["password"] = password
        answer = self.call("POST", "/connections/test", json=body)
        return answer["status"], answer["message"]


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _form_path(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    return f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}/{map_index}/hitlDetails"
