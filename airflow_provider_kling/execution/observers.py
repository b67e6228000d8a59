"""Who is informed of what happens in a try. Nothing that is paid for depends on any of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.exceptions import KlingError
    from airflow_provider_kling.execution.item import Item

log = logging.getLogger(__name__)


class Observer:
    """
    Is informed of a try; what it does not care for it leaves as it is.

    An item is given as it is after what happened to it.

    :cvar purpose: what fails where it fails, for the log.
    """

    purpose: ClassVar[str]

    def submitted(self, item: Item, task: KlingTask, *, created: bool) -> None:
        """
        Note that the one paid task of an item is known.

        :param created: whether this try made it; else it was made before, and found.
        """

    def polled(self, item: Item, task: KlingTask) -> None:
        """Note what Kling says of a task, asked by a worker; again and again while it runs."""

    def troubled(self, item: Item, why: str) -> None:
        """Note that a poll of a task told nothing, and why; again and again while it is so."""

    def completed(self, item: Item, task: KlingTask) -> None:
        """Note that an item ended well in this try, and is landed where that was asked for."""

    def failed(self, item: Item, error: KlingError) -> None:
        """Note that nothing more is done for an item in this try."""

    def stepped(self, items: Sequence[Item], *, ends: bool = False, at_once: bool = False) -> None:
        """
        Note where all items stand, before each step.

        :param ends: whether nothing more will be done in this try.
        :param at_once: whether the worker is about to be left: it defers, or gives up.
        """

    def succeeded(self, items: Sequence[Item]) -> None:
        """Note that the task is about to succeed. The manifest of each complete item is known, if it has one."""


class Observers(Observer):
    """
    Passes all on to several.

    One that raises is passed over: the money is spent, and the video must not be lost for a line of a log.
    """

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def submitted(self, item: Item, task: KlingTask, *, created: bool) -> None:
        self._inform(lambda observer: observer.submitted(item, task, created=created))

    def polled(self, item: Item, task: KlingTask) -> None:
        self._inform(lambda observer: observer.polled(item, task))

    def troubled(self, item: Item, why: str) -> None:
        self._inform(lambda observer: observer.troubled(item, why))

    def completed(self, item: Item, task: KlingTask) -> None:
        self._inform(lambda observer: observer.completed(item, task))

    def failed(self, item: Item, error: KlingError) -> None:
        self._inform(lambda observer: observer.failed(item, error))

    def stepped(self, items: Sequence[Item], *, ends: bool = False, at_once: bool = False) -> None:
        self._inform(lambda observer: observer.stepped(items, ends=ends, at_once=at_once))

    def succeeded(self, items: Sequence[Item]) -> None:
        self._inform(lambda observer: observer.succeeded(items))

    def _inform(self, how: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            try:
                how(observer)
            except Exception as error:
                log.warning("%s failed (%s); going on.", observer.purpose, type(error).__name__)
