"""What every dialect has in common: two kinds of requests and one reading of a task object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote

from airflow_provider_kling.api.capabilities import Capability
from airflow_provider_kling.api.errors import NEVER_ARRIVED
from airflow_provider_kling.api.fields import (
    decimal,
    identifier,
    optional_text,
    own_identifier,
    timestamp,
)
from airflow_provider_kling.api.http import Request, Response
from airflow_provider_kling.api.results import outputs_of
from airflow_provider_kling.api.task import KlingOutput, KlingTask, TaskStatus
from airflow_provider_kling.api.text import tidy
from airflow_provider_kling.exceptions import KlingError, KlingResponseError, TaskState


class Answer(NamedTuple):
    """
    What an answer that says yes carries.

    :param data: the task object, or the array of them.
    :param request_id: the vendor's id of the request.
    """

    data: Any
    request_id: str | None = None


class TaskPage(NamedTuple):
    """
    One page of a list of tasks.

    :param tasks: those that can be read; another's odd task must not hide ours.
    :param following: what to ask the next page by; ``None``: this is the last one.
    """

    tasks: tuple[KlingTask, ...]
    following: str | None = None


class TaskGroup(NamedTuple):
    """
    Those of the tasks asked for that Kling knows.

    :param tasks: those that can be read.
    :param is_whole: whether these are all; else one that is missing may be there and unreadable.
    """

    tasks: tuple[KlingTask, ...]
    is_whole: bool = True


class Dialect(ABC):
    """
    One way of speaking to a Kling service.

    :cvar name: as in the connection's extra.
    :cvar default_host: base URL when the connection has no host.
    :cvar is_kling: whether Kling itself answers: what it is known to refuse is refused here (elsewhere: a warning).
    :cvar takes_jwt: whether access key and secret key can be used.
    :cvar can_list: whether it can list tasks.
    :cvar at_once: how many tasks one request can ask for by their ids.
    :cvar id_field: where Kling's id of a task stands.
    :cvar largest_image: bytes that an image in a request may have.
    """

    name: ClassVar[str]
    default_host: ClassVar[str]
    is_kling: ClassVar[bool]
    takes_jwt: ClassVar[bool] = True
    can_list: ClassVar[bool]
    at_once: ClassVar[int] = 1
    id_field: ClassVar[str] = "task_id"

    def speaking_of(self, capability: Capability) -> Dialect:
        """Return the dialect in which to ask for a capability; another one where this has no path for it."""
        return self

    def faults(self, capability: Capability, body: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Return what of a request in its normal form this dialect cannot say, as (field, reason)."""
        return ()

    # Kling's reference of the /v1 paths, and llmprovider's page; the new standard takes 50 MB.
    largest_image: ClassVar[int] = 10 << 20

    def create(self, capability: Capability, body: Mapping[str, Any]) -> Request:
        """Build the paid request; ``body`` is the normal form, with the model under ``model`` in any spelling."""
        return Request("POST", capability.path, json=self.spell(body))

    @abstractmethod
    def spell(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body as this dialect writes it."""

    @abstractmethod
    def get(self, capability: Capability, task_id: str, *, external: bool = False) -> Request:
        """
        Build the request that polls one task.

        :param task_id: Kling's id, or the external one.
        :param external: whether it is the external one; most dialects do not tell them apart.
        """

    @abstractmethod
    def list_page(self, capability: Capability, cursor: str, page_size: int) -> Request:
        """
        Build the request for one page of tasks; only where ``can_list``.

        :param cursor: :attr:`TaskPage.following` of the page before; empty: the first page.
        """

    @abstractmethod
    def read(self, response: Response, *, creating: bool = False) -> Answer:
        """
        Return what an answer that says yes carries.

        :raises KlingAPIError: when the answer says no.
        :raises KlingResponseError: when the answer is not the API's.
        """

    def read_created(self, response: Response, *, sent: str | None = None) -> KlingTask:
        """
        Read the answer to :meth:`create`.

        :param sent: the ``external_task_id`` of the request; an answer that names another is not the one to it.
        """
        answer = self.read(response, creating=True)
        if not isinstance(answer.data, Mapping) or not answer.data.get(self.id_field):
            raise not_the_api(response, f"carries no {self.id_field}", creating=True)
        task = self._task(answer.data, response, answer.request_id, creating=True)
        if sent and task.external_task_id not in (None, sent):
            raise not_the_api(response, "is about another task than was asked for", creating=True)
        return task

    def read_task(self, response: Response, *, asked_for: str) -> KlingTask:
        """
        Read the answer to :meth:`get`.

        :param asked_for: Kling's id or the external one. An answer that names another would have the wrong video
            landed; it stands in where a gateway leaves out both ids.
        """
        answer = self.read(response)
        if not isinstance(answer.data, Mapping) or not answer.data.get("task_status"):
            raise not_the_api(response, "carries no task_status", creating=False)
        task = self._task({"task_id": asked_for, **answer.data}, response, answer.request_id)
        named = (answer.data.get("task_id") and task.task_id, task.external_task_id)
        if any(named) and asked_for not in named:
            raise not_the_api(response, "is about another task than was asked for", creating=False)
        return task

    def get_many(self, task_ids: Sequence[str], *, external: bool = False) -> Request:
        """Build the request that polls up to :attr:`at_once` tasks; only where that is more than one."""
        raise NotImplementedError

    def read_many(self, response: Response) -> TaskGroup:
        """Read the answer to :meth:`get_many`: those that Kling knows."""
        raise NotImplementedError

    def read_list(self, response: Response, *, cursor: str = "", page_size: int = 0) -> TaskPage:
        """
        Read the answer to :meth:`list_page`.

        :param cursor: as it was asked by.
        :param page_size: as it was asked for; a page with fewer tasks is the last one.
        """
        answer = self.read(response)
        if not isinstance(answer.data, list):
            raise not_the_api(response, "carries no array of tasks", creating=False)
        following = str(int(cursor or 1) + 1) if len(answer.data) >= page_size else None
        return TaskPage(tuple(self._readable(answer.data, response, answer.request_id)), following)

    def _readable(self, found: list[Any], response: Response, request_id: str | None) -> Iterator[KlingTask]:
        for data in found:
            try:
                yield self._task(data, response, request_id)
            except KlingResponseError:
                continue

    def _task(
        self, task: Mapping[str, Any], response: Response, request_id: str | None, *, creating: bool = False
    ) -> KlingTask:
        try:
            return self._normal_form(task, request_id)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            flaw = f"has a field of an unexpected type ({tidy(error, 100)})"
            raise not_the_api(response, flaw, creating=creating) from error

    def _normal_form(self, task: Mapping[str, Any], request_id: str | None) -> KlingTask:
        status = TaskStatus.parse(task.get("task_status"))
        ended = status is TaskStatus.SUCCEED
        return KlingTask(
            task_id=identifier(task["task_id"]),
            task_status=status,
            raw_status=optional_text(task.get("task_status"), 60),
            task_status_msg=optional_text(task.get("task_status_msg")),
            external_task_id=own_identifier((task.get("task_info") or {}).get("external_task_id")),
            videos=_results(task, "video") if ended else (),
            images=_results(task, "image") if ended else (),
            audios=_results(task, "audio") if ended else (),
            created_at=timestamp(task.get("created_at")),
            updated_at=timestamp(task.get("updated_at")),
            units=decimal(task.get("final_unit_deduction")),
            request_id=request_id,
        )


def _results(task: Mapping[str, Any], kind: str) -> tuple[KlingOutput, ...]:
    found = (task.get("task_result") or {}).get(f"{kind}s") or ()
    return tuple(output for item in found for output in outputs_of(kind, item))


def request_id_of(value: object) -> str | None:
    """Return a vendor's id of a request for a message, or ``None``."""
    return tidy(value, 80) if isinstance(value, str) and value else None


def parsed(response: Response, *, creating: bool) -> Any:
    """
    Return the JSON of an answer, or raise the error that fits an answer without it.

    A refusal in plain text is returned as ``{"message": text}``: the shape of llmprovider's error bodies is not
    documented, and its status says enough. A page of HTML comes from something in between.
    """
    if 300 <= response.status < 400:
        # Not followed: the POST would become a GET, and the host of the connection is then wrong anyway.
        where = tidy(response.headers.get("location", ""), 200)
        raise not_the_api(response, f"redirects to {where!r}", creating=creating)
    if response.flaw:
        raise not_the_api(response, response.flaw, creating=creating)
    try:
        return response.json()
    except ValueError:
        if response.status >= 400 and response.body and not response.body.lstrip().startswith((b"<", b"{")):
            return {"message": response.excerpt()}
        # A broken object may have been the API's, with a code that says more than the status.
        broken = response.body.lstrip().startswith(b"{")
        raise not_the_api(response, "is not JSON", creating=creating, proves_nothing=broken) from None


def refusal(response: Response, body: Any) -> tuple[Any, Any]:
    """
    Return code and reason of a refusal that is not in Kling's envelope.

    A gateway's shape is not documented; the names tried here are those of the one-api family.
    """
    if not isinstance(body, Mapping):
        return None, response.excerpt()
    error = body.get("error")
    source = error if isinstance(error, Mapping) else body
    text = error if isinstance(error, str) else None
    message = text or source.get("message") or source.get("msg") or source.get("detail")
    return source.get("code"), message or response.excerpt()


def not_the_api(response: Response, flaw: str, *, creating: bool, proves_nothing: bool = False) -> KlingError:
    """
    Return the error for an answer that the API would not give.

    With some statuses a proxy says that it did not pass the request on, as a redirect does; behind any other the
    request may have reached Kling.

    :param proves_nothing: whether the body speaks against the status.
    """
    refused = response.status in NEVER_ARRIVED and not proves_nothing
    kind = tidy(response.headers.get("content-type", "no content type").partition(";")[0], 60)
    return KlingResponseError(
        f"The host's answer {flaw}: {kind}, {len(response.body)} bytes, beginning {response.excerpt()!r}.",
        http_status=response.status,
        request_id=request_id_of(response.headers.get("x-request-id")),
        retryable=not refused,
        task_state=(TaskState.NOT_CREATED if refused else TaskState.MAY_EXIST) if creating else None,
    )


def path_segment(task_id: str) -> str:
    """Quote an id for a path; ids are opaque and a user's own may hold a slash."""
    return quote(task_id, safe="")
