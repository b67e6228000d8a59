"""
The record of a wish between tries, in Airflow's task state store (3.3+), or nowhere (3.0 to 3.2).

The store survives retries and a killed worker; XCom does not (it is wiped at every new try). Airflow 3.4 empties the
store when a task is cleared. Where there is no record, the deterministic ``external_task_id`` and a lookup at Kling
carry the promise alone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_kling.compat.state_store import StateStore
from airflow_provider_kling.exceptions import KlingConfigurationError, TaskState
from airflow_provider_kling.lifecycle.record import Record

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)

KEY = "kling"
_MARK = f"{KEY}-history"
_SPENT = f"{KEY}-spent"
_APPROVAL = f"{KEY}-approval"


class History(Enum):
    """
    What is known of the tries before this one.

    NONE: there was none. WHOLE: what they posted has a record. LOST: they may have posted what has none.
    """

    NONE = auto()
    WHOLE = auto()
    LOST = auto()


class RecordStore:
    """
    Reads and writes the record of one wish.

    :param context: Airflow's context of the running task.
    :param part: which wish, in a task that has many.
    """

    def __init__(self, context: Context, part: str = "") -> None:
        self._store = StateStore(context)
        self._key = f"{KEY}-{part}" if part else KEY

    @property
    def exists(self) -> bool:
        """Whether this Airflow has a store (3.3+)."""
        return self._store.exists

    def load(self) -> Record | None:
        """
        Return the record, or ``None`` where nothing was stored.

        :raises KlingConfigurationError: when the store cannot be read; that is not the same as an empty store.
        """
        stored = self._get(self._key)
        return None if stored is None else Record.from_json(stored)

    def history(self, *, first_try: bool) -> History:
        """
        Tell what a missing record means, in a task with many.

        The first try leaves a mark before anything is paid for; who empties the store (a clear in Airflow 3.4) takes it
        along. Without a store there are no records, and only the first try knows that nothing was posted.

        :param first_try: whether no try of this task instance can have come before.
        :raises KlingConfigurationError: when the store cannot be read.
        """
        if self._get(_MARK) is not None:
            return History.WHOLE
        if not first_try:
            return History.LOST
        _try_to_set(self._store, _MARK, True)
        return History.NONE

    def _get(self, key: str) -> Any:
        return _read(self._store, key)

    def save_intent(self, record: Record) -> None:
        """
        Write the record before a paid request.

        :raises KlingConfigurationError: when it cannot be written; the request must not be sent then.
        """
        try:
            self._store.set(self._key, record.to_json())
        except Exception as error:
            state = TaskState.NOT_CREATED if record.posted_before is None else TaskState.MAY_EXIST
            raise _unwritable(error).about(task_state=state, external_task_id=record.external_task_id) from error

    def save(self, record: Record) -> None:
        """Write what was learned. Losing this costs a lookup, not money, so it never fails a task that is paid for."""
        _try_to_set(self._store, self._key, record.to_json())


class Spent(NamedTuple):
    """
    What a task instance with many wishes has cost.

    :param wishes: digest of those that it had then.
    :param units: in all.
    :param elsewhere: units of those that it had before.
    """

    wishes: str
    units: float
    elsewhere: float


class SpentStore:
    """
    Reads and writes what a task with many wishes has cost: a list of other items leads to none of their records.

    :param context: Airflow's context of the running task.
    """

    def __init__(self, context: Context) -> None:
        self._store = StateStore(context)

    def load(self) -> Spent | None:
        """
        Return what was written last, or ``None``.

        :raises KlingConfigurationError: when the store cannot be read.
        """
        stored = _read(self._store, _SPENT)
        return None if stored is None else Spent(**stored)

    def save(self, wishes: str, units: float, elsewhere: float) -> None:
        """
        Write what it will have cost with the paid request that follows.

        :raises KlingConfigurationError: when it cannot be written; the request must not be sent then.
        """
        try:
            self._store.set(_SPENT, Spent(wishes, units, elsewhere)._asdict())
        except Exception as error:
            raise _unwritable(error) from error

    def keep(self, wishes: str, units: float, elsewhere: float) -> None:
        """Write what it has cost. Nothing is paid on the strength of it in this try, so this never fails a task."""
        _try_to_set(self._store, _SPENT, Spent(wishes, units, elsewhere)._asdict())


class ApprovalStore:
    """
    Reads and writes what was asked for, and answered, before anything was paid for.

    :param context: Airflow's context of the running task.
    """

    def __init__(self, context: Context) -> None:
        self._store = StateStore(context)

    @property
    def exists(self) -> bool:
        """Whether this Airflow has a store (3.3+)."""
        return self._store.exists

    def load(self) -> Any:
        """
        Return what was written last, or ``None``.

        :raises KlingConfigurationError: when the store cannot be read.
        """
        return _read(self._store, _APPROVAL)

    def save(self, answer: Mapping[str, Any]) -> bool:
        """Write an answer; return whether it is kept. Airflow's form has it too, so this never fails a task."""
        return _try_to_set(self._store, _APPROVAL, answer) and self.exists


def _try_to_set(store: StateStore, key: str, value: Any) -> bool:
    try:
        store.set(key, value)
    except Exception as error:
        log.warning("Airflow's task state store cannot be written (%s); going on.", type(error).__name__)
        return False
    return True


def _read(store: StateStore, key: str) -> Any:
    try:
        return store.get(key)
    except Exception as error:
        raise KlingConfigurationError(
            f"Airflow's task state store cannot be read ({type(error).__name__}); nothing was submitted, because "
            "an earlier try may have paid already.",
            retryable=True,
            next_step="A retry reads it again.",
        ) from error


def _unwritable(error: Exception) -> KlingConfigurationError:
    return KlingConfigurationError(
        f"Airflow's task state store cannot be written ({type(error).__name__}).",
        retryable=True,
        next_step="A retry tries again.",
    )
