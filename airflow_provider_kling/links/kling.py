"""The "Kling video" button on a task instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey


class KlingVideoLink(BaseOperatorLink):
    """
    Link to the produced video at Kling.

    Airflow asks for it on the worker after each run and keeps the answer; without a result there is no button.
    """

    name = "Kling video"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """
        Return the URL of the first video of the manifest that the operator has just returned, or an empty string.

        Not from XCom: after each deferral it would ask for one that is not there yet, which Airflow logs as an error.
        """
        manifest = getattr(operator, "result", None)
        videos = manifest.get("videos") if isinstance(manifest, dict) else None
        return str(videos[0]["url"]) if videos else ""
