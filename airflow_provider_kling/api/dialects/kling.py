"""
Kling's own API on the ``/v1/videos`` paths, and the gateways that pass it through behind a path prefix.

Source: Kling's reference of these paths. Every answer is ``{code, message, request_id, data}``; ``message`` is
"SUCCEED", "success" or absent on success depending on the gateway, so only ``code`` is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from airflow_provider_kling.api.errors import error_for, service_code
from airflow_provider_kling.api.http import Request, Response
from airflow_provider_kling.api.models import canonical_model
from airflow_provider_kling.api.normal import for_legacy


class KlingDialect(Dialect):
    """``POST /v1/videos/text2video`` with ``model_name``; ``GET`` of the same path by id or by page."""

    name = "kling"
    default_host = "https://api-singapore.klingai.com"
    is_kling = True
    can_list = True

    def spell(self, body: Mapping[str, Any]) -> dict[str, Any]:
        # Kling accepts "model" too, ignores it in silence and bills kling-v1: it must never be sent here.
        fields = for_legacy({name: value for name, value in body.items() if name != "model"})
        return {"model_name": canonical_model(body["model"]), **fields} if "model" in body else fields

    def get(self, capability: Capability, task_id: str, *, external: bool = False) -> Request:
        return Request("GET", f"{capability.path}/{path_segment(task_id)}")

    def list_page(self, capability: Capability, cursor: str, page_size: int) -> Request:
        return Request("GET", capability.path, query={"pageNum": cursor or "1", "pageSize": str(page_size)})

    def read(self, response: Response, *, creating: bool = False) -> Answer:
        body = parsed(response, creating=creating)
        code = service_code(body.get("code")) if isinstance(body, Mapping) else None
        if not isinstance(code, int):
            if response.status >= 300:
                # A gateway's own refusal. Its codes are none of Kling's; its reason is all that a user gets to see.
                _, message = refusal(response, body)
                raise error_for(response, code=None, message=message, request_id=None, creating=creating)
            raise not_the_api(response, "has no code", creating=creating)
        request_id = request_id_of(body.get("request_id"))
        if code != 0 or response.status >= 300:
            raise error_for(response, code=code, message=body.get("message"), request_id=request_id, creating=creating)
        return Answer(body.get("data"), request_id)
