"""KlingText2VideoOperator: a prompt becomes a video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kling.api.capabilities import TEXT2VIDEO
from airflow_provider_kling.api.models import DEFAULT_MODEL
from airflow_provider_kling.operators.base import KlingOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import XComArg


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
