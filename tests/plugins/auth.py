"""Users of one Airflow who may read different DAGs, which its own simple auth manager cannot tell apart."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

# user: DAGs, XCom included. "partial" may read the DAG and nothing that its tasks pushed.
READABLE = {"viewer": {"product_clips"}, "partial": {"product_clips"}, "nobody": set[str]()}


class PerDagAuthManager(SimpleAuthManager):
    """The admin reads all; the others what is listed."""

    def is_authorized_dag(self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        """Whether a DAG, or something of it, may be read."""
        if user.username not in READABLE:
            return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
        if user.username == "partial" and access_entity is not None and access_entity.value == "XCOM":
            return False
        return method == "GET" and details is not None and details.id in READABLE[user.username]
