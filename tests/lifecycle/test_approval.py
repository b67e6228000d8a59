"""What an answer counts for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.lifecycle.approval import (
    TOKEN,
    Answer,
    Question,
    Verdict,
    is_shown,
    joined,
    of_token,
)
from airflow_provider_kling.lifecycle.batch import Ask, Land, Limits, Submit, next_step
from airflow_provider_kling.lifecycle.item import Complete, Ended, Failed, State, Submitted, Unresolved, Unsubmitted

DIGESTS = st.text("0123456789abcdef", min_size=12, max_size=12)
A, B, C = "a" * 12, "b" * 12, "c" * 12


@given(st.frozensets(DIGESTS), st.integers(0, 99), st.sampled_from([None, True, False]), st.none() | st.text())
def test_an_answer_is_read_as_it_was_written(
    requests: frozenset[str], clears: int, approved: bool | None, prompt: str | None
) -> None:
    changes = {} if prompt is None else {"prompt": prompt}
    answer = Answer(requests, clears, approved, changes, by="Ada")
    assert Answer.from_json(answer.to_json()) == answer
    assert of_token(answer.token) == Answer(requests, clears)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        7,
        "x",
        [],
        {},
        {"token": 7},
        {"token": "x:"},
        {"token": "1:abc"},
        {"token": f"-1:{A}"},
        {"token": f"1:{A}", "approved": "yes"},
        {"token": f"1:{A}", "changes": 7},
    ],
)
def test_what_cannot_be_read_is_asked_for_again(stored: Any) -> None:
    assert Answer.from_json(stored) is None


@pytest.mark.parametrize(
    ("answer", "verdicts"),
    [
        (None, [Verdict.UNKNOWN] * 2),
        (Answer(frozenset({A, B}), 3), [Verdict.UNKNOWN] * 2),
        (Answer(frozenset({A, B}), 3, approved=True), [Verdict.APPROVED] * 2),
        (Answer(frozenset({A, B}), 3, approved=False), [Verdict.REJECTED] * 2),
        (Answer(frozenset({A, C}), 3, approved=True), [Verdict.APPROVED, Verdict.UNKNOWN]),
        # Of before a clear, whatever was said.
        (Answer(frozenset({A, B}), 2, approved=True), [Verdict.UNKNOWN] * 2),
    ],
)
def test_verdicts(answer: Answer | None, verdicts: list[Verdict]) -> None:
    question = Question((A, B), 3)
    assert [question.verdict(answer, position) for position in (0, 1)] == verdicts
    assert question.unapproved(answer) == {at for at, one in enumerate(verdicts) if one is not Verdict.APPROVED}
    assert question.is_rejected(answer, [0, 1]) == (verdicts == [Verdict.REJECTED] * 2)


def test_what_was_approved_before_is_not_lost_by_asking_for_more() -> None:
    asked = Answer(frozenset({C}), 3)
    assert joined(asked, Answer(frozenset({A}), 3, approved=True)).requests == {A, C}
    assert joined(asked, Answer(frozenset({A}), 3, approved=False)) == asked
    assert joined(asked, Answer(frozenset({A}), 2, approved=True)) == asked
    assert joined(asked, None) == asked


def test_a_former_form_will_do_where_all_is_in_it() -> None:
    asked = Answer(frozenset({A}), 4)
    assert is_shown(asked, Answer(frozenset({A, B}), 3))
    assert not is_shown(asked, Answer(frozenset({B}), 4))
    assert not is_shown(asked, None)


def test_what_was_changed() -> None:
    asked = Answer(frozenset({A}), 0)

    def changes(**given: Any) -> Any:
        response = {"chosen_options": ["Approve"], "params_input": given}
        return asked.answered(response, {"prompt": "A cat"}).changes

    assert changes() == {}
    assert changes(prompt="A cat", **{TOKEN: asked.token}) == {}
    assert changes(prompt="A dog") == {"prompt": "A dog"}
    # A field that was emptied is no field that was left alone.
    assert changes(prompt=None) == {"prompt": ""}
    assert changes(model="kling-v3") == {"model": "kling-v3"}


@pytest.mark.parametrize("options", [[], ["Reject"], ["Approve", "Reject"], ["approve"], None])
def test_only_approve_approves(options: Any) -> None:
    answer = Answer(frozenset({A}), 0).answered({"chosen_options": options}, {})
    assert answer.approved is False


ENDED = Ended(KlingTask("t", TaskStatus.SUCCEED, "succeed"))


@pytest.mark.parametrize(
    ("states", "held", "step"),
    [
        ([Unsubmitted()], {0}, Ask((0,))),
        ([Unsubmitted()], set(), Submit((0,), 2)),
        # All that is not submitted, for somebody approves a total.
        ([Unsubmitted(), Unsubmitted(), Submitted(9.0)], {1}, Ask((0, 1))),
        # Nothing is asked for that may be paid for already, or waits to be landed.
        ([Unsubmitted(), Unresolved(holds_slot=False)], {0, 1}, Submit((1,), 0)),
        ([Unsubmitted(), ENDED], {0, 1}, Land((1,))),
        ([Complete(), Unsubmitted()], {0}, Submit((1,), 2)),
        # Nobody is asked where nothing is to be submitted any more.
        ([Failed(KlingError("x"), stops=True), Unsubmitted(), Submitted(0.0)], {1}, None),
    ],
)
def test_when_it_is_asked_for(states: list[State], held: set[int], step: Any) -> None:
    found = next_step(states, Limits(max_active=2), 1.0, lands=True, held=held)
    assert found == step if step else not isinstance(found, Ask)
