"""When one walk over the account's list of tasks is cheaper than a poll of each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

# Kling's reference: pageSize 1 to 500.
PAGE_SIZE = 500

# Pages that a walk may spend before it must have found as many of those it was made for as it has read pages.
_ALLOWANCE = 3

# After a walk that did not pay, single polls for ten minutes: the account holds many older tasks, or the list begins
# with them (its order is not documented, and nothing here relies on one).
WALK_AGAIN = 600.0


def walk_pays(ready: int, waiting: int) -> bool:
    """
    Whether to walk, judged before the first page.

    :param ready: polls that are due, each a request of its own otherwise.
    :param waiting: all that is waited for; the list holds at least these.
    """
    return ready > ceil(waiting / PAGE_SIZE) + _ALLOWANCE


@dataclass(frozen=True, slots=True)
class Walk:
    """
    A walk over the pages.

    :param missing: those it was made for and that are not found yet.
    :param waiting: all that is waited for.
    :param page: the page to read next, from 1.
    :param found: those it was made for and that are found.
    :param ended: whether the last page was read.
    """

    missing: int
    waiting: int = 0
    page: int = 1
    found: int = 0
    ended: bool = False

    @property
    def over(self) -> bool:
        """Whether to stop: all found, no page left, or single polls are cheaper from here."""
        return self.ended or not self.missing or not self.pays

    @property
    def pays(self) -> bool:
        """Whether it has found at least as many as it has read pages, but for what :func:`walk_pays` reckoned with."""
        return self.page - 1 < self.found + ceil(self.waiting / PAGE_SIZE) + _ALLOWANCE

    def after(self, tasks: int, found: int) -> Walk:
        """
        Return the walk after a page.

        :param tasks: tasks on the page; a short page is the last.
        :param found: how many of those it was made for were on it.
        """
        return replace(
            self,
            page=self.page + 1,
            found=self.found + found,
            missing=self.missing - found,
            ended=tasks < PAGE_SIZE,
        )
