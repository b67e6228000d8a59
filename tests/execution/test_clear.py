"""What a clear, a mark and an edit do to the money, and what the log says of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingConfigurationError, KlingLostSubmitError
from tests.fixtures import Make
from tests.rig import FakeStore, needs_store

stores = pytest.mark.parametrize(
    "with_store", [pytest.param(True, id="store", marks=needs_store), pytest.param(False, id="no_store")]
)


@stores
@pytest.mark.parametrize("discard_store", [False, True], ids=["3.3", "3.4"])
def test_a_clear_takes_the_video_up(
    emulator: KlingEmulator, instance: Make, with_store: bool, discard_store: bool
) -> None:
    clip = instance(with_store=with_store)
    first = clip.run()
    clip.clear(discard_store=discard_store)

    again = clip.run()

    assert again["task_id"] == first["task_id"]
    assert len(emulator.ledger) == 1


@stores
@pytest.mark.parametrize("discard_store", [False, True], ids=["3.3", "3.4"])
def test_a_clear_finds_the_video_of_a_try_that_lost_what_it_carried(
    emulator: KlingEmulator, instance: Make, with_store: bool, discard_store: bool
) -> None:
    # A gateway may take an id twice, so that the promise hangs on the lookup.
    emulator.settings.duplicates = "accept"
    clip = instance(deferrable=True, with_store=with_store)
    clip.keeps_carried = False
    first = clip.run()
    clip.clear(discard_store=discard_store)

    assert clip.run()["task_id"] == first["task_id"]
    assert len(emulator.ledger) == 1


def test_one_not_found_is_not_believed_however_late_it_is_asked_for(
    emulator: KlingEmulator, instance: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long batch without a store the last are asked for after the two minutes; so is what waits for an answer."""
    emulator.settings.duplicates = "accept"
    clip = instance(with_store=False)
    first = clip.run()
    clip.clear()
    emulator.faults.add(Fault("not_found"))
    context = clip.context()
    emulator.advance(300)

    assert context["task"].execute(context)["task_id"] == first["task_id"]
    assert len(emulator.ledger) == 1


@needs_store
def test_a_record_without_its_wish_is_looked_up(emulator: KlingEmulator, instance: Make) -> None:
    """As earlier releases left it after such a try."""
    emulator.settings.duplicates = "accept"
    clip = instance()
    first = clip.run()
    clip.store["kling"]["wish"] = ""
    clip.clear()

    assert clip.run()["task_id"] == first["task_id"]
    assert len(emulator.ledger) == 1


@stores
def test_a_clear_with_on_clear_new_buys_another_and_a_retry_does_not(
    emulator: KlingEmulator, instance: Make, with_store: bool
) -> None:
    clip = instance(on_clear="new", with_store=with_store)
    first = clip.run()
    assert clip.run()["task_id"] == first["task_id"]
    clip.clear()

    second = clip.run()

    assert second["task_id"] != first["task_id"]
    assert second["output_paths"] != first["output_paths"]
    assert len(emulator.ledger) == 2


@stores
def test_marked_failed_while_deferred_then_cleared(emulator: KlingEmulator, instance: Make, with_store: bool) -> None:
    clip = instance(deferrable=True, with_store=with_store)
    context = clip.context()
    with pytest.raises(TaskDeferred):
        context["task"].execute(context)
    clip.clear()
    emulator.advance(300)

    assert clip.run()["task_status"] == "succeed"
    assert len(emulator.ledger) == 1


@needs_store
def test_an_edited_prompt_is_said_in_the_log_with_the_ids_of_the_old_wish(
    emulator: KlingEmulator, instance: Make, caplog: pytest.LogCaptureFixture
) -> None:
    clip = instance()
    manifest = clip.run()
    edited = instance(prompt="A dog on a fence", duration="10")
    edited.store, edited.try_number = clip.store, clip.try_number
    edited.run()

    (line,) = [line for line in caplog.messages if "another wish" in line]
    assert "changed: duration, prompt" in line
    assert manifest["task_id"] in line
    assert manifest["external_task_id"] in line
    assert len(emulator.ledger) == 2


def test_the_users_own_id_is_sent_and_a_second_run_takes_up_its_video(emulator: KlingEmulator, instance: Make) -> None:
    first = instance(external_task_id="promo-7").run()
    other_run = instance(external_task_id="promo-7")
    other_run.run_id = "scheduled__2026-11-02"

    second = other_run.run()

    assert first["external_task_id"] == second["external_task_id"] == "promo-7"
    assert second["task_id"] == first["task_id"]
    assert len(emulator.ledger) == 1


def test_on_lost_submit_fail_stops_and_names_the_id(emulator: KlingEmulator, instance: Make) -> None:
    emulator.faults.add(Fault("lost_before", on="create"))

    with pytest.raises(KlingLostSubmitError) as caught:
        instance(on_lost_submit="fail").run()

    assert caught.value.external_task_id
    assert "on_lost_submit is 'fail'" in str(caught.value)
    assert len(emulator.ledger) == 0


@needs_store
def test_a_store_that_cannot_be_read_stops_before_paying(emulator: KlingEmulator, instance: Make) -> None:
    class Broken(FakeStore):
        def get(self, *_: Any) -> Any:
            raise RuntimeError("the API server is away")

    clip = instance()
    clip.store = Broken()
    with pytest.raises(KlingConfigurationError, match="cannot be read") as caught:
        clip.run()
    assert caught.value.retryable
    assert len(emulator.journal) == 0


@needs_store
def test_a_store_that_cannot_be_written_stops_before_paying(emulator: KlingEmulator, instance: Make) -> None:
    class ReadOnly(FakeStore):
        def set(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("the API server is away")

    clip = instance()
    clip.store = ReadOnly()
    with pytest.raises(KlingConfigurationError, match="cannot be written"):
        clip.run()
    assert len(emulator.ledger) == 0


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
def test_a_busy_account_is_waited_for_in_one_try(emulator: KlingEmulator, instance: Make, deferrable: bool) -> None:
    emulator.faults.add(Fault("busy", times=8))
    clip = instance(deferrable=deferrable)

    clip.run()

    assert clip.try_number == 1
    assert len(emulator.journal_for("create")) == 9
    assert len(emulator.ledger) == 1


def test_a_long_pause_of_a_deferrable_submit_holds_no_worker(emulator: KlingEmulator, instance: Make) -> None:
    emulator.faults.add(Fault("busy", retry_after=60))
    clip = instance(deferrable=True)
    context = clip.context()

    with pytest.raises(TaskDeferred) as deferred:
        context["task"].execute(context)

    trigger = deferred.value.trigger
    assert type(trigger).__name__ == "DateTimeTrigger"
    assert trigger.moment > datetime.fromtimestamp(emulator.clock.now(), tz=UTC)


def test_the_record_never_expires(emulator: KlingEmulator, instance: Make) -> None:
    import airflow.sdk

    kept: list[Any] = []

    class Watched(FakeStore):
        def set(self, key: str, value: Any, *, retention: Any = None) -> None:
            kept.append(retention)
            super().set(key, value, retention=retention)

    clip = instance()
    clip.store = Watched()
    clip.run()

    assert set(kept) <= {getattr(airflow.sdk, "NEVER_EXPIRE", None)}
