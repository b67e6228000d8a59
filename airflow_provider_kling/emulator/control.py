"""The control paths under ``/_kling/``: look and steer from outside, without a key."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from airflow_provider_kling.emulator.download import MEDIA_TYPES, FileResponse, named, render
from airflow_provider_kling.emulator.prices import plain
from airflow_provider_kling.emulator.service import Service
from airflow_provider_kling.emulator.spec import MissingExtraError


class Control:
    """The endpoints over one service. A request that makes no sense is answered by 400 and the reason."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def health(self, request: Request) -> Any:
        return {"status": "ok", "now": self.service.clock.now()}

    async def ledger(self, request: Request) -> Any:
        ledger = self.service.ledger
        groups = ledger.by_external_id()
        return {
            "total_units": plain(ledger.total_units),
            "charges": [charge.to_json() for charge in ledger.charges],
            "by_external_id": {key or "": [charge.to_json() for charge in group] for key, group in groups.items()},
            "unfetched": [task.task_id for task in self.service.unfetched()],
        }

    async def requests(self, request: Request) -> Any:
        return [entry.to_json() for entry in self.service.journal.entries]

    async def tasks(self, request: Request) -> Any:
        return [task.to_json() for task in self.service.tasks]

    async def reset(self, request: Request) -> Any:
        self.service.reset()
        return {"status": "ok"}

    async def clock(self, request: Request) -> Any:
        if request.method == "POST":
            self.service.clock.advance(float((await _body(request))["advance"]))
        clock = self.service.clock
        return {"now": clock.now(), "kind": clock.kind, "speed": clock.speed}

    async def faults(self, request: Request) -> Any:
        if request.method == "POST":
            self.service.faults.add_json(await _body(request))
        elif request.method == "DELETE":
            self.service.faults.clear()
        return self.service.faults.pending

    async def settings(self, request: Request) -> Any:
        if request.method == "PATCH":
            self.service.settings.update(await _body(request))
        return self.service.settings.to_json()

    async def preview(self, request: Request) -> Response:
        """A file for the page: unsigned, and in neither journal nor ledger, so that watching is no fetching."""
        name = request.path_params["name"]
        media = next((media for media, kinds in MEDIA_TYPES.items() if name.rpartition(".")[2] in kinds), "video")
        task, file = named(self.service, media, name)
        if task is None or file is None:
            return JSONResponse({"error": "no such file"}, status_code=404)
        try:
            content = await run_in_threadpool(render, task, file, self.service.settings.height)
        except MissingExtraError as missing:
            return JSONResponse({"error": str(missing)}, status_code=501)
        media_type = MEDIA_TYPES[media][file.suffix]
        part = FileResponse(task, name, content, request.headers.get("range"), media_type)
        return Response(bytes(part.body), part.status_code, dict(part.headers), media_type)


async def _body(request: Request) -> Any:
    return json.loads(await request.body())


def _answering(method: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            result = await method(request)
        except (ValueError, TypeError, KeyError) as wrong:
            return JSONResponse({"error": f"{type(wrong).__name__}: {wrong}"}, status_code=400)
        return result if isinstance(result, Response) else JSONResponse(result)

    return endpoint


async def _page(request: Request) -> Response:
    return HTMLResponse(files("airflow_provider_kling.emulator").joinpath("page.html").read_text(encoding="utf-8"))


def routes(service: Service) -> list[Route]:
    """The routes under ``/_kling/`` and the page at ``/``."""
    control = Control(service)
    table: list[tuple[str, Callable[[Request], Awaitable[Any]], list[str]]] = [
        ("health", control.health, ["GET"]),
        ("ledger", control.ledger, ["GET"]),
        ("requests", control.requests, ["GET"]),
        ("tasks", control.tasks, ["GET"]),
        ("reset", control.reset, ["POST"]),
        ("clock", control.clock, ["GET", "POST"]),
        ("faults", control.faults, ["GET", "POST", "DELETE"]),
        ("settings", control.settings, ["GET", "PATCH"]),
        ("preview/{name}", control.preview, ["GET"]),
    ]
    made = [Route(f"/_kling/{path}", _answering(method), methods=methods) for path, method, methods in table]
    return [*made, Route("/", _page, methods=["GET"])]
