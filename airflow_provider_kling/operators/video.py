"""Operators that begin with references, or with a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.capabilities import EFFECTS, MOTION_CONTROL, OMNI_VIDEO, VIDEO_EXTEND
from airflow_provider_kling.operators.base import KlingOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath, XComArg


class KlingOmniVideoOperator(KlingOperator):
    """
    Generate a video from a prompt and up to seven images, elements and a video that it names.

    :param prompt: what to show, 1 to 2,500 characters (``kling-v3``: 3,072 with 3.0 Omni); ``<<<image_1>>>``,
        ``<<<element_1>>>`` and ``<<<video_1>>>`` name what goes along, in the order of its list. (templated)
    :param model: ``kling-video-o1`` (default) or ``kling-v3-omni``. (templated)
    :param image_list: ``{"image_url", "type"}``: images as in :class:`.KlingImage2VideoOperator`; ``type``
        ``first_frame`` or ``end_frame``, or none for a reference. (templated)
    :param element_list: ``{"element_id"}`` of Kling's library. (templated)
    :param video_list: one ``{"video_url", "refer_type", "keep_original_sound"}``: a link; ``base`` (the API's default)
        is edited, ``feature`` is a reference. (templated)
    :param sound: ``on`` or ``off`` (the API's default), or a boolean. (templated)
    :param audio: the same as ``native`` or ``off``. (templated)
    :param mode: ``std`` (720p), ``pro`` (1080p; the API's default) or ``4k``. (templated)
    :param resolution: the same as ``720p``, ``1080p`` or ``4k``. (templated)
    :param aspect_ratio: ``16:9`` (the API's default), ``9:16`` or ``1:1``. (templated)
    :param duration: seconds as a string; ``"5"`` is the API's default. (templated)
    :param multi_shot: whether the video may have several shots. (templated)
    :param shots: up to six ``{"prompt", "duration"}``, whose seconds add up to ``duration``. (templated)
    :param watermark: whether a copy with Kling's watermark is made as well. (templated)
    :param kwargs: see :class:`KlingOperator`.
    :raises KlingValidationError: when the DAG is parsed, for fields without a template.
    """

    capability = OMNI_VIDEO

    def __init__(
        self,
        *,
        prompt: str | XComArg,
        model: str | None = None,
        image_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        element_list: Sequence[Mapping[str, Any]] | None = None,
        video_list: Sequence[Mapping[str, Any]] | XComArg | None = None,
        sound: str | bool | None = None,
        audio: str | bool | None = None,
        mode: str | None = None,
        resolution: str | None = None,
        aspect_ratio: str | None = None,
        duration: str | int | None = None,
        multi_shot: bool | str | None = None,
        shots: Sequence[Mapping[str, Any]] | XComArg | None = None,
        watermark: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.take(locals())


class KlingMotionControlOperator(KlingOperator):
    """
    Let a character move as in a video. The result is as long as that video.

    :param image_url: the character, as in :class:`.KlingImage2VideoOperator`. (templated)
    :param video_url: link to the motion: mp4 or mov, 3 to 30 s, 10 s at most with orientation ``image``. (templated)
    :param character_orientation: whose orientation the character has: ``image`` or ``video``. (templated)
    :param mode: ``std`` (720p) or ``pro`` (1080p); here the API has no default. (templated)
    :param prompt: what to show beside the motion, at most 2,500 characters. (templated)
    :param model: ``kling-v2-6`` (default) or ``kling-v3``. (templated)
    :param keep_original_sound: ``yes`` (the API's default) or ``no``. (templated)
    :param element_list: one ``{"element_id"}`` of Kling's library; ``kling-v3``. (templated)
    :param watermark: whether a copy with Kling's watermark is made as well. (templated)
    :param kwargs: see :class:`KlingOperator`.
    :raises KlingValidationError: when the DAG is parsed, for fields without a template.
    """

    capability = MOTION_CONTROL

    def __init__(
        self,
        *,
        image_url: str | ObjectStoragePath | XComArg,
        video_url: str | XComArg,
        character_orientation: str,
        mode: str,
        prompt: str | XComArg | None = None,
        model: str | None = None,
        keep_original_sound: str | None = None,
        element_list: Sequence[Mapping[str, Any]] | None = None,
        watermark: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.take(locals())


class KlingVideoExtendOperator(KlingOperator):
    """
    Add four to five seconds to a video of ``kling-v1``, ``kling-v1-5`` or ``kling-v1-6``.

    Kling retired these models, so that on its own API it is refused unless one of them is in the connection's
    ``models``.

    :param video_id: of the manifest's ``videos``, not older than 30 days; up to three minutes in all. (templated)
    :param prompt: what happens, at most 2,500 characters. (templated)
    :param negative_prompt: what not to show, at most 2,500 characters. (templated)
    :param cfg_scale: adherence to the prompt, 0 to 1. (templated)
    :param watermark: whether a copy with Kling's watermark is made as well. (templated)
    :param kwargs: see :class:`KlingOperator`.
    :raises KlingValidationError: when the DAG is parsed, for fields without a template.
    """

    capability = VIDEO_EXTEND

    def __init__(
        self,
        *,
        video_id: str | XComArg,
        prompt: str | XComArg | None = None,
        negative_prompt: str | XComArg | None = None,
        cfg_scale: float | str | None = None,
        watermark: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.take(locals())


class KlingVideoEffectsOperator(KlingOperator):
    """
    Put one picture, or two, into one of Kling's scenes.

    :param effect_scene: its name. There are some 200, and they change by the month, so names are not checked.
        (templated)
    :param input: ``{"image"}`` or ``{"images"}`` (two), as in :class:`.KlingImage2VideoOperator`. (templated)
    :param watermark: whether a copy with Kling's watermark is made as well. (templated)
    :param kwargs: see :class:`KlingOperator`.
    :raises KlingValidationError: when the DAG is parsed, for fields without a template.
    """

    capability = EFFECTS

    def __init__(
        self,
        *,
        effect_scene: str | XComArg,
        input: Mapping[str, Any] | XComArg,  # noqa: A002 - Kling's name
        watermark: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.take(locals())
