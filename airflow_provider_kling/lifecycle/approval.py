"""
Whether somebody has approved what is about to be paid for: question x answer -> verdict.

An answer counts for the requests that it was given to, until the task is cleared. Airflow keeps one form for a task
instance over all its tries and clears, and never changes what it shows; so each form carries, in a field that its page
hides, a token of what it is about, and an answer brings that back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId

APPROVE, REJECT = "Approve", "Reject"
OPTIONS = (APPROVE, REJECT)

TOKEN = "request"
"""Name of the hidden field of a form."""

EDITABLE = "prompt"
"""Name of the field that may be changed in a form."""

ANOTHER = 10**9
"""In place of the clears of an answer that may be to another question: it only helps to find what was paid for."""

# 48 bits: a form is of a few requests, and a list of 10,000 of them is still small.
_DIGITS = 12


class Verdict(Enum):
    """What is known of one request. UNKNOWN: it is to be asked for."""

    UNKNOWN = auto()
    APPROVED = auto()
    REJECTED = auto()


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """
    What the user chose.

    :param allow_modifications: whether the prompt may be changed in the form.
    :param timeout: seconds to wait for an answer; ``None``: for ever.
    :param on_timeout: ``fail`` or ``reject``.
    :param notifiers: Airflow's notifiers, called once the form is there.
    :param assigned_users: ``{"id", "name"}`` of who may answer; empty: everybody who may by Airflow's permissions.
    """

    allow_modifications: bool = True
    timeout: float | None = None
    on_timeout: str = "fail"
    notifiers: tuple[Any, ...] = ()
    assigned_users: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What is known of an answer.

    :param requests: digests of the requests that it is about.
    :param clears: ``ti.max_tries``, which a clear raises and a retry does not.
    :param approved: ``None`` where it was asked for, and is not known.
    :param changes: request fields as they were changed in the form.
    :param by: name of who answered; ``None`` where nobody did, and the time was up.
    """

    requests: frozenset[str]
    clears: int
    approved: bool | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    by: str | None = None

    @property
    def token(self) -> str:
        """What the form carries."""
        return f"{self.clears}:{''.join(sorted(self.requests))}"

    def answered(self, response: Mapping[str, Any], editable: Mapping[str, str]) -> Answer:
        """
        Return what was answered to this question.

        :param response: as Airflow keeps it: ``chosen_options``, ``params_input``, ``responded_by_user``.
        :param editable: the fields that may be changed, as they were.
        """
        given = response.get("params_input") or {}
        # A field that was emptied comes as nothing at all.
        values = {name: "" if value is None else value for name, value in given.items() if name != TOKEN}
        changes = {name: value for name, value in values.items() if name not in editable or value != editable[name]}
        who = response.get("responded_by_user") or {}
        approved = list(response.get("chosen_options") or ()) == [APPROVE]
        return replace(self, approved=approved, changes=changes, by=who.get("name") or who.get("id"))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        facts = {"token": self.token, "approved": self.approved, "changes": dict(self.changes), "by": self.by}
        return {name: value for name, value in facts.items() if value not in (None, {})}

    @classmethod
    def from_json(cls, stored: object) -> Answer | None:
        """Return what :meth:`to_json` wrote, or ``None`` where it cannot be read: then it is asked for again."""
        if not isinstance(stored, Mapping):
            return None
        asked = of_token(stored.get("token"))
        approved, changes = stored.get("approved"), stored.get("changes", {})
        if asked is None or not isinstance(approved, bool | None) or not isinstance(changes, Mapping):
            return None
        return replace(asked, approved=approved, changes=changes, by=stored.get("by"))


def of_token(token: object) -> Answer | None:
    """Return the question of a form by its token; ``None`` where it has none of ours."""
    clears, _, digits = token.partition(":") if isinstance(token, str) else ("", "", "")
    if not clears.isdecimal() or len(digits) % _DIGITS:
        return None
    return Answer(frozenset(digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)), int(clears))


@dataclass(frozen=True, slots=True)
class Question:
    """
    What may be asked for.

    :param requests: a digest of each request, in its place.
    :param clears: see :class:`Answer`.
    """

    requests: tuple[str, ...]
    clears: int

    @classmethod
    def of(cls, job: Job, instance: TaskInstanceId) -> Question:
        """
        Return the question of a job.

        The digests are of what is asked for and who pays, not of the task instance: so a clear with
        ``on_clear="new"`` asks of the same requests.
        """
        return cls(tuple(wish.fingerprint[:_DIGITS] for wish in job.wishes(instance)), instance.max_tries)

    def about(self, positions: Iterable[int]) -> Answer:
        """Return the question about some of the requests, as an answer that is not known."""
        return Answer(frozenset(self.requests[position] for position in positions), self.clears)

    def verdict(self, answer: Answer | None, position: int) -> Verdict:
        """Return what an answer says of a request."""
        if answer is None or answer.approved is None or answer.clears != self.clears:
            return Verdict.UNKNOWN
        if self.requests[position] not in answer.requests:
            return Verdict.UNKNOWN
        return Verdict.APPROVED if answer.approved else Verdict.REJECTED

    def unapproved(self, answer: Answer | None) -> frozenset[int]:
        """Return the positions of what may not be paid for yet."""
        positions = range(len(self.requests))
        return frozenset(at for at in positions if self.verdict(answer, at) is not Verdict.APPROVED)

    def is_rejected(self, answer: Answer | None, positions: Collection[int]) -> bool:
        """Whether somebody has said no to all of these; where others came along, all are asked for again."""
        return all(self.verdict(answer, at) is Verdict.REJECTED for at in positions)

    def knows(self, answer: Answer | None) -> bool:
        """Whether an answer was given to one request of this question, before a clear or after it."""
        return answer is not None and answer.approved is True and self.requests[0] in answer.requests


def is_shown(asked: Answer, shown: Answer | None) -> bool:
    """
    Whether a form that was made for another question shows all that is asked for now.

    :param shown: the question of the form that Airflow shows.
    """
    return shown is not None and asked.requests <= shown.requests


def joined(asked: Answer, before: Answer | None) -> Answer:
    """Return a question that takes in what was approved before it, since the last clear; so nothing of it is lost."""
    if before is None or not before.approved or before.clears != asked.clears:
        return asked
    return replace(asked, requests=asked.requests | before.requests)


def editable_fields(job: Job, policy: ApprovalPolicy) -> dict[str, str]:
    """Return what may be changed in the form of a job: the prompt of one video, where it has one."""
    prompt: Any = job.requests[0].get(EDITABLE) if len(job.requests) == 1 and not job.is_batch else None
    return {EDITABLE: prompt} if policy.allow_modifications and isinstance(prompt, str) else {}


def unexpected(changes: Mapping[str, Any], allowed: Collection[str]) -> Sequence[tuple[str, str]]:
    """Return what is wrong with changes to fields that are not to be changed."""
    return [
        (name, "was changed in the answer, and cannot be: approve or reject the request as it is")
        for name in changes
        if name not in allowed
    ]
