"""What goes wrong with a batch: who stops, who goes on, and that nobody pays for it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, XComArg
from airflow.providers.standard.operators.empty import EmptyOperator

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingBatchError, KlingConnectionError, KlingError, TaskState
from airflow_provider_kling.execution.deferred_state import DeferredState
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator
from airflow_provider_kling.storage import landing
from airflow_provider_kling.storage.download import failed
from tests.execution.test_batch import PROMPTS, both, make_slow, rows, stores
from tests.rig import FakeStore, Instance, needs_store

Batch = Callable[..., Instance]
modes = pytest.mark.parametrize("on_item_failure", ["fail", "continue"])


# --- the output path --------------------------------------------------------------------------------------------------


def test_a_rendered_path_that_is_no_directory_is_refused_before_paying(
    emulator: KlingEmulator, batch: Batch, tmp_path: Path
) -> None:
    clips = batch(PROMPTS, output_path="{{ params.where }}")
    context = clips.context()
    context["task"].output_path = f"{tmp_path}/clips"

    with pytest.raises(AirflowFailException, match=r"output_path: must be a directory ending in '/'"):
        context["task"].execute(context)
    assert len(emulator.journal) == 0


def test_a_path_from_another_task_is_left_for_later() -> None:
    with DAG("clips", schedule=None):
        where = XComArg(EmptyOperator(task_id="where"))
        KlingText2VideoBatchOperator(task_id="clips", items=["A cat"], output_path=where)


@both
@modes
def test_where_nothing_can_be_landed_no_retry_buys_more(
    emulator: KlingEmulator,
    batch: Batch,
    monkeypatch: pytest.MonkeyPatch,
    deferrable: bool,
    on_item_failure: str,
) -> None:
    """A bucket that may be listed and not written to: that shows with the first video."""
    monkeypatch.setattr(landing, "_stream", refuse)
    clips = batch(PROMPTS, max_active=3, deferrable=deferrable, on_item_failure=on_item_failure)

    for _ in range(3):
        with pytest.raises(KlingBatchError, match=r"items failed(.|\n)*the disk is full"):
            clips.run()
        assert len(emulator.ledger) == 3


def test_ids_of_any_length_make_a_file_name(emulator: KlingEmulator, batch: Batch) -> None:
    clips = batch(PROMPTS[:1])
    clips.dag_id = "剪辑" * 60

    assert len(rows(clips.run())) == 1


def test_a_failure_counts_more_than_the_manifest(
    emulator: KlingEmulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "write_lines", refuse)

    with pytest.raises(AirflowFailException, match="risk control"):
        batch(["A cat", "risk-control"]).run()


def refuse(*_: Any) -> str:
    raise failed("the disk is full")


# --- trouble of the account -------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(("kind", "after"), [("no_balance", 0), ("unauthorized", 2)])
def test_trouble_of_the_account_ends_the_batch_in_either_mode(
    emulator: KlingEmulator, batch: Batch, deferrable: bool, kind: str, after: int
) -> None:
    emulator.faults.add(Fault(kind, on="create", skip=after, times=100))
    clips = batch(PROMPTS, deferrable=deferrable, on_item_failure="continue")

    with pytest.raises(AirflowFailException, match=rf"1 items failed, {after} succeeded, {11 - after} were not"):
        clips.run()
    assert len(emulator.ledger) == after
    assert emulator.unfetched() == []


@both
@modes
@pytest.mark.parametrize("outage", [3, 100])
def test_a_host_that_is_away_is_waited_for_two_minutes(
    emulator: KlingEmulator,
    batch: Batch,
    monkeypatch: pytest.MonkeyPatch,
    deferrable: bool,
    on_item_failure: str,
    outage: int,
) -> None:
    create = KlingHook.create_task
    refused: list[float] = []

    def away(hook: KlingHook, *body: Any) -> Any:
        if len(refused) < outage and emulator.ledger.charges:
            refused.append(emulator.clock.now())
            raise KlingConnectionError("refused", task_state=TaskState.NOT_CREATED, retryable=True)
        return create(hook, *body)

    monkeypatch.setattr(KlingHook, "create_task", away)
    clips = batch(PROMPTS[:4], deferrable=deferrable, on_item_failure=on_item_failure)

    if outage == 3:
        assert clips.run()["succeeded"] == 4
        assert len(refused) == 3
    else:
        with pytest.raises(KlingBatchError, match=r"1 items failed, 1 succeeded, 2 were not submitted"):
            clips.run()
        assert len(refused) < 20
        assert 60 < refused[-1] - refused[0] < 300


def test_the_backoff_of_a_busy_account_outlives_a_deferral(emulator: KlingEmulator, batch: Batch) -> None:
    emulator.settings.generation_seconds = 1500
    emulator.settings.concurrency = 2

    assert batch(PROMPTS[:4], deferrable=True).run()["succeeded"] == 4
    assert len(emulator.journal_for("create")) < 60


# --- trouble of an item -----------------------------------------------------------------------------------------------


@both
@stores
def test_failed_generations_are_made_anew_in_their_turn(
    emulator: KlingEmulator, batch: Batch, deferrable: bool, with_store: bool
) -> None:
    emulator.faults.add(Fault("generation_failed", times=12))
    clips = batch(PROMPTS, max_active=12, deferrable=deferrable, with_store=with_store)
    with pytest.raises(KlingBatchError):
        clips.run()

    emulator.settings.concurrency = 2
    again = batch(PROMPTS, max_active=2, deferrable=deferrable, with_store=with_store)
    again.store, again.try_number = clips.store, clips.try_number

    assert again.run()["succeeded"] == 12
    assert len(emulator.journal_for("create")) == 24
    assert {entry.status for entry in emulator.journal_for("create")} == {200}


@both
@stores
def test_a_video_that_never_ends_does_not_keep_the_others_from_being_made(
    emulator: KlingEmulator, batch: Batch, monkeypatch: pytest.MonkeyPatch, deferrable: bool, with_store: bool
) -> None:
    make_slow(emulator, monkeypatch, 9000)
    clips = batch(["slow", *PROMPTS[:5]], max_active=2, timeout=300, deferrable=deferrable, with_store=with_store)

    for _ in range(2):
        with pytest.raises(KlingBatchError, match=r"1 items failed, 5 succeeded, 0 were not submitted"):
            clips.run()
    assert len(emulator.ledger) == 6


@both
@stores
def test_what_is_paid_for_is_landed_whatever_fails(
    emulator: KlingEmulator, batch: Batch, monkeypatch: pytest.MonkeyPatch, deferrable: bool, with_store: bool
) -> None:
    """Before 3.3 a retry must ask Kling what exists; one question without an answer must not end the others."""
    first = batch(PROMPTS[:4], output_path=None, deferrable=deferrable, with_store=with_store)
    first.run()
    get = KlingHook.get_task
    unlucky: list[str] = []

    def broken(hook: KlingHook, task_id: str, *rest: Any, **how: Any) -> Any:
        unlucky.append(task_id)
        if task_id == unlucky[0]:
            raise KlingError("broken", retryable=True)
        return get(hook, task_id, *rest, **how)

    monkeypatch.setattr(KlingHook, "get_task", broken)
    again = batch([*PROMPTS[:4], "A new one"], deferrable=deferrable, with_store=with_store, timeout=300)
    again.store, again.try_number = first.store, first.try_number
    with pytest.raises(KlingBatchError, match=r"items failed, [34] succeeded"):
        again.run()

    assert len(emulator.unfetched()) <= 1


@both
def test_a_moderated_prompt_is_paid_for_once_whatever_the_others_need(
    emulator: KlingEmulator, batch: Batch, deferrable: bool
) -> None:
    emulator.faults.add(Fault("truncated_mp4", on="download", times=6))
    clips = batch(["risk-control", "A cat"], deferrable=deferrable)

    for _ in range(2):
        with pytest.raises(KlingBatchError, match=r"2 items failed"):
            clips.run()
    with pytest.raises(AirflowFailException, match="1 items failed, 1 succeeded"):
        clips.run()

    assert sorted(charge.prompt for charge in emulator.ledger.charges) == ["A cat", "risk-control"]


@both
def test_one_video_for_each_of_two_spellings(
    emulator: KlingEmulator, batch: Batch, deferrable: bool, dialect: str
) -> None:
    names = ("kling-v1-6", "kling-video-v1-6") if dialect == "llmprovider" else ("kling-v2-6", "kling-2.6")
    items = [{"prompt": "A cat", "model": model} for model in names]

    result = batch(items, deferrable=deferrable).run()

    assert len(emulator.ledger) == 2
    assert len({path for row in rows(result) for path in row["output_paths"]}) == 2


# --- downloads --------------------------------------------------------------------------------------------------------


def test_trouble_with_the_fresh_link_is_one_of_the_attempts(
    emulator: KlingEmulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh = KlingHook.get_task
    asked: list[str] = []

    def busy(hook: KlingHook, task_id: str, *rest: Any, **how: Any) -> Any:
        # Once a video was asked for, Kling is asked for fresh links alone.
        if emulator.journal_for("download") and not asked:
            asked.append(task_id)
            raise KlingError("too fast", retryable=True)
        return refresh(hook, task_id, *rest, **how)

    monkeypatch.setattr(KlingHook, "get_task", busy)
    emulator.faults.add(Fault("expired_url", on="download"))

    assert batch(PROMPTS[:2], deferrable=True).run()["succeeded"] == 2
    assert len(asked) == 1


def test_a_task_whose_time_is_over_does_not_wait_for_downloads(emulator: KlingEmulator, batch: Batch) -> None:
    emulator.faults.add(Fault("stall", on="download", seconds=15, times=4))

    def over(*_: Any) -> None:
        raise TimeoutError("execution_timeout")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, 2)
    began = time.monotonic()
    try:
        with pytest.raises(TimeoutError, match="execution_timeout"):
            batch(PROMPTS[:4], deferrable=True).run()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began < 10


# --- what a deferral carries ------------------------------------------------------------------------------------------


@stores
def test_no_link_is_carried_or_stored_and_no_video_is_missing_in_the_end(
    emulator: KlingEmulator, batch: Batch, monkeypatch: pytest.MonkeyPatch, with_store: bool
) -> None:
    carried: list[str] = []
    to_json = DeferredState.to_json

    def listening(self: DeferredState) -> dict[str, Any]:
        plain = to_json(self)
        carried.append(json.dumps(plain))
        return plain

    monkeypatch.setattr(DeferredState, "to_json", listening)
    clips = batch(PROMPTS, max_active=2, deferrable=True, with_store=with_store)
    result = clips.run()

    assert len(carried) > 4
    assert "http" not in "".join(carried) + json.dumps(clips.store)
    # The store has no link to a video that was landed before the last deferral; a file is there instead.
    assert all((row["videos"][0]["url"] or emulator.url).startswith(emulator.url) for row in rows(result))
    assert all(Path(row["output_paths"][0]).exists() for row in rows(result))


@needs_store
def test_a_manifest_that_could_not_be_kept_is_read_from_kling(
    emulator: KlingEmulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = FakeStore.set
    lost: list[str] = []

    def forgetful(self: FakeStore, key: str, value: Any, **how: Any) -> None:
        if isinstance(value, dict) and "manifest" in value and len(lost) < 3:
            lost.append(key)
            raise OSError("the API server is away")
        keep(self, key, value, **how)

    monkeypatch.setattr(FakeStore, "set", forgetful)
    result = batch(PROMPTS[:6], max_active=2, deferrable=True).run()

    assert len(lost) == 3
    assert all(row["task_id"] and row["videos"] and Path(row["output_paths"][0]).exists() for row in rows(result))


@both
def test_what_a_lookup_finds_failed_stops_what_was_planned_with_it(
    emulator: KlingEmulator, batch: Batch, deferrable: bool
) -> None:
    emulator.settings.generation_seconds = 0
    # Not at the very second in which the try began: that would be of an earlier one.
    emulator.faults.add(Fault("busy"), Fault("duplicate"))

    with pytest.raises(AirflowFailException, match="item 0"):
        batch(["risk-control", "A cat"], deferrable=deferrable).run()

    assert [charge.prompt for charge in emulator.ledger.charges] == ["risk-control"]
