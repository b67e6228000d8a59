"""
A worker that meets the hosts without end: what it costs it in memory and in time, and what it raises.

A process of its own, which forks for each case: the peak of memory is one of a process's whole life.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from typing import Any

from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.kling import KlingText2VideoOperator
from airflow_provider_kling.storage import download
from tests.canary import short_pauses
from tests.rig import Instance

TIMEOUT = 4.0
# A bomb must be stopped by its size.
_PATIENT = 20.0
# So that a worker without limits ends in MemoryError, and not the machine.
_HEADROOM = 700 << 20
_LONGEST = 25
_MAX_BYTES = 64 << 20
# A host of videos has a minute of its own; there are three attempts.
_SECONDS_FIRST = 1.0


class TookTooLong(BaseException):
    """Nothing in the provider catches it."""


def poll(conn_id: str) -> object:
    """Poll as a worker does."""
    with KlingHook(conn_id) as hook:
        return hook.get_task("t1")


def create(conn_id: str) -> object:
    """Submit."""
    with KlingHook(conn_id) as hook:
        return hook.create_task({"model": "kling-v1-6", "prompt": "A canary"})


def apoll(conn_id: str) -> object:
    """Poll as a trigger does."""

    async def ask() -> object:
        async with KlingHook(conn_id) as hook:
            return await hook.aget_task("t1")

    return asyncio.run(ask())


def land(conn_id: str) -> object:
    """Submit, wait and download."""
    with tempfile.TemporaryDirectory() as folder:
        arguments: dict[str, Any] = {
            "task_id": "clip", "prompt": "A canary", "kling_conn_id": conn_id, "wait_for_completion": True,
            "deferrable": False, "timeout": 30, "poll_interval": 0.1, "output_path": f"file://{folder}/",
            "max_bytes": _MAX_BYTES,
        }  # fmt: skip
        return Instance(lambda: KlingText2VideoOperator(**arguments)).run()


def _stop(*_: object) -> None:
    raise TookTooLong


ACTIONS = {"poll": poll, "create": create, "apoll": apoll, "land": land}


def meet(action: str, host: str) -> dict[str, Any]:
    """Return what it came to."""
    pages = int(open("/proc/self/statm").read().split()[0])  # noqa: SIM115
    space = pages * os.sysconf("SC_PAGE_SIZE") + _HEADROOM
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_HEADROOM, _HEADROOM))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    raised: BaseException | None = None
    try:
        ACTIONS[action](host)
    except BaseException as error:
        raised = error
    return {
        "case": f"{action} {host}",
        "raised": f"{type(raised).__name__}: {raised}"[:300],
        # A failure without retries is Airflow's own error, which says what ours was.
        "is_ours": isinstance(raised, KlingError) or isinstance(getattr(raised, "__cause__", None), KlingError),
        "seconds": time.monotonic() - began,
        "mebibytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
    }


def main(base_url: str, groups: list[list[tuple[str, str]]]) -> None:
    """Meet one group after the other, and all hosts of a group at once."""
    for host in {"healthy", *(host for group in groups for _, host in group)}:
        extra = {"timeout": TIMEOUT if host.startswith("trickle") else _PATIENT}
        connection = {"conn_type": "kling", "host": f"{base_url}/{host}", "password": "k" * 32, "extra": extra}
        os.environ[f"AIRFLOW_CONN_{host.upper()}"] = json.dumps(connection)
    # What has to be imported, is. Not by a poll of a trigger's: the threads of its executors are lost in a fork.
    poll("healthy")
    for module in ("aiohttp", "yarl", "asgiref.sync"):
        importlib.import_module(module)
    download._SECONDS_FIRST = _SECONDS_FIRST
    short_pauses.begin(0.1)
    for group in groups:
        for action, host in group:
            if os.fork() == 0:
                signal.signal(signal.SIGALRM, _stop)
                signal.alarm(_LONGEST)
                os.write(1, f"@@{json.dumps(meet(action, host))}\n".encode())
                os._exit(0)
        for _ in group:
            os.wait()


def _cases(group: str) -> list[tuple[str, str]]:
    return [(action, host) for action, _, host in (case.partition(":") for case in group.split(","))]


if __name__ == "__main__":
    main(sys.argv[1], [_cases(group) for group in sys.argv[2:]])
