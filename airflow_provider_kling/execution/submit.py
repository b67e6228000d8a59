"""Carry out the steps of :mod:`airflow_provider_kling.lifecycle.submission` against Kling and the record."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.compat import clock
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.lifecycle.budget import told
from airflow_provider_kling.lifecycle.record import unposted
from airflow_provider_kling.lifecycle.submission import (
    VISIBILITY,
    Adopt,
    Answer,
    Created,
    Found,
    LookUp,
    LookupFailed,
    Pause,
    Post,
    PostFailed,
    Stop,
    SubmitPolicy,
    next_step,
)

if TYPE_CHECKING:
    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.execution.record_store import RecordStore
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.lifecycle.record import Record

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Adopted:
    """
    This is the one paid task; the record names it.

    :param created: whether it was just made; else it was found.
    """

    record: Record
    task: KlingTask
    created: bool


@dataclass(frozen=True, slots=True)
class Paused:
    """Go on with this record after so many seconds."""

    record: Record
    seconds: float


@dataclass(frozen=True, slots=True)
class NoSlot:
    """The next step is a POST, and it was not admitted; the record is as it was before it."""

    record: Record


Outcome = Adopted | Paused | NoSlot


@dataclass(frozen=True, slots=True)
class Submitter:
    """
    Turn a request into its one paid task.

    :param hook: talks to Kling.
    :param store: keeps the record between tries.
    :param capability: what is asked for.
    :param body: the request without ``external_task_id``.
    :param policy: what the user chose.
    :param admit: asked with the record before each POST whether it may be sent now.
    """

    hook: KlingHook
    store: RecordStore
    capability: Capability
    body: Mapping[str, Any]
    policy: SubmitPolicy
    admit: Callable[[Record], bool]

    def run(self, record: Record) -> Outcome:
        """
        Go on until the task is known, a pause is due, or a POST is not admitted.

        :raises KlingError: with ``task_state``, when there is no task or it cannot be known.
        """
        answer: Answer | None = None
        while True:
            policy = replace(self.policy, jitter=random.random())
            pauses = record.pauses
            record, step = next_step(record, answer, now=clock.now(), policy=policy)
            match step:
                case Post():
                    if not self.admit(record):
                        # With its pauses: they tell that more than one answer was "not found".
                        return NoSlot(replace(unposted(record), pauses=pauses))
                    self.store.save_intent(record)
                    answer = self._post(record)
                case LookUp(task_id, external):
                    answer = self._look_up(record, task_id, external=external)
                case Pause(seconds, why):
                    self.store.save(record)
                    log.warning("Waiting %.0f s before the next step of the submit: %s", seconds, why)
                    return Paused(record, seconds)
                case Adopt(task):
                    self.store.save(record)
                    return Adopted(record, task, created=isinstance(answer, Created))
                case Stop(error):
                    self.store.save(record)
                    raise error

    def _post(self, record: Record) -> Answer:
        log.info("Submitting %s, estimated %s.", record.external_task_id, told(record.estimate))
        try:
            task = self.hook.create_task({**self.body, "external_task_id": record.external_task_id}, self.capability)
        except KlingError as error:
            return PostFailed(error)
        log.info("Submitted task %s (external_task_id %s).", task.task_id, record.external_task_id)
        return Created(task)

    def _look_up(self, record: Record, task_id: str, *, external: bool) -> Answer:
        # A "not found" of a POST that was sent, and is old, will be believed: not on the word of one replica.
        sent_at = record.posted_at if record.posted_before is not None or not record.assumed else None
        if sent_at is not None and clock.now() - sent_at > VISIBILITY:
            seen = self.hook.poll_task(task_id, self.capability, external=external)
        else:
            seen = self._get(task_id, external=external)
        if isinstance(seen, KlingError):
            return LookupFailed(seen)
        log.info("Found task %s, submitted before: %s.", seen.task_id, seen.raw_status)
        return Found(seen)

    def _get(self, task_id: str, *, external: bool) -> KlingTask | KlingError:
        try:
            return self.hook.get_task(task_id, self.capability, external=external)
        except KlingError as error:
            return error
