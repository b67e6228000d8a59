"""
Every order in which items of a batch can be submitted, end, fail and be taken up, and four promises.

Never more than ``max_active`` are paid for at once, no item is submitted twice, none is forgotten, and it always ends.
The model below is a service with a list of tasks; Hypothesis chooses what comes of each step, and when the worker dies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_kling import exceptions as exc
from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.lifecycle.batch import (
    SHORTEST_DEFERRAL,
    Defer,
    Finish,
    GiveUp,
    Land,
    Limits,
    Poll,
    Sleep,
    Step,
    Submit,
    next_step,
    worth_a_worker,
)
from airflow_provider_kling.lifecycle.item import (
    Complete,
    Ended,
    Failed,
    State,
    Submitted,
    Unresolved,
    Unsubmitted,
    failed,
    held_until,
    is_account_busy,
    is_settled,
    state_of,
)
from airflow_provider_kling.lifecycle.record import Record
from airflow_provider_kling.lifecycle.submission import VISIBILITY

BEGAN = 1_000_000.0
DONE = KlingTask("t", TaskStatus.SUCCEED)


@dataclass
class Video:
    """
    One item, as Kling and the record know it.

    :param paid: how often it was submitted.
    :param ends_at: when its task ends.
    :param landed: whether it was, in this try or an earlier one.
    """

    record: Record
    paid: int = 0
    ends_at: float = 0.0
    landed: bool = False


class Batch(RuleBasedStateMachine):
    """Drives next_step through tries, deaths and every outcome."""

    @initialize(
        count=st.integers(1, 7),
        max_active=st.integers(1, 4),
        deferrable=st.booleans(),
        on_item_failure=st.sampled_from(["fail", "continue"]),
        with_store=st.booleans(),
    )
    def begin(self, count: int, max_active: int, deferrable: bool, on_item_failure: str, with_store: bool) -> None:
        self.limits = Limits(max_active, deferrable)
        self.on_item_failure = on_item_failure
        self.with_store = with_store
        self.now = BEGAN
        self.videos = [Video(Record(f"wish-{n}", f"af-{n}")) for n in range(count)]
        self.forgetful = False
        self.start_try(first=True)

    def start_try(self, *, first: bool = False) -> None:
        self.began = self.now
        self.lands = False
        self.finished = False
        if not (first or self.with_store):
            # No record outlives the worker: each may have been posted, as far as the new one knows.
            self.forgetful = True
            for video in self.videos:
                video.record = Record(
                    video.record.wish, video.record.external_task_id, posted_at=self.now, assumed=True
                )
        self.states = [Complete() if video.landed else self.opened(video) for video in self.videos]

    def opened(self, video: Video, until: float = 0.0) -> State:
        return state_of(video.record, opened_at=self.began, until=until)

    # --- what comes of a step ---

    def step(self) -> Step:
        return next_step(self.states, self.limits, self.now, lands=self.lands)

    def submit(self, step: Submit, outcome: Callable[[], str]) -> None:
        left = step.slots
        for position in step.items:
            state, video = self.states[position], self.videos[position]
            what = outcome()
            if isinstance(state, Unresolved) and (video.paid or what == "lookup fails"):
                self.states[position] = self.looked_up(video, what)
                continue
            if left <= 0:
                self.states[position] = Unsubmitted()
                continue
            left -= 1
            if not self.post(position, video, what):
                return

    def looked_up(self, video: Video, what: str) -> State:
        if what == "lookup fails":
            # Not before it is believed: the pause of a lookup says nothing of the account.
            video.record = replace(video.record, posted_at=video.record.posted_at or self.now)
            return self.opened(video, self.now + 2.0)
        video.record = replace(video.record, task_id="t", assumed=False)
        return Submitted(self.now + 9)

    def post(self, position: int, video: Video, what: str) -> bool:
        assert not video.paid, "it was paid for twice"
        assert not any(map(self.stops, range(len(self.states)))), "it was bought after a reason to stop"
        if what == "busy":
            # As next_step of a submission has it: the record is as it was before the POST.
            until = self.now + 20
            older = video.record.posted_at is not None and self.now - video.record.posted_at < VISIBILITY
            video.record = replace(video.record, posted_at=None) if older else video.record
            self.states[position] = self.opened(video, until)
            if is_account_busy(self.states[position], video.record, self.now):
                self.states = [held_until(state, until) for state in self.states]
            return False
        if what == "refused":
            video.record = replace(video.record, posted_at=None, assumed=False)
            self.states[position] = failed(exc.KlingModerationError("x"), self.on_item_failure, lands=self.lands)
            return not self.stops(position)
        video.paid, video.ends_at = 1, self.now + 100
        video.record = replace(video.record, posted_at=self.now, assumed=False)
        if what == "answer lost":
            self.states[position] = self.opened(video, self.now + 2)
        else:
            video.record = replace(video.record, task_id="t")
            self.states[position] = Submitted(self.now + 80)
        return True

    def stops(self, position: int) -> bool:
        state = self.states[position]
        return isinstance(state, Failed) and state.stops

    def poll(self, step: Poll, outcome: Callable[[], str]) -> None:
        for position in step.items:
            if self.now < self.videos[position].ends_at:
                self.states[position] = Submitted(self.now + 9)
            elif outcome() == "moderated":
                error = exc.KlingTaskModeratedError("x")
                self.states[position] = failed(error, self.on_item_failure, lands=self.lands)
            else:
                self.states[position] = Ended(DONE)

    def land(self, step: Land, outcome: Callable[[], str]) -> None:
        for position in step.items:
            if outcome() == "disk full":
                error = exc.KlingDownloadError("x", retryable=True)
                self.states[position] = failed(error, self.on_item_failure, lands=self.lands)
            else:
                self.states[position], self.videos[position].landed, self.lands = Complete(), True, True

    def defer(self, step: Defer) -> None:
        assert self.limits.deferrable
        assert step.watch or step.until is not None
        ends = sorted(self.videos[position].ends_at for position in step.watch)
        wake_at = [ends[step.enough - 1]] if step.watch else []
        wake_at += [step.until] if step.until is not None else []
        self.now = max(self.now, min(wake_at))
        for position in step.watch:
            if self.videos[position].ends_at <= self.now:
                self.states[position] = Submitted(self.now)

    def carry_out(self, outcome: Callable[[], str]) -> None:
        match step := self.step():
            case Submit():
                assert step.items
                self.submit(step, outcome)
            case Poll():
                self.poll(step, outcome)
            case Land():
                self.land(step, outcome)
            case Sleep(seconds):
                assert seconds > 0, "it would spin"
                self.now += seconds
            case Defer():
                self.defer(step)
            case Finish():
                self.finished = True
            case GiveUp():
                raise AssertionError("there is no execution_timeout")

    # --- what can happen ---

    @precondition(lambda self: not self.finished)
    @rule(data=st.data())
    def goes_on(self, data: st.DataObject) -> None:
        trouble = ["busy", "refused", "answer lost", "lookup fails", "moderated", "disk full"]
        self.carry_out(lambda: data.draw(st.sampled_from(["well", "well", "well", *trouble])))

    @rule(wait=st.floats(0, 400))
    def worker_dies_or_task_is_retried(self, wait: float) -> None:
        self.now += wait
        self.start_try()

    # --- what must hold ---

    @invariant()
    def no_more_than_max_active_are_paid_for_at_once(self) -> None:
        if hasattr(self, "videos") and not self.forgetful:
            running = [video for video in self.videos if video.paid and not video.landed and self.now < video.ends_at]
            assert len(running) <= self.limits.max_active

    @invariant()
    def none_is_forgotten(self) -> None:
        if not getattr(self, "finished", False):
            return
        stopped = any(isinstance(state, Failed) and state.stops for state in self.states)
        for state in self.states:
            assert is_settled(state) or (stopped and isinstance(state, Unsubmitted))

    def teardown(self) -> None:
        """Without further trouble it ends, in a number of steps that the number of items bounds."""
        if not hasattr(self, "videos"):
            return
        self.start_try()
        for _ in range(60 * len(self.videos)):
            if self.finished:
                break
            self.carry_out(lambda: "well")
        assert self.finished
        assert all(isinstance(state, Complete) for state in self.states)
        assert [video.paid for video in self.videos] == [1] * len(self.videos)


TestBatch = Batch.TestCase
TestBatch.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize(
    ("running", "waiting", "max_active", "ended"),
    [(10, 5, 10, 2), (3, 5, 3, 1), (1, 0, 10, 1), (8, 0, 10, 8), (10, 0, 10, 8), (500, 0, 500, 250)],
)
def test_a_worker_is_started_when_it_has_enough_to_do(running: int, waiting: int, max_active: int, ended: int) -> None:
    assert worth_a_worker(running, waiting=waiting, max_active=max_active) == ended


def test_what_waits_to_be_landed_comes_before_more_is_bought_until_a_landing_has_worked() -> None:
    states: list[State] = [Ended(DONE), Unsubmitted()]

    assert next_step(states, Limits(), BEGAN, lands=False) == Land((0,))
    assert next_step(states, Limits(), BEGAN, lands=True) == Submit((1,), slots=1)


def test_trouble_of_the_account_stops_all_and_what_runs_is_waited_for() -> None:
    broke = failed(exc.KlingBalanceError("x"), "continue", lands=True)
    states: list[State] = [broke, Unsubmitted(), Submitted(BEGAN + 50)]

    assert next_step(states, Limits(3), BEGAN, lands=True) == Sleep(50.0)
    assert next_step([broke, Unsubmitted()], Limits(3), BEGAN, lands=True) == Finish()


def test_a_short_pause_is_slept_and_a_long_one_deferred() -> None:
    limits = Limits(deferrable=True)

    short = next_step([Unresolved(BEGAN + SHORTEST_DEFERRAL - 1)], limits, BEGAN, lands=False)
    long = next_step([Unresolved(BEGAN + SHORTEST_DEFERRAL)], limits, BEGAN, lands=False)

    assert short == Sleep(SHORTEST_DEFERRAL - 1)
    assert long == Defer((), BEGAN + SHORTEST_DEFERRAL, enough=0)


def test_a_full_account_wakes_nobody_for_what_waits() -> None:
    states: list[State] = [Submitted(BEGAN + 80), Unsubmitted(BEGAN + 1)]

    assert next_step(states, Limits(1, deferrable=True), BEGAN, lands=True) == Defer((0,), None, enough=1)


def test_the_end_of_the_time_wakes_up_and_gives_up() -> None:
    limits = Limits(1, deferrable=True, gives_up_at=BEGAN + 200)

    step = next_step([Submitted(BEGAN + 80)], limits, BEGAN, lands=True)
    assert step == Defer((0,), BEGAN + 200, enough=1)
    assert next_step([Submitted(BEGAN + 80)], limits, BEGAN + 199.5, lands=True) == GiveUp()


def test_a_busy_account_holds_what_needs_a_slot_and_nothing_else() -> None:
    until = BEGAN + 30
    paused = Unsubmitted(until)

    assert is_account_busy(paused, Record("w", "e"), BEGAN)
    # Its own task may still show at Kling: that says nothing of the account.
    assert not is_account_busy(Unresolved(until, holds_slot=False), Record("w", "e", posted_at=BEGAN - 5), BEGAN)
    assert held_until(Unsubmitted(), until) == Unsubmitted(until)
    assert held_until(Unresolved(), until) == Unresolved()
    assert held_until(Submitted(BEGAN), until) == Submitted(BEGAN)


@pytest.mark.parametrize(
    ("error", "on_item_failure", "lands", "stops"),
    [
        (exc.KlingModerationError("x"), "fail", True, True),
        (exc.KlingModerationError("x"), "continue", True, False),
        (exc.KlingTaskTimeoutError("x"), "fail", True, False),
        (exc.KlingBalanceError("x"), "continue", True, True),
        (exc.KlingDownloadError("x"), "continue", False, True),
        (exc.KlingDownloadError("x"), "continue", True, False),
    ],
)
def test_which_failure_stops_the_others(error: exc.KlingError, on_item_failure: str, lands: bool, stops: bool) -> None:
    assert failed(error, on_item_failure, lands=lands).stops is stops
