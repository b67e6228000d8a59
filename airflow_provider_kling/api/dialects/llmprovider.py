"""
The llmprovider gateway: flat bodies, one query path for all capabilities, no list.

Sources: its pages text2video, task result and error codes. The shape of an error body is not documented; the names
tried here are those of the one-api family of gateways, which its error page resembles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_provider_kling.api.capabilities import Capability
from airflow_provider_kling.api.dialects.base import Dialect, not_the_api, parsed, path_segment
from airflow_provider_kling.api.errors import error_for
from airflow_provider_kling.api.http import Request, Response
from airflow_provider_kling.api.models import LLMPROVIDER_NAMES, canonical_model
from airflow_provider_kling.exceptions import KlingConfigurationError


class LLMProviderDialect(Dialect):
    """``POST /v1/videos/text2video`` with ``model``; ``GET /v1/task/{id}``."""

    name = "llmprovider"
    default_host = "https://platform.llmprovider.ai"
    models: ClassVar[frozenset[str]] = frozenset(LLMPROVIDER_NAMES)
    enforces_model_rules = False
    can_list = False

    def spell(self, body: Mapping[str, Any]) -> dict[str, Any]:
        model = canonical_model(body["model"])
        return {**body, "model": LLMPROVIDER_NAMES.get(model, model)}

    def get(self, capability: Capability, task_id: str) -> Request:
        return Request("GET", f"/v1/task/{path_segment(task_id)}")

    def list_page(self, capability: Capability, page: int, page_size: int) -> Request:
        raise KlingConfigurationError(f"dialect {self.name!r} has no list of tasks; 'kling' has one.")

    def read(self, response: Response, *, creating: bool = False) -> Any:
        body = parsed(response, creating=creating)
        if response.status < 300:
            if isinstance(body, Mapping) and body.get("task_id"):
                return body
            if not isinstance(body, Mapping) or not _names_an_error(body):
                raise not_the_api(response, "carries no task_id", creating=creating)
        code, message = _error(response, body)
        raise error_for(response, code=code, message=message, request_id=self.request_id(response), creating=creating)


def _names_an_error(body: Mapping[str, Any]) -> bool:
    return bool(body.get("error") or body.get("code"))


def _error(response: Response, body: Any) -> tuple[int | str | None, str]:
    if not isinstance(body, Mapping):
        return None, response.excerpt()
    error = body.get("error")
    source = error if isinstance(error, Mapping) else body
    text = error if isinstance(error, str) else None
    message = text or source.get("message") or source.get("msg") or source.get("detail")
    code = source.get("code")
    return (code if isinstance(code, (int, str)) else None), str(message or response.excerpt())
