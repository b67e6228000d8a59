"""llmprovider.ai: ``model`` in the body, flat answers without an envelope, tasks under ``/v1/task/``."""

from __future__ import annotations

from airflow_provider_kling.emulator.dialects.base import JSON, Answer, Desk, Endpoint, head, videos
from airflow_provider_kling.emulator.reading import gateway
from airflow_provider_kling.emulator.refusals import Reason, Refusal, not_found
from airflow_provider_kling.emulator.task import Task

# The statuses are documented as a list of meanings; which of them a duplicate, a moderated prompt or a full account
# gets is a guess.
ANSWERS: dict[Reason, int] = {
    Reason.AUTH_SIGNATURE: 401,
    Reason.AUTH_EMPTY: 401,
    Reason.AUTH_INVALID: 401,
    Reason.AUTH_NOT_YET: 401,
    Reason.AUTH_EXPIRED: 401,
    Reason.NO_BALANCE: 402,
    Reason.BAD_JSON: 400,
    Reason.INVALID_FIELD: 422,
    Reason.UNKNOWN_MODEL: 422,
    Reason.RETIRED: 422,
    Reason.DUPLICATE: 400,
    Reason.NOT_FOUND: 404,
    Reason.NO_ROUTE: 404,
    Reason.CONTENT_POLICY: 400,
    Reason.RATE_LIMITED: 429,
    Reason.BUSY: 429,
    Reason.INTERNAL: 500,
    Reason.BAD_GATEWAY: 502,
    Reason.UNAVAILABLE: 503,
    Reason.TIMEOUT: 504,
}
_READERS = {"text2video": gateway.text2video, "image2video": gateway.image2video}


class LLMProviderDialect:
    """The ``llmprovider`` dialect."""

    name = "llmprovider"
    prefix = "llmprovider"
    takes_jwt = False
    endpoints = (
        *(Endpoint("POST", f"/v1/videos/{kind}", "create", kind) for kind in _READERS),
        Endpoint("GET", "/v1/task/{task_id}", "get"),
    )

    def create(self, desk: Desk) -> Answer:
        task = desk.service.create(desk.account, _READERS[desk.subject](desk.body(), desk.shop))
        return Answer(head(task), (task,))

    def get(self, desk: Desk) -> Answer:
        task = desk.service.find(desk.account, desk.path["task_id"])
        return Answer(_item(desk, task), (task,))

    def list(self, desk: Desk) -> Answer:
        raise NotImplementedError("llmprovider documents no list")

    def external_task_id(self, body: JSON) -> object:
        return body.get("external_task_id")

    def none_found(self, desk: Desk) -> Answer:
        raise not_found(desk.path["task_id"])

    def refused(self, refusal: Refusal) -> tuple[int, JSON]:
        status = ANSWERS[refusal.reason]
        kind = "authentication_error" if status == 401 else "server_error" if status >= 500 else "invalid_request_error"
        # The shape of an error is not documented; this is what gateways of the one-api family answer.
        error = {"message": refusal.message, "type": kind, "param": refusal.field, "code": refusal.reason.value}
        return status, {"error": error}


def _item(desk: Desk, task: Task) -> JSON:
    item = {**head(task), "task_status_msg": task.status_message}
    if item["task_status"] == "succeed":
        item["task_result"] = {"videos": videos(desk, task)}
    return item
