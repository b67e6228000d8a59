"""Kling's own legacy API: ``model_name`` in the body, ``{code, message, request_id, data}`` around every answer."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from airflow_provider_kling.emulator import fields
from airflow_provider_kling.emulator.dialects.base import JSON, head, videos
from airflow_provider_kling.emulator.fields import Fields, invalid
from airflow_provider_kling.emulator.prices import plain
from airflow_provider_kling.emulator.refusals import Reason, Refusal
from airflow_provider_kling.emulator.settings import Settings
from airflow_provider_kling.emulator.task import Task, Wish

PATH = "/v1/videos/text2video"
DEFAULT_MODEL = "kling-v1"
# Documented for text2video. Kling retires models now and then; the emulator keeps the old ones.
MODELS = (
    "kling-v1",
    "kling-v1-6",
    "kling-v2-master",
    "kling-v2-1-master",
    "kling-v2-5-turbo",
    "kling-v2-6",
    "kling-v3",
)
WITH_SOUND = ("kling-v2-6", "kling-v3")
KNOWN = (
    "model_name", "model", "prompt", "negative_prompt", "cfg_scale", "mode", "camera_control", "aspect_ratio",
    "duration", "sound", "voice_list", "multi_shot", "shot_type", "multi_prompt", "watermark_info", "callback_url",
    "external_task_id",
)  # fmt: skip
SHOT_PROMPT_LIMIT = 512
LAST_PAGE, LARGEST_PAGE = 1000, 500

# HTTP status and service code: documented, but for INVALID_FIELD, DUPLICATE and NOT_FOUND, which were seen live.
ANSWERS: dict[Reason, tuple[int, int]] = {
    Reason.AUTH_SIGNATURE: (401, 1000),
    Reason.AUTH_EMPTY: (401, 1001),
    Reason.AUTH_INVALID: (401, 1002),
    Reason.AUTH_NOT_YET: (401, 1003),
    Reason.AUTH_EXPIRED: (401, 1004),
    Reason.NO_BALANCE: (429, 1102),
    Reason.BAD_JSON: (400, 1200),
    Reason.INVALID_FIELD: (400, 1201),
    Reason.DUPLICATE: (400, 1201),
    Reason.NOT_FOUND: (400, 1201),
    Reason.NO_ROUTE: (404, 1202),
    Reason.UNKNOWN_MODEL: (404, 1203),
    Reason.CONTENT_POLICY: (400, 1301),
    Reason.RATE_LIMITED: (429, 1302),
    Reason.BUSY: (429, 1303),
    Reason.INTERNAL: (500, 5000),
    Reason.BAD_GATEWAY: (502, 5000),
    Reason.UNAVAILABLE: (503, 5001),
    Reason.TIMEOUT: (504, 5002),
}


class KlingDialect:
    """The ``kling`` dialect."""

    name = "kling"
    create_path = PATH
    get_path = PATH + "/{task_id}"
    list_path: str | None = PATH
    takes_jwt = True

    def wish(self, body: JSON, settings: Settings) -> Wish:
        given = Fields(body, KNOWN)
        # Documented: ``model`` is accepted and ignored, which means kling-v1.
        model = given.text("model_name") or DEFAULT_MODEL
        if model not in MODELS and model not in settings.extra_models:
            # Documented for 1203: "the requested resource does not exist, such as the model".
            raise Refusal(Reason.UNKNOWN_MODEL, f"model_name {model!r} does not exist", field="model_name")
        mode = given.choice("mode", ("std", "pro", "4k") if model == "kling-v3" else ("std", "pro"), "std")
        seconds = self._seconds(given, model)
        camera_type, camera = self._camera(given, model, mode, seconds)
        if given.number("cfg_scale", 0, 1) is not None and model.startswith("kling-v2"):
            raise invalid("cfg_scale", f"is not supported by {model}")
        given.text("negative_prompt", fields.PROMPT_LIMIT)
        given.text("callback_url")
        return Wish(
            prompt=self._prompt(given, model, seconds),
            model=model,
            mode=mode,
            seconds=seconds,
            aspect_ratio=given.choice("aspect_ratio", fields.ASPECT_RATIOS, "16:9"),
            external_task_id=given.text("external_task_id") or None,
            camera_type=camera_type,
            camera=camera,
            sound=self._sound(given, model, mode),
            watermark=self._watermark(given),
        )

    def _seconds(self, given: Fields, model: str) -> int:
        allowed = [str(n) for n in range(3, 16)] if model == "kling-v3" else ["5", "10"]
        return int(given.choice("duration", allowed, "5"))

    def _camera(self, given: Fields, model: str, mode: str, seconds: int) -> tuple[str, tuple[tuple[str, float], ...]]:
        kind, moves = fields.camera(given)
        if not kind:
            return kind, moves
        if (model, mode, seconds) != ("kling-v1", "std", 5):
            # Seen live.
            raise invalid("camera_control", "is only supported in std mode with 5s duration and kling-v1")
        if kind == "simple" and len(moves) != 1:
            raise invalid("camera_control.config", f"must have exactly one value that is not 0, has {len(moves)}")
        return kind, moves

    def _sound(self, given: Fields, model: str, mode: str) -> bool:
        sound = given.choice("sound", ("on", "off"), "off") == "on"
        if sound and model not in WITH_SOUND:
            raise invalid("sound", f"is not supported by {model}")
        if sound and model == "kling-v2-6" and mode != "pro":
            raise invalid("sound", "is only supported in pro mode by kling-v2-6")
        voices = given.objects("voice_list", ("voice_id",), most=2)
        if voices and not sound:
            raise invalid("voice_list", "needs sound on")
        for voice in voices:
            if not voice.text("voice_id"):
                raise invalid("voice_list", "needs a voice_id in every item")
        return sound

    def _watermark(self, given: Fields) -> bool:
        info = given.object("watermark_info", ("enabled",))
        return info is not None and info.flag("enabled")

    def _prompt(self, given: Fields, model: str, seconds: int) -> str:
        prompt = given.text("prompt", fields.PROMPT_LIMIT)
        shots = self._shots(given, model, seconds)
        if not prompt.strip() and not shots:
            raise invalid("prompt", "is required")
        return prompt if prompt.strip() else " / ".join(shots)

    def _shots(self, given: Fields, model: str, seconds: int) -> list[str]:
        """The prompts of the shots; empty unless ``shot_type`` is ``customize``."""
        if not given.flag("multi_shot"):
            return []
        if model != "kling-v3" and model in MODELS:
            raise invalid("multi_shot", f"is not supported by {model}")
        if given.choice("shot_type", ("customize", "intelligence"), "") == "intelligence":
            return []
        shots = given.objects("multi_prompt", ("index", "prompt", "duration"), most=6)
        if not shots:
            raise invalid("multi_prompt", "is required when shot_type is customize")
        lengths = [int(shot.choice("duration", [str(n) for n in range(1, 16)], "")) for shot in shots]
        if sum(lengths) != seconds:
            raise invalid("multi_prompt", f"durations must add up to {seconds}, not {sum(lengths)}")
        return [shot.text("prompt", SHOT_PROMPT_LIMIT) for shot in shots]

    def created(self, task: Task) -> JSON:
        return _envelope(head(task))

    def shown(self, task: Task, video_url: str) -> JSON:
        return _envelope(self._item(task, video_url))

    def listed(self, tasks: list[tuple[Task, str]]) -> JSON:
        return _envelope([self._item(task, video_url) for task, video_url in tasks])

    def _item(self, task: Task, video_url: str) -> JSON:
        watermark = task.wish.watermark
        item = {**head(task), "task_status_msg": task.status_message, "watermark_info": {"enabled": watermark}}
        if item["task_status"] == "succeed":
            item["task_result"] = videos(task, video_url, watermark=watermark)
            item["final_unit_deduction"] = plain(task.wish.units)
        return item

    def page(self, query: Mapping[str, str]) -> tuple[int, int]:
        return _whole(query, "pageNum", 1, LAST_PAGE), _whole(query, "pageSize", 30, LARGEST_PAGE)

    def refused(self, refusal: Refusal) -> tuple[int, JSON]:
        status, code = ANSWERS[refusal.reason]
        # Seen live: a refusal has no ``data`` key.
        return status, {"code": code, "message": refusal.message, "request_id": str(uuid.uuid4())}


def _envelope(data: object) -> JSON:
    return {"code": 0, "message": "SUCCEED", "request_id": str(uuid.uuid4()), "data": data}


def _whole(query: Mapping[str, str], name: str, default: int, highest: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= highest:
        raise invalid(name, f"must be a whole number from 1 to {highest}, not {text!r}")
    return int(text)
