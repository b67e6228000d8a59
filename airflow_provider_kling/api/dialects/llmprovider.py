"""
The llmprovider gateway: flat bodies, one query path for all capabilities, no list.

Sources: its pages text2video, task result and error codes. The shape of an error body is not documented.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_kling.api.capabilities import Capability
from airflow_provider_kling.api.dialects.base import (
    Answer,
    Dialect,
    not_the_api,
    parsed,
    path_segment,
    refusal,
    request_id_of,
)
from airflow_provider_kling.api.errors import error_for
from airflow_provider_kling.api.http import Request, Response
from airflow_provider_kling.api.models import LLMPROVIDER_NAMES, canonical_model, model_of
from airflow_provider_kling.api.normal import for_legacy
from airflow_provider_kling.exceptions import KlingConfigurationError, KlingModelRetiredError


class LLMProviderDialect(Dialect):
    """``POST /v1/videos/text2video`` with ``model``; ``GET /v1/task/{id}``."""

    name = "llmprovider"
    default_host = "https://platform.llmprovider.ai"
    is_kling = False
    can_list = False

    def spell(self, body: Mapping[str, Any]) -> dict[str, Any]:
        fields = for_legacy(body)
        if "model" in body:
            model = canonical_model(body["model"])
            fields["model"] = LLMPROVIDER_NAMES.get(model, model)
        return fields

    def faults(self, capability: Capability, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        row = model_of(capability.name, body.get("model"))
        if row is None or self.name not in row.capabilities[capability.name]:
            return
        for field in ("sound", "multi_shot", "shots", "watermark"):
            if field in body:
                yield field, f"is not documented by llmprovider for {row.spelled(self.name)}; leave it out"

    def get(self, capability: Capability, task_id: str, *, external: bool = False) -> Request:
        return Request("GET", f"/v1/task/{path_segment(task_id)}")

    def list_page(self, capability: Capability, cursor: str, page_size: int) -> Request:
        raise KlingConfigurationError(f"dialect {self.name!r} has no list of tasks; 'kling' and 'kling-v3' have one.")

    def read(self, response: Response, *, creating: bool = False) -> Answer:
        body = parsed(response, creating=creating)
        request_id = request_id_of(response.headers.get("x-request-id"))
        names_a_task = isinstance(body, Mapping) and bool(body.get("task_id"))
        if response.status < 300 and names_a_task:
            return Answer(body, request_id)
        if names_a_task:
            raise not_the_api(response, "names a task and refuses it", creating=creating, proves_nothing=True)
        if response.status < 300 and (not isinstance(body, Mapping) or not _names_an_error(body)):
            raise not_the_api(response, "carries no task_id", creating=creating)
        code, message = refusal(response, body)
        error = error_for(response, code=code, message=message, request_id=request_id, creating=creating)
        if isinstance(error, KlingModelRetiredError):
            # Kling's own API does not read this dialect's field for the model, and makes kling-v1 of every request.
            error.next_step = (
                "If this host is Kling's own API, or passes it through, set dialect 'kling' in the extra of the "
                "connection; else use a model that the gateway still sells."
            )
        raise error


def _names_an_error(body: Mapping[str, Any]) -> bool:
    return bool(body.get("error") or body.get("code"))
