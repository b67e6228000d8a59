"""The triggers that are measured: ours and the peers', each in its own words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.tls import HOST

CONN_ID = "benchmark"
INTERVAL = 10
_AN_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Poller:
    """
    One trigger class, and how to make it wait for a job of the stub.

    :param name: row in the table.
    :param trigger: path of the class, as in Airflow's table of triggers.
    :param arguments: of the trigger for the job of a number.
    :param connection: Airflow connection for the stub on a port.
    :param looks_at: what the stub calls the thing polled for that job.
    :param waiting: triggers at once.
    :param way: how it polls.
    """

    name: str
    trigger: str
    arguments: Callable[[int], Mapping[str, Any]]
    connection: Callable[[int], Mapping[str, Any]]
    looks_at: Callable[[int], str]
    waiting: int = 1000
    way: str = ""

    def variables(self, port: int) -> dict[str, str]:
        """Return what makes its connection known to Airflow."""
        return {f"AIRFLOW_CONN_{CONN_ID.upper()}": json.dumps(dict(self.connection(port)))}


def _kling(number: int) -> Mapping[str, Any]:
    now = time.time()
    return {
        "kling_conn_id": CONN_ID,
        "kling_task_id": f"task-{number}",
        "submitted_at": now,
        "deadline": now + _AN_HOUR,
        "poll_interval": INTERVAL,
    }


def _kling_connection(dialect: str) -> Callable[[int], Mapping[str, Any]]:
    def connection(port: int) -> Mapping[str, Any]:
        host = f"https://{HOST}:{port}"
        return {"conn_type": "kling", "host": host, "password": "a-key", "extra": {"dialect": dialect}}

    return connection


def _common_ai(number: int) -> Mapping[str, Any]:
    return {
        "llm_conn_id": CONN_ID,
        "adapter": "openai",
        "batch_id": f"task-{number}",
        "poll_interval": INTERVAL,
        "end_time": time.time() + _AN_HOUR,
        "cancel_on_kill": False,
        "cancel_on_timeout": False,
    }


def _openai(number: int) -> Mapping[str, Any]:
    return {"conn_id": CONN_ID, "batch_id": f"task-{number}", "poll_interval": INTERVAL, "timeout": _AN_HOUR}


def _dbt(number: int) -> Mapping[str, Any]:
    end = time.time() + _AN_HOUR
    return {"conn_id": CONN_ID, "run_id": number, "end_time": end, "poll_interval": INTERVAL, "account_id": 1}


def _databricks(number: int) -> Mapping[str, Any]:
    # Zero is no run id there.
    return {"run_id": number + 1, "databricks_conn_id": CONN_ID, "polling_period_seconds": INTERVAL}


def _openai_connection(conn_type: str) -> Callable[[int], Mapping[str, Any]]:
    return lambda port: {"conn_type": conn_type, "host": f"https://{HOST}:{port}/v1", "password": "a-key"}


SINGLE = Poller(
    name="kling",
    trigger="airflow_provider_kling.triggers.kling.KlingTaskTrigger",
    arguments=_kling,
    connection=_kling_connection("llmprovider"),
    looks_at=lambda number: f"task-{number}",
    way="one shared aiohttp session",
)
LISTED = Poller(
    name="kling, with the list",
    trigger=SINGLE.trigger,
    arguments=_kling,
    connection=_kling_connection("kling"),
    # 500 jobs are one page.
    looks_at=lambda number: f"page-{number // 500 + 1}",
    waiting=10_000,
    way="one walk over the pages for all",
)
LISTED_V3 = replace(
    LISTED,
    name="kling-v3, with the list",
    connection=_kling_connection("kling-v3"),
    way="one walk by cursor for all; groups of 20 while they are not due together",
)
PEERS = (
    Poller(
        name="databricks",
        trigger="airflow.providers.databricks.triggers.databricks.DatabricksExecutionTrigger",
        arguments=_databricks,
        connection=lambda port: {"conn_type": "databricks", "host": HOST, "port": port, "password": "a-key"},
        looks_at=lambda number: str(number + 1),
        way="an aiohttp session per trigger",
    ),
    Poller(
        name="dbt-cloud",
        trigger="airflow.providers.dbt.cloud.triggers.dbt.DbtCloudRunJobTrigger",
        arguments=_dbt,
        connection=lambda port: {"conn_type": "dbt_cloud", "host": f"{HOST}:{port}", "password": "a-key", "login": "1"},
        looks_at=str,
        way="an aiohttp session per poll",
    ),
    Poller(
        name="common-ai",
        trigger="airflow.providers.common.ai.triggers.llm_batch.LLMBatchTrigger",
        arguments=_common_ai,
        connection=_openai_connection("pydanticai"),
        looks_at=lambda number: f"task-{number}",
        way="a blocking client per trigger, in the default threads",
    ),
    Poller(
        name="openai",
        trigger="airflow.providers.openai.triggers.openai.OpenAIBatchTrigger",
        arguments=_openai,
        connection=_openai_connection("openai"),
        looks_at=lambda number: f"task-{number}",
        # A round of a thousand would hold the loop for over five minutes, and nothing could be read from it.
        waiting=100,
        way="a blocking client per trigger, on the event loop",
    ),
)
POLLERS = {poller.name: poller for poller in (SINGLE, LISTED, LISTED_V3, *PEERS)}
