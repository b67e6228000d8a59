"""What a running task instance says of itself."""

from __future__ import annotations

from typing import Any

from airflow_provider_kling.compat import clock


def begin_of(ti: Any) -> float:
    """
    Return when this try began, in seconds since the epoch.

    For what goes on after a deferral, the deferral carries it: Airflow 3.0 and 3.1, and any ``dag.test()``, set
    start_date anew each time. A limit counted from that is never reached, and a task that failed in this very try is
    taken for one of an earlier try, to be paid for again.
    """
    started = ti.start_date
    return min(clock.now(), started.timestamp()) if started else clock.now()


def map_index_of(ti: Any) -> int:
    """Return the map index; -1 where the task is not mapped."""
    return ti.map_index if ti.map_index is not None else -1
