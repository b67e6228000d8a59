"""
What a task wants of Kling, as one value.

An operator declares its arguments, renders and checks them, and makes a :class:`Job` of them; what carries it out knows
the job and no operator.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from airflow_provider_kling.api.capabilities import Capability
from airflow_provider_kling.api.models import canonical_model, typical_seconds
from airflow_provider_kling.lifecycle.batch import Limits
from airflow_provider_kling.lifecycle.identity import Account, Wish, content_digest, fingerprint
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
    :param is_batch: whether a list was asked for; one video has its result and its error to itself.
    :param external_task_id: the user's own id.
    :param wait_for_completion: whether to wait and land.
    :param deferrable: whether to wait in the triggerer.
    :param poll_interval: seconds between polls; ``None`` follows the usual course of a generation.
    :param timeout: seconds from submission until the wait is given up.
    :param execution_timeout: Airflow's limit of a try, in seconds.
    :param output_path: where to land.
    :param on_clear: ``reuse`` or ``new``.
    :param on_lost_submit: ``resubmit`` or ``fail``.
    :param on_item_failure: ``fail`` or ``continue``.
    :param max_active: tasks at Kling at once.
    """

    capability: Capability
    account: Account
    requests: tuple[Mapping[str, Any], ...]
    is_batch: bool = False
    external_task_id: str | None = None
    wait_for_completion: bool = True
    deferrable: bool = False
    poll_interval: float | None = None
    timeout: float = 3600.0
    execution_timeout: float | None = None
    output_path: str | None = None
    on_clear: str = "reuse"
    on_lost_submit: str = "resubmit"
    on_item_failure: str = "fail"
    max_active: int = 1

    @property
    def digest(self) -> str:
        """A digest of all requests, to notice a template that renders differently."""
        return content_digest(self.requests)

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
            )

    def submit_policy(self, wish: Wish, *, started_at: float, moved_at: float) -> SubmitPolicy:
        """
        Return how to submit.

        :param started_at: when this try began.
        :param moved_at: when a task was last made or landed: as long as videos end, a busy account has a slot in time.
        """
        return SubmitPolicy(wish, started_at, moved_at + self.timeout, self.on_lost_submit)

    def poll_policy(self, request: Mapping[str, Any], submitted_at: float, *, started_at: float) -> PollPolicy:
        """
        Return how long and how often to poll.

        :param started_at: when this try began. Airflow ignores ``execution_timeout`` while a task is deferred, so a
            wait for one video ends with it; a batch ends as a whole (:meth:`limits`).
        """
        deadline = submitted_at + self.timeout
        if self.execution_timeout is not None and not self.is_batch:
            deadline = min(deadline, started_at + self.execution_timeout)
        return PollPolicy(submitted_at, deadline, self.poll_interval, typical_seconds(request))

    def limits(self, started_at: float) -> Limits:
        """Return what bounds a try that began then."""
        bounded = self.is_batch and self.execution_timeout is not None
        gives_up_at = started_at + (self.execution_timeout or 0.0) if bounded else float("inf")
        return Limits(self.max_active, self.deferrable, gives_up_at)
