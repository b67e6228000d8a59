"""What is said of a task while somebody waits for it: one line for each change, and one now and then in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

EVERY = 60.0
"""Seconds between two lines that tell of no change."""


def changed(task_id: str | None, before: str | None, after: str, seconds: float) -> str:
    """
    Say that a task's status is another one.

    :param before: its status before, where that is known.
    :param seconds: since the submit, or else since the wait began.
    """
    how = f"{before} → {after}" if before else after
    return f"Task {task_id}: {how}, after {seconds:.0f} s."


def still(task_id: str | None, status: str, seconds: float, usual: float) -> str:
    """
    Say that a task's status is the same.

    :param seconds: since the submit, or else since the wait began.
    :param usual: how long such a generation takes.
    """
    return f"Task {task_id} is still {status} after {compared(seconds, usual)}."


def compared(seconds: float, usual: float) -> str:
    """Return how long something took so far beside how long it usually takes."""
    return f"{seconds:.0f} s ({'longer than the' if seconds > usual else 'of the'} usual {usual:.0f} s)"


def still_waiting(statuses: Iterable[str], ended: int, longest: str) -> str:
    """
    Say how far many tasks are.

    :param statuses: of those that run.
    :param ended: how many have ended.
    :param longest: how long the oldest of them runs.
    """
    counts = Counter(statuses)
    told = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    return f"Waiting for {counts.total()} tasks: {told}; the longest for {longest}; {ended} have ended."
