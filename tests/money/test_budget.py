"""max_units over retries, clears, edits and crashes: the ledger never shows more, and what fits is made."""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api import prices
from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator
from tests.money.conftest import Make
from tests.money.outside import Outside
from tests.money.test_crashes import modes, stores, tries
from tests.rig import HAS_STORE, Instance, WorkerCrash, needs_store

# Five seconds of the default model of llmprovider, in std.
PRICE = 2
PROMPTS = [f"Product {number}" for number in range(5)]


@pytest.fixture
def batch(tmp_path: Path) -> Callable[..., Instance]:
    def make(**arguments: Any) -> Instance:
        with_store, run_id = arguments.pop("with_store", True), arguments.pop("run_id", "run")
        given = {"task_id": "clips", "items": PROMPTS, "max_active": 2, "output_path": f"{tmp_path}/out/", **arguments}
        return Instance(lambda: KlingText2VideoBatchOperator(**given), with_store=with_store, run_id=run_id)

    return make


def ended(instance: Instance, limit: int = 6) -> Any:
    """Run try after try until there is a result, or an error that no retry can help."""
    for _ in range(limit):
        try:
            return instance.run()
        except AirflowFailException as error:
            return error
        except (WorkerCrash, KlingError):
            continue
    raise AssertionError(f"no end in {limit} tries")


@modes
def test_one_video_that_is_too_dear_is_not_submitted(
    emulator: KlingEmulator, use_dialect: Callable[..., None], instance: Make, deferrable: bool
) -> None:
    use_dialect("llmprovider")
    with pytest.raises(AirflowFailException) as caught:
        instance("run", max_units=1.5, deferrable=deferrable).run()

    assert emulator.journal_for("create") == []
    assert "estimated at 2 units (USD 0.28 list price), and 0 units of max_units=1.5 are spent" in str(caught.value)
    assert "nothing was charged" in str(caught.value)
    assert "Raise max_units" in str(caught.value)
    manifest = instance("run", max_units="2", deferrable=deferrable).run()
    assert manifest["estimate"] == {"units": 2.0, "usd": 0.28}


@modes
@stores
def test_generations_that_failed_count(
    emulator: KlingEmulator, use_dialect: Callable[..., None], instance: Make, with_store: bool, deferrable: bool
) -> None:
    use_dialect("llmprovider")
    emulator.faults.add(Fault("generation_failed", times=9))
    clip = instance("run", max_units=5, deferrable=deferrable, with_store=with_store)

    error = ended(clip)

    assert "4 units of max_units=5 are spent" in str(error)
    assert "failed count for 4 of them" in str(error)
    assert emulator.ledger.total_units == 4
    clip.clear()
    assert "4 units of max_units=5" in str(ended(clip))
    assert emulator.ledger.total_units == 4


