"""
Every order of answers that Kling, the network and Airflow can give, and one promise.

The model below is a service that creates a task or not, answers or not, shows the task at once, late or never, and
remembers what it charged. Hypothesis chooses; the machine asserts after every step that no wish is paid twice while
Kling refuses a repeated id, that :class:`Post` is handed out only when it cannot pay twice even at a gateway that does
not, and that every task that was paid for is adopted or named in the error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_kling import exceptions as exc
from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.exceptions import TaskState
from airflow_provider_kling.lifecycle.identity import Wish
from airflow_provider_kling.lifecycle.record import LandedFile, Record, initial_record
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
    Step,
    Stop,
    SubmitPolicy,
    next_step,
)

WISH = Wish("dag", "run", "task", -1, "fingerprint")


@dataclass
class Service:
    """Kling, as far as money goes. A task shows at most ``VISIBILITY`` seconds after its POST, as promised."""

    charged: dict[str, int] = field(default_factory=dict)
    visible_at: dict[str, float] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def create(self, external_id: str, now: float, delay: float) -> bool:
        if external_id in self.charged:
            return False
        self.charged[external_id] = 1
        self.visible_at[external_id] = now + delay
        return True

    def task(self, external_id: str) -> KlingTask:
        status = TaskStatus.FAILED if external_id in self.failed else TaskStatus.PROCESSING
        return KlingTask(f"id-{external_id}", status, raw_status=status.value, external_task_id=external_id)

    def find(self, key: str, now: float) -> KlingTask | None:
        external_id = key.removeprefix("id-")
        if external_id in self.charged and now >= self.visible_at[external_id]:
            return self.task(external_id)
        return None


class PaidOnce(RuleBasedStateMachine):
    """Drives next_step through tries, crashes, clears and every answer."""

    @initialize(with_store=st.booleans(), on_lost_submit=st.sampled_from(["resubmit", "fail"]))
    def begin(self, with_store: bool, on_lost_submit: str) -> None:
        self.with_store = with_store
        self.on_lost_submit = on_lost_submit
        self.service = Service()
        self.now = 1_000_000.0
        self.stored: object = None
        self.tries = 0
        self.adopted: set[str] = set()
        self.start_try()

    # --- the try ---

    def start_try(self) -> None:
        self.tries += 1
        self.policy = SubmitPolicy(WISH, self.now, self.now + 3600, self.on_lost_submit)
        stored = None if self.stored is None else Record.from_json(self.stored)
        self.record = initial_record(stored, WISH, {}, first_try=self.tries == 1, now=self.now)
        self.ended = False
        self.advance(None)

    def advance(self, answer: Answer | None) -> None:
        self.record, self.step = next_step(self.record, answer, now=self.now, policy=self.policy)
        self.check(self.step)
        if not isinstance(self.step, LookUp):
            self.save()
        self.ended = isinstance(self.step, (Adopt, Stop))

    def save(self) -> None:
        if self.with_store:
            self.stored = json.loads(json.dumps(self.record.to_json()))

    def check(self, step: Step) -> None:
        external_id = self.record.external_task_id
        if isinstance(step, Post):
            # Even a gateway that takes a repeated id must not be able to charge twice.
            assert external_id not in self.service.charged
        if isinstance(step, Adopt):
            self.adopted.add(external_id)
            assert self.record.task_id == step.task.task_id
        if isinstance(step, Stop) and external_id in self.service.charged:
            assert step.error.task_state in (TaskState.MAY_EXIST, TaskState.EXISTS)
            assert step.error.external_task_id == external_id

    # --- what can happen at each step ---

    def posting(self) -> bool:
        return not self.ended and isinstance(self.step, Post)

    def looking(self) -> bool:
        return not self.ended and isinstance(self.step, LookUp)

    @precondition(posting)
    @rule(delay=st.floats(0, VISIBILITY - 1), took=st.floats(0, 60))
    def post_is_answered(self, delay: float, took: float) -> None:
        external_id = self.record.external_task_id
        created = self.service.create(external_id, self.now, delay)
        self.now += took
        assert created
        self.advance(Created(self.service.task(external_id)))

    @precondition(posting)
    @rule(arrived=st.booleans(), delay=st.floats(0, VISIBILITY - 1), took=st.floats(0, 60))
    def post_is_lost(self, arrived: bool, delay: float, took: float) -> None:
        if arrived:
            self.service.create(self.record.external_task_id, self.now, delay)
        self.now += took
        self.advance(PostFailed(exc.KlingConnectionError("x", task_state=TaskState.MAY_EXIST, retryable=True)))

    @precondition(posting)
    @rule(
        error=st.sampled_from(
            [
                exc.KlingRateLimitError("busy", task_state=TaskState.NOT_CREATED, retryable=True),
                exc.KlingBalanceError("empty", task_state=TaskState.NOT_CREATED),
                exc.KlingConnectionError("refused", task_state=TaskState.NOT_CREATED, retryable=True),
            ]
        )
    )
    def post_is_refused(self, error: exc.KlingError) -> None:
        fresh = type(error)(error.message, task_state=error.task_state, retryable=error.retryable)
        self.advance(PostFailed(fresh))

    @precondition(looking)
    @rule()
    def look_up(self) -> None:
        assert isinstance(self.step, LookUp)
        task = self.service.find(self.step.task_id, self.now)
        self.advance(Found(task) if task else LookupFailed(exc.KlingTaskNotFoundError("unknown id")))

    @precondition(looking)
    @rule(retryable=st.booleans())
    def look_up_fails(self, retryable: bool) -> None:
        self.advance(LookupFailed(exc.KlingServerError("x", retryable=retryable)))

    @precondition(lambda self: not self.ended and isinstance(self.step, Pause))
    @rule()
    def pause_passes(self) -> None:
        assert isinstance(self.step, Pause)
        assert 0 < self.step.seconds <= 75
        self.now += self.step.seconds
        self.advance(None)

    @rule(wait=st.floats(0, 400), arrived=st.booleans(), delay=st.floats(0, VISIBILITY - 1))
    def worker_dies(self, wait: float, arrived: bool, delay: float) -> None:
        """At any point; at a POST the request may be out already."""
        if self.posting() and arrived:
            self.service.create(self.record.external_task_id, self.now, delay)
        self.now += wait
        self.start_try()

    @precondition(lambda self: self.ended)
    @rule(wait=st.floats(0, 400), discards=st.booleans())
    def is_retried_or_cleared(self, wait: float, discards: bool) -> None:
        """Airflow 3.4 empties the store when a task is cleared."""
        if discards:
            self.stored = None
        self.now += wait
        self.start_try()

    @rule()
    def kling_ends_the_task_as_failed(self) -> None:
        external_id = self.record.external_task_id
        if external_id in self.service.charged:
            self.service.failed.add(external_id)

    # --- the promise ---

    @invariant()
    def one_living_task_at_most(self) -> None:
        living = set(self.service.charged) - self.service.failed
        assert len(living) <= 1


PaidOnce.TestCase.settings = settings(max_examples=4 * settings().max_examples, stateful_step_count=40, deadline=None)
TestPaidOnce = PaidOnce.TestCase


def fresh(**changes: object) -> Record:
    return Record(WISH.key, WISH.external_task_id(0), **changes)  # type: ignore[arg-type]


POLICY = SubmitPolicy(WISH, started_at=1000.0, deadline=5000.0)
NOT_FOUND = LookupFailed(exc.KlingTaskNotFoundError("unknown id"))


def test_the_first_try_posts_without_asking() -> None:
    record, step = next_step(initial_record(None, WISH, {}, first_try=True, now=1000), None, now=1000, policy=POLICY)

    assert step == Post()
    assert record.posted_at == 1000


def test_what_moderation_refuses_is_kept_until_the_next_post() -> None:
    policy = SubmitPolicy(WISH, started_at=1000.0, deadline=5000.0, max_tries=4)
    refusal = PostFailed(exc.KlingModerationError("no", task_state=TaskState.NOT_CREATED))
    record, step = next_step(fresh(posted_at=1000.0), refusal, now=1001, policy=policy)

    assert isinstance(step, Stop)
    assert (record.posted_at, (record.refused or {})["max_tries"]) == (None, 4)
    assert "nothing was charged" in (record.refused or {})["message"]
    record, step = next_step(record, None, now=2000, policy=policy)
    assert (step, record.refused) == (Post(), None)


def test_a_later_try_without_a_record_asks_first() -> None:
    _, step = next_step(initial_record(None, WISH, {}, first_try=False, now=1000), None, now=1000, policy=POLICY)

    assert step == LookUp(WISH.external_task_id(0), external=True)


@pytest.mark.parametrize(("age", "kind"), [(119.0, Pause), (120.0, Post)])
def test_not_found_is_believed_once_the_post_is_two_minutes_old(age: float, kind: type) -> None:
    _, step = next_step(fresh(posted_at=1000.0), NOT_FOUND, now=1000 + age, policy=POLICY)

    assert isinstance(step, kind)


def test_the_two_minutes_are_not_overshot() -> None:
    record = fresh(posted_at=1000.0, pauses=9)
    _, step = next_step(record, NOT_FOUND, now=1110, policy=POLICY)

    assert isinstance(step, Pause)
    assert step.seconds == 11


def test_on_lost_submit_fail_stops_instead() -> None:
    policy = SubmitPolicy(WISH, 1000.0, 5000.0, on_lost_submit="fail")
    _, step = next_step(fresh(posted_at=1000.0), NOT_FOUND, now=1200, policy=policy)

    assert isinstance(step, Stop)
    assert isinstance(step.error, exc.KlingLostSubmitError)
    assert step.error.retryable


def test_already_exists_means_adopt() -> None:
    error = exc.KlingTaskExistsError("already exists", task_state=TaskState.EXISTS)
    record, step = next_step(fresh(posted_at=1000.0), PostFailed(error), now=1001, policy=POLICY)

    assert step == LookUp(record.external_task_id, external=True)
    _, step = next_step(record, NOT_FOUND, now=1200, policy=POLICY)
    assert isinstance(step, Stop)


def test_a_task_known_by_id_and_gone_is_never_made_again_unasked() -> None:
    record = fresh(posted_at=1000.0, task_id="t1")
    _, step = next_step(record, NOT_FOUND, now=1000 + 40 * 86400, policy=POLICY)

    assert isinstance(step, Stop)
    assert isinstance(step.error, exc.KlingTaskNotFoundError)
    assert step.error.task_state is TaskState.EXISTS


def test_a_generation_follows_only_when_kling_ended_the_one_before_in_an_earlier_try() -> None:
    failed = Found(KlingTask("t1", TaskStatus.FAILED, raw_status="failed"))
    policy = SubmitPolicy(WISH, started_at=2000.0, deadline=5000.0)

    record, step = next_step(fresh(posted_at=1000.0, task_id="t1"), failed, now=2001, policy=policy)
    assert step == Post()
    assert (record.generation, record.external_task_id) == (1, WISH.external_task_id(1))

    _, step = next_step(fresh(posted_at=2500.0), failed, now=2600, policy=policy)
    assert isinstance(step, Adopt)


def test_a_busy_account_is_waited_for_with_growing_pauses_up_to_the_deadline() -> None:
    record, now, pauses = fresh(), 1000.0, []
    while True:
        record, step = next_step(record, None, now=now, policy=POLICY)
        assert isinstance(step, Post)
        busy = exc.KlingRateLimitError("busy", task_state=TaskState.NOT_CREATED, retryable=True)
        record, step = next_step(record, PostFailed(busy), now=now, policy=POLICY)
        if isinstance(step, Stop):
            break
        assert isinstance(step, Pause)
        pauses.append(step.seconds)
        now += step.seconds
    assert pauses[:6] == [2, 4, 8, 16, 32, 60]
    assert set(pauses[6:]) == {60}
    assert isinstance(step.error, exc.KlingRateLimitError)
    assert step.error.task_state is TaskState.NOT_CREATED
    assert 4900 < now <= 5000


def test_retry_after_of_a_busy_account_is_obeyed() -> None:
    busy = exc.KlingRateLimitError("busy", task_state=TaskState.NOT_CREATED, retryable=True)
    busy.retry_after = 33.0
    _, step = next_step(fresh(posted_at=1000.0), PostFailed(busy), now=1000, policy=POLICY)

    assert step == Pause(33.0, "busy")


def test_a_host_that_answers_lookups_with_garbage_is_left_to_the_next_try() -> None:
    record, now = fresh(posted_at=1000.0), 1000.0
    for _ in range(10):
        garbage = LookupFailed(exc.KlingResponseError("HTML", retryable=True))
        record, step = next_step(record, garbage, now=now, policy=POLICY)
        if isinstance(step, Stop):
            break
        assert isinstance(step, Pause)
        now += step.seconds
    assert isinstance(step, Stop)
    assert step.error.task_state is TaskState.MAY_EXIST
    assert 1100 < now < 1200


def test_a_record_keeps_no_signed_link() -> None:
    video = {"id": "v", "url": "https://cdn.example/v.mp4?Signature=s", "duration": 5.0}

    kept = fresh(manifest={"task_id": "t", "videos": [video]}).to_json()

    assert kept["manifest"] == {"task_id": "t", "videos": [{**video, "url": None}]}


def test_a_record_survives_its_json_and_an_unreadable_one_stops() -> None:
    landed = (LandedFile("s3://b/k.mp4", 7), LandedFile("s3://b/k-2.mp4", 8, "etag"))
    record = fresh(posted_at=5.0, landed=landed, manifest={"a": 1}, earlier=("k",), fields={"p": "1"})

    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record
    for broken in ({}, {"version": 99}, "text", {"version": 1}, {"version": 1, "wish": "w", "landed": 3}):
        with pytest.raises(exc.KlingConfigurationError, match="cannot be read"):
            Record.from_json(broken)


def test_a_changed_request_is_another_wish_and_an_old_one_come_back_is_looked_up() -> None:
    other = Wish("dag", "run", "task", -1, "other")
    stored = fresh(posted_at=5.0, task_id="t1")

    second = initial_record(stored, other, {}, first_try=False, now=1000)
    assert (second.posted_at, second.task_id, second.earlier) == (None, None, (WISH.key,))
    third = initial_record(second, WISH, {}, first_try=False, now=2000)
    assert third.posted_at == 2000
