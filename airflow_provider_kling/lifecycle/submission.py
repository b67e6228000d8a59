"""
How a wish becomes exactly one paid task: record x answer -> next step.

The only dangerous step is :class:`Post`, and :func:`next_step` hands it out in two cases alone: no POST of this
external id can have reached Kling, or the last one that may have is two minutes old and Kling, asked since, does not
know it. Kling refuses a repeated external id, so even a POST handed out wrongly is not paid twice there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.exceptions import (
    KlingConnectionError,
    KlingError,
    KlingLostSubmitError,
    KlingModerationError,
    KlingRateLimitError,
    KlingTaskExistsError,
    KlingTaskNotFoundError,
    TaskState,
)
from airflow_provider_kling.lifecycle.identity import Wish
from airflow_provider_kling.lifecycle.record import Record, unposted, with_reported
from airflow_provider_kling.lifecycle.waiting import failure

# "Not found" is believed only once the POST is this old: a new task can take seconds to show, and a request that timed
# out here may still be on its way through a gateway.
VISIBILITY = 120.0

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0

# With backoff two minutes. Then a retry goes on: better than a worker held by a host that answers nothing but HTML.
_TROUBLES = 6


@dataclass(frozen=True, slots=True)
class Created:
    """The POST was answered with a task."""

    task: KlingTask


@dataclass(frozen=True, slots=True)
class PostFailed:
    """The POST raised; ``error.task_state`` tells whether a task may exist."""

    error: KlingError


@dataclass(frozen=True, slots=True)
class Found:
    """The lookup found the task."""

    task: KlingTask


@dataclass(frozen=True, slots=True)
class LookupFailed:
    """The lookup raised. Only :class:`KlingTaskNotFoundError` says anything about the task."""

    error: KlingError


Answer = Created | PostFailed | Found | LookupFailed


@dataclass(frozen=True, slots=True)
class Post:
    """Write the record, then submit."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask Kling for this id: its own when known, else the ``external`` one."""

    task_id: str
    external: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Write the record, wait, and ask for the next step with no answer."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Adopt:
    """Write the record; this is the one paid task."""

    task: KlingTask


@dataclass(frozen=True, slots=True)
class Stop:
    """Write the record and raise."""

    error: KlingError


Step = Post | LookUp | Pause | Adopt | Stop


@dataclass(frozen=True, slots=True)
class SubmitPolicy:
    """
    What the user chose, and what the driver knows of this try.

    :param wish: for the ids of later generations.
    :param started_at: when this try began; an earlier try's POST is older.
    :param deadline: when to give up submitting.
    :param on_lost_submit: ``resubmit`` (the same id) or ``fail`` once a lost POST is believed not to have arrived.
    :param max_tries: of the task instance; a clear raises it.
    :param jitter: a number from 0 to 1; spreads the pauses of many tasks.
    """

    wish: Wish
    started_at: float
    deadline: float
    on_lost_submit: str = "resubmit"
    max_tries: int = 0
    jitter: float = 0.5


def next_step(record: Record, answer: Answer | None, *, now: float, policy: SubmitPolicy) -> tuple[Record, Step]:
    """
    Return what to do next, and the record to go on with.

    :param record: what is known.
    :param answer: the outcome of the step before, or ``None`` at the start of a try and after a pause.
    :param now: seconds since the epoch.
    """
    match answer:
        case None:
            return _begin(record, now)
        case Created(task):
            # Not the server's word: if its clock is behind ours, the time to wait would be used up already.
            return _adopt(replace(record, submitted_at=record.posted_at), _begun(task), now)
        case Found(task):
            if task.task_status is TaskStatus.FAILED and _is_of_an_earlier_try(record, policy):
                error = failure(task)
                # The same prompt fails again, and may be charged again.
                record = with_reported(record, task)
                return (record, Stop(error)) if not error.retryable else _next_generation(record, now, policy)
            return _adopt(record, task, now)
        case LookupFailed(error) if isinstance(error, KlingTaskNotFoundError):
            return _not_found(record, error, now, policy)
        case LookupFailed(error):
            return _lookup_failed(record, error, now, policy)
        case PostFailed(error):
            return _post_failed(record, error, now, policy)


def _begin(record: Record, now: float) -> tuple[Record, Step]:
    if record.posted_at is None and record.task_id is None:
        return _post(record, now)
    return record, LookUp(record.task_id or record.external_task_id, external=not record.task_id)


def _post(record: Record, now: float) -> tuple[Record, Step]:
    return replace(record, posted_at=now, posted_before=record.posted_at, refused=None), Post()


def _begun(task: KlingTask) -> KlingTask:
    """The answer to a submit has no place for a result: where it says that all is done, a poll brings the files."""
    done = task.task_status is TaskStatus.SUCCEED and not task.outputs
    return replace(task, task_status=TaskStatus.PROCESSING) if done else task


def _adopt(record: Record, task: KlingTask, now: float) -> tuple[Record, Step]:
    created = task.created_at.timestamp() if task.created_at else record.posted_at
    # A server's clock ahead of ours must not stretch the deadline.
    submitted_at = record.submitted_at or min(now, created or now)
    return replace(record, task_id=task.task_id, submitted_at=submitted_at, pauses=0, troubles=0), Adopt(task)


