"""
The plugin: it tells Airflow of the gallery.

Every worker, DAG processor and triggerer imports this module, so it costs them next to nothing: what it has to tell is
made when somebody asks, which only an API server does, and the command ``airflow plugins``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.plugins_manager import AirflowPlugin

# By the names of their classes, which is what Airflow keeps of them.
_OPERATORS = [
    "KlingAvatarOperator",
    "KlingBatchOperator",
    "KlingImage2VideoOperator",
    "KlingImageGenerationOperator",
    "KlingLipSyncOperator",
    "KlingMotionControlOperator",
    "KlingMultiImage2VideoOperator",
    "KlingOmniVideoOperator",
    "KlingTaskSensor",
    "KlingText2AudioOperator",
    "KlingText2VideoBatchOperator",
    "KlingText2VideoOperator",
    "KlingVideo2AudioOperator",
    "KlingVideoEffectsOperator",
    "KlingVideoExtendOperator",
    "KlingDecoratedOperator",
    "KlingText2VideoDecoratedOperator",
    "KlingImage2VideoDecoratedOperator",
]


class _OnDemand:
    """A list that is made once, where it is read: of the plugin or of its class, for Airflow does both."""

    def __init__(self, make: Callable[[], list[Any]]) -> None:
        self._make = make
        self._made: list[Any] | None = None

    def __get__(self, plugin: Any, owner: Any = None) -> list[Any]:
        if self._made is None:
            self._made = self._make()
        return self._made


def _apps() -> list[dict[str, Any]]:
    from airflow_provider_kling.links.pages import PREFIX, has_gallery

    if not has_gallery():
        return []
    from airflow_provider_kling.plugins.app import make_app

    return [{"app": make_app(), "url_prefix": PREFIX, "name": "Kling videos"}]


def _views() -> list[dict[str, Any]]:
    from airflow_provider_kling.compat.versions import airflow_is_at_least
    from airflow_provider_kling.links.pages import gallery_page, has_gallery

    if not has_gallery():
        return []
    page = gallery_page()
    icons = {"icon": f"{page}static/icon.svg", "icon_dark_mode": f"{page}static/icon-dark.svg"}
    nav = {"name": "Kling videos", "href": page, "destination": "nav", "url_route": "kling-videos", **icons}
    if not airflow_is_at_least("3.4.0b1"):
        # The tab would show on every task of every DAG.
        return [nav]
    tab = {
        "name": "Kling video",
        "href": f"{page}task/{{DAG_ID}}/{{RUN_ID}}/{{TASK_ID}}/{{MAP_INDEX}}",
        "destination": "task_instance",
        "url_route": "kling-video",
        "applies_to": {"operator": _OPERATORS},
        **icons,
    }
    return [nav, tab]


class KlingPlugin(AirflowPlugin):
    """The gallery, on Airflow 3.1 and later."""

    name = "kling"
    fastapi_apps: Any = _OnDemand(_apps)
    external_views: Any = _OnDemand(_views)
