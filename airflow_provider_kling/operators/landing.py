"""What a task leaves behind: its videos where they are wished for, and the manifest in the record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future

    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.compat.state_store import RecordStore
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.lifecycle.record import Record
    from airflow_provider_kling.operators.base import KlingOperator
    from airflow_provider_kling.storage.landing import Landed

# One download seldom fills the line to a far CDN; object stores buffer a block of some megabytes for each.
_AT_ONCE = 4
# The hook's session and token serve one thread at a time.
_asking = Lock()


def kept_manifest(operator: KlingOperator, record: Record) -> dict[str, Any] | None:
    """Return the manifest of videos landed before, so that a clear does not even ask Kling, which forgets."""
    if not (operator.output_path and operator.wait_for_completion and record.manifest):
        return None
    from airflow_provider_kling.storage.landing import still_there, targets

    wanted = targets(operator.output_path, record.external_task_id, len(record.landed))
    if [str(path) for path in wanted] != [path for path, _ in record.landed] or not still_there(record.landed):
        return None
    operator.log.info("%s landed before and is still there; nothing to do.", record.landed[0][0])
    return dict(record.manifest)


def land_videos(
    operator: KlingOperator,
    hook: KlingHook,
    record: Record,
    task: KlingTask,
    stopped: Callable[[], bool] = lambda: False,
) -> Landed:
    """
    Land the videos of a task where that is wished for, and return (path, bytes) of each.

    :param stopped: asked now and then whether to give up.
    :raises KlingDownloadError: when they cannot be landed; the next try lands them.
    """
    if not operator.output_path:
        return ()
    from airflow_provider_kling.storage.landing import land

    def refresh() -> KlingTask:
        with _asking:
            return hook.get_task(task.task_id, operator.capability)

    return land(task, operator.output_path, name=record.external_task_id, refresh=refresh, stopped=stopped)


@contextmanager
def several_landings(
    operator: KlingOperator, hook: KlingHook
) -> Iterator[Callable[[Record, KlingTask], Future[Landed]]]:
    """Give a :func:`land_videos` that begins and does not wait: a few are landed at a time."""
    from concurrent.futures import ThreadPoolExecutor

    stop = Event()
    # No thread asks Airflow for the connection of output_path, which 3.0 and 3.1 can answer to one at a time alone: its
    # file system was opened when the request was checked.
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="kling-landing")
    try:
        yield lambda record, task: pool.submit(land_videos, operator, hook, record, task, stop.is_set)
    except BaseException:
        # So Airflow ends a task whose time is over: a stalled download must not hold that up.
        stop.set()
        raise
    finally:
        pool.shutdown(wait=not stop.is_set(), cancel_futures=True)


def with_result(operator: KlingOperator, store: RecordStore, record: Record, task: KlingTask, landed: Landed) -> Record:
    """Return the record with the manifest, written already."""
    manifest = task.manifest(operator.capability.name, [path for path, _ in landed])
    manifest["external_task_id"] = record.external_task_id
    record = replace(record, landed=landed, manifest=manifest)
    store.save(record)
    return record
