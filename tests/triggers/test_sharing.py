"""The consumers of a poller: how many at once, in which order, and after one of them was cancelled."""

from __future__ import annotations

import asyncio

from airflow_provider_kling.triggers.sharing import Consumers


class Door:
    """Something to do that lasts until the door is opened."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.tasks: list[asyncio.Task[None] | None] = []
        self.opened = asyncio.Event()

    async def wait(self, item: int) -> None:
        self.begun.append(item)
        self.tasks.append(asyncio.current_task())
        await self.opened.wait()


async def rest() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_no_more_than_allowed_at_once_and_in_order() -> None:
    async def play() -> None:
        door = Door()
        consumers = Consumers(door.wait, 3)
        for item in range(10):
            consumers.put(item)
        await rest()
        assert door.begun == [0, 1, 2]

        door.opened.set()
        await rest()
        assert door.begun == list(range(10))
        assert len(set(door.tasks)) == 3
        consumers.stop()

    asyncio.run(play())


def test_a_consumer_is_started_only_where_none_is_idle() -> None:
    async def play() -> None:
        door = Door()
        door.opened.set()
        consumers = Consumers(door.wait, 50)
        for item in range(20):
            consumers.put(item)
            await rest()
        assert len(set(door.tasks)) == 1
        consumers.stop()

    asyncio.run(play())


def test_a_cancelled_consumer_makes_room_for_another() -> None:
    async def play() -> None:
        door = Door()
        consumers = Consumers(door.wait, 1)
        consumers.put(0)
        await rest()
        assert door.tasks[0] is not None
        door.tasks[0].cancel()
        await rest()

        consumers.put(1)
        await rest()
        assert door.begun == [0, 1]
        consumers.stop()

    asyncio.run(play())


def test_what_is_stopped_ends_and_starts_anew() -> None:
    async def play() -> None:
        door = Door()
        consumers = Consumers(door.wait, 1)
        consumers.put(0)
        consumers.put(1)
        await rest()
        consumers.stop()
        await rest()
        assert [task.cancelled() for task in door.tasks if task] == [True]

        consumers.put(2)
        await rest()
        assert door.begun == [0, 2]
        consumers.stop()

    asyncio.run(play())
