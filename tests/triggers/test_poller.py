"""The shared poller, on real time and real HTTP: what many waiters cost, and what one of them can do to the others."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from airflow_provider_kling.api.capabilities import TEXT2VIDEO
from airflow_provider_kling.api.dialects.base import TaskGroup
from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingAuthenticationError, KlingInvalidRequestError
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.lifecycle.grouping import PAGE_SIZE, Walk, walk_pays
from airflow_provider_kling.lifecycle.waiting import Done, Failed, PollAgain, PollPolicy, Verdict
from airflow_provider_kling.triggers.poller import SharedPoller, shared_poller
from airflow_provider_kling.triggers.waiters import Waiter

Connect = Callable[..., None]


@pytest.fixture(scope="module")
def server() -> Iterator[KlingEmulator]:
    with KlingEmulator(retired="sell") as emulator:
        yield emulator


@pytest.fixture
def kling(server: KlingEmulator) -> KlingEmulator:
    server.reset()
    server.settings.generation_seconds = 1.0
    return server


@pytest.fixture
def connect(kling: KlingEmulator, monkeypatch: pytest.MonkeyPatch) -> Connect:
    def set_connection(dialect: str, conn_id: str = "kling_default", **changes: Any) -> None:
        connection = {**kling.connection(dialect), **changes}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))

    return set_connection


def submit(number: int, conn_id: str = "kling_default") -> list[str]:
    with KlingHook(conn_id) as hook:
        return [hook.create_task({"prompt": "A cat"}).task_id for _ in range(number)]


async def wait(task_id: str, conn_id: str = "kling_default", interval: float = 0.3, most: float = 20) -> Verdict:
    return (await polls(task_id, conn_id, interval, most))[-1]


async def polls(
    task_id: str, conn_id: str = "kling_default", interval: float = 0.05, most: float = 20
) -> list[Verdict]:
    """Return the verdicts that brought news, the one that ended the wait last."""
    now = time.time()
    waiter = Waiter(task_id, TEXT2VIDEO, PollPolicy(now, now + most, interval))
    return [verdict async for _, verdict in shared_poller(conn_id).follow(waiter)]


def wait_for_all(task_ids: list[str], **options: Any) -> list[Verdict]:
    async def gather() -> list[Verdict]:
        async with nothing_left_behind():
            return await asyncio.gather(*(wait(task_id, **options) for task_id in task_ids))

    return asyncio.run(gather())


@asynccontextmanager
async def nothing_left_behind() -> AsyncIterator[None]:
    """The poller ends by itself once the last waiter has left."""
    yield
    for _ in range(100):
        if len(asyncio.all_tasks()) == 1:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"still running: {asyncio.all_tasks()}")


@pytest.mark.parametrize("dialect", ["llmprovider", "kling", "kling-v3"])
def test_many_waiters_are_all_served(kling: KlingEmulator, connect: Connect, dialect: str) -> None:
    connect(dialect)
    verdicts = wait_for_all(submit(100))

    assert all(isinstance(verdict, Done) for verdict in verdicts)
    assert len(kling.ledger) == 100


@pytest.mark.parametrize("dialect", ["llmprovider", "kling", "kling-v3"])
def test_in_the_last_second_there_is_no_flood(
    kling: KlingEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    """Dialect kling-v3 gathers what is due within a second; what was just polled is none of it."""
    monkeypatch.setattr("random.uniform", lambda low, high: 0.0)
    kling.settings.generation_seconds = 600.0
    connect(dialect)
    (task_id,) = submit(1)

    verdicts = asyncio.run(polls(task_id, interval=1.2, most=2.0))

    assert isinstance(verdicts[-1], Failed)
    # At 1.2 and at 2 seconds, and what rounding makes of the end.
    assert len(kling.journal_for("get")) <= 4


def test_one_walk_over_the_list_looks_at_all(kling: KlingEmulator, connect: Connect) -> None:
    kling.settings.generation_seconds = 30.0
    connect("kling")
    task_ids = submit(700)
    kling.advance(29)

    verdicts = wait_for_all(task_ids, interval=1.0, most=60)

    assert all(isinstance(verdict, Done) for verdict in verdicts)
    assert 0 < len(kling.journal_for("list")) < 40
    # Some are due before enough are to make a walk pay.
    assert len(kling.journal_for("get")) < 200


def test_twenty_are_asked_for_at_once_and_either_id_will_do(kling: KlingEmulator, connect: Connect) -> None:
    connect("kling-v3")
    task_ids = submit(100)
    with KlingHook() as hook:
        own = [f"sku-{number}" for number in range(5)]
        for name in own:
            hook.create_task({"prompt": "A cat", "external_task_id": name})
    kling.advance(300)

    verdicts = wait_for_all([*task_ids, *own])

    assert all(isinstance(verdict, Done) for verdict in verdicts)
    asked = [entry.query for entry in kling.journal_for("get")]
    assert max(len(next(iter(query.values())).split(",")) for query in asked) == 20
    # Each poll alone would be 105 requests, and more while they are not due together.
    assert len(asked) < 30


def test_one_walk_by_cursor_looks_at_all(kling: KlingEmulator, connect: Connect) -> None:
    connect("kling-v3")
    task_ids = submit(700)
    kling.advance(300)

    verdicts = wait_for_all(task_ids, interval=2.0, most=60)

    assert all(isinstance(verdict, Done) for verdict in verdicts)
    assert 0 < len(kling.journal_for("list")) < 10
    assert len(kling.journal_for("get")) < 20


def test_an_unreadable_task_of_a_group_is_not_taken_for_a_missing_one(
    kling: KlingEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect("kling-v3")
    task_ids = submit(3)
    ask = KlingHook.aget_tasks

    async def garbled(self: KlingHook, *rest: Any, **how: Any) -> TaskGroup:
        monkeypatch.setattr(KlingHook, "aget_tasks", ask)
        return TaskGroup((await ask(self, *rest, **how)).tasks[1:], is_whole=False)

    monkeypatch.setattr(KlingHook, "aget_tasks", garbled)

    assert all(isinstance(verdict, Done) for verdict in wait_for_all(task_ids))


def test_what_is_not_on_the_list_is_looked_at_alone(kling: KlingEmulator, connect: Connect) -> None:
    connect("kling")
    task_ids = submit(40)

    verdicts = wait_for_all([*task_ids, "nowhere"], most=6)

    assert all(isinstance(verdict, Done) for verdict in verdicts[:-1])
    assert isinstance(verdicts[-1], Failed)


def test_a_gateway_without_a_list_is_remembered(
    kling: KlingEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect("kling")
    asked = []

    async def refuse(self: KlingHook, *_: Any) -> Any:
        asked.append(1)
        raise KlingInvalidRequestError("no such resource", http_status=404)

    monkeypatch.setattr(KlingHook, "alist_page", refuse)
    assert all(isinstance(verdict, Done) for verdict in wait_for_all(submit(60)))
    assert len(asked) <= 1


def test_retry_after_holds_for_all_waiters_of_the_account(kling: KlingEmulator, connect: Connect) -> None:
    connect("llmprovider")
    kling.settings.generation_seconds = 0
    task_ids = submit(20)
    kling.faults.add(Fault("rate_limited", on="get", retry_after=3))

    wait_for_all(task_ids)

    gets = kling.journal_for("get")
    refused_at = next(entry.wall for entry in gets if entry.status == 429)
    # Polls that were out already when the answer came are no fault.
    early = [entry for entry in gets if refused_at + 1.5 < entry.wall < refused_at + 2.95]
    assert early == []


def test_a_retry_after_of_hours_does_not_hide_a_deadline(
    kling: KlingEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_kling.triggers.poller._LONGEST_HOLD", 1.0)
    connect("llmprovider")
    kling.settings.generation_seconds = 60
    task_ids = submit(3)
    kling.faults.add(Fault("rate_limited", on="get", retry_after=30_000))

    assert all(isinstance(verdict, Failed) for verdict in wait_for_all(task_ids, most=2.0))


@pytest.mark.parametrize(
    "fault",
    [Fault("rate_limited", on="list", retry_after=3, times=99), Fault("error_before", on="list", times=99)],
    ids=lambda fault: fault.kind,
)
def test_a_list_in_trouble_is_left_alone(kling: KlingEmulator, connect: Connect, fault: Fault) -> None:
    connect("kling")
    task_ids = submit(60)
    kling.faults.add(fault)

    verdicts = wait_for_all(task_ids, interval=0.5)

    assert all(isinstance(verdict, Done) for verdict in verdicts)
    (refused,) = kling.journal_for("list")
    if fault.retry_after:
        # It holds for the single polls as well.
        polls = [entry.wall - refused.wall for entry in kling.journal_for("get")]
        assert not [after for after in polls if 1.5 < after < 2.95]


def test_a_replaced_key_is_read_again(kling: KlingEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    connect("llmprovider")
    task_ids = submit(5)
    connect("llmprovider", password="a-key-that-was-revoked")

    async def rotate_then_wait() -> list[Verdict]:
        waits = [asyncio.ensure_future(wait(task_id)) for task_id in task_ids]
        poller = shared_poller("kling_default")
        await poller._hook.current.asettings()
        connect("llmprovider")
        return await asyncio.gather(*waits)

    assert all(isinstance(verdict, Done) for verdict in asyncio.run(rotate_then_wait()))
    assert 401 in {entry.status for entry in kling.journal_for("get")}


def test_a_key_that_stays_refused_ends_every_wait(kling: KlingEmulator, connect: Connect) -> None:
    connect("llmprovider")
    task_ids = submit(5)
    connect("llmprovider", password="a-key-that-was-revoked")

    for verdict in wait_for_all(task_ids):
        assert isinstance(verdict, Failed)
        assert isinstance(verdict.error, KlingAuthenticationError)


def test_one_connection_is_read_once_however_many_wait(
    kling: KlingEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect("llmprovider")
    task_ids = submit(100)
    kling.settings.generation_seconds = 0
    read, reads = KlingHook._read_settings, []

    async def slowly(hook: KlingHook) -> Any:
        reads.append(hook)
        await asyncio.sleep(0.2)
        return await read(hook)

    monkeypatch.setattr(KlingHook, "_read_settings", slowly)
    assert all(isinstance(verdict, Done) for verdict in wait_for_all(task_ids, interval=0.1))
    assert len(reads) == 1


def test_a_refused_key_spoils_no_look_under_way(kling: KlingEmulator, connect: Connect) -> None:
    """The session of the refused key must stay open until its last answer is here."""
    connect("llmprovider")
    kling.settings.generation_seconds = 0
    slow, refused = submit(2)

    async def race() -> tuple[list[PollAgain], Verdict]:
        async with nothing_left_behind():
            kling.faults.add(Fault("stall", on="get", seconds=3.0))
            first = asyncio.ensure_future(polls(slow))
            await asyncio.sleep(1.0)
            kling.faults.add(Fault("unauthorized", on="get"))
            verdict = await wait(refused, interval=0.05)
            *before, last = await first
            assert isinstance(last, Done)
            return [result for result in before if isinstance(result, PollAgain)], verdict

    troubles, verdict = asyncio.run(race())

    assert troubles == []
    assert isinstance(verdict, Done)
    assert Counter(entry.status for entry in kling.journal_for("get")) == {200: 2, 401: 1}


def test_a_stalled_account_does_not_delay_another(kling: KlingEmulator, connect: Connect) -> None:
    connect("kling")
    connect("llmprovider", "other")
    kling.settings.generation_seconds = 0
    slow, quick = submit(3), submit(3, "other")
    # The dialects are accounts of their own at the emulator: this affects the one that is asked first, three times.
    kling.faults.add(Fault("stall", on="get", seconds=5, times=3))

    async def race() -> list[bool]:
        held = [asyncio.ensure_future(wait(task_id, interval=0.05)) for task_id in slow]
        await asyncio.sleep(0.5)
        await asyncio.gather(*(wait(task_id, "other", interval=0.1) for task_id in quick))
        over = [future.done() for future in held]
        await asyncio.gather(*held)
        return over

    assert asyncio.run(race()) == [False] * 3


def test_many_looks_at_a_slow_server_wait_here_and_do_not_time_out(kling: KlingEmulator, connect: Connect) -> None:
    """Four rounds of fifty polls take longer than one answer may; the time before its turn is not the server's."""
    kling.settings.generation_seconds = 0
    connect("llmprovider", extra={"dialect": "llmprovider", "timeout": 3.0})
    task_ids = submit(200)
    kling.faults.add(Fault("stall", on="get", seconds=1.0, times=200))

    verdicts = wait_for_all(task_ids, interval=0.05)

    assert all(isinstance(verdict, Done) for verdict in verdicts)
    assert len(kling.journal_for("get")) == 200


