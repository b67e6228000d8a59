from __future__ import annotations

import random

import pytest

from airflow_provider_kling import exceptions as exc
from airflow_provider_kling.api.task import KlingOutput, KlingTask, TaskStatus
from airflow_provider_kling.lifecycle.waiting import Done, Failed, PollAgain, PollPolicy, decide, is_trouble, poll_delay

PATIENCE = PollPolicy(submitted_at=1000.0, deadline=4600.0, poll_interval=10)


def task(word: str, *, msg: str = "", video: bool = False) -> KlingTask:
    videos = (KlingOutput("https://x/y.mp4"),) if video else ()
    return KlingTask("t1", TaskStatus.parse(word), raw_status=word, task_status_msg=msg, videos=videos)


@pytest.mark.parametrize("word", ["submitted", "processing", "queued_v2", ""])
def test_what_is_not_final_is_looked_at_again(word: str) -> None:
    verdict = decide(task(word), PATIENCE, now=1100)

    assert isinstance(verdict, PollAgain)
    assert verdict.seconds == 10
    assert ("unknown" in verdict.why) == (word not in ("submitted", "processing"))


def test_success_is_done_and_success_without_a_video_is_not() -> None:
    assert decide(task("succeed", video=True), PATIENCE, now=1100) == Done(task("succeed", video=True))
    verdict = decide(task("succeed"), PATIENCE, now=1100)
    assert isinstance(verdict, Failed)
    assert isinstance(verdict.error, exc.KlingResultError)


@pytest.mark.parametrize(
    ("reason", "kind", "retryable"),
    [
        ("Failure to pass the risk control system", exc.KlingTaskModeratedError, False),
        ("Content policy violation", exc.KlingTaskModeratedError, False),
        ("Image pixel is invalid", exc.KlingTaskFailedError, True),
        ("", exc.KlingTaskFailedError, True),
    ],
)
def test_the_reason_of_a_failure_is_task_status_msg(reason: str, kind: type, retryable: bool) -> None:
    verdict = decide(task("failed", msg=reason), PATIENCE, now=1100)

    assert isinstance(verdict, Failed)
    assert type(verdict.error) is kind
    assert verdict.error.retryable is retryable
    assert (reason or "gave no reason") in str(verdict.error)


TROUBLE = [
    exc.KlingConnectionError("x", retryable=True),
    exc.KlingResponseError("x"),
    exc.KlingServerError("x", retryable=True),
    exc.KlingInvalidRequestError("x"),
    exc.KlingBalanceError("x"),
    exc.KlingTaskNotFoundError("x"),
]


@pytest.mark.parametrize("error", TROUBLE, ids=lambda error: type(error).__name__)
def test_trouble_never_fails_a_task_that_is_alive_and_paid_for(error: exc.KlingError) -> None:
    assert isinstance(decide(error, PATIENCE, now=1100), PollAgain)


@pytest.mark.parametrize("kind", [exc.KlingAuthenticationError, exc.KlingPermissionError, exc.KlingConfigurationError])
def test_what_cannot_heal_fails_at_once(kind: type[exc.KlingError]) -> None:
    verdict = decide(kind("x"), PATIENCE, now=1100)

    assert isinstance(verdict, Failed)
    assert verdict.error.task_state is exc.TaskState.EXISTS


def test_not_found_is_believed_after_ten_minutes() -> None:
    assert isinstance(decide(exc.KlingTaskNotFoundError("x"), PATIENCE, now=1600), PollAgain)
    assert isinstance(decide(exc.KlingTaskNotFoundError("x"), PATIENCE, now=1601), Failed)


def test_retry_after_is_obeyed() -> None:
    error = exc.KlingRateLimitError("x", retryable=True)
    error.retry_after = 42

    verdict = decide(error, PATIENCE, now=1100)
    assert isinstance(verdict, PollAgain)
    assert verdict.seconds == 42


def test_the_deadline_ends_the_wait_but_never_hides_a_result() -> None:
    late = decide(task("processing"), PATIENCE, now=4600)

    assert isinstance(late, Failed)
    assert isinstance(late.error, exc.KlingTaskTimeoutError)
    assert "Waited 3600 s" in str(late.error)
    assert isinstance(decide(task("succeed", video=True), PATIENCE, now=9999), Done)


def test_the_last_look_is_at_the_deadline() -> None:
    verdict = decide(task("processing"), PATIENCE, now=4597)

    assert isinstance(verdict, PollAgain)
    assert verdict.seconds == 3


def test_the_usual_course_costs_few_looks_and_little_delay() -> None:
    """Completion times as published: 83 to 253 s, median 105 s; against a poll every ten seconds."""
    spread = random.Random(7)
    ends = [min(253.0, max(83.0, spread.lognormvariate(4.65, 0.25))) for _ in range(500)]
    ours = [_polls(end, poll_delay) for end in ends]
    fixed = [_polls(end, lambda age: 10.0) for end in ends]

    assert sum(polls for polls, _ in ours) <= 0.5 * sum(polls for polls, _ in fixed)
    assert sum(delay for _, delay in ours) <= sum(delay for _, delay in fixed)


@pytest.mark.parametrize(("typical", "ends"), [(38.0, (30, 45)), (53.0, (45, 60))])
def test_a_fast_model_is_looked_at_when_it_is_due(typical: float, ends: tuple[int, int]) -> None:
    """As documented for turbo; by the usual course each would be seen half a minute late."""
    spread = random.Random(7)
    seen = [_polls(spread.uniform(*ends), lambda age: poll_delay(age, typical)) for _ in range(500)]

    assert sum(delay for _, delay in seen) / len(seen) < 5
    assert sum(polls for polls, _ in seen) / len(seen) < 7


def test_a_poll_interval_wins_over_the_course() -> None:
    assert PollPolicy(1000.0, 4600.0, poll_interval=10, typical=38).delay(1000.0) == 10
    assert PollPolicy(1000.0, 4600.0, typical=38).delay(1000.0) == pytest.approx(80 * 38 / 105)


def _polls(end: float, delay_at) -> tuple[int, float]:  # type: ignore[no-untyped-def]
    age, polls = 0.0, 0
    while age < end:
        age += delay_at(age)
        polls += 1
    return polls, age - end


def test_a_task_that_was_seen_is_missed_for_ten_minutes_first() -> None:
    """A replica that is behind, a gateway that is being deployed: one 404 must not end the wait for a paid video."""
    missing = exc.KlingTaskNotFoundError("x")

    assert isinstance(decide(missing, PATIENCE, now=2000), Failed)
    assert isinstance(decide(missing, PATIENCE, now=2000, seen_at=1990), PollAgain)
    assert isinstance(decide(missing, PATIENCE, now=2600, seen_at=1990), Failed)


def test_a_long_retry_after_ends_at_the_deadline() -> None:
    error = exc.KlingRateLimitError("daily quota", retryable=True)
    error.retry_after = 30_000.0

    verdict = decide(error, PATIENCE, now=1100)

    assert isinstance(verdict, PollAgain)
    assert verdict.seconds == 3500


def test_what_says_nothing_of_the_task_is_trouble() -> None:
    assert all(is_trouble(error) for error in TROUBLE)
    assert not is_trouble(exc.KlingTaskFailedError("x"))
    assert not is_trouble(exc.KlingTaskTimeoutError("x"))
