"""All hostile servers as one application on the loopback, one path prefix for each cell."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_kling.emulator.server import ServerThread
from tests.canary.answers import Call
from tests.canary.cells import Canaries, Cell
from tests.canary.servers import SERVERS, healthy_create

# How often a task is under way before it ends: once for the worker's own poll, and once for the trigger's first.
_UNDER_WAY = 1


class Hosts:
    """
    The servers, and what they saw.

    :param canaries: give the signatures of the links.
    """

    def __init__(self, canaries: Canaries) -> None:
        self._canaries = canaries
        self._lock = threading.Lock()
        self._external: dict[str, str] = {}
        self._asked: Counter[tuple[Cell, str, str]] = Counter()
        # By cell: requests that carried its key, and were answered in the host's own way.
        self.quoted: Counter[Cell] = Counter()
        self.tokens: dict[str, Cell] = {}
        self.astray: list[str] = []
        prefix = "/{variant}/{server}/{way}"
        self._app = Starlette(
            routes=[
                Route(f"/videos{prefix}/{{name}}.mp4", self._download),
                Route(f"{prefix}/{{rest:path}}", self._api, methods=["GET", "POST"]),
            ]
        )
        self.base_url = ""

    @contextmanager
    def running(self) -> Iterator[Hosts]:
        """Serve."""
        server = ServerThread(self._app, "127.0.0.1", 0)
        server.start()
        self.base_url = f"http://127.0.0.1:{server.port}"
        try:
            yield self
        finally:
            server.stop()

    async def _api(self, request: Request) -> Response:
        cell = _cell(request)
        authorization = request.headers.get("authorization", "")
        server = SERVERS[cell.server]
        creating = request.method == "POST"
        task_id, external_task_id = self._ids(cell, request, await request.body())
        call = self._call(cell, "post" if creating else "get", task_id, external_task_id, authorization)
        is_hostile = cell.facts.from_create or (not creating and call.nth >= 0)
        with self._lock:
            self.tokens[call.token] = cell
            self.quoted[cell] += is_hostile
        if not is_hostile:
            return healthy_create(call) if creating else call.says(call.task("processing"))
        return (server.create or server.poll)(call) if creating else server.poll(call)

    def _ids(self, cell: Cell, request: Request, body: bytes) -> tuple[str, str | None]:
        """Return the ids of a new task, or of the one that is asked for by either."""
        with self._lock:
            if request.method == "POST":
                external = str(json.loads(body)["external_task_id"])
                task_id = self._external.setdefault(external, f"task-{len(self._external)}")
                return task_id, external
            asked_for = str(request.path_params["rest"]).rpartition("/")[2]
            if asked_for in self._external:
                return self._external[asked_for], asked_for
            known = {task_id: external for external, task_id in self._external.items()}
            return asked_for, known.get(asked_for)

    def _call(self, cell: Cell, operation: str, task_id: str, external: str | None, authorization: str) -> Call:
        with self._lock:
            nth = self._asked[cell, operation, task_id]
            self._asked[cell, operation, task_id] += 1
        link = self._canaries.link(cell, self.base_url, task_id)
        # The first polls find the task under way.
        nth -= 0 if operation != "get" or cell.facts.from_create else _UNDER_WAY
        return Call(cell, authorization, task_id, external, link, nth)

    async def _download(self, request: Request) -> Response:
        cell = _cell(request)
        name = request.path_params["name"]
        if "authorization" in request.headers or "CANARYSIG" not in request.url.query:
            # The key at the host of the videos is a leak too.
            self.astray.append(f"{cell.path}: {dict(request.headers)}")
        return SERVERS[cell.server].download(self._call(cell, "download", name, None, ""))


def _cell(request: Request) -> Cell:
    path: dict[str, Any] = request.path_params
    return Cell(path["variant"], path["server"], path["way"])
