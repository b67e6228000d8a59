"""KlingText2VideoOperator: a prompt becomes a video; KlingText2VideoBatchOperator: a list of prompts becomes videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kling.api.capabilities import TEXT2VIDEO
from airflow_provider_kling.api.models import DEFAULT_MODEL
from airflow_provider_kling.api.validation import Findings, check_fields, coerce
from airflow_provider_kling.compat.templates import holds_template
from airflow_provider_kling.exceptions import KlingValidationError
from airflow_provider_kling.operators.base import KlingOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_kling.hooks.settings import Settings
    from airflow_provider_kling.lifecycle.job import Job
    from airflow_provider_kling.lifecycle.record import Record


class KlingText2VideoOperator(KlingOperator):
    """
    Generate a video from a text prompt.

    Returns the ``task_id``, or with ``wait_for_completion`` the manifest, and pushes ``task_id`` and
    ``external_task_id`` to XCom as soon as they are known. Only what you set is sent; the defaults named here are the
    API's. Ranges and choices: Kling's text2video page.

    :param prompt: what to show, 1 to 2,500 characters. (templated)
    :param model: ``kling-video-v1-6`` (default) or ``kling-video-v1``, in either spelling (``kling-v1-6``); dialect
        ``kling`` knows newer ones, and the connection's ``models`` allows any. (templated)
    :param negative_prompt: what not to show, at most 2,500 characters. (templated)
    :param cfg_scale: adherence to the prompt, 0 to 1; the API's default is 0.5. (templated)
    :param mode: ``std`` (the API's default) or ``pro``. (templated)
    :param camera_control: ``{"type": ..., "config": {...}}``. (templated)
    :param aspect_ratio: ``16:9`` (the API's default), ``9:16`` or ``1:1``. (templated)
    :param duration: seconds as a string, ``"5"`` (the API's default) or ``"10"``. (templated)
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
    )

    template_fields = (*request_fields, "external_task_id", "extra_body", "kling_conn_id", "output_path")
    template_fields_renderers: ClassVar[dict[str, str]] = {"camera_control": "json", "extra_body": "json"}
    ui_color = "#c8f7dc"

    def __init__(
        self,
        *,
        prompt: str | XComArg,
        model: str = DEFAULT_MODEL,
        negative_prompt: str | XComArg | None = None,
        cfg_scale: float | str | None = None,
        mode: str | None = None,
        camera_control: Mapping[str, Any] | None = None,
        aspect_ratio: str | None = None,
        duration: str | int | None = None,
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
        self.check_arguments()


class KlingText2VideoBatchOperator(KlingOperator):
    """
    Generate a video for each of many prompts, in one Airflow task.

    All items are checked before the first is paid for. Each is paid for once, over retries and clears: an item is known
    by its content, and equal items by their order among themselves, so rows may be added, removed and moved.

    Returns ``{"succeeded", "failed", "not_submitted"}`` and the manifest of each item: in ``items``, or, with
    ``output_path``, as lines of JSON beside the videos at ``manifest_path``.

    :param items: prompts, or dicts of request fields (see :class:`KlingText2VideoOperator`). (templated)
    :param request_defaults: request fields for items that do not set them. (templated)
    :param max_active: tasks at Kling at once; your resource pack's limit, or less. Default 10.
    :param on_item_failure: ``"fail"`` (submit no more, wait for what runs, fail) or ``"continue"``. A video that takes
        too long stops no other; trouble of the account, or a place where nothing can be landed, stops all either way.
    :param output_path: a directory, ending in ``/``. (templated)
    :param kwargs: see :class:`KlingOperator`; ``timeout`` runs for each item from its own submission, and
        for those that wait for a slot from when a video was last begun or landed.
    :raises KlingValidationError: when the DAG is parsed, for items without a template.
    """

    capability = TEXT2VIDEO
    request_fields = KlingText2VideoOperator.request_fields

    template_fields = ("items", "request_defaults", "extra_body", "kling_conn_id", "output_path")
    template_fields_renderers: ClassVar[dict[str, str]] = {"items": "json", "request_defaults": "json"}
    ui_color = "#c8f7dc"

    def __init__(
        self,
        *,
        items: Sequence[str | Mapping[str, Any]] | XComArg,
        request_defaults: Mapping[str, Any] | None = None,
        max_active: int = 10,
        on_item_failure: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"wait_for_completion": True, **kwargs})
        self.items = items
        self.request_defaults = request_defaults
        self.max_active = max_active
        self.on_item_failure = on_item_failure
        self.check_arguments()

    def check_arguments(self) -> None:
        """Check the arguments, and the items when they are known already."""
        faults = self._argument_faults()
        if self.on_item_failure not in ("fail", "continue"):
            faults.append(("on_item_failure", f"{self.on_item_failure!r} is not one of 'fail', 'continue'"))
        if not str(self.max_active).isdecimal() or int(self.max_active) < 1:
            faults.append(("max_active", f"must be a whole number of at least 1, not {self.max_active!r}"))
        else:
            self.max_active = int(self.max_active)
        if self.external_task_id:
            faults.append(("external_task_id", "is one id for many tasks; leave it out"))
        if not self.wait_for_completion:
            faults.append(("wait_for_completion", "cannot be False: a batch submits the next when one has ended"))
        if not holds_template([self.items, self.request_defaults]):
            faults += self._item_faults()
        Findings(tuple(faults)).raise_for_faults(f"Task {self.task_id!r}:")

    def _output_path_faults(self) -> list[tuple[str, str]]:
        if not self.output_path or str(self.output_path).endswith("/"):
            return []
        return [
            ("output_path", f"must be a directory ending in '/', not {self.output_path!r}: a batch lands many files")
        ]

    def _item_faults(self) -> list[tuple[str, str]]:
        try:
            fields = self._fields_of_items()
        except KlingValidationError as error:
            return list(error.faults)
        return [
            (f"items[{position}].{field}", message)
            for position, item in enumerate(fields)
            for field, message in check_fields(self.capability, coerce(self.capability, item)).faults
        ]

    def _fields_of_items(self) -> list[dict[str, Any]]:
        defaults = {"model": DEFAULT_MODEL, **(self.request_defaults or {})}
        items: Any = self.items
        if isinstance(items, str) or not isinstance(items, Sequence):
            fault = ("items", f"must be a list of prompts or of dicts, not {type(items).__name__}")
            how = "pass the .output of the task that returns it, or set render_template_as_native_obj on the DAG"
            raise KlingValidationError(f"{fault[0]}: {fault[1]}; {how}.", faults=(fault,))
        # What a mapped task returned is fetched from Airflow element by element, but for a slice.
        items = items[:]
        wrong = [
            (f"items[{position}]", f"must be a prompt or a dict of request fields, not {type(item).__name__}")
            for position, item in enumerate(items)
            if not isinstance(item, (str, Mapping))
        ]
        wrong += [
            (f"items[{position}].external_task_id", "is derived for each item; leave it out")
            for position, item in enumerate(items)
            if isinstance(item, Mapping) and "external_task_id" in item
        ]
        Findings(tuple(wrong)).raise_for_faults("Batch:")
        return [{**defaults, **({"prompt": item} if isinstance(item, str) else item)} for item in items]

    def job(self, settings: Settings) -> Job:
        """
        Return what is wanted: the checked requests of all items.

        :raises KlingValidationError: listing the faults of all items; nothing is paid for then.
        """
        bodies, faults, warnings = [], [], {}
        for position, fields in enumerate(self._fields_of_items()):
            body, findings = self.checked(fields, settings)
            bodies.append(body)
            faults += [(f"items[{position}].{field}", message) for field, message in findings.faults]
            warnings.update(dict.fromkeys(findings.warnings))
        Findings(tuple(faults)).raise_for_faults(f"{self.capability.name} batch")
        self.before_paying(Findings(warnings=tuple(warnings)))
        return self._job(
            bodies, settings, is_batch=True, on_item_failure=self.on_item_failure, max_active=self.max_active
        )

    def announce(self, record: Record, context: Context) -> None:
        """Push nothing: the ids of all items are in the manifest."""

    def on_kill(self) -> None:
        """Log that Kling has no cancel, and that the videos are kept for the next try."""
        self.log.warning("Kling has no cancel: tasks submitted so far go on there; clearing this task takes them up.")