def test_what_kling_reports_counts_and_stands_beside_the_estimate(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    instance: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    use_dialect("kling")
    monkeypatch.setattr(prices, "estimate", lambda *_: prices.Estimate(1.0, 0.14))
    emulator.faults.add(Fault("generation_failed"))
    clip = instance("run", max_units=3.4, mode="pro", model="kling-v2-6")
    with caplog.at_level(logging.INFO), pytest.raises(KlingError, match="Internal generation error"):
        clip.run()
    (reported,) = (charge.units for charge in emulator.ledger.charges)
    with caplog.at_level(logging.INFO):
        manifest = clip.run()

    assert reported == Decimal("2.5")
    assert (manifest["estimate"], manifest["units"]) == ({"units": 1.0, "usd": 0.14}, "2.5")
    assert "estimated 1 units (USD 0.14 list price)." in caplog.text
    assert "Kling deducted 2.5 units for task" in caplog.text
    if not HAS_STORE:
        return
    # Of the task that failed Kling reported nothing: its estimate counts. By the estimates alone another would fit.
    clip.clear()
    other = instance("run", max_units=4.4, mode="pro", model="kling-v2-6", prompt="Another")
    other.store, other.try_number = clip.store, clip.try_number
    assert "3.5 units of max_units=4.4 are spent" in str(ended(other))
    assert emulator.ledger.total_units == 5


@modes
@stores
@pytest.mark.parametrize("on_item_failure", ["fail", "continue"])
def test_a_batch_makes_what_fits_and_names_what_it_leaves_out(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    batch: Callable[..., Instance],
    on_item_failure: str,
    with_store: bool,
    deferrable: bool,
) -> None:
    use_dialect("llmprovider")
    # The third one costs as much as two.
    items = [*PROMPTS[:2], {"prompt": "Long", "duration": "10"}, *PROMPTS[2:]]
    arguments: dict[str, Any] = {"items": items, "deferrable": deferrable, "on_item_failure": on_item_failure}
    clips = batch(max_units=7, with_store=with_store, output_path=None, **arguments)

    for _ in range(3):
        result = ended(clips)
        assert emulator.ledger.total_units == 6
        assert sorted(charge.prompt for charge in emulator.ledger.charges) == PROMPTS[:3]
        if on_item_failure == "fail":
            assert "0 items failed, 3 succeeded, 3 were not submitted" in str(result)
            assert "items 2, 4-5, left out" in str(result)
            assert "max_units=7" in str(result)
        else:
            assert (result["succeeded"], result["failed"], result["not_submitted"]) == (3, 0, 3)
            left_out = [row for row in result["items"] if row["error"]]
            assert [row["position"] for row in left_out] == [2, 4, 5]
            assert {row["task_status"] for row in left_out} == {"not_submitted"}
            assert left_out[0]["estimate"] == {"units": 4.0, "usd": 0.56}
        clips.clear()

    clips.make = batch(max_units=14, output_path=None, **arguments).make
    assert ended(clips)["succeeded"] == 6
    assert emulator.ledger.total_units == 14


@modes
@stores
def test_a_crash_at_every_point_of_a_batch_with_a_cap(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    outside: Outside,
    batch: Callable[..., Instance],
    with_store: bool,
    deferrable: bool,
) -> None:
    use_dialect("llmprovider")
    for point in range(0, 400, 2):
        emulator.reset()
        emulator.settings.duplicates = "accept"
        emulator.settings.generation_seconds = 70
        emulator.faults.add(Fault("lost_after"), Fault("generation_failed", skip=1))
        clips = batch(
            items=PROMPTS[:4], max_units=6.5, with_store=with_store, deferrable=deferrable, run_id=f"run-{point}",
            on_item_failure="continue",
        )  # fmt: skip
        outside.arm(point)
        *_, result = tries(clips)
        where = f"crash at point {point}: {outside.trace[-1:]}"
        assert emulator.ledger.total_units == 6, where
        assert result["succeeded"] + result["failed"] + result["not_submitted"] == 4, where
        if not outside.crashed:
            break
    assert 10 < point < 399


@needs_store
def test_clears_that_buy_anew_and_other_items_count_together(
    emulator: KlingEmulator, use_dialect: Callable[..., None], batch: Callable[..., Instance], instance: Make
) -> None:
    use_dialect("llmprovider")
    clips = batch(items=PROMPTS[:2], max_units=7, on_clear="new")
    assert clips.run()["succeeded"] == 2
    clips.clear()
    assert "items 1, left out" in str(ended(clips))
    assert emulator.ledger.total_units == 6
    # Other items in the same task instance.
    clips.make = batch(items=PROMPTS[3:], max_units=8, on_item_failure="continue").make
    assert clips.run()["succeeded"] == 1
    assert emulator.ledger.total_units == 8
    assert ended(clips)["not_submitted"] == 1

    emulator.reset()
    clip = instance("one", max_units=5, on_clear="new")
    clip.run()
    clip.clear()
    clip.run()
    clip.clear()
    assert "4 units of max_units=5" in str(ended(clip))
    edited = instance("one", max_units=5, prompt="A dog")
    edited.store, edited.try_number, edited.max_tries = clip.store, clip.try_number, clip.max_tries
    assert "4 units of max_units=5" in str(ended(edited))
    assert emulator.ledger.total_units == 4


@needs_store
@modes
@pytest.mark.parametrize("on_moderation", ["fail", "skip", "return"])
def test_an_item_that_was_refused_and_so_not_paid_for_leaves_its_units_to_another_prompt(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    batch: Callable[..., Instance],
    on_moderation: str,
    deferrable: bool,
) -> None:
    use_dialect("llmprovider")
    arguments: dict[str, Any] = {"max_active": 3, "max_units": 6, "on_item_failure": "continue"}
    arguments |= {"on_moderation": on_moderation, "deferrable": deferrable}
    clips = batch(items=["A cat", "content-policy, a cat", "A dog"], **arguments)
    assert ended(clips)["succeeded"] == 2

    clips.clear()
    clips.make = batch(items=["A cat", "A kitten", "A dog"], **arguments).make
    assert ended(clips)["succeeded"] == 3
    assert emulator.ledger.total_units == 6


@needs_store
def test_an_item_whose_submit_was_lost_counts_once_when_the_list_changes(
    emulator: KlingEmulator, use_dialect: Callable[..., None], outside: Outside, batch: Callable[..., Instance]
) -> None:
    use_dialect("llmprovider")
    for point in range(0, 100):
        emulator.reset()
        emulator.faults.add(Fault("lost_before"))
        clips = batch(items=PROMPTS[:2], max_units=6, run_id=f"run-{point}")
        outside.arm(point)
        for _ in tries(clips):
            pass
        outside.arm(None)
        clips.clear()
        clips.make = batch(items=[PROMPTS[0], PROMPTS[2]], max_units=6).make
        assert ended(clips)["succeeded"] == 2, point
        assert emulator.ledger.total_units == 6, point
        if not outside.crashed:
            break


@needs_store
@modes
@pytest.mark.parametrize("on_clear", ["reuse", "new"])
def test_what_kling_reports_of_a_batch_counts_when_other_videos_are_wanted(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    batch: Callable[..., Instance],
    monkeypatch: pytest.MonkeyPatch,
    on_clear: str,
    deferrable: bool,
) -> None:
    use_dialect("kling")
    monkeypatch.setattr(prices, "estimate", lambda *_: prices.Estimate(1.0, 0.14))
    # Each costs 2.5 units in fact.
    items = [{"prompt": prompt, "mode": "pro", "model": "kling-v2-6"} for prompt in PROMPTS[:3]]
    arguments: dict[str, Any] = {"max_units": 5.5, "on_clear": on_clear, "deferrable": deferrable}
    clips = batch(items=items[:2], **arguments)
    clips.run()
    assert emulator.ledger.total_units == 5

    clips.clear()
    clips.make = batch(items=[items[0], items[2]], **arguments).make
    assert "5 units of max_units=5.5 are spent" in str(ended(clips))
    assert emulator.ledger.total_units == 5


@needs_store
@modes
def test_what_kling_reports_counts_even_if_the_video_is_never_landed(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    instance: Make,
    monkeypatch: pytest.MonkeyPatch,
    deferrable: bool,
) -> None:
    use_dialect("kling")
    monkeypatch.setattr(prices, "estimate", lambda *_: prices.Estimate(1.0, 0.14))
    emulator.faults.add(Fault("expired_url", times=99))
    arguments: dict[str, Any] = {"max_units": 3.4, "mode": "pro", "model": "kling-v2-6", "deferrable": deferrable}
    clip = instance("run", **arguments)
    with pytest.raises(KlingError):
        clip.run()
    emulator.faults.clear()

    clip.make = instance("run", prompt="Another", **arguments).make
    assert "2.5 units of max_units=3.4 are spent" in str(ended(clip))
    assert emulator.ledger.total_units == 2.5


@pytest.mark.parametrize("many", [False, True])
def test_what_has_no_price_cannot_be_bounded(
    emulator: KlingEmulator,
    monkeypatch: pytest.MonkeyPatch,
    use_dialect: Callable[..., None],
    batch: Callable[..., Instance],
    instance: Make,
    many: bool,
) -> None:
    use_dialect("llmprovider", models="kling-v9")
    items = ["A cat", {"prompt": "A dog", "model": "kling-v9"}]
    task = batch(items=items, max_units=99) if many else instance("run", model="kling-v9", max_units=99)

    with pytest.raises(AirflowFailException, match=r"no known price: model 'kling-v9'.*nothing was charged") as caught:
        task.run()

    assert list(emulator.journal) == []
    assert ("(items 1)" in str(caught.value)) is many


def test_max_active_is_read_from_the_packs(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    batch: Callable[..., Instance],
    caplog: pytest.LogCaptureFixture,
) -> None:
    use_dialect("kling")
    emulator.settings.update({"costs_interval": 0, "packs": ("Trial-Video-100Units-3Con-1Months",)})
    try:
        clips = batch(items=[*PROMPTS, *PROMPTS], max_active="auto", max_units=100, deferrable=True)
        assert clips.run()["succeeded"] == 10
        assert {entry.status for entry in emulator.journal_for("create")} == {200}
        # Asked once a try, not after each deferral.
        assert len(emulator.journal_for("costs")) == 1

        emulator.settings.packs = ("Video-100Units",)
        with caplog.at_level(logging.INFO):
            batch(items=PROMPTS[:1], max_active="auto", run_id="unnamed").run()
        assert "taking 10, as no active resource pack names a limit" in caplog.text
    finally:
        emulator.settings.update({"costs_interval": 1, "packs": ()})

    use_dialect("llmprovider")
    with caplog.at_level(logging.INFO):
        batch(items=PROMPTS[:1], max_active="auto", run_id="gateway").run()
    assert "taking 10, as the account's limit cannot be told" in caplog.text
