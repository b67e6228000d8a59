"""
The two calls that lip sync is made of: identify the faces of a video, then let one of them speak.

Sources: Kling's pages "Face Recognition" and "Lip Sync" (2026-09). The first call answers at once, has no id of the
caller's and makes no task: it cannot be looked up, and costs 0.05 units each time (price page, 2026-09).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from airflow_provider_kling.api.fields import decimal, identifier
from airflow_provider_kling.exceptions import KlingError, KlingValidationError

IDENTIFY_PATH = "/v1/videos/identify-face"
COST = "Only identifying the faces, where it came to that, is charged by itself: 0.05 units each time."

_VIDEO = ("video_id", "video_url")
_OF_THE_FACE = (
    "audio_id",
    "sound_file",
    "sound_start_time",
    "sound_end_time",
    "sound_insert_time",
    "sound_volume",
    "original_audio_volume",
)


class Faces(NamedTuple):
    """
    The faces of a video.

    :param session_id: what the second call knows the video by.
    :param face_ids: in Kling's order.
    :param units: what Kling says it deducted.
    """

    session_id: str
    face_ids: tuple[str, ...]
    units: str | None


def video_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of the first call."""
    return {name: body[name] for name in _VIDEO if name in body}


def faces_of(data: Any) -> Faces:
    """
    Read the answer to it.

    :raises ValueError: for an answer that is not the API's; so do ``KeyError`` and ``TypeError``.
    """
    faces = tuple(identifier(face["face_id"]) for face in data["face_data"] or ())
    return Faces(identifier(data["session_id"]), faces, decimal(data.get("final_unit_deduction")))


def speaking(body: Mapping[str, Any], faces: Faces) -> dict[str, Any]:
    """
    Return the body of the second call.

    :param body: the request in its normal form.
    :raises KlingValidationError: when the video has no such face.
    """
    wanted = body.get("face_id", faces.face_ids[0] if faces.face_ids else None)
    if wanted not in faces.face_ids:
        known = (
            f"its faces are {', '.join(map(repr, faces.face_ids))}" if faces.face_ids else "Kling sees no face in it"
        )
        fault = ("face_id" if "face_id" in body else next(iter(video_of(body)), "video_url"), f"is not usable: {known}")
        raise KlingValidationError(f"{fault[0]}: {fault[1]}.", faults=(fault,))
    # Both are required there.
    face = {"face_id": wanted, "sound_start_time": 0, "sound_insert_time": 0}
    face |= {name: body[name] for name in _OF_THE_FACE if name in body}
    rest = {name: value for name, value in body.items() if name not in (*_VIDEO, *_OF_THE_FACE, "face_id")}
    return {"session_id": faces.session_id, "face_choose": [face], **rest}


def priced(error: KlingError) -> KlingError:
    """Return an error of either call with what the first one costs, behind what it says of the money."""
    error.next_step = f"{COST} {error.next_step}".rstrip()
    return error
