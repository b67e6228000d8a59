"""
The shared poller: one per connection and event loop, behind all of its triggers.

A trigger per video is Airflow's view. Behind it, one session and one bounded pool of connections poll all tasks of a
connection, each when it is due; where the dialect has a list and many are due at once, one walk over its pages polls
all of them. Airflow's own shared streams (3.3) serve asset watchers only, so task triggers must share by themselves.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow_provider_kling.compat import clock
from airflow_provider_kling.exceptions import (
    KlingAuthenticationError,
    KlingError,
    KlingInvalidRequestError,
    KlingRateLimitError,
)
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.lifecycle.grouping import PAGE_SIZE, WALK_AGAIN, Walk, walk_pays
from airflow_provider_kling.lifecycle.waiting import PollAgain, PollPolicy, Verdict, decide

if TYPE_CHECKING:
    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.api.task import KlingTask

MAX_CONNECTIONS = 50

# A restarted triggerer brings back thousands of triggers in one second: their first polls are spread over this time.
_SPREAD = 10.0

# Tasks of a page decided on in one go; the event loop belongs to all triggers of the triggerer.
_IN_ONE_GO = 100

# Polls due within this time are made together: a wake-up of the loop per poll would cost more than the poll.
_TOGETHER = 0.1
# A Retry-After of hours (a daily quota; milliseconds taken for seconds) must not keep deadlines from being noticed.
_LONGEST_HOLD = 300.0

# After a walk that met an error: asking the list again at every wake-up would add to its trouble.
_LIST_LEFT_ALONE = 60.0

PollResult = tuple["KlingTask | KlingError", Verdict]


@dataclass(eq=False)
class Waiter:
    """One task that somebody waits for."""

    task_id: str
    capability: Capability
    policy: PollPolicy
    news: asyncio.Queue[PollResult | BaseException] = field(default_factory=asyncio.Queue)
    status: str | None = None
    seen_at: float = 0.0
    gone: bool = False
    # Its place in the queue; earlier places are void.
    ticket: int = -1


class SharedPoller:
    """
    Poll all tasks that the triggers of one connection wait for.

    It starts with the first waiter and ends when the last one leaves. Retry-After holds for all its waiters; another
    connection has a poller of its own, so a slow or broken account never delays another's.

    :param kling_conn_id: Airflow connection of type ``kling``; looked up once, and again when a key is refused.
    """

    def __init__(self, kling_conn_id: str) -> None:
        self._conn_id = kling_conn_id
        self._hook = KlingHook(kling_conn_id, max_connections=MAX_CONNECTIONS)
        self._uses: Counter[KlingHook] = Counter()
        self._due: list[tuple[float, int, Waiter]] = []
        self._ticket = count()
        self._waiters: set[Waiter] = set()
        self._held_until = 0.0
        self._walk_from = 0.0
        self._changed = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        # The session's own queue would count the time in it as the server's: with many in it, all would time out.
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._runner: asyncio.Task[None] | None = None

    async def follow(self, waiter: Waiter) -> AsyncIterator[PollResult]:
        """Yield each poll that brings news: a change of status, trouble, and at last what ends the wait."""
        self._join(waiter)
        try:
            while True:
                result = await waiter.news.get()
                if isinstance(result, BaseException):
                    raise result
                yield result
                if not isinstance(result[1], PollAgain):
                    return
        finally:
            # Nothing is awaited here: a cancelled trigger's clean-up must be immediate (apache/airflow#56372).
            waiter.gone = True
            self._waiters.discard(waiter)
            self._changed.set()

    def _join(self, waiter: Waiter) -> None:
        self._waiters.add(waiter)
        delay = waiter.policy.delay(clock.now())
        self._schedule(waiter, clock.now() + delay - random.uniform(0, min(delay, _SPREAD)))
        if self._runner is None:
            self._runner = asyncio.ensure_future(self._run())

    def _schedule(self, waiter: Waiter, at: float) -> None:
        waiter.ticket = next(self._ticket)
        entry = (at, waiter.ticket, waiter)
        heapq.heappush(self._due, entry)
        if self._due[0] is entry:
            # Only what is due before all others wakes the runner: waking it costs more than a poll.
            self._changed.set()

    # --- the round ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while self._waiters:
                await self._until_due()
                ready = self._take_due()
                if ready:
                    await self._poll_due(ready)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            # Nobody may wait for a poller that is dead: each trigger raises this, and Airflow retries its task.
            for waiter in self._waiters:
                waiter.news.put_nowait(error)
            raise
        finally:
            # From here on a new waiter starts a new runner, with the new hook.
            self._runner = None
            self._due.clear()
            for task in self._under_way:
                task.cancel()
            hook, self._hook = self._hook, KlingHook(self._conn_id, max_connections=MAX_CONNECTIONS)
            await hook.aclose()

    async def _until_due(self) -> None:
        """Sleep until the next poll is due, or until a waiter joins or leaves."""
        self._changed.clear()
        due_at = max(self._due[0][0], self._held_until) if self._due else float("inf")
        left = due_at - clock.now()
        if left <= 0:
            # Polls under way must get their turn even when the next ones are due already.
            return await asyncio.sleep(0)
        pauses: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._changed.wait())]
        if self._due:
            pauses.append(asyncio.ensure_future(clock.asleep(left)))
        await asyncio.wait(pauses, return_when=asyncio.FIRST_COMPLETED)
        for pause in pauses:
            pause.cancel()

    def _take_due(self) -> list[Waiter]:
        now = clock.now()
        if now < self._held_until:
            return []
        ready: list[Waiter] = []
        while self._due and self._due[0][0] <= now + _TOGETHER:
            _, ticket, waiter = heapq.heappop(self._due)
            if ticket == waiter.ticket and not waiter.gone:
                ready.append(waiter)
        return ready

    async def _poll_due(self, ready: list[Waiter]) -> None:
        for capability in {waiter.capability for waiter in ready}:
            alike = [waiter for waiter in ready if waiter.capability == capability]
            if await self._should_walk(len(alike)):
                alike = await self._walk(capability, alike)
            for waiter in alike:
                task = asyncio.ensure_future(self._poll_one(waiter))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

    # --- one by one -----------------------------------------------------------------------------------------------

    async def _poll_one(self, waiter: Waiter) -> None:
        try:
            async with self._slots:
                if clock.now() < self._held_until or waiter.gone:
                    self._schedule(waiter, self._held_until)
                    return
                seen = await self._poll(waiter)
            self._take_in(waiter, seen, clock.now())
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            waiter.news.put_nowait(error)

    async def _poll(self, waiter: Waiter) -> KlingTask | KlingError:
        """Poll a task; with the connection read anew when its key is refused, as it may be another now."""
        async with self._in_use() as hook:
            seen = await hook.apoll_task(waiter.task_id, waiter.capability)
            if not isinstance(seen, KlingAuthenticationError):
                return seen
            if self._hook is hook:
                # Once for all the polls that this key is refused to.
                self._hook = KlingHook(self._conn_id, max_connections=MAX_CONNECTIONS)
        async with self._in_use() as renewed:
            return await renewed.apoll_task(waiter.task_id, waiter.capability)

    @asynccontextmanager
    async def _in_use(self) -> AsyncIterator[KlingHook]:
        """Give the hook; one that was replaced is closed when its last poll is over, as closing it ends them all."""
        hook = self._hook
        self._uses[hook] += 1
        try:
            yield hook
        finally:
            self._uses[hook] -= 1
            if not self._uses[hook]:
                del self._uses[hook]
                if hook is not self._hook:
                    await hook.aclose()

    def _take_in(self, waiter: Waiter, seen: KlingTask | KlingError, polled_at: float) -> None:
        if waiter.gone:
            return
        self._hold(seen)
        verdict = decide(seen, waiter.policy, clock.now(), seen_at=waiter.seen_at)
        if isinstance(seen, KlingError):
            status = waiter.status
        else:
            status, waiter.seen_at = seen.raw_status, polled_at
        if not isinstance(verdict, PollAgain) or verdict.why or status != waiter.status:
            waiter.news.put_nowait((seen, verdict))
        waiter.status = status
        if isinstance(verdict, PollAgain):
            self._schedule(waiter, polled_at + max(verdict.seconds, 2 * _TOGETHER))

    def _hold(self, seen: KlingTask | KlingError) -> None:
        if isinstance(seen, KlingRateLimitError):
            self._held_until = max(self._held_until, clock.now() + min(seen.retry_after or 0.0, _LONGEST_HOLD))

    # --- many at once ---------------------------------------------------------------------------------------------

    async def _should_walk(self, ready: int) -> bool:
        if clock.now() < self._walk_from or not walk_pays(ready, len(self._waiters)):
            return False
        try:
            return (await self._hook.asettings()).dialect.can_list
        except KlingError:
            # The single polls meet the same error, and decide on it.
            return False

    async def _walk(self, capability: Capability, ready: list[Waiter]) -> list[Waiter]:
        """Poll all waiters on the pages of the list; return those that are due and were not on it."""
        wanted = {waiter.task_id: waiter for waiter in self._waiters if waiter.capability == capability}
        missing = {waiter for waiter in ready if not waiter.gone}
        walk = Walk(len(missing), waiting=len(wanted))
        # All polls of a walk count as made at its begin: the next time they are due together, for one walk again.
        began = clock.now()
        while not walk.over:
            try:
                async with self._in_use() as hook:
                    tasks = await hook.alist_page(capability, walk.page, PAGE_SIZE)
            except KlingInvalidRequestError:
                # A gateway without a list answers 404 or 405; it will not learn to.
                self._walk_from = float("inf")
                break
            except KlingError as error:
                # Those that are due are polled singly, or wait; a list in trouble is left alone for a while.
                self._hold(error)
                self._walk_from = clock.now() + _LIST_LEFT_ALONE
                break
            here = {wanted[task.task_id]: task for task in tasks if task.task_id in wanted}
            for number, (waiter, task) in enumerate(here.items()):
                self._take_in(waiter, task, began)
                if number % _IN_ONE_GO == 0:
                    await asyncio.sleep(0)
            walk = walk.after(len(tasks), found=len(missing & here.keys()))
            missing -= here.keys()
        if not walk.pays:
            self._walk_from = clock.now() + WALK_AGAIN
        return list(missing)


_POLLERS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SharedPoller]] = WeakKeyDictionary()


def shared_poller(kling_conn_id: str) -> SharedPoller:
    """Return the poller of a connection in the running event loop."""
    pollers = _POLLERS.setdefault(asyncio.get_running_loop(), {})
    if kling_conn_id not in pollers:
        pollers[kling_conn_id] = SharedPoller(kling_conn_id)
    return pollers[kling_conn_id]
