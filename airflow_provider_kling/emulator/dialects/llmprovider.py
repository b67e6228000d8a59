"""llmprovider.ai: ``model`` in the body, flat answers without an envelope, tasks under ``/v1/task/``."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_kling.emulator import fields
from airflow_provider_kling.emulator.dialects.base import JSON, head, videos
from airflow_provider_kling.emulator.fields import Fields, invalid
from airflow_provider_kling.emulator.refusals import Reason, Refusal
from airflow_provider_kling.emulator.settings import Settings
from airflow_provider_kling.emulator.task import Task, Wish

MODELS = ("kling-video-v1", "kling-video-v1-6")
KNOWN = (
    "model", "prompt", "negative_prompt", "cfg_scale", "mode", "camera_control", "aspect_ratio", "duration",
    "external_task_id",
)  # fmt: skip

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


class LLMProviderDialect:
    """The ``llmprovider`` dialect."""

    name = "llmprovider"
    create_path = "/v1/videos/text2video"
    get_path = "/v1/task/{task_id}"
    list_path: str | None = None
    takes_jwt = False

    def wish(self, body: JSON, settings: Settings) -> Wish:
        given = Fields(body, KNOWN)
        # The page marks every field as optional but these two.
        model = given.text("model")
        if not model:
            raise invalid("model", "is required")
        if model not in MODELS and model not in settings.extra_models:
            raise Refusal(Reason.UNKNOWN_MODEL, f"model {model!r} does not exist", field="model")
        prompt = given.text("prompt", fields.PROMPT_LIMIT)
        if not prompt.strip():
            raise invalid("prompt", "is required")
        given.text("negative_prompt", fields.PROMPT_LIMIT)
        given.number("cfg_scale", 0, 1)
        # Kling's own limits on camera control (one axis; kling-v1, std, 5 s) are not on this page, so not enforced.
        camera_type, camera = fields.camera(given)
        return Wish(
            prompt=prompt,
            model=model,
            mode=given.choice("mode", ("std", "pro"), "std"),
            seconds=int(given.choice("duration", ("5", "10"), "5")),
            aspect_ratio=given.choice("aspect_ratio", fields.ASPECT_RATIOS, "16:9"),
            external_task_id=given.text("external_task_id") or None,
            camera_type=camera_type,
            camera=camera,
        )

    def created(self, task: Task) -> JSON:
        return head(task)

    def shown(self, task: Task, video_url: str) -> JSON:
        item = {**head(task), "task_status_msg": task.status_message}
        if item["task_status"] == "succeed":
            item["task_result"] = videos(task, video_url, watermark=False)
        return item

    def listed(self, tasks: list[tuple[Task, str]]) -> JSON:
        raise NotImplementedError("llmprovider documents no list")

    def page(self, query: Mapping[str, str]) -> tuple[int, int]:
        raise NotImplementedError("llmprovider documents no list")

    def refused(self, refusal: Refusal) -> tuple[int, JSON]:
        status = ANSWERS[refusal.reason]
        kind = "authentication_error" if status == 401 else "server_error" if status >= 500 else "invalid_request_error"
        # The shape of an error is not documented; this is what gateways of the one-api family answer.
        error = {"message": refusal.message, "type": kind, "param": refusal.field, "code": refusal.reason.value}
        return status, {"error": error}
