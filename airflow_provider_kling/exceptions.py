"""
Everything this provider raises.

::

    KlingError
    ├── KlingValidationError            refused here, before anything was sent (also a ValueError)
    ├── KlingConfigurationError         the Airflow connection cannot be used as it is
    ├── KlingBudgetError                a submit would pass max_units, or has no price that is known: it was not made
    ├── KlingApprovalError              nobody has approved what would be paid for: it was not submitted
    │   └── KlingRejectedError          ... somebody has said no
    ├── KlingConnectionError            no answer: refused, DNS, TLS, time-out, reset
    ├── KlingResponseError              an answer that is not the API's: HTML, truncated JSON, no task id
    ├── KlingAPIError                   the API answered with an error
    │   ├── KlingAuthenticationError    wrong, expired or not yet valid credentials
    │   ├── KlingPermissionError        this account may not use this API, model or address
    │   ├── KlingBalanceError           nothing left to pay with
    │   ├── KlingInvalidRequestError    Kling does not accept the request as it is
    │   │   ├── KlingModelRetiredError  Kling does not serve this model any more
    │   │   ├── KlingTaskNotFoundError  no task with this id (or not visible yet)
    │   │   └── KlingTaskExistsError    a task with this external_task_id exists already
    │   ├── KlingModerationError        content policy, before a task was created
    │   ├── KlingRateLimitError         too fast, or too many tasks at once
    │   └── KlingServerError            Kling's side is in trouble
    ├── KlingLostSubmitError            a task may have been paid for and cannot be found
    ├── KlingTaskFailedError            the task was created and ended as failed
    │   └── KlingTaskModeratedError     ... by content policy: the same prompt fails again
    ├── KlingResultError                the task succeeded and carries no video
    ├── KlingTaskTimeoutError           the deadline passed; the task goes on at Kling
    ├── KlingBatchError                 items of a batch failed
    └── KlingDownloadError              the video exists but could not be landed

Each says in words what happened to the money and what to do next, and carries the same as attributes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from airflow_provider_kling.api.text import without_queries


class TaskState(StrEnum):
    """What is known about the paid task when an error is raised."""

    NOT_CREATED = "not_created"
    MAY_EXIST = "may_exist"
    EXISTS = "exists"


_MONEY = {
    TaskState.NOT_CREATED: "No video was created and nothing was charged.",
    TaskState.MAY_EXIST: "A video may have been created and charged.",
    TaskState.EXISTS: "The task exists at Kling; if it was charged, it stays charged once.",
}


class KlingError(Exception):
    """
    Base of all errors of this provider.

    :param message: what happened, in one sentence without secrets.
    :param task_state: what is known about the paid task; ``None`` where no money is at stake.
    :param task_id: Kling's id of the task, when known.
    :param external_task_id: our id of the task, when known.
    :param request_id: the vendor's id of the HTTP request, to quote in a support ticket.
    :param http_status: HTTP status of the answer, when there was one.
    :param code: the vendor's error code, when there was one.
    :param retryable: whether the same call can succeed later without a change by the user.
    :param next_step: what to do now, in words; the class has a default.
    """

    default_next_step: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        task_state: TaskState | None = None,
        task_id: str | None = None,
        external_task_id: str | None = None,
        request_id: str | None = None,
        http_status: int | None = None,
        code: int | str | None = None,
        retryable: bool = False,
        next_step: str | None = None,
    ) -> None:
        # A host's text, or a library's, may hold a signed link.
        message = without_queries(message)
        super().__init__(message)
        self.message = message
        self.task_state = task_state
        self.task_id = task_id
        self.external_task_id = external_task_id
        self.request_id = request_id
        self.http_status = http_status
        self.code = code
        self.retryable = retryable
        self.next_step = self.default_next_step if next_step is None else next_step

    def about(
        self,
        *,
        task_state: TaskState | None = None,
        task_id: str | None = None,
        external_task_id: str | None = None,
    ) -> KlingError:
        """Add what the caller knows of the task and return the same error, ready to raise."""
        self.task_state = task_state or self.task_state
        self.task_id = task_id or self.task_id
        self.external_task_id = external_task_id or self.external_task_id
        return self

    def __str__(self) -> str:
        facts = {
            "HTTP": self.http_status,
            "code": self.code,
            "request_id": self.request_id,
            "task_id": self.task_id,
            "external_task_id": self.external_task_id,
        }
        known = ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
        parts = [
            self.message,
            f"({known})" if known else "",
            _MONEY[self.task_state] if self.task_state else "",
            self.next_step,
        ]
        return " ".join(part for part in parts if part)


class KlingValidationError(KlingError, ValueError):
    """The request was refused here, before anything was sent; all faults are in the message."""

    def __init__(self, message: str, *, faults: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message, task_state=TaskState.NOT_CREATED)
        self.faults = faults


class KlingConfigurationError(KlingError):
    """The Airflow connection cannot be used as it is."""


class KlingBudgetError(KlingError):
    """A submit would pass ``max_units``, or nobody knows its price: it was not made, and nothing was charged for it."""

    default_next_step = (
        "Raise max_units, or take a cheaper model, mode or duration, then clear this task: what was submitted is taken "
        "up at no cost."
    )


class KlingApprovalError(KlingError):
    """Nobody has approved what would be paid for, and it was not submitted."""

    default_next_step = "Clear the task to be asked anew."


class KlingRejectedError(KlingApprovalError):
    """Somebody has said no to what would be paid for: it was not submitted."""


class KlingConnectionError(KlingError):
    """Kling's host gave no answer: refused, name not found, TLS, time-out or reset."""


