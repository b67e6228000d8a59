"""Operators that begin with images, and the one that makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.capabilities import IMAGE2VIDEO, IMAGES, MULTI_IMAGE2VIDEO
from airflow_provider_kling.operators.base import KlingOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath, XComArg


class KlingImage2VideoOperator(KlingOperator):
    """
    Generate a video that begins with an image, and may end with another.

    An image is a link, which Kling fetches; or a path, which the worker reads when the task runs; or Base64. Of the
    last two its bytes are checked before anything is paid, and they are what the video is known by: the same image from
    another path buys nothing, another image at the same path another video. A link is known by its text, so that one
    that is signed anew for each run is another wish each time; give its path instead. No bytes are in rendered
    templates, XCom, triggers or logs.

    :param image: the first frame: JPEG or PNG, at least 300 pixels a side, at most 2.5 times as long as wide, at most
        10 MB (``kling-v3``: 50 MB); as http(s) link, ``ObjectStoragePath`` or its text, local path, or Base64.
        (templated)
    :param image_tail: the last frame, likewise; which model takes one in which mode is checked. (templated)
    :param prompt: what happens, at most 2,500 characters (``kling-v3``: 3,072 with models of 3.0). (templated)
    :param model: default ``kling-v2-6``, at llmprovider ``kling-video-v1-6``. (templated)
    :param negative_prompt: what not to show; legacy paths only. (templated)
    :param cfg_scale: adherence to the prompt, 0 to 1; legacy paths only. (templated)
    :param mode: ``std`` (720p; the API's default), ``pro`` (1080p) or ``4k``. (templated)
    :param resolution: the same as ``720p``, ``1080p`` or ``4k``. (templated)
    :param duration: seconds as a string; ``"5"`` is the API's default. (templated)
    :param sound: ``on`` or ``off`` (the API's default), or a boolean. (templated)
    :param audio: the same as ``native`` or ``off``. (templated)
    :param multi_shot: whether the video may have several shots. (templated)
    :param shots: up to six ``{"prompt", "duration"}``, whose seconds add up to ``duration``. (templated)
    :param voice_list: up to two ``{"voice_id"}`` for ``<<<voice_1>>>`` in the prompt; needs sound. (templated)
    :param element_list: up to three ``{"element_id"}`` of Kling's library. (templated)
    :param static_mask: what stands still, an image; ``kling-v1`` and ``kling-v1-5``. (templated)
    :param dynamic_masks: what moves where: up to six ``{"mask", "trajectories"}``; the same models. (templated)
    :param camera_control: as in :class:`.KlingText2VideoOperator`; ``kling-v1``. (templated)
    :param watermark: whether a copy with Kling's watermark is made as well. (templated)
    :param kwargs: see :class:`KlingOperator`.
    :raises KlingValidationError: when the DAG is parsed, for fields without a template.
    """

    capability = IMAGE2VIDEO

    def __init__(
        self,
        *,
        image: str | ObjectStoragePath | XComArg,
        image_tail: str | ObjectStoragePath | XComArg | None = None,
        prompt: str | XComArg | None = None,
        model: str | None = None,
        negative_prompt: str | XComArg | None = None,
        cfg_scale: float | str | None = None,
        mode: str | None = None,
        resolution: str | None = None,
        duration: str | int | None = None,
        sound: str | bool | None = None,
        audio: str | bool | None = None,
        multi_shot: bool | str | None = None,
        shots: Sequence[Mapping[str, Any]] | XComArg | None = None,
        voice_list: Sequence[Mapping[str, Any]] | None = None,
        element_list: Sequence[Mapping[str, Any]] | None = None,
        static_mask: str | ObjectStoragePath | None = None,
        dynamic_masks: Sequence[Mapping[str, Any]] | None = None,
        camera_control: Mapping[str, Any] | None = None,
        watermark: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.take(locals())


class KlingMultiImage2VideoOperator(KlingOperator):
    """
    Generate a video with what up to four images show.

    Kling sold it with ``kling-v1-6`` alone, which it retired; the connection's ``models`` allows it all the same.

    :param image_list: up to four ``{"image"}``, as in :class:`KlingImage2VideoOperator`. (templated)
    :param prompt: what happens, 1 to 2,500 characters. (templated)
    :param model: default ``kling-v1-6``. (templated)
    :param negative_prompt: what not to show, at most 2,500 characters. (templated)
    :param cfg_scale: adherence to the prompt, 0 to 1. (templated)
    :param mode: ``std`` (the API's default) or ``pro``. (templated)
    :param duration: ``"5"`` (the API's default) or ``"10"``. (templated)
    :param aspect_ratio: ``16:9`` (the API's default), ``9:16`` or ``1:1``. (templated)
    :param watermark: whether a copy with Kling's watermark is made as well. (templated)
    :param kwargs: see :class:`KlingOperator`.
    :raises KlingValidationError: when the DAG is parsed, for fields without a template.
    """

    capability = MULTI_IMAGE2VIDEO

    def __init__(
        self,
        *,
        image_list: Sequence[Mapping[str, Any]] | XComArg,
        prompt: str | XComArg,
        model: str | None = None,
        negative_prompt: str | XComArg | None = None,
        cfg_scale: float | str | None = None,
        mode: str | None = None,
        duration: str | int | None = None,
        aspect_ratio: str | None = None,
        watermark: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.take(locals())


class KlingImageGenerationOperator(KlingOperator):
    """
    Generate one to nine images from a prompt, or from a prompt and an image.

    With ``output_path`` each is landed, the second and later as ``…-2``, ``…-3``. A task of ``n`` images holds as many
    of the slots of a resource pack.

    :param prompt: what to show, 1 to 2,500 characters. (templated)
    :param model: ``kling-v3`` (default) or ``kling-v2-1``. (templated)
    :param negative_prompt: what not to show, at most 2,500 characters; not with an image. (templated)
    :param image: a reference, as in :class:`KlingImage2VideoOperator`. (templated)
    :param image_reference: what is taken of it: ``subject`` or ``face``; ``kling-v2-1``. (templated)
    :param image_fidelity: how close to it, 0 to 1; ``kling-v2-1``. (templated)
    :param human_fidelity: how close to its face, 0 to 1; ``kling-v2-1`` with ``subject``. (templated)
    :param element_list: ``{"element_id"}`` of Kling's library, ten with the image. (templated)
    :param resolution: ``1k`` (the API's default) or ``2k``. (templated)
    :param n: how many, 1 (the API's default) to 9. (templated)
    :param aspect_ratio: ``16:9`` (the API's default), ``9:16``, ``1:1``, ``4:3``, ``3:4``, ``3:2``, ``2:3``,
        ``21:9``. (templated)
    :param watermark: whether copies with Kling's watermark are made as well. (templated)
    :param kwargs: see :class:`KlingOperator`.
    :raises KlingValidationError: when the DAG is parsed, for fields without a template.
    """

    capability = IMAGES

    def __init__(
        self,
        *,
        prompt: str | XComArg,
        model: str | None = None,
        negative_prompt: str | XComArg | None = None,
        image: str | ObjectStoragePath | XComArg | None = None,
        image_reference: str | None = None,
        image_fidelity: float | str | None = None,
        human_fidelity: float | str | None = None,
        element_list: Sequence[Mapping[str, Any]] | None = None,
        resolution: str | None = None,
        n: int | str | None = None,
        aspect_ratio: str | None = None,
        watermark: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.take(locals())