def _is_of_an_earlier_try(record: Record, policy: SubmitPolicy) -> bool:
    """A task that failed in this very try is this try's failure to report, not a reason to pay again at once."""
    return (record.posted_at or 0.0) <= policy.started_at


def _next_generation(record: Record, now: float, policy: SubmitPolicy) -> tuple[Record, Step]:
    generation = record.generation + 1
    following = Record(
        record.wish,
        policy.wish.external_task_id(generation),
        generation,
        record.fields,
        # Without a trustworthy record an earlier try may have posted this generation as well.
        posted_at=policy.started_at if record.assumed else None,
        assumed=record.assumed,
        earlier=record.earlier,
        estimate=record.estimate,
        spent=record.spent + record.cost,
        before=record.before,
    )
    return _begin(following, now)


def _not_found(record: Record, error: KlingError, now: float, policy: SubmitPolicy) -> tuple[Record, Step]:
    # What is only assumed to be posted may be asked for late, behind many others: no single answer is believed then.
    asked_once = record.assumed and record.posted_before is None and (record.pauses == 0 or record.troubles > 0)
    record = replace(record, troubles=0)
    if (left := (record.posted_at or 0.0) + VISIBILITY - now) > 0:
        error = _lost(record, "is not visible yet")
        return _pause(record, now, policy, "the task is not visible at Kling yet", error, at_most=left + 1.0)
    if record.task_id:
        return record, Stop(
            error.about(task_state=TaskState.EXISTS, task_id=record.task_id, external_task_id=record.external_task_id)
        )
    if asked_once:
        return _pause(record, now, policy, "the task is not found, by one answer", _lost(record, "is not found"))
    if record.duplicate:
        return record, Stop(_lost(record, "exists already according to Kling, which cannot find it"))
    if policy.on_lost_submit == "fail":
        return record, Stop(_lost(record, "cannot be found, and on_lost_submit is 'fail'"))
    return _post(replace(record, pauses=0), now)


def _lookup_failed(record: Record, error: KlingError, now: float, policy: SubmitPolicy) -> tuple[Record, Step]:
    """A lookup that errors is not a "not found": look it up again, and never submit on the strength of it."""
    error.about(
        task_state=TaskState.EXISTS if record.task_id else TaskState.MAY_EXIST,
        task_id=record.task_id,
        external_task_id=record.external_task_id,
    )
    if not error.retryable or record.troubles >= _TROUBLES:
        return record, Stop(error)
    record, why = replace(record, troubles=record.troubles + 1), f"the lookup failed: {error.message}"
    return _pause(record, now, policy, why, error, at_least=_retry_after(error))


def _post_failed(record: Record, error: KlingError, now: float, policy: SubmitPolicy) -> tuple[Record, Step]:
    error.about(external_task_id=record.external_task_id)
    if isinstance(error, KlingTaskExistsError):
        found = replace(record, duplicate=True)
        return found, LookUp(found.external_task_id, external=True)
    if error.task_state is not TaskState.NOT_CREATED:
        why = f"the answer to the submit is missing: {error.message}"
        return _pause(record, now, policy, why, error.about(task_state=TaskState.MAY_EXIST))
    settled = unposted(record)
    if settled.posted_at is not None:
        # This POST made nothing, yet one before it still may have.
        error.about(task_state=TaskState.MAY_EXIST)
    if isinstance(error, KlingRateLimitError):
        return _pause(settled, now, policy, error.message, error, at_least=_retry_after(error))
    if isinstance(error, KlingConnectionError) and record.troubles < _TROUBLES:
        return _pause(replace(settled, troubles=record.troubles + 1), now, policy, error.message, error)
    if isinstance(error, KlingModerationError):
        settled = replace(settled, refused={"message": str(error), "max_tries": policy.max_tries})
    return settled, Stop(error)


def _pause(
    record: Record,
    now: float,
    policy: SubmitPolicy,
    why: str,
    error: KlingError,
    *,
    at_least: float = 0.0,
    at_most: float = _LONGEST_PAUSE * 2,
) -> tuple[Record, Step]:
    """Pause with backoff and jitter, or stop with ``error`` when the deadline would pass meanwhile."""
    backoff = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(record.pauses, 10))
    seconds = max(at_least, min(at_most, backoff * (0.75 + 0.5 * policy.jitter)))
    if now + seconds > policy.deadline:
        return record, Stop(error)
    return replace(record, pauses=record.pauses + 1), Pause(seconds, why)


def _retry_after(error: KlingError) -> float:
    return (error.retry_after or 0.0) if isinstance(error, KlingRateLimitError) else 0.0


def _lost(record: Record, what: str) -> KlingLostSubmitError:
    return KlingLostSubmitError(
        f"The answer to a submit was lost; the task {what}.",
        task_state=TaskState.MAY_EXIST,
        external_task_id=record.external_task_id,
        retryable=True,
        next_step="A retry looks for it again before anything is paid; or look for the id in Kling's console.",
    )
