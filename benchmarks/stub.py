"""
A server of jobs that never end: ``python -m benchmarks.stub CERTIFICATE DELAY TASKS``.

It answers every poll after the same delay and writes down when each came and went, so that all clients are measured
from outside, by the same clock. It speaks just enough of each API for the clients' own polling code.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from benchmarks.tls import HOST, server_context

PAGE_SIZE = 500


class Stub:
    """
    The server.

    :param delay: seconds between a request and its answer.
    :param tasks: length of the list.
    """

    def __init__(self, delay: float, tasks: int) -> None:
        self._delay = delay
        # What was polled, when the request came, when the answer left.
        self._looks: list[tuple[str, float, float]] = []
        self._connections: set[int] = set()
        self._opened = 0
        self._most = 0
        self._runner: web.AppRunner | None = None
        self._numbers = itertools.count(1)
        everything = [_kling_task(f"task-{number}") for number in range(tasks)]
        self._pages = [_kling_answer(everything[first : first + PAGE_SIZE]) for first in range(0, tasks, PAGE_SIZE)] + [
            _kling_answer([])
        ]
        count = len(self._pages) - 1
        self._cursor_pages = [
            _v3_page(everything[number * PAGE_SIZE : (number + 1) * PAGE_SIZE], number + 1, number + 1 < count)
            for number in range(count)
        ]

    # --- the APIs -------------------------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        """Return what each client polls, and where it submits."""
        by_path = {
            "/v1/task/{id}": _flat_task,
            "/v1/videos/text2video/{id}": lambda task_id: _kling_answer(_kling_task(task_id)),
            "/v1/batches/{id}": _openai_batch,
            "/api/v2/accounts/{account}/runs/{id}/": _dbt_run,
        }
        submits = {
            "/v1/videos/text2video": _flat_created,
            "/v1/batches": lambda number, _: _openai_batch(f"batch-{number}"),
            "/api/v2/accounts/{account}/jobs/{id}/run/": lambda number, _: _dbt_run(str(number)),
            "/api/2.2/jobs/runs/submit": lambda number, _: _databricks_run(number),
        }
        polls = [web.get(path, self._poll(answer)) for path, answer in by_path.items()]
        return [
            web.get("/v1/videos/text2video", self._list),
            web.post("/tasks", self._list_by_cursor),
            web.get("/tasks", self._group),
            web.get("/api/2.2/jobs/runs/get", self._databricks_run),
            *polls,
            *(web.post(path, self._submit(answer)) for path, answer in submits.items()),
        ]

    def _poll(self, answer: Callable[[str], bytes]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            task_id = request.match_info["id"]
            return await self._answer(request, task_id, answer(task_id))

        return handle

    def _submit(self, answer: Callable[[int, Any], bytes]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            body = answer(next(self._numbers), await request.json())
            return await self._answer(request, f"{request.method} {request.path}", body)

        return handle

    async def _list(self, request: web.Request) -> web.Response:
        page = int(request.query["pageNum"])
        return await self._answer(request, f"page-{page}", self._pages[min(page, len(self._pages)) - 1])

    async def _list_by_cursor(self, request: web.Request) -> web.Response:
        page = int((await request.json()).get("cursor") or 0)
        return await self._answer(request, f"page-{page + 1}", self._cursor_pages[page])

    async def _group(self, request: web.Request) -> web.Response:
        task_ids = request.query["task_ids"].split(",")
        tasks = [_v3_task(_kling_task(task_id)) for task_id in task_ids]
        return await self._answer(request, f"group of {len(task_ids)}", _kling_answer(tasks))

    async def _databricks_run(self, request: web.Request) -> web.Response:
        run_id = (await request.json())["run_id"]
        return await self._answer(request, str(run_id), _databricks_run(run_id))

    async def _answer(self, request: web.Request, what: str, body: bytes) -> web.Response:
        came = time.monotonic()
        self._count(request)
        await asyncio.sleep(self._delay)
        self._looks.append((what, came, time.monotonic()))
        return web.Response(body=body, content_type="application/json")

    def _count(self, request: web.Request) -> None:
        connection = id(request.protocol)
        server = self._runner.server if self._runner else None
        open_now = {id(each) for each in server.connections} if server else set()
        if connection not in self._connections:
            self._opened += 1
        # An address is used again once its connection is gone.
        self._connections = (self._connections & open_now) | {connection}
        self._most = max(self._most, len(open_now))

    # --- the observer's side --------------------------------------------------------------------------------------

    async def report(self, _: web.Request) -> web.Response:
        """Tell all that was seen."""
        return web.json_response({"polls": self._looks, "most_connections": self._most, "opened": self._opened})

    async def run(self, certificate: Path) -> None:
        """Serve until the standard input ends; print both ports."""
        app = web.Application()
        app.add_routes(self.routes())
        observer = web.Application()
        observer.add_routes([web.get("/report", self.report)])
        self._runner = web.AppRunner(app, access_log=None)
        watching = web.AppRunner(observer, access_log=None)
        ports = []
        for runner, context in ((self._runner, server_context(certificate)), (watching, None)):
            await runner.setup()
            # A thousand clients may connect in the same instant.
            await web.TCPSite(runner, HOST, 0, ssl_context=context, backlog=2048, shutdown_timeout=0).start()
            ports.append(runner.addresses[0][1])
        print(json.dumps(ports), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def _kling_task(task_id: str) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "task_status": "processing",
        "task_status_msg": "",
        "task_info": {"external_task_id": f"af-{task_id:0>40}"},
        "created_at": 1767225600000,
        "updated_at": 1767225601000,
        "task_result": {"videos": []},
    }


def _kling_answer(data: Any) -> bytes:
    return json.dumps({"code": 0, "message": "SUCCEED", "request_id": "r-1", "data": data}).encode()


def _v3_task(task: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": task["task_id"],
        "status": task["task_status"],
        "message": "",
        "create_time": task["created_at"],
        "update_time": task["updated_at"],
        "external_id": task["task_info"]["external_task_id"],
        "outputs": [],
        "billing": [],
    }


def _v3_page(tasks: list[dict[str, Any]], number: int, more: bool) -> bytes:
    listed = {"result": [_v3_task(task) for task in tasks], "count": len(tasks), "has_more": more}
    return _kling_answer({**listed, "next_cursor": str(number) if more else ""})


def _flat_task(task_id: str) -> bytes:
    return json.dumps(_kling_task(task_id)).encode()


def _flat_created(number: int, wish: Any) -> bytes:
    task_info = {"external_task_id": wish["external_task_id"]}
    return json.dumps({**_kling_task(f"task-{number}"), "task_info": task_info}).encode()


def _openai_batch(batch_id: str) -> bytes:
    batch = {
        "id": batch_id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-1",
        "completion_window": "24h",
        "status": "in_progress",
        "created_at": 1767225600,
        "request_counts": {"total": 100, "completed": 40, "failed": 0},
    }
    return json.dumps(batch).encode()


def _dbt_run(run_id: str) -> bytes:
    run = {"id": int(run_id), "account_id": 1, "status": 3, "status_humanized": "Running", "is_complete": False}
    return json.dumps({"status": {"code": 200, "is_success": True}, "data": run}).encode()


def _databricks_run(run_id: int) -> bytes:
    state = {"life_cycle_state": "RUNNING", "state_message": "In run"}
    return json.dumps({"run_id": run_id, "job_id": 1, "run_name": "benchmark", "state": state}).encode()


if __name__ == "__main__":
    asyncio.run(Stub(float(sys.argv[2]), int(sys.argv[3])).run(Path(sys.argv[1])))
