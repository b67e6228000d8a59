"""How a task is made: the paid call, and for lip sync the one before it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.capabilities import LIP_SYNC, Capability
from airflow_provider_kling.api.content import filled
from airflow_provider_kling.api.http import Request, Response
from airflow_provider_kling.api.models import default_model
from airflow_provider_kling.exceptions import KlingError, TaskState

if TYPE_CHECKING:
    from airflow_provider_kling.api.dialects.base import Dialect
    from airflow_provider_kling.api.lip_sync import Faces
    from airflow_provider_kling.api.task import KlingTask

log = logging.getLogger(__name__)

Send = Callable[[Request], Response]


def create(dialect: Dialect, send: Send, capability: Capability, body: Mapping[str, Any]) -> KlingTask:
    """
    Submit a task.

    :param dialect: builds the request and reads the answer.
    :param send: carries a request there and an answer back.
    :param body: the request in its normal form; files in it are read now, and the dialect's own model stands in where
        none is named.
    :raises KlingError: with ``task_state``.
    """
    if "model" not in body and (chosen := default_model(capability.name, dialect.name)):
        body = {"model": chosen, **body}
    if capability is LIP_SYNC:
        return _create_lip_sync(dialect, send, body)
    request = dialect.create(capability, body)
    # After the dialect, so that it handles digests and not megabytes.
    request = replace(request, json=filled(request.json))
    return dialect.read_created(send(request), sent=body.get("external_task_id"))


def _create_lip_sync(dialect: Dialect, send: Send, body: Mapping[str, Any]) -> KlingTask:
    """Identify the faces first: paid for as well, but no task, so that nothing is lost where it goes wrong."""
    from airflow_provider_kling.api import lip_sync

    try:
        # What cannot be read any more is to fail before anything is paid.
        body = filled(body)
        faces = _identified(dialect, send, body)
        request = dialect.create(LIP_SYNC, lip_sync.speaking(body, faces))
    except KlingError as error:
        raise lip_sync.priced(error.about(task_state=TaskState.NOT_CREATED)) from error
    try:
        return dialect.read_created(send(request), sent=body.get("external_task_id"))
    except KlingError as error:
        raise lip_sync.priced(error) from error


def _identified(dialect: Dialect, send: Send, body: Mapping[str, Any]) -> Faces:
    from airflow_provider_kling.api import lip_sync
    from airflow_provider_kling.api.dialects.base import not_the_api

    response = send(Request("POST", lip_sync.IDENTIFY_PATH, json=lip_sync.video_of(body)))
    answer = dialect.read(response)
    try:
        faces = lip_sync.faces_of(answer.data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise not_the_api(response, "carries no session and faces", creating=False) from error
    log.info("Faces in the video: %d; Kling took %s units for that.", len(faces.face_ids), faces.units or "0.05")
    return faces
