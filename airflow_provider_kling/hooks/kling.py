"""KlingHook: from an Airflow connection to Kling's answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_kling import DEFAULT_CONN_ID
from airflow_provider_kling.api.capabilities import TEXT2VIDEO, Capability
from airflow_provider_kling.compat import clock
from airflow_provider_kling.exceptions import (
    KlingError,
    KlingTaskNotFoundError,
)
from airflow_provider_kling.hooks import metrics
from airflow_provider_kling.hooks.bearer import Bearer, mask_in_logs
from airflow_provider_kling.hooks.money import Money
from airflow_provider_kling.hooks.settings import Settings, unknown_connection
from airflow_provider_kling.lifecycle.polls import polls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_kling.api.dialects.base import TaskGroup, TaskPage
    from airflow_provider_kling.api.http import Request, Response
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.hooks.transport import AsyncTransport, SyncTransport


_POLLS_OF_MISSING, _REPLICA_LAG = 3, 2.0

# What Airflow shows of a password.
_ASTERISKS = "***"


class KlingHook(Money, BaseHook):
    """
    Talk to Kling with the credentials of a connection.

    Only :meth:`create_task` costs money. Nothing here is retried, but for a token that the server calls stale,
    and a poll that finds nothing.
    Use it as a context manager (``with`` on a worker, ``async with`` in a trigger), or call :meth:`close`.

    :param kling_conn_id: Airflow connection of type ``kling``.
    :param max_connections: connections that the methods for triggers keep open at most.
    """

    conn_name_attr = "kling_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = "kling"
    hook_name = "Kling"

    def __init__(self, kling_conn_id: str = default_conn_name, *, max_connections: int = 10) -> None:
        super().__init__()
        self._max_connections = max_connections
        self.kling_conn_id = kling_conn_id
        self._settings: Settings | None = None
        self._reading = asyncio.Lock()
        self._bearer: Bearer | None = None
        self._sync: SyncTransport | None = None
        self._async: AsyncTransport | None = None

    # --- the connection -------------------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """
        The connection, read once.

        :raises KlingConfigurationError: when it does not exist or cannot be used.
        """
        if self._settings is None:
            try:
                connection = self.get_connection(self.kling_conn_id)
            except AirflowNotFoundException as error:
                raise unknown_connection(self.kling_conn_id) from error
            self._settings = Settings.from_connection(self.kling_conn_id, connection, connection.extra_dejson)
            mask_in_logs(self._settings.credentials.secret)
        return self._settings

    async def asettings(self) -> Settings:
        """Return :attr:`settings` without blocking the event loop; many may ask at once for what is read once."""
        if self._settings is None:
            async with self._reading:
                return self._settings or await self._read_settings()
        return self._settings

    async def _read_settings(self) -> Settings:
        from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson

        try:
            connection = await get_async_connection(self.kling_conn_id, hook=type(self))
        except AirflowNotFoundException as error:
            raise unknown_connection(self.kling_conn_id) from error
        extra = await get_async_extra_dejson(connection)
        self._settings = Settings.from_connection(self.kling_conn_id, connection, extra)
        return self._settings

    # --- the API, for workers -------------------------------------------------------------------------------------

    def create_task(self, body: Mapping[str, Any], capability: Capability = TEXT2VIDEO) -> KlingTask:
        """
        Submit a task. **This is the call that is paid for**; it is sent once.

        :param body: the request in its normal form; without ``model``, the dialect's own stands in.
        :raises KlingError: with ``task_state``: whether a task may exist all the same.
        """
        from airflow_provider_kling.hooks.creation import create

        return create(self.settings.dialect.speaking_of(capability), self._send, capability, body)

    def get_task(self, task_id: str, capability: Capability = TEXT2VIDEO, *, external: bool | None = None) -> KlingTask:
        """
        Poll one task.

        :param task_id: Kling's id or the external one.
        :param external: which of them; ``None``: not known. Dialect ``kling-v3`` then asks for the one, then the other.
        :raises KlingTaskNotFoundError: when Kling does not know it, or not yet.
        """
        dialect = self.settings.dialect.speaking_of(capability)
        *first, last = polls(dialect, capability, task_id, external)
        for request in first:
            with suppress(KlingTaskNotFoundError):
                return dialect.read_task(self._send(request), asked_for=task_id)
        return dialect.read_task(self._send(last), asked_for=task_id)

    def poll_task(
        self, task_id: str, capability: Capability = TEXT2VIDEO, *, external: bool | None = None
    ) -> KlingTask | KlingError:
        """
        Do :meth:`get_task` and return what went wrong instead of raising it: material for a decision.

        A task that is not found is asked for again: one replica that is behind must not end the wait for a paid video.
        """
        for left in reversed(range(_POLLS_OF_MISSING)):
            metrics.count(metrics.POLLS, tags={"capability": capability.name})
            try:
                return self.get_task(task_id, capability, external=external)
            except KlingError as error:
                seen = error
            if not (left and isinstance(seen, KlingTaskNotFoundError)):
                break
            clock.sleep(_REPLICA_LAG)
        return seen

    def list_tasks(
        self, capability: Capability = TEXT2VIDEO, *, page_size: int = 100, max_pages: int = 1000
    ) -> Iterator[KlingTask]:
        """
        Iterate over the account's tasks, in Kling's order, which is not documented.

        :param page_size: tasks per request, 1 to 500 (Kling's reference).
        :param max_pages: requests at most; on the ``/v1`` paths Kling serves pages 1 to 1,000.
        :raises KlingConfigurationError: in a dialect without a list.
        """
        dialect = self.settings.dialect.speaking_of(capability)
        cursor: str | None = ""
        for _ in range(max_pages):
            answer = self._send(dialect.list_page(capability, cursor or "", page_size))
            page = dialect.read_list(answer, cursor=cursor or "", page_size=page_size)
            yield from page.tasks
            if (cursor := page.following) is None:
                return

    def test_connection(self) -> tuple[bool, str]:
        """Ask for a task that cannot exist: free, and it needs a valid key. Never raises."""
        try:
            if self.settings.credentials.secret == _ASTERISKS:
                return False, (
                    "Nothing was tested: Airflow 3.0 sends asterisks instead of the stored key. Tasks get the real "
                    "key. To test that one, run: airflow connections test <connection id>"
                )
            self.get_task("airflow-connection-test")
        except KlingTaskNotFoundError:
            pass
        except KlingError as error:
            # There is no task at stake here, so no word about one.
            error.task_state = None
            return False, str(error)
        except Exception as error:
            return False, f"{type(error).__name__}: {error}"
        kind = "JWT from access key and secret key" if self.settings.credentials.access_key else "API key"
        return (
            True,
            f"{self.settings.base_url} answered in dialect {self.settings.dialect.name} and accepts the {kind}.",
        )

    # --- the API, for triggers ------------------------------------------------------------------------------------

    async def aget_task(
        self, task_id: str, capability: Capability = TEXT2VIDEO, *, external: bool | None = None
    ) -> KlingTask:
        """Do :meth:`get_task` without blocking the event loop."""
        dialect = (await self.asettings()).dialect.speaking_of(capability)
        *first, last = polls(dialect, capability, task_id, external)
        for request in first:
            with suppress(KlingTaskNotFoundError):
                return dialect.read_task(await self._asend(request), asked_for=task_id)
        return dialect.read_task(await self._asend(last), asked_for=task_id)

    async def apoll_task(
        self, task_id: str, capability: Capability = TEXT2VIDEO, *, external: bool | None = None
    ) -> KlingTask | KlingError:
        """Do :meth:`poll_task` without blocking the event loop."""
        try:
            return await self.aget_task(task_id, capability, external=external)
        except KlingError as error:
            return error

    async def aget_tasks(
        self, task_ids: Sequence[str], capability: Capability = TEXT2VIDEO, *, external: bool = False
    ) -> TaskGroup:
        """Return those of many tasks that Kling knows, by one request; only where the dialect has one for it."""
        dialect = (await self.asettings()).dialect.speaking_of(capability)
        return dialect.read_many(await self._asend(dialect.get_many(task_ids, external=external)))

    async def alist_page(self, capability: Capability, cursor: str, page_size: int) -> TaskPage:
        """Return one page of :meth:`list_tasks` without blocking the event loop."""
        dialect = (await self.asettings()).dialect.speaking_of(capability)
        answer = await self._asend(dialect.list_page(capability, cursor, page_size))
        return dialect.read_list(answer, cursor=cursor, page_size=page_size)

    # --- the two transports ---------------------------------------------------------------------------------------

    def _send(self, request: Request) -> Response:
        from airflow_provider_kling.hooks.transport import SyncTransport

        bearer = self._bearer_of(self.settings)
        if self._sync is None:
            self._sync = SyncTransport(self.settings.base_url, self.settings.timeout)
        response = self._sync.send(request, bearer.token())
        if bearer.is_stale(response):
            response = self._sync.send(request, bearer.token())
        return bearer.scrubbed(response)

    async def _asend(self, request: Request) -> Response:
        from airflow_provider_kling.hooks.transport import AsyncTransport

        settings = await self.asettings()
        bearer = self._bearer_of(settings)
        if self._async is None:
            self._async = AsyncTransport(settings.base_url, settings.timeout, self._max_connections)
        response = await self._async.send(request, bearer.token(mask=False))
        if bearer.is_stale(response):
            response = await self._async.send(request, bearer.token(mask=False))
        return bearer.scrubbed(response)

    def _bearer_of(self, settings: Settings) -> Bearer:
        if self._bearer is None:
            self._bearer = Bearer(settings)
        return self._bearer

    def close(self) -> None:
        """Close the worker's connections."""
        if self._sync is not None:
            self._sync.close()
            self._sync = None

    async def aclose(self) -> None:
        """Close the trigger's connections."""
        transport, self._async = self._async, None
        if transport is not None:
            await transport.close()

    def __enter__(self) -> KlingHook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> KlingHook:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # --- the connection form of Airflow 3.0 and 3.1, which look for both in this very class ---------------------------

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the custom fields of the form."""
        from airflow_provider_kling.hooks import form

        return form.widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return what the form calls and hides of Airflow's standard fields."""
        from airflow_provider_kling.hooks import form

        return form.field_behaviour()
