"""When one walk over the account's list of tasks is cheaper than asking for each of them, or for a few at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

# Kling's reference: pageSize 1 to 500; the same of ``limit`` in the new standard.
PAGE_SIZE = 500

# Pages that a walk may spend before it must have found as many of those it was made for as it has read pages.
_ALLOWANCE = 3

# After a walk that did not pay, single polls for ten minutes: the account holds many older tasks, or the list begins
# with them (its order is not documented, and nothing here relies on one).
WALK_AGAIN = 600.0


def walk_pays(ready: int, waiting: int, at_once: int = 1) -> bool:
    """
    Whether to walk, judged before the first page.

    :param ready: polls that are due.
    :param waiting: all that is waited for; the list holds at least these.
    :param at_once: how many one request can ask for otherwise.
    """
    return ceil(ready / at_once) > ceil(waiting / PAGE_SIZE) + _ALLOWANCE


@dataclass(frozen=True, slots=True)
class Walk:
    """
    A walk over the pages.

    :param missing: those it was made for and that are not found yet.
    :param waiting: all that is waited for.
    :param at_once: how many one request can ask for otherwise.
    :param pages: pages read.
    :param found: those it was made for and that are found.
    :param ended: whether the last page was read.
    """

    missing: int
    waiting: int = 0
    at_once: int = 1
    pages: int = 0
    found: int = 0
    ended: bool = False

    @property
    def over(self) -> bool:
        """Whether to stop: all found, no page left, or asking for them is cheaper from here."""
        return self.ended or not self.missing or not self.pays

    @property
    def pays(self) -> bool:
        """Whether it has saved as many requests as it has read pages, but for what :func:`walk_pays` reckoned with."""
        return self.pages < ceil(self.found / self.at_once) + ceil(self.waiting / PAGE_SIZE) + _ALLOWANCE

    def after(self, *, found: int, more: bool) -> Walk:
        """
        Return the walk after a page.

        :param found: how many of those it was made for were on it.
        :param more: whether another page follows.
        """
        return replace(
            self,
            pages=self.pages + 1,
            found=self.found + found,
            missing=self.missing - found,
            ended=not more,
        )
