"""What the shared poller keeps of each task that somebody waits for, and how it asks for several at once."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_kling.exceptions import KlingError, KlingResponseError, KlingTaskNotFoundError
from airflow_provider_kling.hooks import metrics
from airflow_provider_kling.lifecycle.polls import is_ours
from airflow_provider_kling.lifecycle.progress import EVERY
from airflow_provider_kling.lifecycle.waiting import PollAgain, PollPolicy, Verdict

if TYPE_CHECKING:
    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.api.dialects.base import TaskGroup
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.hooks.kling import KlingHook

PollResult = tuple["KlingTask | KlingError", Verdict]


@dataclass(eq=False)
class Waiter:
    """One task that somebody waits for."""

    task_id: str
    capability: Capability
    policy: PollPolicy
    news: asyncio.Queue[PollResult | BaseException] = field(default_factory=asyncio.Queue)
    seen_at: float = 0.0
    # The last status and trouble that were news, and when.
    told: tuple[str, str] = ("", "")
    told_at: float = 0.0
    gone: bool = False
    # Its place in the queue; earlier places are void.
    ticket: int = -1
    # Whether its id is the submitter's own: known of ours, and of another's once it was found by it.
    by_external_id: bool = False

    def __post_init__(self) -> None:
        self.by_external_id = is_ours(self.task_id)

    def is_news(self, seen: KlingTask | KlingError, verdict: Verdict, polled_at: float) -> bool:
        """Take a poll in; return whether it says something else than the one before, or a minute has passed."""
        status = self.told[0]
        if not isinstance(seen, KlingError):
            status, self.seen_at = seen.raw_status, polled_at
        if not isinstance(verdict, PollAgain):
            return True
        told = (status, verdict.why)
        if told == self.told and polled_at - self.told_at < EVERY:
            return False
        self.told, self.told_at = told, polled_at
        return True


Seen = dict[Waiter, "KlingTask | KlingError"]


def groups(waiters: Sequence[Waiter], size: int) -> list[list[Waiter]]:
    """Return them in groups for one request each: no request asks for both kinds of ids."""
    found = []
    for external in (False, True):
        alike = [waiter for waiter in waiters if waiter.by_external_id is external]
        found += [alike[start : start + size] for start in range(0, len(alike), size)]
    return found


def waiter_of(task: KlingTask, wanted: Mapping[str, Waiter]) -> Waiter | None:
    """Return who waits for a task of the list, under either of its ids."""
    return wanted.get(task.task_id) or wanted.get(task.external_task_id or "")


def count_poll(capability: Capability) -> None:
    """Count a request that polls."""
    metrics.count(metrics.POLLS, tags={"capability": capability.name}, in_triggerer=True)


async def ask_for(hook: KlingHook, group: Sequence[Waiter], at_once: int) -> Seen:
    """
    Return what Kling says of each task of a group.

    :param at_once: tasks that one request can poll.
    """
    if at_once > 1:
        return await _ask_for_many(hook, group)
    seen = {}
    for waiter in group:
        count_poll(waiter.capability)
        seen[waiter] = await hook.apoll_task(waiter.task_id, waiter.capability)
    return seen


async def _ask_for_many(hook: KlingHook, group: Sequence[Waiter]) -> Seen:
    """
    Ask for all by one request.

    One that is not found by Kling's id may have been named by its submitter's: that is asked for once more, and kept in
    mind where it was right.
    """
    seen = await _ask(hook, group, external=group[0].by_external_id)
    unknown = [waiter for waiter, told in seen.items() if isinstance(told, KlingTaskNotFoundError)]
    # A task that was found before has the kind of id that it was found by.
    unknown = [waiter for waiter in unknown if not waiter.by_external_id and not waiter.seen_at]
    if unknown:
        again = await _ask(hook, unknown, external=True)
        for waiter, told in again.items():
            waiter.by_external_id = not isinstance(told, KlingError)
            seen[waiter] = told
    return seen


async def _ask(hook: KlingHook, group: Sequence[Waiter], *, external: bool) -> Seen:
    count_poll(group[0].capability)
    try:
        answer = await hook.aget_tasks([waiter.task_id for waiter in group], group[0].capability, external=external)
    except KlingError as error:
        # Each gets an error of its own, as what is known of its task is added to it.
        return {waiter: copy.copy(error) for waiter in group}
    tasks = {(task.external_task_id if external else task.task_id): task for task in answer.tasks}
    return {waiter: tasks.get(waiter.task_id) or _missing(waiter, answer) for waiter in group}


def _missing(waiter: Waiter, answer: TaskGroup) -> KlingError:
    if answer.is_whole:
        return KlingTaskNotFoundError(f"Kling knows no task {waiter.task_id!r}.")
    return KlingResponseError("The host's answer holds tasks that cannot be read.", retryable=True)
