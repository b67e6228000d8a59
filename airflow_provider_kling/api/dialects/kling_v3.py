"""
Kling's new standard: the model in the path, and one path, ``/tasks``, that tells of many tasks at once.

Sources: Kling's pages of the new standard (2026-07), and what aself101/kling-api recorded of live exchanges in 2026-09:
an unknown id is simply not in the answer, and more than 20 ids are refused. It takes an API key only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from airflow_provider_kling.api.capabilities import Capability
from airflow_provider_kling.api.dialects import kling_v3_body
from airflow_provider_kling.api.dialects.base import Dialect, TaskGroup, TaskPage, not_the_api, path_segment
from airflow_provider_kling.api.dialects.kling import KlingDialect
from airflow_provider_kling.api.fields import decimal, identifier, optional_text, own_identifier, timestamp
from airflow_provider_kling.api.http import Request, Response
from airflow_provider_kling.api.models import model_of
from airflow_provider_kling.api.results import outputs_of
from airflow_provider_kling.api.task import KlingOutput, KlingTask, TaskStatus
from airflow_provider_kling.exceptions import KlingTaskNotFoundError

_LEGACY = KlingDialect()
# Its word for what the other paths call succeed.
_STATUSES = {"succeeded": TaskStatus.SUCCEED}
# What POST /tasks can be narrowed to: it has no word for sounds.
_PRODUCTS = {"videos": "video", "images": "image"}


class KlingV3Dialect(KlingDialect):
    """``POST /text-to-video/{model}``; ``GET /tasks`` for up to 20 ids; ``POST /tasks`` by cursor."""

    name = "kling-v3"
    takes_jwt = False
    at_once = 20
    id_field = "id"
    largest_image = 50 << 20

    def speaking_of(self, capability: Capability) -> Dialect:
        # An API key is good for the /v1 paths too (seen live), and what has no new path has a lasting one there.
        return self if capability.new_path else _LEGACY

    def faults(self, capability: Capability, body: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        return kling_v3_body.faults(capability.name, body) if capability.new_path else ()

    def create(self, capability: Capability, body: Mapping[str, Any]) -> Request:
        row = model_of(capability.name, body["model"])
        model = row.spelled(self.name) if row and body["model"] == row.name else body["model"]
        wire = kling_v3_body.wire(capability.name, body, fixed_sound=row is not None and row.sound == ("always",))
        return Request("POST", f"{capability.new_path}/{path_segment(model)}", json=wire)

    def get(self, capability: Capability, task_id: str, *, external: bool = False) -> Request:
        return self.get_many([task_id], external=external)

    def get_many(self, task_ids: Sequence[str], *, external: bool = False) -> Request:
        return Request("GET", "/tasks", query={"external_task_ids" if external else "task_ids": ",".join(task_ids)})

    def list_page(self, capability: Capability, cursor: str, page_size: int) -> Request:
        body: dict[str, Any] = {"limit": page_size}
        if cursor:
            body["cursor"] = cursor
        if product := _PRODUCTS.get(capability.results):
            body["filters"] = [{"key": "product_type", "values": [product]}]
        return Request("POST", "/tasks", json=body)

    def read_task(self, response: Response, *, asked_for: str) -> KlingTask:
        found = self._found(response)
        if not found:
            raise KlingTaskNotFoundError(f"Kling knows no task {asked_for!r}.", http_status=response.status)
        tasks = [self._task(item, response, None) for item in found]
        for task in tasks:
            if asked_for in (task.task_id, task.external_task_id):
                return task
        raise not_the_api(response, "is about another task than was asked for", creating=False)

    def read_many(self, response: Response) -> TaskGroup:
        found = self._found(response)
        tasks = tuple(self._readable(found, response, None))
        return TaskGroup(tasks, len(tasks) == len(found))

    def _found(self, response: Response) -> list[Any]:
        data = self.read(response).data
        if not isinstance(data, list):
            raise not_the_api(response, "carries no array of tasks", creating=False)
        return data

    def read_list(self, response: Response, *, cursor: str = "", page_size: int = 0) -> TaskPage:
        answer = self.read(response)
        found = answer.data.get("result") if isinstance(answer.data, Mapping) else None
        if not isinstance(found, list):
            raise not_the_api(response, "carries no array of tasks", creating=False)
        following = answer.data.get("next_cursor") if answer.data.get("has_more") is True else None
        # The same cursor again would be the same page again.
        usable = isinstance(following, str) and following not in ("", cursor)
        return TaskPage(tuple(self._readable(found, response, answer.request_id)), following if usable else None)

    def _normal_form(self, task: Mapping[str, Any], request_id: str | None) -> KlingTask:
        word = task.get("status")
        status = _STATUSES.get(word, TaskStatus.parse(word)) if isinstance(word, str) else TaskStatus.UNKNOWN
        outputs = tuple(_outputs(task)) if status is TaskStatus.SUCCEED else ()
        return KlingTask(
            task_id=identifier(task["id"]),
            task_status=status,
            raw_status=optional_text(word, 60),
            task_status_msg=optional_text(task.get("message")),
            external_task_id=own_identifier(task.get("external_id")),
            videos=tuple(output for output in outputs if output.kind == "video"),
            images=tuple(output for output in outputs if output.kind == "image"),
            audios=tuple(output for output in outputs if output.kind == "audio"),
            created_at=timestamp(task.get("create_time")),
            updated_at=timestamp(task.get("update_time")),
            units=_units(task.get("billing")),
            request_id=request_id,
        )


def _outputs(task: Mapping[str, Any]) -> Iterator[KlingOutput]:
    for item in task.get("outputs") or ():
        kind = item.get("type")
        if kind in ("video", "image", "audio"):
            yield from outputs_of(kind, item)


def _units(billing: Any) -> str | None:
    """Return what was taken from resource packs; ``None`` where nothing was told, or money was taken."""
    charges = [charge for charge in billing or () if charge.get("charge_type") == "unit"]
    amounts = [amount for charge in charges if (amount := decimal(charge.get("amount"))) is not None]
    if not amounts or len(amounts) < len(charges):
        return None
    return decimal(format(sum(map(Decimal, amounts)), "f"))
