"""
Every order in which items of a batch can be approved, submitted, end, fail and be taken up, and seven promises.

Never more than ``max_active`` are paid for at once, never more than ``max_units`` in all, no item is submitted twice,
none is forgotten, what moderation refused is neither bought again nor in the way of others, what nobody approved is not
bought, and it always ends.
The model below is a service with a list of tasks; Hypothesis chooses what comes of each step, and when the worker dies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_kling import ON_MODERATION
from airflow_provider_kling import exceptions as exc
from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.lifecycle.batch import (
    SHORTEST_DEFERRAL,
    Ask,
    Defer,
    Finish,
    GiveUp,
    Land,
    Limits,
    Poll,
    Refuse,
    Sleep,
    Step,
    Submit,
    next_step,
    worth_a_worker,
)
from airflow_provider_kling.lifecycle.budget import Bill, Purse, bill_of, listed, over_budget, spent_on, told, total
from airflow_provider_kling.lifecycle.item import (
    Complete,
    Ended,
    Failed,
    Moderated,
    State,
    Submitted,
    Unresolved,
    Unsubmitted,
    failed,
    held_until,
    is_account_busy,
    is_settled,
    refused_before,
    state_of,
    stops_others,
)
from airflow_provider_kling.lifecycle.record import Record
from airflow_provider_kling.lifecycle.submission import VISIBILITY

BEGAN = 1_000_000.0
DONE = KlingTask("t", TaskStatus.SUCCEED)


@dataclass
class Video:
    """
    One item, as Kling and the record know it.

    :param price: of a submit, in units.
    :param paid: how often it was submitted, but for what failed at Kling.
    :param failures: how often Kling ended its task as failed; each was paid for.
    :param ends_at: when its task ends.
    :param landed: whether it was, in this try or an earlier one.
    :param on_moderation: what becomes of it where moderation refuses it.
    :param moderated: whether moderation ended its task.
    """

    record: Record
    price: float
    paid: int = 0
    failures: int = 0
    ends_at: float = 0.0
    landed: bool = False
    on_moderation: str = "fail"
    moderated: bool = False


class Batch(RuleBasedStateMachine):
    """Drives next_step through tries, deaths and every outcome."""

    @initialize(
        count=st.integers(1, 7),
        max_active=st.integers(1, 4),
        deferrable=st.booleans(),
        on_item_failure=st.sampled_from(["fail", "continue"]),
        with_store=st.booleans(),
        max_units=st.none() | st.integers(0, 12),
        prices=st.lists(st.sampled_from([0.3, 1.0, 2.5, 4.0]), min_size=7, max_size=7),
        on_moderation=st.lists(st.sampled_from(ON_MODERATION), min_size=7, max_size=7),
        require_approval=st.booleans(),
    )
    def begin(
        self,
        count: int,
        max_active: int,
        deferrable: bool,
        on_item_failure: str,
        with_store: bool,
        max_units: int | None,
        prices: list[float],
        on_moderation: list[str],
        require_approval: bool,
    ) -> None:
        self.limits = Limits(max_active, deferrable, max_units=max_units)
        self.on_item_failure = on_item_failure
        self.with_store = with_store
        self.now = BEGAN
        self.videos = [
            Video(Record(f"wish-{n}", f"af-{n}", estimate={"units": price, "usd": 0.0}), price, on_moderation=how)
            for n, (price, how) in enumerate(zip(prices[:count], on_moderation, strict=False))
        ]
        self.require_approval = require_approval
        self.needs_answer()
        self.max_tries = 2
        self.forgetful = False
        self.start_try(first=True)

    def needs_answer(self) -> None:
        self.unapproved = set(range(len(self.videos))) if self.require_approval else set()
        self.rejected = False

    def start_try(self, *, first: bool = False) -> None:
        self.began = self.now
        self.lands = False
        self.finished = False
        if not (first or self.with_store):
            # No record outlives the worker: each may have been posted, as far as the new one knows.
            self.forgetful = True
            for video in self.videos:
                video.record = Record(
                    video.record.wish,
                    video.record.external_task_id,
                    posted_at=self.now,
                    assumed=True,
                    estimate=video.record.estimate,
                )
        self.states = [Complete() if video.landed else self.opened(video) for video in self.videos]

    def opened(self, video: Video, until: float = 0.0) -> State:
        refused = refused_before(video.record, video.on_moderation, self.max_tries)
        return refused or state_of(video.record, opened_at=self.began, until=until)

    def fail(self, position: int, error: exc.KlingError) -> None:
        how = self.videos[position].on_moderation
        self.states[position] = failed(error, self.on_item_failure, lands=self.lands, on_moderation=how)

    # --- what comes of a step ---

    def bills(self) -> list[Bill]:
        return [bill_of(state, video.record) for state, video in zip(self.states, self.videos, strict=True)]

    def step(self) -> Step:
        step = next_step(self.states, self.limits, self.now, lands=self.lands, bills=self.bills(), held=self.unapproved)
        assert not isinstance(step, GiveUp), "there is no execution_timeout"
        return step

    def submit(self, step: Submit, outcome: Callable[[], str]) -> None:
        left = step.slots
        bills = self.bills()
        purse = Purse(self.limits.max_units, bills)
        for position in step.items:
            state, video = self.states[position], self.videos[position]
            what = outcome()
            if isinstance(state, Unresolved) and (video.paid or what == "lookup fails"):
                self.states[position] = self.looked_up(video, what)
                if stops_others(self.states[position]):
                    return
                continue
            if isinstance(state, Unresolved) and video.failures:
                # As next_step of a submission has it, from the first generation on.
                spent = video.price * video.failures
                video.record = replace(video.record, spent=spent, task_id=None, posted_at=None)
            held = left <= 0 or position in self.unapproved
            if held or not purse.admit(bills[position], video.record):
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
        if video.moderated:
            # As next_step of a submission has it: the same prompt fails again.
            how = video.on_moderation
            return failed(exc.KlingTaskModeratedError("x"), self.on_item_failure, lands=self.lands, on_moderation=how)
        return Submitted(self.now + 9)

    def post(self, position: int, video: Video, what: str) -> bool:
        assert not video.paid, "it was paid for twice"
        assert position not in self.unapproved, "it was bought before somebody approved it"
        assert not any(map(stops_others, self.states)), "it was bought after a reason to stop"
        remembered = video.record.refused or {}
        asked_anew = video.on_moderation == "fail" or remembered.get("max_tries") != self.max_tries
        assert asked_anew, "a retry submitted again what moderation had refused"
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
            refused = {"message": "x", "max_tries": self.max_tries}
            video.record = replace(video.record, posted_at=None, assumed=False, refused=refused)
            self.fail(position, exc.KlingModerationError("x"))
            return not stops_others(self.states[position])
        video.paid, video.ends_at = 1, self.now + 100
        video.record = replace(video.record, posted_at=self.now, assumed=False, refused=None)
        if what == "answer lost":
            self.states[position] = self.opened(video, self.now + 2)
        else:
            video.record = replace(video.record, task_id="t")
            self.states[position] = Submitted(self.now + 80)
        return True

    def poll(self, step: Poll, outcome: Callable[[], str]) -> None:
        for position in step.items:
            if self.now < self.videos[position].ends_at:
                self.states[position] = Submitted(self.now + 9)
            elif (what := outcome()) == "moderated":
                self.videos[position].moderated = True
                self.fail(position, exc.KlingTaskModeratedError("x"))
            elif what == "generation fails":
                self.videos[position].paid, self.videos[position].failures = 0, self.videos[position].failures + 1
                self.fail(position, exc.KlingTaskFailedError("x", retryable=True))
            else:
                self.states[position] = Ended(DONE)

    def land(self, step: Land, outcome: Callable[[], str]) -> None:
        for position in step.items:
            if outcome() == "disk full":
                self.fail(position, exc.KlingDownloadError("x", retryable=True))
            else:
                self.states[position], self.videos[position].landed, self.lands = Complete(), True, True

    def refuse(self, step: Refuse) -> None:
        assert step.items
        for position in step.items:
            assert isinstance(self.states[position], Unsubmitted)
            assert self.too_dear(position), "it was left out, and would have fitted"
            self.fail(position, exc.KlingBudgetError("x"))

    def ask(self, step: Ask, outcome: Callable[[], str]) -> None:
        """Ask, or refuse what was rejected in an earlier try."""
        assert self.unapproved.intersection(step.items), "somebody is asked about nothing new"
        assert not any(isinstance(state, Ended) for state in self.states), "what is there waits for an answer"
        self.rejected = self.rejected or outcome() == "rejected"
        if not self.rejected:
            self.unapproved.difference_update(step.items)
            return
        for position in step.items:
            # One that may exist is looked up first.
            if isinstance(self.states[position], Unsubmitted):
                self.fail(position, exc.KlingRejectedError("x"))

    def wait(self, step: Sleep | Defer) -> None:
        if isinstance(step, Defer):
            self.defer(step)
        else:
            assert step.seconds > 0, "it would spin"
            self.now += step.seconds

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
            case Ask():
                self.ask(step, outcome)
            case Refuse():
                self.refuse(step)
            case Poll():
                self.poll(step, outcome)
            case Land():
                self.land(step, outcome)
            case Sleep() | Defer():
                self.wait(step)
            case Finish():
                self.finished = True

    # --- what can happen ---

    @precondition(lambda self: not self.finished)
    @rule(data=st.data())
    def goes_on(self, data: st.DataObject) -> None:
        trouble = ["busy", "refused", "answer lost", "lookup fails", "moderated", "generation fails", "disk full"]
        self.carry_out(lambda: data.draw(st.sampled_from(["well", "well", "well", *trouble, "rejected"])))

    @rule(wait=st.floats(0, 400))
    def worker_dies_or_task_is_retried(self, wait: float) -> None:
        self.now += wait
        self.start_try()

    @rule(wait=st.floats(0, 400))
    def task_is_cleared(self, wait: float) -> None:
        self.now += wait
        self.max_tries += 3
        self.needs_answer()
        self.start_try()

    # --- what must hold ---

    @invariant()
    def no_more_than_max_active_are_paid_for_at_once(self) -> None:
        if hasattr(self, "videos") and not self.forgetful:
            running = [video for video in self.videos if video.paid and not video.landed and self.now < video.ends_at]
            assert len(running) <= self.limits.max_active

    def charged(self) -> float:
        return round(sum(video.price * (video.paid + video.failures) for video in self.videos), 6)

    def too_dear(self, position: int) -> bool:
        most = self.limits.max_units
        return most is not None and round(self.charged() + self.videos[position].price, 6) > most

    @invariant()
    def no_more_than_max_units_is_submitted(self) -> None:
        if hasattr(self, "videos") and self.limits.max_units is not None:
            assert self.charged() <= self.limits.max_units

    @invariant()
    def none_is_forgotten(self) -> None:
        if not getattr(self, "finished", False):
            return
        stopped = any(map(stops_others, self.states))
        for state in self.states:
            assert is_settled(state) or (stopped and isinstance(state, Unsubmitted))

    def teardown(self) -> None:
        """Without further trouble it ends, in a number of steps that the number of items bounds."""
        if not hasattr(self, "videos"):
            return
        self.start_try()
        for _ in range(80 * len(self.videos)):
            if self.finished:
                break
            self.carry_out(lambda: "well")
        assert self.finished
        stopped = any(map(stops_others, self.states))
        for position in range(len(self.videos)):
            self.ended(position, stopped=stopped)

    def ended(self, position: int, *, stopped: bool) -> None:
        state, video = self.states[position], self.videos[position]
        if isinstance(state, Failed):
            assert isinstance(state.error, (exc.KlingBudgetError, exc.KlingTaskModeratedError, exc.KlingRejectedError))
            if isinstance(state.error, exc.KlingRejectedError):
                assert self.rejected
                assert not video.paid
                return
            assert self.too_dear(position) if isinstance(state.error, exc.KlingBudgetError) else video.moderated
            assert video.paid == int(video.moderated)
        elif isinstance(state, Moderated):
            assert video.on_moderation != "fail"
            assert state.skips is (video.on_moderation == "skip")
            assert video.paid == int(video.moderated)
        elif isinstance(state, Unsubmitted):
            assert stopped
            assert not video.paid
        else:
            assert isinstance(state, Complete)
            assert video.paid == 1


TestBatch = Batch.TestCase
TestBatch.settings = settings(max_examples=3 * settings().max_examples, stateful_step_count=40, deadline=None)


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
    assert stops_others(failed(error, on_item_failure, lands=lands)) is stops


@pytest.mark.parametrize("on_moderation", ["skip", "return"])
@pytest.mark.parametrize("error", [exc.KlingModerationError("x"), exc.KlingTaskModeratedError("x")])
def test_what_moderation_refuses_stops_nobody_where_it_is_no_failure(error: exc.KlingError, on_moderation: str) -> None:
    state = failed(error, "fail", lands=True, on_moderation=on_moderation)

    assert state == Moderated(error, skips=on_moderation == "skip")
    assert is_settled(state)
    assert next_step([state, Unsubmitted()], Limits(), BEGAN, lands=True) == Submit((1,), slots=1)
    # Nothing else becomes no failure by it.
    assert isinstance(failed(exc.KlingTaskFailedError("x"), "fail", lands=True, on_moderation=on_moderation), Failed)


def test_a_refusal_is_believed_in_a_retry_and_asked_for_anew_in_a_clear() -> None:
    refused = Record("w", "af-1", refused={"message": "no", "max_tries": 2})

    assert isinstance(refused_before(refused, "skip", 2), Moderated)
    assert refused_before(refused, "skip", 5) is None
    assert refused_before(refused, "fail", 2) is None
    assert refused_before(replace(refused, posted_at=BEGAN), "skip", 2) is None
    assert Record.from_json(refused.to_json()) == refused
    assert "refused" not in Record("w", "af-1").to_json()


def test_what_does_not_fit_is_left_out_and_what_is_cheaper_is_not() -> None:
    states: list[State] = [Submitted(BEGAN + 50), Unsubmitted(), Unsubmitted()]
    bills = [Bill(2.0, surely=2.0), Bill(2.5), Bill(1.0)]
    limits = Limits(3, max_units=4.0)

    assert next_step(states, limits, BEGAN, lands=True, bills=bills) == Refuse((1,))
    states[1] = failed(exc.KlingBudgetError("x"), "fail", lands=True)
    assert next_step(states, limits, BEGAN, lands=True, bills=bills) == Submit((2,), slots=2)


def test_what_may_exist_counts_and_is_waited_for_before_anything_is_left_out() -> None:
    states: list[State] = [Unresolved(BEGAN + 60), Unsubmitted()]
    bills = [Bill(2.0, perhaps=2.0), Bill(2.5)]

    assert next_step(states, Limits(3, max_units=4.0), BEGAN, lands=True, bills=bills) == Sleep(60.0)
    assert next_step(states, Limits(3, max_units=2.0), BEGAN, lands=True, bills=bills) == Refuse((1,))


def test_ten_times_three_tenths_are_three() -> None:
    purse = Purse(3.0, [])
    for _ in range(10):
        assert purse.buys(0.3)
        purse.buy(0.3)
    assert not purse.buys(0.0001)
    assert spent_on([Bill(0.3, surely=0.3)] * 10) == 3.0


def test_money_in_words() -> None:
    estimate = {"units": 2.5, "usd": 0.35}

    assert told(estimate) == "2.5 units (USD 0.35 list price)"
    assert told(None) == "at a price that is not known"
    assert total([estimate, estimate, None]) == (
        "5 units (USD 0.70 list price), and 1 of 3 at a price that is not known"
    )
    assert listed([4, 0, 6, 5, 9]) == "0, 4-6, 9"
    error = over_budget(Record("w", "af-1", estimate=estimate), 4.0, 2.5)
    assert str(error) == (
        "It is estimated at 2.5 units (USD 0.35 list price), and 2.5 units of max_units=4 are spent, so it was not "
        "submitted. (external_task_id af-1) No video was created and nothing was charged. Raise max_units, or take a "
        "cheaper model, mode or duration, then clear this task: what was submitted is taken up at no cost."
    )
    again = over_budget(Record("w", "af-1", estimate=estimate, spent=2.5), 4.0, 2.5)
    assert "nothing was charged" not in str(again)
    assert "failed count for 2.5 of them" in str(again)
