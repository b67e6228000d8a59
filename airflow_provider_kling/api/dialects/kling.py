"""
Kling's own API on the ``/v1/videos`` paths, and the gateways that pass it through behind a path prefix.

Source: Kling's reference of these paths. Every answer is ``{code, message, request_id, data}``; ``message`` is
"SUCCEED", "success" or absent on success depending on the gateway, so only ``code`` is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_provider_kling.api.capabilities import Capability
from airflow_provider_kling.api.dialects.base import Dialect, not_the_api, parsed, path_segment
from airflow_provider_kling.api.errors import error_for
from airflow_provider_kling.api.http import Request, Response
from airflow_provider_kling.api.models import canonical_model


class KlingDialect(Dialect):
    """``POST /v1/videos/text2video`` with ``model_name``; ``GET`` of the same path by id or by page."""

    name = "kling"
    default_host = "https://api-singapore.klingai.com"
    models: ClassVar[frozenset[str]] = frozenset(
        {
            "kling-v1",
            "kling-v1-6",
            "kling-v2-master",
            "kling-v2-1-master",
            "kling-v2-5-turbo",
            "kling-v2-6",
            "kling-v3",
        }
    )
    enforces_model_rules = True
    can_list = True

    def spell(self, body: Mapping[str, Any]) -> dict[str, Any]:
        # Kling accepts "model" too, ignores it in silence and bills kling-v1: it must never be sent here.
        fields = {name: value for name, value in body.items() if name != "model"}
        return {"model_name": canonical_model(body["model"]), **fields}

    def get(self, capability: Capability, task_id: str) -> Request:
        return Request("GET", f"{capability.path}/{path_segment(task_id)}")

    def list_page(self, capability: Capability, page: int, page_size: int) -> Request:
        return Request("GET", capability.path, query={"pageNum": str(page), "pageSize": str(page_size)})

    def read(self, response: Response, *, creating: bool = False) -> Any:
        body = parsed(response, creating=creating)
        if not isinstance(body, Mapping) or not isinstance(body.get("code"), int):
            if response.status >= 300:
                message = str(body.get("message") or "") if isinstance(body, Mapping) else ""
                raise error_for(response, code=None, message=message, request_id=None, creating=creating)
            raise not_the_api(response, "has no code", creating=creating)
        if body["code"] != 0 or response.status >= 300:
            raise error_for(
                response,
                code=body["code"],
                message=str(body.get("message") or ""),
                request_id=body.get("request_id"),
                creating=creating,
            )
        return body.get("data")

    def request_id(self, response: Response) -> str | None:
        body = response.json()
        return body.get("request_id") if isinstance(body, Mapping) else None
