"""One request to the emulated API or to a file, from reading it to the answer it would get on a good day."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_kling.emulator.auth import check
from airflow_provider_kling.emulator.dialects import Answer, Desk, Dialect, Endpoint
from airflow_provider_kling.emulator.refusals import Reason, Refusal
from airflow_provider_kling.emulator.service import Service
from airflow_provider_kling.emulator.task import Task

# Pictures come as megabytes of Base64; the journal keeps what identifies them.
_LONGEST_KEPT = 20_000


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


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode(errors="replace")


def body_for_journal(raw: bytes) -> Any:
    """The JSON of the body; its text when it is none; None when it is empty. Very long texts as their digest."""
    body = _json(raw)
    return _shortened(body) if len(raw) > _LONGEST_KEPT else body


def _shortened(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _shortened(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_shortened(value) for value in node]
    if isinstance(node, str) and len(node) > _LONGEST_KEPT:
        return f"({len(node)} characters, sha256:{hashlib.sha256(node.encode()).hexdigest()[:12]})"
    return node


@dataclass
class APICall:
    """A request to one endpoint of a dialect. ``task`` is the first one it created or found, once it has."""

    service: Service
    dialect: Dialect
    endpoint: Endpoint
    request: Request
    raw: bytes
    task: Task | None = field(default=None)

    @property
    def operation(self) -> str:
        """``create``, ``get``, ``list`` ..., or ``other`` where there is no such path."""
        return self.endpoint.operation

    @property
    def account(self) -> str:
        """The account whose key this is."""
        return self.dialect.prefix

    @property
    def desk(self) -> Desk:
        """The request as the dialect sees it."""
        request = self.request
        parts = (request.path_params, request.query_params, self.raw, origin(request))
        return Desk(self.service, self.account, self.endpoint.subject, *parts)

    def answer(self) -> Response:
        return self._carried_out(self._operate)

    def nothing_found(self) -> Response:
        """Answer a get as if there were no such task."""
        return self._carried_out(lambda: self.dialect.none_found(self.desk))

    def _carried_out(self, operate: Callable[[], Answer]) -> Response:
        try:
            check(self.request.headers.get("authorization"), self.service.credentials, takes_jwt=self.dialect.takes_jwt)
            answer = operate()
        except Refusal as refusal:
            return self.refuse(refusal)
        self.task = answer.tasks[0] if answer.tasks else None
        return self._respond(200, answer.body)

    def _operate(self) -> Answer:
        if self.operation == "other":
            wanted = f"{self.request.method} {self.request.url.path}"
            raise Refusal(Reason.NO_ROUTE, f"The requested method is invalid: {wanted}")
        answer: Answer = getattr(self.dialect, self.operation)(self.desk)
        return answer

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
        body = _json(self.raw)
        value = self.dialect.external_task_id(body) if isinstance(body, dict) else None
        return value if isinstance(value, str) and value else None

    def _respond(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
        return JSONResponse(body, status_code=status, headers=headers)
