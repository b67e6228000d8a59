"""Carry out the steps of :mod:`airflow_provider_kling.lifecycle.submission` against Kling and the record."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.compat import clock
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.lifecycle.submission import (
    Adopt,
    Answer,
    Created,
    Found,
    LookUp,
    LookupFailed,
    Pause,
    Policy,
    Post,
    PostFailed,
    Stop,
    next_step,
    unposted,
)

if TYPE_CHECKING:
    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.api.task import KlingTask
    from airflow_provider_kling.compat.state_store import RecordStore
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.lifecycle.record import Record

log = logging.getLogger(__name__)


class Submitter:
    """
    Turn a wish into its one paid task.

    :param hook: talks to Kling.
    :param store: keeps the record between tries.
    :param capability: what is asked for.
    :param body: the request without ``external_task_id``.
    :param policy: what the user chose.
    :param pause: waits, or defers the Airflow task and does not return.
    :param before_post: may raise to put a submit off; gets the record without it.
    """

    def __init__(
        self,
        *,
        hook: KlingHook,
        store: RecordStore,
        capability: Capability,
        body: Mapping[str, Any],
        policy: Policy,
        pause: Callable[[float, Record], None],
        before_post: Callable[[Record], None] = lambda _: None,
    ) -> None:
        self._hook = hook
        self._store = store
        self._capability = capability
        self._body = body
        self._policy = policy
        self._pause = pause
        self._before_post = before_post

    def run(self, record: Record) -> tuple[Record, KlingTask]:
        """
        Return the paid task, new or adopted, and the record that names it.

        :raises KlingError: with ``task_state``, when there is none or it cannot be known.
        """
        answer: Answer | None = None
        while True:
            policy = replace(self._policy, jitter=random.random())
            record, step = next_step(record, answer, now=clock.now(), policy=policy)
            match step:
                case Post():
                    self._before_post(unposted(record))
                    self._store.save_intent(record)
                    answer = self._post(record)
                case LookUp(task_id):
                    answer = self._look_up(task_id)
                case Pause(seconds, why):
                    self._store.save(record)
                    log.warning("Waiting %.0f s before the next step of the submit: %s", seconds, why)
                    self._pause(seconds, record)
                    answer = None
                case Adopt(task):
                    self._store.save(record)
                    return record, task
                case Stop(error):
                    self._store.save(record)
                    raise error

    def _post(self, record: Record) -> Answer:
        try:
            task = self._hook.create_task({**self._body, "external_task_id": record.external_task_id}, self._capability)
        except KlingError as error:
            return PostFailed(error)
        log.info("Submitted task %s (external_task_id %s).", task.task_id, record.external_task_id)
        return Created(task)

    def _look_up(self, task_id: str) -> Answer:
        try:
            task = self._hook.get_task(task_id, self._capability)
        except KlingError as error:
            return LookupFailed(error)
        log.info("Found task %s, submitted before: %s.", task.task_id, task.raw_status)
        return Found(task)
