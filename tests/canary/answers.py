"""What the hosts answer with: the words of both dialects, and the key in every form that a host may quote it in."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from starlette.responses import Response

from tests.canary.cells import Cell


@dataclass(frozen=True)
class Call:
    """
    One request to a host.

    :param cell: whose.
    :param authorization: the header that came with it.
    :param task_id: that was asked for, or is new.
    :param external_task_id: that the task was created with, if it was.
    :param link: the signed link to its video.
    :param nth: how often this was asked before.
    """

    cell: Cell
    authorization: str
    task_id: str
    external_task_id: str | None
    link: str
    nth: int = 0

    # --- the key --------------------------------------------------------------------------------------------------

    @property
    def token(self) -> str:
        """The key or JWT, as it came."""
        return self.authorization.removeprefix("Bearer ")

    @property
    def in_url(self) -> str:
        """As a URL escapes it, in capitals, in small letters and with ``+`` for a blank."""
        token = self.token
        return (
            f"{quote(token, safe='')} {quote(token, safe='').lower()} {quote(token)} {quote_plus(self.authorization)}"
        )

    @property
    def in_html(self) -> str:
        """As HTML escapes it, in two ways."""
        return f"{html.escape(self.token)} {html.escape(self.token, quote=False)}"

    @property
    def in_json(self) -> str:
        """As JSON escapes it, with and without the slash, to stand in a text."""
        escaped = json.dumps(self.authorization)[1:-1]
        return f"{escaped} {escaped.replace('/', chr(92) + '/')}"

    @property
    def in_base64(self) -> str:
        """The header in base64."""
        return base64.b64encode(self.authorization.encode()).decode()

    @property
    def everywhere(self) -> str:
        """A text with the key in all forms but base64."""
        return f"{self.authorization} {self.in_url} {self.in_html} {self.in_json}"

    # --- what an API says -----------------------------------------------------------------------------------------

    def task(self, status: str, **more: Any) -> dict[str, Any]:
        """Return a task object."""
        return {
            "task_id": self.task_id,
            "task_info": {"external_task_id": self.external_task_id},
            "task_status": status,
            "created_at": 1764028800000,
            "updated_at": 1764028860000,
            **more,
        }

    def videos(self, url: Any = None, **more: Any) -> dict[str, Any]:
        """Return the ``task_result`` of a success."""
        return {"videos": [{"id": "v1", "url": url or self.link, "duration": "5.0", **more}]}

    def says(self, task: Any, headers: Mapping[str, str] | None = None, **envelope: Any) -> Response:
        """Answer with a task in the dialect of the cell."""
        if self.cell.facts.dialect == "kling":
            task = {"code": 0, "message": "SUCCEED", "request_id": "r1", "data": task, **envelope}
        return as_json(task, headers=headers)

    def refuses(
        self, status: int, code: int, message: str, headers: Mapping[str, str] | None = None, **envelope: Any
    ) -> Response:
        """Answer with an error in the dialect of the cell."""
        body: dict[str, Any] = {"code": code, "message": message, "request_id": "r1", **envelope}
        if self.cell.facts.dialect != "kling":
            body = {"error": {"message": message, "type": "invalid_request_error", "code": code}, **envelope}
        return as_json(body, status, headers)


def as_json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON whose slashes are escaped, as PHP's are."""
    text = json.dumps(body).replace("/", "\\/")
    return Response(text, status, {"content-type": "application/json", **(headers or {})})
