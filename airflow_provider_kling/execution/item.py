"""One of the videos that a task makes, with all that the driver keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_kling.execution.record_store import RecordStore
    from airflow_provider_kling.lifecycle.identity import Wish
    from airflow_provider_kling.lifecycle.item import State
    from airflow_provider_kling.lifecycle.record import Record


@dataclass(slots=True)
class Item:
    """
    One wanted video, and where it stands.

    :param position: from 0, as in ``items``.
    :param body: the request without ``external_task_id``.
    :param wish: its identity.
    :param store: keeps its record between tries.
    :param record: what is remembered of it.
    """

    position: int
    body: Mapping[str, Any]
    wish: Wish
    store: RecordStore
    record: Record
    state: State
