"""What the readers share: the account they sell to, the model asked for, and the fields at the end of every body."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_kling.emulator import prices
from airflow_provider_kling.emulator.catalogue import ANY, BY_NAME, Model
from airflow_provider_kling.emulator.fields import PROMPT_LIMIT, Fields
from airflow_provider_kling.emulator.refusals import discontinued, unknown_model
from airflow_provider_kling.emulator.service import Service
from airflow_provider_kling.emulator.settings import Settings
from airflow_provider_kling.emulator.task import Parent, Task, Wish

# At the end of nearly every legacy body.
TAIL = ("watermark_info", "callback_url", "external_task_id")
HEAD = ("model_name", "model")
UNSEEN_SECONDS = 5.0
SHOT_PROMPT_LIMIT, MOST_SHOTS = 512, 6
SHOT_FIELDS = ("multi_shot", "shot_type", "multi_prompt")


@dataclass(frozen=True)
class Shop:
    """Where a request is read: one account of one service."""

    service: Service
    account: str

    @property
    def settings(self) -> Settings:
        """As they are now."""
        return self.service.settings

    def parent(self, given: Fields) -> Parent:
        """The video that ``video_id`` or ``video_url`` names, exactly one of which must be given (documented)."""
        video_id, url = given.text("video_id"), given.url("video_url")
        if bool(video_id) == bool(url):
            raise given.wrong("video_id", "or video_url must be given, and not both")
        return self.video(given, video_id) if video_id else self.linked(url)

    def video(self, given: Fields, video_id: str) -> Parent:
        """A video of this account by its id."""
        task = self.service.task(video_id.rpartition("-")[0])
        if task is not None and (task.dialect, task.video_id) == (self.account, video_id) and _has_video(task):
            return Parent(video_id, "", task.wish.seconds, task.task_id)
        if self.settings.foreign_ids == "refuse":
            raise given.wrong("video_id", f"was not found: {video_id}")
        return Parent(video_id, "", UNSEEN_SECONDS)

    def linked(self, url: str) -> Parent:
        """The video behind a link: measured when it is one of this emulator's own, else taken for five seconds."""
        name = url.partition("?")[0].rpartition("/")[2]
        task = self.service.task(name.removesuffix(".mp4")) if "/_kling/videos/" in url else None
        return Parent("", url, task.wish.seconds if task else UNSEEN_SECONDS)


def _has_video(task: Task) -> bool:
    return task.status == "succeed" and "video" in task.wish.media


def finished(given: Fields, wish: Wish) -> Wish:
    """``wish`` with what the end of the body says."""
    given.url("callback_url")
    info = given.object("watermark_info", ("enabled",))
    return replace(
        wish,
        external_task_id=given.text("external_task_id") or None,
        watermark=info is not None and info.flag("enabled"),
    )


def model_of(given: Fields, shop: Shop, kind: str, default: str) -> Model:
    """The model asked for, or a refusal. Documented: ``model`` is taken and ignored."""
    given.text("model")
    name = given.text("model_name") or default
    row = BY_NAME.get(name)
    if name in shop.settings.extra_models:
        return row if row and kind in row.kinds else ANY._replace(name=name)
    if row is not None and row.retired and shop.settings.retired == "refuse":
        raise discontinued(name, "model_name")
    if row is None or kind not in row.kinds:
        raise unknown_model(name, "model_name")
    return row


def cfg_scale(given: Fields, shop: Shop, model: Model) -> None:
    """A number from 0 to 1, which v2 models do not heed."""
    refuse = shop.settings.cfg_scale_v2 == "refuse" and model.name.startswith("kling-v2")
    if given.number("cfg_scale", 0, 1) is not None and refuse:
        raise given.wrong("cfg_scale", f"is not supported by {model.name}")


def seconds_of(given: Fields, model: Model) -> int:
    """The legacy ``duration``, a text."""
    return int(given.choice("duration", [str(length) for length in model.seconds], "5"))


def sound_of(given: Fields, model: Model, mode: str) -> str:
    """The variant that is made: ``silent``, ``sound`` or ``voice``."""
    if given.choice("sound", ("on", "off"), "off") == "off":
        if given.has("voice_list"):
            raise given.wrong("voice_list", "needs sound on")
        return "silent"
    if (model.price_key, "sound") not in prices.PER_SECOND:
        raise given.wrong("sound", f"is not supported by {model.name}")
    if not prices.sold(model.price_key, mode, "sound"):
        raise given.wrong("sound", f"is only supported in pro mode by {model.name}")
    voices = given.objects("voice_list", ("voice_id",), most=2)
    for voice in voices:
        voice.required("voice_id")
    return "voice" if voices else "sound"


def prompt_of(given: Fields, model: Model, seconds: int, *, required: bool) -> str:
    """The prompt, or the prompts of the shots where those take its place."""
    prompt = given.text("prompt", PROMPT_LIMIT)
    shots = _shots(given, model, seconds)
    if required and not prompt.strip() and not shots:
        raise given.wrong("prompt", "is required")
    return prompt if prompt.strip() else " / ".join(shots)


def _shots(given: Fields, model: Model, seconds: int) -> list[str]:
    """The prompts of the shots; empty unless ``shot_type`` is ``customize``. Without ``multi_shot`` the other two are
    taken and ignored: a public client sends ``shot_type`` with every model.
    """
    if not given.flag("multi_shot"):
        return []
    if not model.shots:
        raise given.wrong("multi_shot", f"is not supported by {model.name}")
    if given.choice("shot_type", ("customize", "intelligence"), "") == "intelligence":
        return []
    shots = given.objects("multi_prompt", ("index", "prompt", "duration"), most=MOST_SHOTS)
    if not shots:
        raise given.wrong("multi_prompt", "is required when shot_type is customize")
    lengths = [int(shot.choice("duration", [str(n) for n in range(1, 16)], "")) for shot in shots]
    if sum(lengths) != seconds:
        raise given.wrong("multi_prompt", f"durations must add up to {seconds}, not {sum(lengths)}")
    return [shot.text("prompt", SHOT_PROMPT_LIMIT) for shot in shots]


def elements_of(given: Fields, most: int, model: str) -> int:
    """How many elements are named. Their ids are taken unseen; clients send them as text and as number."""
    if given.has("element_list") and not most:
        raise given.wrong("element_list", f"is not supported by {model}")
    elements = given.objects("element_list", ("element_id",), most)
    for element in elements:
        value: Any = element.body.get("element_id")
        if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
            raise element.wrong("element_id", "is required, as a text or a number")
    return len(elements)
