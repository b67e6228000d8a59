"""One request to the emulated API or to a video, from reading it to the answer it would get on a good day."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_kling.emulator.auth import check
from airflow_provider_kling.emulator.dialects import Dialect
from airflow_provider_kling.emulator.fields import parse_json
from airflow_provider_kling.emulator.refusals import Reason, Refusal
from airflow_provider_kling.emulator.service import Service
from airflow_provider_kling.emulator.task import Task


class Call(Protocol):
    """What faults work on."""

    service: Service
    task: Task | None

    def answer(self) -> Response:
        """Carry the request out and answer it. To be called once at most where a task is created."""

    def refuse(self, refusal: Refusal) -> Response:
        """Answer with a refusal, carrying nothing out."""


def origin(request: Request) -> str:
    """Scheme, host and port as the client sees them, so that links work through containers and forwarded ports."""
    return f"{request.url.scheme}://{request.url.netloc}"


def body_for_journal(raw: bytes) -> Any:
    """The JSON of the body; its text when it is none; None when it is empty."""
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode(errors="replace")


@dataclass
class APICall:
    """A create, get or list in one dialect. ``task`` is the one it created or found, once it has."""

    service: Service
    dialect: Dialect
    operation: str
    request: Request
    raw: bytes
    task: Task | None = field(default=None)

    def answer(self) -> Response:
        try:
            check(self.request.headers.get("authorization"), self.service.credentials, takes_jwt=self.dialect.takes_jwt)
            return self._respond(200, getattr(self, f"_{self.operation}")())
        except Refusal as refusal:
            return self.refuse(refusal)

    def refuse(self, refusal: Refusal) -> Response:
        status, body = self.dialect.refused(refusal)
        headers: dict[str, str] = {}
        wait = self.service.settings.retry_after if refusal.retry_after is None else refusal.retry_after
        # An empty balance is a 429 in one dialect too, but no waiting heals it.
        if status == 429 and wait is not None and refusal.reason is not Reason.NO_BALANCE:
            headers["Retry-After"] = f"{wait:g}"
        return self._respond(status, body, headers)

    def external_task_id(self) -> str | None:
        """The external id of a create body, None without a readable one."""
        body = body_for_journal(self.raw)
        value = body.get("external_task_id") if isinstance(body, dict) else None
        return value if isinstance(value, str) and value else None

    def _create(self) -> dict[str, Any]:
        wish = self.dialect.wish(parse_json(self.raw), self.service.settings)
        self.task = self.service.create(self.dialect.name, wish)
        return self.dialect.created(self.task)

    def _get(self) -> dict[str, Any]:
        self.task = self.service.find(self.dialect.name, self.request.path_params["task_id"])
        return self.dialect.shown(self.task, self._link(self.task))

    def _list(self) -> dict[str, Any]:
        number, size = self.dialect.page(self.request.query_params)
        tasks = self.service.page(self.dialect.name, number, size)
        return self.dialect.listed([(task, self._link(task)) for task in tasks])

    def _other(self) -> dict[str, Any]:
        raise Refusal(
            Reason.NO_ROUTE, f"The requested method is invalid: {self.request.method} {self.request.url.path}"
        )

    def _link(self, task: Task) -> str:
        return origin(self.request) + self.service.video_path(task)

    def _respond(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
        return JSONResponse(body, status_code=status, headers=headers)
