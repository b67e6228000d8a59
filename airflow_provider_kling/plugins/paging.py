"""Pages of clips: a walk over the task instances that ends when a page is full, or enough was read."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from airflow_provider_kling.plugins.clips import RUNNING, Clip
from airflow_provider_kling.plugins.rows import Position, Row

# Read at once: at first little more than a page, for most pages need no more.
_FIRST, _FURTHER = 40, 1000
# One answer reads no more task instances than this, however few of them match; the page asks on from there.
MOST_ROWS = 1000
_LARGEST_ID = 2**31 - 1


class Cursor(NamedTuple):
    """Where the next page begins: in the clips of this row, after so many."""

    position: Position
    skip: int

    def text(self) -> str:
        """Return it for an address."""
        values = [self.position.timestamp.isoformat(), *self.position[1:], self.skip]
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """
        Return what :meth:`text` wrote.

        :raises ValueError: when it is something else.
        """
        try:
            timestamp, run, task, index, skip = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            moment = datetime.fromisoformat(timestamp)
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
            position = Position(moment, _id(run), str(task).encode().decode(), _id(index))
            return cls(position, max(0, int(skip)))
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError("no cursor") from error


def _id(value: object) -> int:
    number = int(str(value))
    if abs(number) > _LARGEST_ID:
        raise ValueError("no database has such an id")
    return number


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which clips of the task instances."""

    status: str | None = None
    words: str | None = None

    def __call__(self, clip: Clip) -> bool:
        """Whether a clip is one of them."""
        if self.status and clip.status != self.status and not (self.status == "running" and clip.status in RUNNING):
            return False
        return not self.words or clip.matches(self.words)


@dataclass(slots=True)
class Page:
    """
    Some clips, each with the row that it is of.

    :param cursor: where the next page begins; ``None`` when there is no more.
    :param searched: the last row that was read, where the page is not full and there is more.
    """

    clips: list[tuple[Row, Clip]] = field(default_factory=list)
    cursor: Cursor | None = None
    searched: datetime | None = None


Fetch = Callable[[Position | None, int], list[Row]]


def page(fetch: Fetch, clips_of: Callable[[Row], list[Clip]], wanted: Wanted, cursor: Cursor | None, size: int) -> Page:
    """
    Return the next page.

    :param fetch: gives rows after a position.
    :param clips_of: gives the clips of a row.
    """
    found = Page()
    start = cursor.position if cursor else None
    if cursor and cursor.skip:
        # The row in which the last page ended has more.
        start = _before(cursor.position)
    last: Row | None = None
    for number, row in enumerate(_walk(fetch, start)):
        if number == MOST_ROWS and last is not None:
            found.cursor, found.searched = Cursor(last.position, 0), last.position.timestamp
            return found
        skip = cursor.skip if cursor and row.position == cursor.position else 0
        for order, clip in enumerate(clips_of(row)):
            if order < skip or not wanted(clip):
                continue
            if len(found.clips) == size:
                return found
            found.clips.append((row, clip))
            found.cursor = Cursor(row.position, order + 1)
        last = row
    found.cursor = None
    return found


def _before(position: Position) -> Position:
    """Return a position that only this one and later ones come after."""
    return position._replace(map_index=position.map_index + 1)


def _walk(fetch: Fetch, start: Position | None) -> Iterator[Row]:
    limit = _FIRST
    while True:
        rows = fetch(start, limit)
        yield from rows
        if len(rows) < limit:
            return
        start, limit = rows[-1].position, _FURTHER
