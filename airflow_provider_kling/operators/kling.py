"""KlingText2VideoOperator makes a video of a prompt, KlingBatchOperator of each of many prompts or requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kling.api.capabilities import TEXT2VIDEO, capability_of
from airflow_provider_kling.api.plain import choice, shorten
from airflow_provider_kling.api.requests import is_filled
from airflow_provider_kling.api.validation import Findings
from airflow_provider_kling.compat.templates import holds_template
from airflow_provider_kling.exceptions import KlingValidationError
from airflow_provider_kling.operators import arguments
from airflow_provider_kling.operators.base import KlingOperator
from airflow_provider_kling.operators.fields import SHARED_TEMPLATES, TEMPLATES
from airflow_provider_kling.operators.items import LABEL, Given, given_items
from airflow_provider_kling.operators.money import bounded
from airflow_provider_kling.operators.shown import shown_of_many

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_kling.api.prices import Estimate
    from airflow_provider_kling.hooks.settings import Settings
    from airflow_provider_kling.lifecycle.job import Job
    from airflow_provider_kling.lifecycle.record import Record


class KlingText2VideoOperator(KlingOperator):
    """
    Generate a video from a text prompt.

    Returns the ``task_id``, or with ``wait_for_completion`` the manifest, and pushes ``task_id`` and
    ``external_task_id`` to XCom as soon as they are known. Only what you set is sent; the defaults named here are the
    API's. Ranges and choices: Kling's text2video page.

    :param prompt: what to show, 1 to 2,500 characters; up to 3,072 for the 3.0 models of dialect ``kling-v3``.
        (templated)
    :param model: in any dialect's spelling (``kling-v2-6`` is ``kling-2.6``). By default the dialect's own:
        ``kling-video-v1-6`` on ``llmprovider``, ``kling-v2-6`` on Kling's own API. The connection's ``models`` allows
        any. What each takes and costs: ``docs/models.md``. (templated)
    :param negative_prompt: what not to show, at most 2,500 characters. (templated)
    :param cfg_scale: adherence to the prompt, 0 to 1; the API's default is 0.5. (templated)
    :param mode: ``std`` (the API's default), ``pro`` or ``4k``. (templated)
    :param resolution: the same in other words: ``720p``, ``1080p`` or ``4k``. (templated)
    :param camera_control: ``{"type": ..., "config": {...}}``. (templated)
    :param aspect_ratio: ``16:9`` (the API's default), ``9:16`` or ``1:1``. (templated)
    :param duration: seconds as a string, ``"5"`` (the API's default) or ``"10"``; 3 to 15 with the 3.0 models.
        (templated)
    :param sound: ``on`` or ``off`` (the API's default): sound made with the video. (templated)
    :param audio: the same in other words: ``native`` or ``off``. (templated)
    :param multi_shot: whether the video may have several shots. Unset, the new standard takes it for true and the other
        paths for false. (templated)
    :param shots: instead of a prompt, one to six ``{"prompt": ..., "duration": ...}``, whose seconds add up to
        ``duration``. (templated)
    :param watermark: whether a video with a watermark is made too. (templated)
    :param kwargs: see :class:`KlingOperator`.
    :raises KlingValidationError: when the DAG is parsed, for fields without a template.
    """

    capability = TEXT2VIDEO
    request_fields: ClassVar[tuple[str, ...]] = (
        "model",
        "prompt",
        "negative_prompt",
        "cfg_scale",
        "mode",
        "camera_control",
        "aspect_ratio",
        "duration",
        "resolution",
        "sound",
        "audio",
        "multi_shot",
        "shots",
        "watermark",
    )

    template_fields = (*request_fields, *TEMPLATES)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "camera_control": "json",
        "extra_body": "json",
        "meta": "json",
        "shots": "json",
    }
    ui_color = "#c8f7dc"

    def __init__(
        self,
        *,
        prompt: str | XComArg | None = None,
        model: str | None = None,
        negative_prompt: str | XComArg | None = None,
        cfg_scale: float | str | None = None,
        mode: str | None = None,
        camera_control: Mapping[str, Any] | None = None,
        aspect_ratio: str | None = None,
        duration: str | int | None = None,
        resolution: str | None = None,
        sound: str | bool | None = None,
        audio: str | bool | None = None,
        multi_shot: bool | str | None = None,
        shots: Sequence[Mapping[str, Any]] | XComArg | None = None,
        watermark: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prompt = prompt
        self.model = model
        self.negative_prompt = negative_prompt
        self.cfg_scale = cfg_scale
        self.mode = mode
        self.camera_control = camera_control
        self.aspect_ratio = aspect_ratio
        self.duration = duration
        self.resolution = resolution
        self.sound = sound
        self.audio = audio
        self.multi_shot = multi_shot
        self.shots = shots
        self.watermark = watermark
        self.check_arguments()


class KlingBatchOperator(KlingOperator):
    """
    Generate a video, or what another capability makes, for each of many requests, in one Airflow task.

    All items are checked before the first is paid for. Each is paid for once, over retries and clears: an item is known
    by its content, and equal items by their order among themselves, so rows may be added, removed and moved.

    Returns ``{"succeeded", "failed", "not_submitted"}`` and the manifest of each item: in ``items``, or, with
    ``output_path``, as lines of JSON beside the videos at ``manifest_path``. With ``on_moderation`` other than
    ``"fail"`` it counts ``skipped`` or ``moderated`` items as well.

    :param items: prompts, or dicts of request fields (see the operator of the capability). A dict may hold three more,
        which are neither sent to Kling nor part of what is paid for: ``key``, the video's name among them (text or a
        number, unique, at most 500 characters), ``meta``, a dict of the row's other columns (plain JSON, at most
        10,000 characters), which are kept in the manifest, and ``on_moderation``, where it differs from the task's.
        (templated)
    :param capability: what is made of each: ``text2video`` (default), ``image2video``, ``images`` …
    :param request_defaults: request fields for items that do not set them. (templated)
    :param max_active: tasks at Kling at once; your resource pack's limit, or less. Default 10. ``"auto"``: as the names
        of the account's resource packs say, or 10 where they say nothing.
    :param max_units: units that all items may cost together, over retries and clears. An item that would pass it is
        left out; cheaper ones that fit are not. What was left out is named in the failure, or with ``"continue"`` in
        the manifest, and counts as not submitted.
    :param on_item_failure: ``"fail"`` (submit no more, wait for what runs, fail) or ``"continue"``. A video that takes
        too long stops no other; trouble of the account, or a place where nothing can be landed, stops all either way.
    :param on_moderation: ``"fail"`` (default: a failed item like others), ``"skip"`` or ``"return"``: one that Kling's
        moderation refuses stops no other and does not fail the task. Its row in the manifest has the reason in
        ``error``, ``moderated: true``, and the ``task_status`` ``skipped`` or ``failed``. A batch that skips every item
        is skipped itself.
    :param output_path: a directory, ending in ``/``, or a pattern with ``{key}``, ``{index}`` (the position, from 0) or
        ``{external_task_id}`` for each item: ``clips/dt={{ ds }}/{key}.mp4``. The manifest lies in the directory before
        the first of them. Two items that would land on one file are refused before paying. (templated)
    :param require_approval: the form shows the number of items, what they cost together, and the first few. Items that
        are added later are asked for again, with all that is not submitted yet; what was paid for is landed either way.
    :param kwargs: see :class:`KlingOperator`; ``timeout`` runs for each item from its own submission, and
        for those that wait for a slot from when a video was last begun or landed.
    :raises KlingValidationError: when the DAG is parsed, for items without a template.
    """

    is_batch = True
    template_fields = ("items", "request_defaults", *SHARED_TEMPLATES)
    template_fields_renderers: ClassVar[dict[str, str]] = {"items": "json", "request_defaults": "json"}
    ui_color = "#c8f7dc"

    def __init__(
        self,
        *,
        items: Sequence[str | Mapping[str, Any]] | XComArg,
        capability: str = TEXT2VIDEO.name,
        request_defaults: Mapping[str, Any] | None = None,
        max_active: int | str = 10,
        on_item_failure: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"wait_for_completion": True, "allow_modifications": False, **kwargs})
        self.capability = capability_of(capability, self.task_id)
        self.items = items
        self.request_defaults = request_defaults
        self.max_active = max_active
        self.on_item_failure = on_item_failure
        self.check_arguments()

    def check_arguments(self) -> None:
        """Check the arguments, and the items when they are known already."""
        faults = self.argument_faults()
        if fault := choice(self.on_item_failure, ("fail", "continue")):
            faults.append(("on_item_failure", fault))
        if not (isinstance(self.max_active, str) and self.max_active == "auto"):
            value, self.max_active = self.max_active, arguments.whole_number(self.max_active) or 0
            if not self.max_active:
                faults.append(("max_active", f"must be a whole number of at least 1, not {shorten(value)}, or 'auto'"))
        if self.external_task_id is not None:
            faults.append(("external_task_id", "is one id for many tasks; leave it out"))
        of_one = [name for name in LABEL if getattr(self, name) is not None]
        faults += [(name, "is of one video; give each item its own") for name in of_one]
        if self.allow_modifications is True:
            faults.append(("allow_modifications", "cannot be True: the form of a batch shows a sample of its prompts"))
        if not self.wait_for_completion:
            faults.append(("wait_for_completion", "cannot be False: a batch submits the next when one has ended"))
        if not holds_template([self.items, self.request_defaults]):
            faults += self._item_faults()
        Findings(tuple(faults)).raise_for_faults(f"Task {self.task_id!r}:")

    def _item_faults(self) -> list[tuple[str, str]]:
        try:
            given = self._given()
        except KlingValidationError as error:
            return list(error.faults)
        places = [] if given.faults or holds_template(self.output_path) else self.place_faults(given.labels)
        of_fields = [
            (f"items[{position}].{field}", message)
            for position, fields in enumerate(given.fields)
            for field, message in self.known_faults(fields)
        ]
        return [*given.faults, *places, *of_fields]

    def _given(self) -> Given:
        return given_items(self.items, self.request_defaults)

    def job(self, settings: Settings) -> Job:
        """
        Return what is wanted: the checked requests of all items.

        :raises KlingValidationError: listing the faults of all items; nothing is paid for then.
        :raises KlingBudgetError: for items that ``max_units`` cannot bound.
        """
        given = self._given()
        bodies, faults, warnings = [], [*self.rendered_faults(), *given.faults], {}
        for position, fields in enumerate(given.fields):
            body, findings = self.checked(fields, settings)
            bodies.append(body)
            faults += [(f"items[{position}].{field}", message) for field, message in findings.faults]
            warnings.update(dict.fromkeys(findings.warnings))
        faults += self.place_faults(given.labels) if not given.faults else ()
        Findings(tuple(faults)).raise_for_faults(f"{self.capability.name} batch")
        self.before_paying(Findings(warnings=tuple(warnings)))
        max_active = None if self.max_active == "auto" else int(self.max_active)
        job = self._job(
            bodies,
            settings,
            labels=given.labels,
            filled=frozenset(position for position, fields in enumerate(given.fields) if is_filled(fields)),
            is_batch=True,
            on_item_failure=self.on_item_failure,
            on_moderation_of=given.on_moderation,
            max_active=max_active,
        )
        return bounded(job)

    def estimate(self) -> Estimate | None:
        """
        Return what all items cost together by Kling's price list; ``None`` where the price of any is not known.

        :raises KlingValidationError: when there is no list of items.
        """
        from airflow_provider_kling.api.prices import Estimate

        found = [self._estimate(fields) for fields in self._given().fields]
        known = [one for one in found if one is not None]
        if len(known) < len(found):
            return None
        return Estimate(round(sum(one.units for one in known), 4), round(sum(one.usd for one in known), 4))

    def lineage_request(self) -> Mapping[str, Any]:
        """Return what all items share."""
        return self.request_defaults if isinstance(self.request_defaults, Mapping) else {}

    def _requested(self) -> str:
        fields = self._given().fields
        return shown_of_many(map(self.shown_request, fields), len(fields))

    def announce(self, record: Record, context: Context) -> None:
        """Push nothing: the ids of all items are in the manifest."""

    def on_kill(self) -> None:
        """Log that Kling has no cancel, and that the videos are kept for the next try."""
        self.log.warning("Kling has no cancel: tasks submitted so far go on there; clearing this task takes them up.")


class KlingText2VideoBatchOperator(KlingBatchOperator):
    """The name that :class:`KlingBatchOperator` had when it made videos from text alone."""