class KlingResponseError(KlingError):
    """The host answered, but not with what the API documents (HTML, truncated JSON, no task id)."""

    default_next_step = "Check host and path of the connection, and any proxy between Airflow and Kling."


class KlingAPIError(KlingError):
    """The API answered with an error."""


class KlingAuthenticationError(KlingAPIError):
    """The credentials are wrong, expired or not yet valid."""

    default_next_step = "Check the key (or access key and secret key) of the connection, and this machine's clock."


class KlingPermissionError(KlingAPIError):
    """This account may not use this API, this model, or this IP address."""

    default_next_step = "Check in Kling's console what this key may use, and the IP allow-list."


class KlingBalanceError(KlingAPIError):
    """Nothing is left to pay with: resource pack used up or expired, or the account is in arrears."""

    default_next_step = "Top up the account or resource pack, then clear this task."


class KlingInvalidRequestError(KlingAPIError):
    """Kling does not accept the request as it is."""

    default_next_step = "Change the request as the message says; the same request is refused again."


class KlingModelRetiredError(KlingInvalidRequestError):
    """Kling does not serve this model any more; the next step names the one to use instead."""

    default_next_step = "Use a model that Kling sells now; docs/models.md lists them."


class KlingTaskNotFoundError(KlingInvalidRequestError):
    """There is no task with this id, or it is not visible yet."""

    default_next_step = "Check the id, the account, and that the task is no older than 30 days."


class KlingTaskExistsError(KlingInvalidRequestError):
    """A task with this external_task_id exists already."""

    default_next_step = ""


class KlingModerationError(KlingAPIError):
    """The content policy refused the request before a task was created."""

    default_next_step = "Change the prompt; the same prompt is refused again."


class KlingRateLimitError(KlingAPIError):
    """
    Too many requests, or too many tasks at once for this account.

    :ivar retry_after: seconds that the server asked to wait, when it did.
    """

    default_next_step = "Wait, or lower the number of tasks that run at once."
    retry_after: float | None = None


class KlingServerError(KlingAPIError):
    """Kling's side is in trouble; it usually passes."""

    default_next_step = "Try again later."


class KlingLostSubmitError(KlingError):
    """The answer to a paid request was lost, and the task cannot be found by its external_task_id."""


class KlingTaskFailedError(KlingError):
    """
    The task was created, and Kling ended it as ``failed``.

    A failed generation is HTTP 200 with code 0; the reason stands in ``task_status_msg`` alone.
    """

    default_next_step = "A retry makes a new task."


class KlingTaskModeratedError(KlingTaskFailedError):
    """Kling's risk control ended the task: the same prompt fails again."""

    default_next_step = "Change the prompt, then clear this task."


class KlingResultError(KlingError):
    """Kling says ``succeed`` and gives no video (nor an image or a sound)."""

    default_next_step = "A retry polls again at no cost; if it stays so, send Kling's support the ids."


class KlingTaskTimeoutError(KlingError):
    """The deadline passed before the task ended. Kling has no cancel: the task goes on there."""

    default_next_step = (
        "A retry or a clear takes up the same task again at no cost; a longer timeout gives it more time."
    )


class KlingBatchError(KlingError):
    """Items of a batch failed; the message lists them, each with what happened to its money."""

    default_next_step = "A retry or a clear takes up what is paid for and submits only what failed or is missing."


class KlingDownloadError(KlingError):
    """The video exists at Kling but could not be written to output_path."""

    default_next_step = "A retry or a clear downloads the same video again at no cost; Kling keeps it for 30 days."
