"""Who may see what: Airflow's own permissions, asked at each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.dag import DagModel
from fastapi import Depends

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

# What the gallery shows is what a task pushed to XCom.
XCOM_OF_DAG = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.XCOM))
# And a page of a task instance says how that went.
INSTANCE_OF_DAG = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.TASK_INSTANCE))


def readable(dag_ids: Iterable[str], user: Any, session: Session) -> set[str]:
    """Return those of some DAGs that a user may read, XComs included."""
    manager: Any = get_auth_manager()
    allowed = set(dag_ids) & set(manager.get_authorized_dag_ids(user=user, method="GET", session=session))
    return {dag_id for dag_id in allowed if _may_read_xcom(manager, dag_id, user)}


def _may_read_xcom(manager: Any, dag_id: str, user: Any) -> bool:
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return bool(manager.is_authorized_dag(method="GET", access_entity=DagAccessEntity.XCOM, details=details, user=user))
