"""One of the videos that a task makes, with all that the driver keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from airflow_provider_kling.execution.record_store import RecordStore
    from airflow_provider_kling.lifecycle.identity import Wish
    from airflow_provider_kling.lifecycle.item import State
    from airflow_provider_kling.lifecycle.labels import Label
    from airflow_provider_kling.lifecycle.record import Record


@dataclass(slots=True)
class Item:
    """
    One wanted video, and where it stands.

    :param position: from 0, as in ``items``.
    :param body: the request without ``external_task_id``.
    :param wish: its identity.
    :param store: keeps its record between tries.
    :param label: what the user calls it: its key and the other columns of its row.
    :param number: which one it is for its user: its position in a batch, else the map index, or 0.
    :param record: what is remembered of it.
    :param former: the same item as it was called while one default model served all dialects; it is asked for first
        where no record tells whether it was submitted under that name.
    """

    position: int
    body: Mapping[str, Any]
    wish: Wish
    store: RecordStore
    label: Label
    number: int
    record: Record
    state: State
    former: Identified | None = None

    @property
    def key(self) -> str | None:
        """The user's key of it; ``None`` where there is none."""
        return self.label.key

    @property
    def meta(self) -> Mapping[str, Any]:
        """The other columns of its row, as plain JSON."""
        return self.label.meta


class Identified(NamedTuple):
    """
    A request and its identity, before anything is known of it.

    :param label, number, former: see :class:`Item`.
    """

    position: int
    body: Mapping[str, Any]
    wish: Wish
    store: RecordStore
    label: Label
    number: int
    former: Identified | None = None