def test_a_waiter_that_leaves_is_looked_at_no_more(kling: KlingEmulator, connect: Connect) -> None:
    connect("llmprovider")
    kling.settings.generation_seconds = 60
    (task_id,) = submit(1)

    async def leave() -> int:
        async with nothing_left_behind():
            waiting = asyncio.ensure_future(wait(task_id, interval=0.1))
            await asyncio.sleep(0.5)
            waiting.cancel()
            await asyncio.wait([waiting])
        polled = len(kling.journal_for("get"))
        await asyncio.sleep(0.4)
        return polled

    polled = asyncio.run(leave())
    assert polled > 1
    assert len(kling.journal_for("get")) == polled


def test_a_poller_is_shared_in_a_loop_and_never_between_loops(connect: Connect) -> None:
    async def pollers() -> list[SharedPoller]:
        return [shared_poller("a"), shared_poller("a"), shared_poller("b")]

    first, second = asyncio.run(pollers()), asyncio.run(pollers())
    assert first[0] is first[1]
    assert first[0] is not first[2]
    assert first[0] is not second[0]


def test_a_defect_of_the_poller_is_raised_by_every_waiter(
    kling: KlingEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect("llmprovider")

    async def broken(self: KlingHook, *_: Any) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr(KlingHook, "apoll_task", broken)
    with pytest.raises(RuntimeError, match="a defect"):
        wait_for_all(["x"])


def test_a_walk_pays_when_it_asks_less_often_than_single_looks() -> None:
    assert not walk_pays(ready=4, waiting=100)
    assert walk_pays(ready=5, waiting=100)
    assert not walk_pays(ready=20, waiting=10_000)
    assert walk_pays(ready=24, waiting=10_000)
    assert not walk_pays(ready=460, waiting=10_000, at_once=20)
    assert walk_pays(ready=461, waiting=10_000, at_once=20)


def test_a_walk_over_an_account_full_of_older_tasks_is_given_up() -> None:
    walk = Walk(missing=1000)
    while not walk.over:
        walk = walk.after(found=0, more=True)
    assert walk.pages == 3
    assert not walk.pays


def test_a_walk_reads_at_least_the_pages_that_hold_all_that_is_waited_for() -> None:
    walk = Walk(missing=1000, waiting=10_000)
    while not walk.over:
        walk = walk.after(found=0, more=True)
    assert walk.pages == 10_000 / PAGE_SIZE + 3


def test_a_walk_goes_on_while_it_finds() -> None:
    walk = Walk(missing=2000)
    while not walk.over:
        walk = walk.after(found=500, more=True)
    assert (walk.pages, walk.missing, walk.pays) == (4, 0, True)
