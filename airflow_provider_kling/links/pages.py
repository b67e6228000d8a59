"""Where the pages of the gallery are; Airflow has a place for them since 3.1."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import conf

from airflow_provider_kling.compat.versions import airflow_is_at_least

PREFIX = "/kling"


def has_gallery() -> bool:
    """Whether this Airflow shows the pages of plugins."""
    return airflow_is_at_least("3.1")


def gallery_page() -> str:
    """Return the address of the gallery, with the path that Airflow is served below."""
    return f"{_base_path()}{PREFIX}/"


def task_page(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """Return the address of the page of a task instance."""
    parts = (quote(part, safe="") for part in (dag_id, run_id, task_id, str(map_index)))
    return f"{gallery_page()}task/{'/'.join(parts)}"


def _base_path() -> str:
    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
