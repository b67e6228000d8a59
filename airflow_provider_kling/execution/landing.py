"""What a task leaves behind: its videos where they are asked for, and the manifest in the record."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Event, Lock
from typing import TYPE_CHECKING

from airflow_provider_kling.api.text import tidy
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.lifecycle.item import Complete
from airflow_provider_kling.lifecycle.paths import place_at
from airflow_provider_kling.lifecycle.record import FILES, with_reported

if TYPE_CHECKING:
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.execution.item import Identified, Item
    from airflow_provider_kling.execution.record_store import RecordStore
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.lifecycle.job import Job
    from airflow_provider_kling.lifecycle.paths import Place
    from airflow_provider_kling.lifecycle.record import Record
    from airflow_provider_kling.storage.download import DownloadLimits
    from airflow_provider_kling.storage.landing import Landed

log = logging.getLogger(__name__)

# One download seldom fills the line to a far CDN; object stores buffer a block of some megabytes for each.
_AT_ONCE = 4


def place_of(job: Job, item: Identified | Item, record: Record) -> Place:
    """Return where the videos of an item land."""
    return place_at(str(job.output_path), record.external_task_id, key=item.label.key, number=item.number)


def paths_of(job: Job, item: Item, suffixes: Sequence[str], record: Record | None = None) -> list[str]:
    """
    Return the paths of an item's files.

    :param suffixes: of all that its task made.
    :param record: what is known of it, where that is more than the item's own.
    """
    from airflow_provider_kling.storage.landing import targets

    return [str(path) for _, path in targets(place_of(job, item, record or item.record), suffixes)]


def is_kept(job: Job, item: Identified, record: Record) -> bool:
    """Whether all was landed there before and is there still, so that a clear asks nothing of Kling, which forgets."""
    if not was_landed(job, record):
        return False
    from airflow_provider_kling.storage.landing import still_there, targets

    suffixes = [file.path.rpartition(".")[2] for file in record.landed]
    wanted = targets(place_of(job, item, record), suffixes)
    if [str(path) for _, path in wanted] != [file.path for file in record.landed] or not still_there(record.landed):
        return False
    log.info("%s landed before and is still there; nothing to do.", record.landed[0].path)
    return True


def was_landed(job: Job, record: Record) -> bool:
    """Whether an earlier try has landed all, somewhere."""
    return bool(job.output_path and job.wait_for_completion and record.manifest and record.landed)


def take_copies(job: Job, found: Iterable[tuple[Item, Record]]) -> None:
    """
    Land what was landed before under another name, as copies: a renamed key asks nothing of Kling, which forgets.

    Two videos may have changed names, so all are copied before any of them gets its new one. The files under the old
    names stay. What cannot be copied is downloaded again.

    :param found: items, each with the record of where it was landed.
    """
    from airflow_provider_kling.storage import copies

    ready: list[tuple[Item, Record, list[copies.Copy]]] = []
    try:
        for item, record in found:
            made = [name for name in FILES for _ in (record.manifest or {}).get(name, ())]
            with _passing_over(record):
                if copied := copies.copies(record.landed, made, place_of(job, item, record)):
                    ready.append((item, record, copied))
    except BaseException:
        for _, _, copied in ready:
            copies.dropped(copied)
        raise
    interrupted: BaseException | None = None
    for item, record, copied in ready:
        try:
            with _passing_over(record):
                _take_copy(item, record, copies.moved(copied, record.landed))
        except BaseException as error:
            # One may lie by now where another was, so that a copy is all that there is of that outside of Kling.
            interrupted = error
    if interrupted:
        raise interrupted


def _take_copy(item: Item, record: Record, landed: Landed) -> None:
    paths = [file.path for file in landed]
    item.record = replace(record, landed=landed, manifest={**(record.manifest or {}), "output_paths": paths})
    item.store.save(item.record)
    item.state = Complete()
    log.info("%s landed before; copied to %s.", record.landed[0].path, paths[0])


@contextmanager
def _passing_over(record: Record) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        where = record.landed[0].path
        log.warning("%s cannot be copied (%s: %s); going on.", where, type(error).__name__, tidy(error, 300))


def reported(store: RecordStore, record: Record, task: KlingTask) -> Record:
    """Return the record with what Kling deducted; written if that is another cost, as it counts, landed or not."""
    known = with_reported(record, task)
    if known.cost != record.cost:
        store.save(known)
    return known


def with_result(job: Job, store: RecordStore, record: Record, task: KlingTask, landed: Landed) -> Record:
    """Return the record with the manifest, written already."""
    manifest = task.manifest(job.capability.name, [file.path for file in landed], record.estimate)
    manifest["external_task_id"] = record.external_task_id
    record = replace(with_reported(record, task), landed=landed, manifest=manifest)
    _log_difference(record)
    store.save(record)
    return record


def _log_difference(record: Record) -> None:
    estimated = (record.estimate or {}).get("units")
    if record.units is not None and record.units != estimated:
        known = "no price was known" if estimated is None else f"estimated were {estimated:g}"
        log.info("Kling deducted %g units for task %s; %s.", record.units, record.task_id, known)


@dataclass(frozen=True, slots=True)
class Landing:
    """A task whose videos are to be landed."""

    item: Item
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
        Yield what came of each landing, with its number, as they end: what was landed, or the error.

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
                place_of(self._job, landing.item, landing.item.record),
                refresh=lambda: self._refresh(landing.task.task_id),
                limits=self._limits,
                stopped=self._stop.is_set,
            )
        except KlingError as error:
            return error

    @cached_property
    def _limits(self) -> DownloadLimits:
        from airflow_provider_kling.network.addresses import EVERYWHERE, allowed_beside
        from airflow_provider_kling.storage.download import DownloadLimits

        settings = self._hook.settings
        reaches = EVERYWHERE if settings.allow_private_downloads else allowed_beside(settings.host, settings.port)
        return DownloadLimits(self._job.max_bytes, reaches)

    def _refresh(self, task_id: str) -> KlingTask:
        with self._asking:
            return self._hook.get_task(task_id, self._job.capability, external=False)
