"""What a task leaves behind: its videos where they are asked for, and the manifest in the record."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.exceptions import KlingError

if TYPE_CHECKING:
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.execution.record_store import RecordStore
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.lifecycle.job import Job
    from airflow_provider_kling.lifecycle.record import Record
    from airflow_provider_kling.storage.landing import Landed

log = logging.getLogger(__name__)

# One download seldom fills the line to a far CDN; object stores buffer a block of some megabytes for each.
_AT_ONCE = 4


def kept_manifest(job: Job, record: Record) -> dict[str, Any] | None:
    """Return the manifest of videos landed before, so that a clear does not even ask Kling, which forgets."""
    if not (job.output_path and job.wait_for_completion and record.manifest):
        return None
    from airflow_provider_kling.storage.landing import still_there, targets

    wanted = targets(job.output_path, record.external_task_id, len(record.landed))
    if [str(path) for path in wanted] != [path for path, _ in record.landed] or not still_there(record.landed):
        return None
    log.info("%s landed before and is still there; nothing to do.", record.landed[0][0])
    return dict(record.manifest)


def with_result(job: Job, store: RecordStore, record: Record, task: KlingTask, landed: Landed) -> Record:
    """Return the record with the manifest, written already."""
    manifest = task.manifest(job.capability.name, [path for path, _ in landed])
    manifest["external_task_id"] = record.external_task_id
    record = replace(record, landed=landed, manifest=manifest)
    store.save(record)
    return record


@dataclass(frozen=True, slots=True)
class Landing:
    """A task whose videos are to be landed."""

    record: Record
    task: KlingTask


class Lander:
    """
    Lands the videos of ended tasks, where that is asked for.

    :param job: says where.
    :param hook: gives fresh links.
    """

    def __init__(self, job: Job, hook: KlingHook) -> None:
        self._job = job
        self._hook = hook
        # The hook's session and token serve one thread at a time.
        self._asking = Lock()
        self._stop = Event()

    def land(self, landings: Sequence[Landing]) -> Generator[tuple[int, Landed | KlingError]]:
        """
        Yield what came of each landing, with its number, as they end: (path, bytes) of each video, or the error.

        The next try lands what could not be landed.
        """
        if len(landings) < 2 or not self._job.output_path:
            yield from ((number, self._land_one(landing)) for number, landing in enumerate(landings))
        else:
            yield from self._land_several(landings)

    def _land_several(self, landings: Sequence[Landing]) -> Generator[tuple[int, Landed | KlingError]]:
        from concurrent.futures import ThreadPoolExecutor, as_completed

        # No thread asks Airflow for the connection of output_path, which 3.0 and 3.1 can answer to one at a time alone:
        # its file system was opened when the request was checked.
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="kling-landing")
        try:
            futures = {pool.submit(self._land_one, landing): number for number, landing in enumerate(landings)}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            # So Airflow ends a task whose time is over: a stalled download must not hold that up.
            self._stop.set()
            raise
        finally:
            pool.shutdown(wait=not self._stop.is_set(), cancel_futures=True)

    def _land_one(self, landing: Landing) -> Landed | KlingError:
        if not self._job.output_path:
            return ()
        from airflow_provider_kling.storage.landing import land

        try:
            return land(
                landing.task,
                self._job.output_path,
                name=landing.record.external_task_id,
                refresh=lambda: self._refresh(landing.task.task_id),
                stopped=self._stop.is_set,
            )
        except KlingError as error:
            return error

    def _refresh(self, task_id: str) -> KlingTask:
        with self._asking:
            return self._hook.get_task(task_id, self._job.capability)
