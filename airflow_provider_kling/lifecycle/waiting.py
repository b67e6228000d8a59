"""
What one poll of a task means: done, failed, poll again in n seconds, or timed out.

The sync operator, the trigger and the sensor all call :func:`decide`, so that they cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_kling.api.errors import tells_of_moderation
from airflow_provider_kling.api.models import USUAL_SECONDS
from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.exceptions import (
    KlingAuthenticationError,
    KlingConfigurationError,
    KlingError,
    KlingModerationError,
    KlingPermissionError,
    KlingRateLimitError,
    KlingResultError,
    KlingTaskFailedError,
    KlingTaskModeratedError,
    KlingTaskNotFoundError,
    KlingTaskTimeoutError,
    TaskState,
)

# A new task can take seconds to show (a gateway channel answered task_not_exist for some: ddcat-ai/open-ai-canvas#416).
# Not found for ten minutes is an id that is wrong, or a task older than the 30 days that Kling keeps.
NOT_FOUND_GRACE = 600.0

_ROUNDING = 0.05

# Nothing but a change by the user heals these; a job that is alive is not failed for anything less.
_HOPELESS = (KlingAuthenticationError, KlingPermissionError, KlingConfigurationError)


@dataclass(frozen=True, slots=True)
class Done:
    """The task succeeded and carries what it made."""

    task: KlingTask


@dataclass(frozen=True, slots=True)
class Failed:
    """Waiting on cannot help; raise ``error``."""

    error: KlingError


@dataclass(frozen=True, slots=True)
class PollAgain:
    """Nothing is decided; poll again in ``seconds``. ``why`` is set when something is worth a line in the log."""

    seconds: float
    why: str = ""


Verdict = Done | Failed | PollAgain


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """
    How long and how often to poll.

    :param submitted_at: when the task was submitted, or else when the waiting began (seconds since the epoch).
    :param deadline: when to give up (seconds since the epoch).
    :param poll_interval: seconds between polls; ``None`` follows the usual course of a generation.
    :param typical: how long such a generation usually takes, in seconds.
    """

    submitted_at: float
    deadline: float
    poll_interval: float | None = None
    typical: float = USUAL_SECONDS

    def delay(self, now: float) -> float:
        """Return the seconds until the next poll, which is never later than the deadline."""
        usual = self.poll_interval or poll_delay(now - self.submitted_at, self.typical)
        return max(0.0, min(usual, self.deadline - now))


def poll_delay(age: float, typical: float = USUAL_SECONDS) -> float:
    """
    Return the seconds to wait before polling a task of this age.

    Of the usual 105 s: nothing can be missed before the first minute is over, most ends come in the two minutes after
    it, and what takes longer is in no hurry. Of another generation: the same course, faster or slower.

    :param age: seconds since the submission.
    :param typical: how long such a generation usually takes, in seconds.
    """
    pace = typical / USUAL_SECONDS
    if age < 60 * pace:
        return max(5 * pace, 80 * pace - age)
    if age < 180 * pace:
        return 9 * pace
    return min(60.0, 15 + (age - 180 * pace) / 20)


def decide(seen: KlingTask | KlingError, policy: PollPolicy, now: float, *, seen_at: float = 0.0) -> Verdict:
    """
    Decide on one poll.

    :param seen: the task as it is now, or what went wrong while polling.
    :param now: seconds since the epoch.
    :param seen_at: when the task was last found, where that is known.
    """
    if isinstance(seen, KlingError):
        return _decide_on_trouble(seen, policy, now, found_at=max(policy.submitted_at, seen_at))
    if seen.task_status is TaskStatus.FAILED:
        return Failed(failure(seen))
    if seen.task_status is TaskStatus.SUCCEED:
        return Done(seen) if seen.outputs else Failed(_no_file(seen))
    why = f"unknown task_status {seen.raw_status!r}" if seen.task_status is TaskStatus.UNKNOWN else ""
    return _again(policy, now, f"task_status is still {seen.raw_status!r}", why=why)


def failure(task: KlingTask) -> KlingTaskFailedError:
    """Return the error for a task that Kling ended as ``failed``."""
    reason = task.task_status_msg or "Kling gave no reason"
    # The only signal: there is no code on a failed task.
    moderated = tells_of_moderation(reason)
    kind = KlingTaskModeratedError if moderated else KlingTaskFailedError
    return kind(
        f"Kling ended the task as failed: {reason}.",
        task_state=TaskState.EXISTS,
        task_id=task.task_id,
        external_task_id=task.external_task_id,
        request_id=task.request_id,
        retryable=not moderated,
    )


def is_moderated(error: KlingError) -> bool:
    """Whether Kling's moderation refused the request, before a task of it was created or after."""
    return isinstance(error, (KlingModerationError, KlingTaskModeratedError))


def is_trouble(error: KlingError) -> bool:
    """Whether it says something of the polls, and nothing of the task."""
    return not isinstance(error, (KlingTaskFailedError, KlingResultError, KlingTaskTimeoutError))


def _decide_on_trouble(error: KlingError, policy: PollPolicy, now: float, *, found_at: float) -> Verdict:
    error.about(task_state=TaskState.EXISTS)
    if isinstance(error, _HOPELESS):
        return Failed(error)
    if isinstance(error, KlingTaskNotFoundError) and now - found_at > NOT_FOUND_GRACE:
        return Failed(error)
    # Retry-After is the server's word on when a poll can succeed; the schedule's own is a guess.
    asked = (error.retry_after or 0.0) if isinstance(error, KlingRateLimitError) else 0.0
    return _again(policy, now, f"the last poll failed: {error.message}", why=error.message, at_least=asked)


def _again(policy: PollPolicy, now: float, last: str, *, why: str = "", at_least: float = 0.0) -> Verdict:
    # What is left of the time after a pause up to the deadline is rounding, and no reason for another poll.
    if policy.deadline - now > _ROUNDING:
        return PollAgain(max(policy.delay(now), min(at_least, policy.deadline - now)), why)
    waited = policy.deadline - policy.submitted_at
    return Failed(
        KlingTaskTimeoutError(
            f"Waited {waited:.0f} s since submission; {last}.", task_state=TaskState.EXISTS, retryable=True
        )
    )


def _no_file(task: KlingTask) -> KlingResultError:
    return KlingResultError(
        "Kling says succeed and gives no video (nor an image or a sound).",
        task_state=TaskState.EXISTS,
        task_id=task.task_id,
        external_task_id=task.external_task_id,
        request_id=task.request_id,
        retryable=True,
    )
