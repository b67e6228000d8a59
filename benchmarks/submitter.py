"""
A process that submits once for each line on its standard input: ``python -m benchmarks.submitter NAME PORT``.

It tells wall and CPU seconds of each; the first includes what it imports beyond the supervisor that runs a task.
"""

from __future__ import annotations

import json
import pkgutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

from benchmarks.pollers import CONN_ID
from benchmarks.quiet import quiet
from benchmarks.tls import HOST

Submit = Callable[[], object]
PLAIN, KLING = "plain", "kling"
# Class of the hook, and its submit. A new hook each time: each Airflow task is a process of its own.
HOOKS: dict[str, tuple[str, Callable[[Any, int], object]]] = {
    "databricks": (
        "airflow.providers.databricks.hooks.databricks:DatabricksHook",
        lambda hook, number: hook.submit_run({"run_name": f"run {number}", "tasks": [{"task_key": "only"}]}),
    ),
    "dbt-cloud": (
        "airflow.providers.dbt.cloud.hooks.dbt:DbtCloudHook",
        lambda hook, number: hook.trigger_job_run(1, cause=f"run {number}", account_id=1),
    ),
    "openai": (
        "airflow.providers.openai.hooks.openai:OpenAIHook",
        lambda hook, number: hook.create_batch(f"file-{number}", "/v1/chat/completions"),
    ),
}


class _Store(dict[str, Any]):
    """Airflow's task state store without Airflow: JSON in, JSON out."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        """Keep the JSON of a value."""
        self[key] = json.loads(json.dumps(value))


def _prompt(number: int) -> str:
    return f"A paper boat on a rain puddle, number {number}, filmed from just above the water, slow and in soft light"


def _plain(port: int) -> Callable[[int], Submit]:
    import requests

    url, headers = f"https://{HOST}:{port}/v1/videos/text2video", {"Authorization": "Bearer a-key"}

    def submit(body: dict[str, Any]) -> object:
        # Its session is made for this one request.
        answer = requests.post(url, json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()

    return lambda number: partial(
        submit, {"model": "kling-video-v1-6", "prompt": _prompt(number), "external_task_id": f"af-{number:040}"}
    )


def _kling() -> Callable[[int], Submit]:
    from airflow.sdk.bases.operator import ExecutorSafeguard

    from airflow_provider_kling.operators.kling import KlingText2VideoOperator

    def make(number: int) -> Submit:
        operator = KlingText2VideoOperator(task_id="video", kling_conn_id=CONN_ID, prompt=_prompt(number))
        xcom: dict[str, Any] = {}
        ti = SimpleNamespace(
            dag_id="clips",
            run_id="scheduled__2026-11-01",
            task_id=operator.task_id,
            map_index=-1,
            try_number=1,
            max_tries=0,
            start_date=datetime.now(UTC),
            xcom_push=lambda key, value: xcom.update({key: value}),
        )
        # As Airflow's runner does; else every execute warns that it is called outside of it.
        ExecutorSafeguard.tracker.set(operator)
        context: Any = {"ti": ti, "task": operator, "task_state_store": _Store()}
        return partial(operator.execute, context)

    return make


def _hook(name: str) -> Callable[[int], Submit]:
    path, submit = HOOKS[name]
    hook_class = pkgutil.resolve_name(path)
    return lambda number: lambda: submit(hook_class(CONN_ID), number)


def _maker(name: str, port: int) -> Callable[[int], Submit]:
    """Return what makes the submit of a number."""
    if name == PLAIN:
        return _plain(port)
    return _kling() if name == KLING else _hook(name)


def _took(work: Submit) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main(name: str, port: int) -> None:
    """Submit when told to."""
    # A task's process is forked from it.
    import airflow.sdk.execution_time.supervisor  # noqa: F401

    quiet()
    print(json.dumps({"ready": True}), flush=True)
    for number, _ in enumerate(sys.stdin):
        # Making the operator is no part of a later submit: Airflow does that with the DAG.
        work = _maker(name, port)(number) if number else lambda: _maker(name, port)(0)()
        print(json.dumps(_took(work)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
