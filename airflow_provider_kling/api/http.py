"""An HTTP exchange as data: what a dialect builds and reads, and what a transport carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """
    A request without host and credentials.

    :param method: HTTP method.
    :param path: path below the connection's base URL, already quoted.
    :param query: query parameters.
    :param json: body, or ``None``.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """
    An answer, read to its end.

    :param status: HTTP status.
    :param headers: header fields, names in lower case.
    :param body: the raw body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the parsed body; raises ``ValueError`` when it is not JSON."""
        return json.loads(self.body)

    def excerpt(self, length: int = 120) -> str:
        """Return the start of the body on one line, for an error message."""
        text = " ".join(self.body[: 4 * length].decode("utf-8", "replace").split())
        return text if len(text) <= length else text[:length] + "…"

    @property
    def retry_after(self) -> float | None:
        """Seconds asked for by ``Retry-After``; the date form is rare on APIs and ignored."""
        try:
            return max(0.0, float(self.headers.get("retry-after", "")))
        except ValueError:
            return None
