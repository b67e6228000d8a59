"""The "Kling video" button on a task instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseOperatorLink

from airflow_provider_kling.links.pages import has_gallery, task_page

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey


class KlingVideoLink(BaseOperatorLink):
    """
    Link to the page of the task instance in the gallery, which lasts as long as the run; on Airflow 3.0, which has no
    place for the gallery, to the video at Kling, which lasts 30 days.

    Airflow asks for it on the worker after each run and keeps the answer; without one there is no button.
    """

    name = "Kling video"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, or an empty string."""
        if has_gallery():
            map_index = ti_key.map_index if ti_key.map_index is not None else -1
            return task_page(ti_key.dag_id, ti_key.run_id, ti_key.task_id, map_index)
        return _at_kling(operator)


def _at_kling(operator: BaseOperator) -> str:
    """
    Return the URL of the first video of the manifest that the operator has just returned, or an empty string; of an
    image or a sound where there is no video.

    Not from XCom: after each deferral it would ask for one that is not there yet, which Airflow logs as an error.
    """
    manifest = getattr(operator, "result", None)
    found = manifest if isinstance(manifest, dict) else {}
    files = [*found.get("videos", ()), *found.get("images", ()), *found.get("audios", ())]
    return str(files[0]["url"] or "") if files else ""
