"""Airflow's task state store: there since 3.3, and nowhere before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class StateStore:
    """
    The values that outlive a try of one task instance, where this Airflow has a place for them.

    :param context: Airflow's context of the running task.
    """

    def __init__(self, context: Context) -> None:
        values: Mapping[str, Any] = context
        self._store: Any = values.get("task_state_store")

    @property
    def exists(self) -> bool:
        """Whether this Airflow has a store (3.3+)."""
        return self._store is not None

    def get(self, key: str) -> Any:
        """Return a value, or ``None``; raises whatever the store raises."""
        return self._store.get(key) if self.exists else None

    def set(self, key: str, value: Any) -> None:
        """Keep plain JSON, never to expire; raises whatever the store raises."""
        if not self.exists:
            return
        import airflow.sdk

        # Exported since 3.3, as the store itself, and not known to its type stub.
        never: Any = airflow.sdk.NEVER_EXPIRE  # type: ignore[attr-defined]
        self._store.set(key, value, retention=never)
