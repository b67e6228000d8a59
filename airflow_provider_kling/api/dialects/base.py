"""What every dialect has in common: two kinds of requests and one reading of a task object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from airflow_provider_kling.api.capabilities import Capability
from airflow_provider_kling.api.http import Request, Response
from airflow_provider_kling.api.task import KlingTask, KlingVideo, TaskStatus, number, timestamp
from airflow_provider_kling.exceptions import KlingError, KlingResponseError, TaskState


class Dialect(ABC):
    """
    One way of speaking to a Kling service.

    :cvar name: as in the connection's extra.
    :cvar default_host: base URL when the connection has no host.
    :cvar models: model names it documents, in Kling's own spelling.
    :cvar enforces_model_rules: whether the rules of ``api.models`` were seen here (refuse) or not (warn).
    :cvar can_list: whether it can list tasks.
    """

    name: ClassVar[str]
    default_host: ClassVar[str]
    models: ClassVar[frozenset[str]]
    enforces_model_rules: ClassVar[bool]
    can_list: ClassVar[bool]

    def create(self, capability: Capability, body: Mapping[str, Any]) -> Request:
        """Build the paid request; ``body`` has the model under ``model``, in either spelling."""
        return Request("POST", capability.path, json=self.spell(body))

    @abstractmethod
    def spell(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body with the model's field and name as this dialect writes them."""

    @abstractmethod
    def get(self, capability: Capability, task_id: str) -> Request:
        """Build the request that polls one task; ``task_id`` is Kling's id or the external one."""

    @abstractmethod
    def list_page(self, capability: Capability, page: int, page_size: int) -> Request:
        """Build the request for one page of tasks; only where ``can_list``."""

    @abstractmethod
    def read(self, response: Response, *, creating: bool = False) -> Any:
        """
        Return the task object, or the array of them, that an answer carries.

        :raises KlingAPIError: when the answer says no.
        :raises KlingResponseError: when the answer is not the API's.
        """

    def read_created(self, response: Response) -> KlingTask:
        """Read the answer to :meth:`create`."""
        task = self.read(response, creating=True)
        if not isinstance(task, Mapping) or not task.get("task_id"):
            raise not_the_api(response, "carries no task_id", creating=True)
        return self._task(task, response, self.request_id(response), creating=True)

    def read_task(self, response: Response, *, asked_for: str) -> KlingTask:
        """Read the answer to :meth:`get`; ``asked_for`` stands in where a gateway leaves the id out."""
        task = self.read(response)
        if not isinstance(task, Mapping) or not task.get("task_status"):
            raise not_the_api(response, "carries no task_status", creating=False)
        return self._task({"task_id": asked_for, **task}, response, self.request_id(response))

    def read_list(self, response: Response) -> list[KlingTask]:
        """Read the answer to :meth:`list_page`."""
        tasks = self.read(response)
        if not isinstance(tasks, list):
            raise not_the_api(response, "carries no array of tasks", creating=False)
        request_id = self.request_id(response)
        return [self._task(task, response, request_id) for task in tasks]

    def request_id(self, response: Response) -> str | None:
        """Return the vendor's id of the request: in a header here, in the body in other dialects."""
        return response.headers.get("x-request-id")

    def _task(
        self, task: Mapping[str, Any], response: Response, request_id: str | None, *, creating: bool = False
    ) -> KlingTask:
        try:
            return self._normal_form(task, request_id)
        except (AttributeError, KeyError, TypeError) as error:
            flaw = f"has a field of an unexpected type ({error})"
            raise not_the_api(response, flaw, creating=creating) from error

    def _normal_form(self, task: Mapping[str, Any], request_id: str | None) -> KlingTask:
        result = task.get("task_result") or {}
        units = task.get("final_unit_deduction")
        return KlingTask(
            task_id=_text(task["task_id"]),
            task_status=TaskStatus.parse(task.get("task_status")),
            raw_status=str(task.get("task_status") or ""),
            task_status_msg=str(task.get("task_status_msg") or ""),
            external_task_id=(task.get("task_info") or {}).get("external_task_id") or None,
            videos=tuple(
                KlingVideo(url=video["url"], id=video.get("id"), duration=number(video.get("duration")))
                for video in result.get("videos") or ()
                if video.get("url")
            ),
            created_at=timestamp(task.get("created_at")),
            updated_at=timestamp(task.get("updated_at")),
            units=None if units is None else str(units),
            request_id=request_id,
        )


def _text(value: object) -> str:
    """Return an id as text: some gateways send it as a number."""
    if not isinstance(value, (str, int)):
        raise TypeError(f"{value!r} is no id")
    return str(value)


def parsed(response: Response, *, creating: bool) -> Any:
    """
    Return the JSON of an answer, or raise the error that fits an answer without it.

    A refusal in plain text is returned as ``{"message": text}``: the shape of llmprovider's error bodies is not
    documented, and its status says enough. A page of HTML comes from something in between.
    """
    if 300 <= response.status < 400:
        # Not followed: the POST would become a GET, and the host of the connection is then wrong anyway.
        raise not_the_api(response, f"redirects to {response.headers.get('location')!r}", creating=creating)
    try:
        return response.json()
    except ValueError:
        if response.status >= 400 and response.body and not response.body.lstrip().startswith((b"<", b"{")):
            return {"message": response.excerpt()}
        raise not_the_api(response, "is not JSON", creating=creating) from None


def not_the_api(response: Response, flaw: str, *, creating: bool) -> KlingError:
    """
    Return the error for an answer that the API would not give.

    A proxy's page with a 4xx status never reached Kling, nor does a redirect; behind any other status the request may
    have.
    """
    refused = 300 <= response.status < 500
    kind = response.headers.get("content-type", "no content type").partition(";")[0]
    return KlingResponseError(
        f"The host's answer {flaw}: {kind}, {len(response.body)} bytes, beginning {response.excerpt()!r}.",
        http_status=response.status,
        request_id=response.headers.get("x-request-id"),
        retryable=not refused,
        task_state=(TaskState.NOT_CREATED if refused else TaskState.MAY_EXIST) if creating else None,
    )


def path_segment(task_id: str) -> str:
    """Quote an id for a path; ids are opaque and a user's own may hold a slash."""
    return quote(task_id, safe="")
