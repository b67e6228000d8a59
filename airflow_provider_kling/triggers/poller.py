"""
The shared poller: one per connection and event loop, behind all of its triggers.

A trigger per video is Airflow's view. Behind it, one session and one bounded pool of connections poll all tasks of a
connection, each when it is due, or several by one request where the dialect has one for it; where it has a list and
many are due at once, one walk over its pages polls all of them. Airflow's own shared streams (3.3) serve asset
watchers only, so task triggers must share by themselves.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import AsyncIterator
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
from airflow_provider_kling.lifecycle.grouping import PAGE_SIZE, WALK_AGAIN, Walk, walk_pays
from airflow_provider_kling.lifecycle.waiting import PollAgain, decide
from airflow_provider_kling.triggers.sharing import Consumers, SharedHook
from airflow_provider_kling.triggers.waiters import PollResult, Seen, Waiter, ask_for, count_poll, groups, waiter_of

if TYPE_CHECKING:
    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.api.dialects import Dialect
    from airflow_provider_kling.api.task import KlingTask

MAX_CONNECTIONS = 50

# A restarted triggerer brings back thousands of triggers in one second: their first polls are spread over this time.
_SPREAD = 10.0

# Tasks of a page decided on in one go; the event loop belongs to all triggers of the triggerer.
_IN_ONE_GO = 100

# Polls due within this time are made together: a wake-up of the loop per poll would cost more than the poll.
_TOGETHER = 0.2
# The same where one request can poll several.
_GATHERED = 1.0
# A Retry-After of hours (a daily quota; milliseconds taken for seconds) must not keep deadlines from being noticed.
_LONGEST_HOLD = 300.0

# After a walk that met an error: asking the list again at every wake-up would add to its trouble.
_LIST_LEFT_ALONE = 60.0


class SharedPoller:
    """
    Poll all tasks that the triggers of one connection wait for.

    It starts with the first waiter and ends when the last one leaves. Retry-After holds for all its waiters; another
    connection has a poller of its own, so a slow or broken account never delays another's.

    :param kling_conn_id: Airflow connection of type ``kling``; looked up once, and again when a key is refused.
    """

    def __init__(self, kling_conn_id: str) -> None:
        self._hook = SharedHook(kling_conn_id, MAX_CONNECTIONS)
        self._due: list[tuple[float, int, Waiter]] = []
        self._ticket = count()
        self._waiters: set[Waiter] = set()
        self._held_until = 0.0
        self._walk_from = 0.0
        self._together = _TOGETHER
        self._changed = asyncio.Event()
        # The session's own queue would count the time in it as the server's: with many in it, all would time out.
        self._consumers = Consumers(self._poll_group, MAX_CONNECTIONS)
        self._runner: asyncio.Task[None] | None = None

    async def follow(self, waiter: Waiter) -> AsyncIterator[PollResult]:
        """
        Yield each poll that brings news: a change of status, trouble, and at last what ends the wait.

        And one a minute where there is none, so that who waits can say how long it is.
        """
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
            # Nothing is awaited: a cancelled trigger's clean-up must be immediate (apache/airflow#56372).
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
            self._runner = None  # From here on a new waiter starts a new one, with the new hook.
            self._due.clear()
            self._consumers.stop()
            await self._hook.close()

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
        # Not before the first is due: what was just polled, and is due in a moment, would be polled without a pause.
        if now < self._held_until or not self._due or now < self._due[0][0]:
            return []
        ready: list[Waiter] = []
        while self._due and self._due[0][0] <= now + self._together:
            _, ticket, waiter = heapq.heappop(self._due)
            if ticket == waiter.ticket and not waiter.gone:
                ready.append(waiter)
        return ready

    async def _poll_due(self, ready: list[Waiter]) -> None:
        for name, capability in {waiter.capability.name: waiter.capability for waiter in ready}.items():
            alike = [waiter for waiter in ready if waiter.capability.name == name]
            dialect = await self._dialect(capability)
            at_once = dialect.at_once if dialect else 1
            self._together = _TOGETHER if at_once == 1 else _GATHERED
            if dialect and dialect.can_list and self._should_walk(len(alike), at_once):
                alike = await self._walk(capability, alike, at_once)
            for group in groups(alike, at_once):
                self._consumers.put((group, at_once))

    async def _dialect(self, capability: Capability) -> Dialect | None:
        try:
            return (await self._hook.current.asettings()).dialect.speaking_of(capability)
        except KlingError:
            # The polls meet the same error, and decide on it.
            return None

    # --- by their ids ---------------------------------------------------------------------------------------------

    async def _poll_group(self, job: tuple[list[Waiter], int]) -> None:
        group, at_once = job
        try:
            group = [waiter for waiter in group if not waiter.gone]
            held = clock.now() < self._held_until
            seen = {} if held or not group else await self._poll(group, at_once)
            for waiter in group if held else ():
                self._schedule(waiter, self._held_until)
            for waiter, told in seen.items():
                self._take_in(waiter, told, clock.now())
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            for waiter in group:
                waiter.news.put_nowait(error)

    async def _poll(self, group: list[Waiter], at_once: int) -> Seen:
        """Poll tasks; with the connection read anew when its key is refused, as it may be another now."""
        async with self._hook.use() as hook:
            seen = await ask_for(hook, group, at_once)
            if not any(isinstance(told, KlingAuthenticationError) for told in seen.values()):
                return seen
            self._hook.replace(hook)
        async with self._hook.use() as renewed:
            return await ask_for(renewed, group, at_once)

    def _take_in(self, waiter: Waiter, seen: KlingTask | KlingError, polled_at: float) -> None:
        if waiter.gone:
            return
        self._hold(seen)
        verdict = decide(seen, waiter.policy, clock.now(), seen_at=waiter.seen_at)
        if waiter.is_news(seen, verdict, polled_at):
            waiter.news.put_nowait((seen, verdict))
        if isinstance(verdict, PollAgain):
            self._schedule(waiter, polled_at + max(verdict.seconds, 2 * _TOGETHER))

    def _hold(self, seen: KlingTask | KlingError) -> None:
        if isinstance(seen, KlingRateLimitError):
            self._held_until = max(self._held_until, clock.now() + min(seen.retry_after or 0.0, _LONGEST_HOLD))

    # --- many at once ---------------------------------------------------------------------------------------------

    def _should_walk(self, ready: int, at_once: int) -> bool:
        return clock.now() >= self._walk_from and walk_pays(ready, len(self._waiters), at_once)

    async def _walk(self, capability: Capability, ready: list[Waiter], at_once: int) -> list[Waiter]:
        """Poll all waiters on the pages of the list; return those that are due and were not on it."""
        wanted = {waiter.task_id: waiter for waiter in self._waiters if waiter.capability.name == capability.name}
        missing = {waiter for waiter in ready if not waiter.gone}
        walk = Walk(len(missing), waiting=len(wanted), at_once=at_once)
        cursor = ""
        # All polls of a walk count as made at its begin: the next time they are due together, for one walk again.
        began = clock.now()
        while not walk.over:
            try:
                async with self._hook.use() as hook:
                    count_poll(capability)
                    page = await hook.alist_page(capability, cursor, PAGE_SIZE)
            except KlingInvalidRequestError:
                self._walk_from = float("inf")  # A gateway without a list answers 404 or 405; it will not learn to.
                break
            except KlingError as error:
                # Those that are due are polled singly, or wait; a list in trouble is left alone for a while.
                self._hold(error)
                self._walk_from = clock.now() + _LIST_LEFT_ALONE
                break
            here = {waiter: task for task in page.tasks if (waiter := waiter_of(task, wanted)) is not None}
            for number, (waiter, task) in enumerate(here.items()):
                self._take_in(waiter, task, began)
                if number % _IN_ONE_GO == 0:
                    await asyncio.sleep(0)
            cursor = page.following or ""
            walk = walk.after(found=len(missing & here.keys()), more=page.following is not None)
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
