"""As what to ask for a task whose id may be Kling's or the submitter's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kling.lifecycle.identity import PREFIX

if TYPE_CHECKING:
    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.api.dialects import Dialect
    from airflow_provider_kling.api.http import Request


def is_ours(task_id: str) -> bool:
    """Whether an id is an external one of this provider; any other may be Kling's or somebody's own."""
    return task_id.startswith(PREFIX)


def polls(dialect: Dialect, capability: Capability, task_id: str, external: bool | None) -> list[Request]:
    """
    Return the requests for a task, each to be sent where the one before found none.

    :param external: whether it is the external id; ``None``: not known.
    """
    if external is None and dialect.at_once == 1:
        # One path for both.
        external = False
    if external is None and is_ours(task_id):
        external = True
    kinds = (False, True) if external is None else (external,)
    return [dialect.get(capability, task_id, external=kind) for kind in kinds]
