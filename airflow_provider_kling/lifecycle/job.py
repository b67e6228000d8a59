"""
What a task wants of Kling, as one value.

An operator declares its arguments, renders and checks them, and makes a :class:`Job` of them; what carries it out knows
the job and no operator.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from airflow_provider_kling import MAX_BYTES
from airflow_provider_kling.api import prices
from airflow_provider_kling.api.capabilities import Capability
from airflow_provider_kling.api.models import (
    FORMER_DEFAULT_MODEL,
    FORMER_DIALECTS,
    canonical_model,
    default_model,
    typical_seconds,
)
from airflow_provider_kling.exceptions import KlingBudgetError, TaskState
from airflow_provider_kling.lifecycle.batch import Limits
from airflow_provider_kling.lifecycle.budget import listed
from airflow_provider_kling.lifecycle.identity import Account, Wish, content_digest, fingerprint
from airflow_provider_kling.lifecycle.labels import Label
from airflow_provider_kling.lifecycle.submission import SubmitPolicy
from airflow_provider_kling.lifecycle.waiting import PollPolicy


class TaskInstanceId(NamedTuple):
    """
    For which task instance a job is done.

    :param max_tries: a clear raises it and a retry does not, in every Airflow 3.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    max_tries: int


@dataclass(frozen=True, slots=True)
class Job:
    """
    One or many videos to be made, and how.

    :param capability: what kind of generation.
    :param account: who pays.
    :param requests: the checked requests, without ``external_task_id``.
    :param labels: what the user calls each of them, for all or for none; no part of what is paid for.
    :param filled: positions of the requests whose model the dialect chose, not the user.
    :param is_batch: whether a list was asked for; one video has its result and its error to itself.
    :param external_task_id: the user's own id.
    :param wait_for_completion: whether to wait and land.
    :param deferrable: whether to wait in the triggerer.
    :param poll_interval: seconds between polls; ``None`` follows the usual course of a generation.
    :param timeout: seconds from submission until the wait is given up.
    :param execution_timeout: Airflow's limit of a try, in seconds.
    :param output_path: where to land.
    :param max_bytes: size of a video at most.
    :param xcom_links: whether the result may hold Kling's signed links.
    :param on_clear: ``reuse`` or ``new``.
    :param on_lost_submit: ``resubmit`` or ``fail``.
    :param on_item_failure: ``fail`` or ``continue``.
    :param on_moderation: ``fail``, ``skip`` or ``return``.
    :param on_moderation_of: the same of items that have it otherwise, by position.
    :param max_active: tasks at Kling at once; ``None``: as many as the account's resource packs say.
    :param partition_by_key: whether the events of assets have the key of their video as partition key.
    :param max_units: units that may be submitted for the task instance in all; ``None``: whatever it costs.
    """

    capability: Capability
    account: Account
    requests: tuple[Mapping[str, Any], ...]
    labels: tuple[Label, ...] = ()
    filled: frozenset[int] = frozenset()
    is_batch: bool = False
    external_task_id: str | None = None
    wait_for_completion: bool = True
    deferrable: bool = False
    poll_interval: float | None = None
    timeout: float = 3600.0
    execution_timeout: float | None = None
    output_path: str | None = None
    max_bytes: int = MAX_BYTES
    xcom_links: bool = True
    on_clear: str = "reuse"
    on_lost_submit: str = "resubmit"
    on_item_failure: str = "fail"
    on_moderation: str = "fail"
    on_moderation_of: Mapping[int, str] = field(default_factory=dict)
    max_active: int | None = 1
    max_units: float | None = None
    partition_by_key: bool = False

    @property
    def digest(self) -> str:
        """A digest of all requests, to notice a template that renders differently."""
        return content_digest(self.requests)

    def label(self, position: int) -> Label:
        """Return what the user calls a request."""
        return self.labels[position] if self.labels else Label()

    def wishes(self, instance: TaskInstanceId) -> Iterator[Wish]:
        """
        Yield the identity of each request: its content, and in a batch which one of equal ones it is.

        Not its position: a row inserted at the top of a table must not make all the others new.
        """
        equal: Counter[str] = Counter()
        for request in self.requests:
            content: dict[str, Any] = {**request, "model": canonical_model(str(request.get("model")))}
            if self.is_batch:
                known = json.dumps(content, sort_keys=True)
                content["occurrence"] = equal[known]
                equal[known] += 1
            yield Wish(
                *instance[:4],
                fingerprint=fingerprint(content, self.account),
                fresh=instance.max_tries if self.on_clear == "new" else None,
                own_id=self.external_task_id,
                namespace=self.account.namespace,
            )

    def as_formerly(self) -> Job | None:
        """
        Return the job as it was while one default model served all dialects; ``None`` where it was the same.

        What was begun under that name is gone on with, so that an upgrade buys nothing again.
        """
        if self.account.dialect not in FORMER_DIALECTS or self.capability.name != "text2video":
            return None
        requests = tuple(
            {**request, "model": FORMER_DEFAULT_MODEL} if position in self.filled else request
            for position, request in enumerate(self.requests)
        )
        return None if requests == self.requests else replace(self, requests=requests, filled=frozenset())

    def model(self, request: Mapping[str, Any]) -> str | None:
        """Return the model of a request. A task whose id is known only waits: its request was not filled anew."""
        return request.get("model") or default_model(self.capability.name, self.account.dialect)

    def estimate(self, request: Mapping[str, Any]) -> dict[str, float] | None:
        """Return the ``units`` and ``usd`` that a request is listed at, or ``None`` where its price is not known."""
        found = prices.estimate(self.capability, {**request, "model": self.model(request)}, self.account.dialect)
        return None if found is None else {"units": found.units, "usd": found.usd}

    def unpriced(self) -> KlingBudgetError | None:
        """Return the error for requests that ``max_units`` cannot bound, as their price is not known."""
        if self.max_units is None:
            return None
        unknown = [position for position, body in enumerate(self.requests) if self.estimate(body) is None]
        if not unknown:
            return None
        models = ", ".join(sorted({repr(self.requests[position].get("model")) for position in unknown}))
        where = f" (items {listed(unknown)})" if self.is_batch else ""
        return KlingBudgetError(
            f"max_units={self.max_units:g} cannot bound what has no known price: model {models}, as it is asked for"
            f"{where}.",
            task_state=TaskState.NOT_CREATED,
            next_step="Take a model, mode and duration that Kling's price list has, or leave max_units out.",
        )

    def on_moderation_at(self, position: int) -> str:
        """Return what becomes of an item that moderation refuses."""
        return self.on_moderation_of.get(position, self.on_moderation)

    def submit_policy(self, wish: Wish, *, started_at: float, moved_at: float, max_tries: int = 0) -> SubmitPolicy:
        """
        Return how to submit.

        :param max_tries: of the task instance.
        :param started_at: when this try began.
        :param moved_at: when a task was last made or landed: as long as videos end, a busy account has a slot in time.
        """
        return SubmitPolicy(wish, started_at, moved_at + self.timeout, self.on_lost_submit, max_tries)

    def poll_policy(self, request: Mapping[str, Any], submitted_at: float, *, started_at: float) -> PollPolicy:
        """
        Return how long and how often to poll.

        :param started_at: when this try began. Airflow ignores ``execution_timeout`` while a task is deferred, so a
            wait for one video ends with it; a batch ends as a whole (:meth:`limits`).
        """
        deadline = submitted_at + self.timeout
        if self.execution_timeout is not None and not self.is_batch:
            deadline = min(deadline, started_at + self.execution_timeout)
        return PollPolicy(submitted_at, deadline, self.poll_interval, typical_seconds(request, self.capability.name))

    def limits(self, started_at: float) -> Limits:
        """Return what bounds a try that began then."""
        bounded = self.is_batch and self.execution_timeout is not None
        gives_up_at = started_at + (self.execution_timeout or 0.0) if bounded else float("inf")
        return Limits(self.max_active or 1, self.deferrable, gives_up_at, self.max_units)
