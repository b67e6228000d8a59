"""What all polls of a connection share: a bounded number of consumers, and a hook that can be replaced under way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from airflow_provider_kling.hooks.kling import KlingHook

T = TypeVar("T")


class Consumers(Generic[T]):
    """
    Take items from a queue and do one thing for each, for a bounded number at once, in the order in which they come.

    The tasks of asyncio stay from item to item: one of its own for each poll, behind a semaphore, cost 7 % of the poll.

    :param do: what to do; it must not raise.
    :param most: items at once; a consumer is started when there is something to do for it.
    """

    def __init__(self, do: Callable[[T], Awaitable[None]], most: int) -> None:
        self._do = do
        self._most = most
        self._items: asyncio.Queue[T] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = 0

    def put(self, item: T) -> None:
        """Have it done for this item."""
        self._items.put_nowait(item)
        # One that was just started, or woken, has not taken its item yet: that item still counts.
        if self._items.qsize() > self._idle and len(self._tasks) < self._most:
            task = asyncio.ensure_future(self._consume())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _consume(self) -> None:
        while True:
            self._idle += 1
            item = await self._items.get()
            self._idle -= 1
            await self._do(item)

    def stop(self) -> None:
        """Cancel what is under way, and forget the rest."""
        for task in self._tasks:
            task.cancel()
        self._tasks, self._items, self._idle = set(), asyncio.Queue(), 0


class SharedHook:
    """
    The hook of a connection, for many polls at once.

    One that was replaced is closed when its last poll is over, as closing it ends them all.

    :param kling_conn_id: Airflow connection of type ``kling``.
    :param max_connections: of each hook.
    """

    def __init__(self, kling_conn_id: str, max_connections: int) -> None:
        self._conn_id = kling_conn_id
        self._max_connections = max_connections
        self._uses: Counter[KlingHook] = Counter()
        self.current = self._new()

    def _new(self) -> KlingHook:
        return KlingHook(self._conn_id, max_connections=self._max_connections)

    def use(self) -> _Use:
        """Give the hook, for ``async with``."""
        return _Use(self)

    def replace(self, hook: KlingHook) -> None:
        """Read the connection anew; once for all the polls that the key of this hook is refused to."""
        if self.current is hook:
            self.current = self._new()

    async def close(self) -> None:
        """Close the hook, whoever uses it; whoever comes next gets a new one."""
        hook, self.current = self.current, self._new()
        await hook.aclose()

    def entered(self) -> KlingHook:
        """Count one use more of the hook, and return it."""
        self._uses[self.current] += 1
        return self.current

    async def left(self, hook: KlingHook) -> None:
        """Count one use less."""
        self._uses[hook] -= 1
        if not self._uses[hook]:
            del self._uses[hook]
            if hook is not self.current:
                await hook.aclose()


class _Use:
    """As a class: for a generator, the event loop writes down begin and end of each in Python."""

    __slots__ = ("_hook", "_shared")

    def __init__(self, shared: SharedHook) -> None:
        self._shared = shared

    async def __aenter__(self) -> KlingHook:
        self._hook = self._shared.entered()
        return self._hook

    async def __aexit__(self, *_: object) -> None:
        await self._shared.left(self._hook)
