"""The web application: one prefix per vendor, the files, the control paths and a page to look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_kling.emulator import control
from airflow_provider_kling.emulator.call import APICall, Call, body_for_journal
from airflow_provider_kling.emulator.dialects import DIALECTS, Dialect, Endpoint
from airflow_provider_kling.emulator.download import MEDIA_TYPES, DownloadCall
from airflow_provider_kling.emulator.fault_handlers import respond
from airflow_provider_kling.emulator.journal import JournalEntry, without_key
from airflow_provider_kling.emulator.service import Service
from airflow_provider_kling.emulator.transport import Dropped

Handler = Callable[[Request], Awaitable[Response]]
PREFIXES = tuple(dict.fromkeys(dialect.prefix for dialect in DIALECTS.values()))
_ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def build(service: Service) -> Starlette:
    """The application over ``service``."""
    routes = [route for dialect in DIALECTS.values() for route in _dialect_routes(service, dialect)]
    # Starlette would answer a wrong path in plain text; the dialects have their own words for it.
    for prefix in PREFIXES:
        path = f"/{prefix}/{{rest:path}}"
        routes.append(Route(path, _api(service, DIALECTS[prefix], Endpoint("", "", "other")), methods=_ALL_METHODS))
    routes += [Route(f"/_kling/{media}s/{{name}}", _download(service, media), methods=["GET"]) for media in MEDIA_TYPES]
    return Starlette(routes=[*routes, *control.routes(service), Route("/{rest:path}", _astray, methods=_ALL_METHODS)])


def _dialect_routes(service: Service, dialect: Dialect) -> list[Route]:
    return [
        Route(f"/{dialect.prefix}{endpoint.path}", _api(service, dialect, endpoint), methods=[endpoint.method])
        for endpoint in dialect.endpoints
    ]


def _api(service: Service, dialect: Dialect, served: Endpoint) -> Handler:
    async def handle(request: Request) -> Response:
        raw = await request.body()
        entry = service.journal.open(
            service.clock.now(),
            operation=served.operation,
            dialect=dialect.name,
            body=body_for_journal(raw),
            **_seen(request),
        )
        fault = service.faults.take(served.operation)
        call = APICall(service, dialect, served, request, raw)
        response = respond(call, fault)
        _close(service, entry, response, fault.kind if fault else None, call)
        return response

    return handle


def _download(service: Service, media: str) -> Handler:
    async def handle(request: Request) -> Response:
        entry = service.journal.open(
            service.clock.now(),
            operation="download",
            dialect=None,
            leaked_authorization="authorization" in request.headers,
            **_seen(request),
        )
        # A HEAD uses up no fault: it is the download itself that a test means to break.
        fault = service.faults.take("download") if request.method == "GET" else None
        call = DownloadCall(service, request, media)
        await call.prepare()
        response = respond(call, fault)
        _close(service, entry, response, fault.kind if fault else None, call)
        return response

    return handle


async def _astray(request: Request) -> Response:
    hint = " and ".join(f"/{name}" for name in PREFIXES)
    return JSONResponse({"error": f"no such path; the base URLs of the dialects end in {hint}"}, status_code=404)


def _seen(request: Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": request.url.path,
        "query": dict(request.query_params),
        "headers": without_key(request.headers),
    }


def _close(service: Service, entry: JournalEntry, response: Response, fault: str | None, call: Call) -> None:
    task = call.task
    status = None if isinstance(response, Dropped) else response.status_code
    service.journal.close(entry, status=status, fault=fault, task_id=task.task_id if task else None)
