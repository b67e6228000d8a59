"""Operators for sound: faces that speak, and sounds alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.capabilities import AVATAR, LIP_SYNC, TEXT_TO_AUDIO, VIDEO_TO_AUDIO
from airflow_provider_kling.operators.base import KlingOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath, XComArg


class KlingLipSyncOperator(KlingOperator):
    """
    Let a face in a video speak or sing a sound.

    Two calls of Kling in one: the faces are identified first, then the video is made. The first costs 0.05 units each
    time (Kling's price page, 2026-09) and makes no task, so that nothing finds it again: it is made just before the
    second, and where that one is repeated, it is paid for again. The video itself is paid for once, as any other.

    :param video_id: of the manifest's ``videos``, not older than 30 days, at most 60 s. (templated)
    :param video_url: or a link: mp4 or mov, 2 to 60 s, 720p or 1080p, at most 100 MB. (templated)
    :param sound_file: mp3 or wav, 2 to 60 s, at most 5 MB, given as images are to :class:`.KlingImage2VideoOperator`
        (m4a and aac are documented, and were seen refused). (templated)
    :param audio_id: or Kling's id of a sound, not older than 30 days. (templated)
    :param sound_start_time: where the part of the sound begins, in milliseconds; default 0. (templated)
    :param sound_end_time: where it ends, at least two seconds later. (templated)
    :param sound_insert_time: where in the video it begins, in milliseconds; default 0. (templated)
    :param face_id: which face, where there are several; default the first. (templated)
    :param sound_volume: 0 to 2; the API's default is 1. (templated)
    :param original_audio_volume: of the video's own sound, 0 to 2; the API's default is 1. (templated)
    :param watermark: whether a copy with Kling's watermark is made as well. (templated)
    :param kwargs: see :class:`KlingOperator`.
    :raises KlingValidationError: when the DAG is parsed, for fields without a template.
    """

    capability = LIP_SYNC

    def __init__(
        self,
        *,
        video_id: str | XComArg | None = None,
        video_url: str | XComArg | None = None,
        sound_file: str | ObjectStoragePath | XComArg | None = None,
        audio_id: str | XComArg | None = None,
        sound_start_time: int | str | None = None,
        sound_end_time: int | str | XComArg,
        sound_insert_time: int | str | None = None,
        face_id: str | None = None,
        sound_volume: float | str | None = None,
        original_audio_volume: float | str | None = None,
        watermark: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.take(locals())


class KlingAvatarOperator(KlingOperator):
    """
    Let the face of an image speak or sing. The video is as long as the sound.

    :param image: the face, as in :class:`.KlingImage2VideoOperator`. (templated)
    :param sound_file: mp3 or wav, 2 to 300 s, at most 5 MB, given as images are (m4a and aac are documented, and were
        seen refused). (templated)
    :param audio_id: or Kling's id of a sound, not older than 30 days. (templated)
    :param prompt: gestures, emotion, camera; at most 2,500 characters. (templated)
    :param mode: ``std`` (the API's default) or ``pro``. (templated)
    :param watermark: whether a copy with Kling's watermark is made as well. (templated)
    :param kwargs: see :class:`KlingOperator`.
    :raises KlingValidationError: when the DAG is parsed, for fields without a template.
    """

    capability = AVATAR

    def __init__(
        self,
        *,
        image: str | ObjectStoragePath | XComArg,
        sound_file: str | ObjectStoragePath | XComArg | None = None,
        audio_id: str | XComArg | None = None,
        prompt: str | XComArg | None = None,
        mode: str | None = None,
        watermark: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.take(locals())


class KlingText2AudioOperator(KlingOperator):
    """
    Generate a sound from a prompt. Landed as mp3 and wav, or as one of the two where ``output_path`` names a file.

    :param prompt: what to hear, 1 to 200 characters. (templated)
    :param duration: seconds, 3 to 10, to a tenth. (templated)
    :param kwargs: see :class:`KlingOperator`.
    :raises KlingValidationError: when the DAG is parsed, for fields without a template.
    """

    capability = TEXT_TO_AUDIO

    def __init__(self, *, prompt: str | XComArg, duration: float | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.take(locals())


class KlingVideo2AudioOperator(KlingOperator):
    """
    Generate the sound of a video. Landed are the video with it, and the sound as mp3 and wav.

    :param video_id: of the manifest's ``videos``, not older than 30 days, 3 to 20 s. (templated)
    :param video_url: or a link: mp4 or mov, 3 to 20 s, at most 100 MB. (templated)
    :param sound_effect_prompt: what to hear, at most 200 characters. (templated)
    :param bgm_prompt: which music, at most 200 characters. (templated)
    :param asmr_mode: more detail in the sounds; the API's default is ``False``. (templated)
    :param kwargs: see :class:`KlingOperator`.
    :raises KlingValidationError: when the DAG is parsed, for fields without a template.
    """

    capability = VIDEO_TO_AUDIO

    def __init__(
        self,
        *,
        video_id: str | XComArg | None = None,
        video_url: str | XComArg | None = None,
        sound_effect_prompt: str | XComArg | None = None,
        bgm_prompt: str | XComArg | None = None,
        asmr_mode: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.take(locals())
