from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingBatchError, KlingTaskTimeoutError, KlingValidationError
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator
from tests.paths import ROOT
from tests.rig import HAS_STORE, Instance

Batch = Callable[..., Instance]
both = pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
stores = pytest.mark.parametrize("with_store", [True, False], ids=["store", "no_store"])


def rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(result["manifest_path"]).read_text().splitlines()]


def make_slow(emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the generation of the prompt "slow" take this long."""
    create = KlingHook.create_task

    def create_slowly(hook: KlingHook, body: dict[str, Any], *rest: Any) -> Any:
        emulator.settings.generation_seconds = seconds if body["prompt"] == "slow" else 105
        return create(hook, body, *rest)

    monkeypatch.setattr(KlingHook, "create_task", create_slowly)


PROMPTS = [f"Product {number}" for number in range(12)]


@both
@stores
def test_every_item_is_paid_for_once_and_landed(
    emulator: KlingEmulator, batch: Batch, deferrable: bool, with_store: bool
) -> None:
    emulator.settings.concurrency = 4
    clips = batch(PROMPTS, max_active=4, deferrable=deferrable, with_store=with_store)

    result = clips.run()

    assert (result["succeeded"], result["failed"], result["not_submitted"]) == (12, 0, 0)
    assert sorted(charge.prompt for charge in emulator.ledger.charges) == sorted(PROMPTS)
    # The account's limit was respected, so nothing was refused.
    assert {entry.status for entry in emulator.journal_for("create")} == {200}
    manifest = rows(result)
    assert [row["position"] for row in manifest] == list(range(12))
    assert all(Path(row["output_paths"][0]).stat().st_size > 1000 for row in manifest)
    assert emulator.unfetched() == []
    assert "items" not in result

    clips.clear()
    clips.run()
    assert len(emulator.ledger) == 12


def test_without_an_output_path_the_manifests_are_in_the_result(emulator: KlingEmulator, batch: Batch) -> None:
    result = batch(PROMPTS[:2], output_path=None).run()

    assert [row["videos"][0]["duration"] for row in result["items"]] == [5.0, 5.0]


@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_the_manifest_has_the_lines_that_the_docs_show(emulator: KlingEmulator, batch: Batch) -> None:
    page = (ROOT / "docs" / "waiting.md").read_text("utf-8")
    shown = [json.loads(line) for line in page.splitlines() if line.startswith('{"position"')]

    made = rows(batch(["A cat", "risk-control"], on_item_failure="continue").run())

    assert [line.keys() for line in made] == [line.keys() for line in shown]
    assert [line["task_status"] for line in made] == [line["task_status"] for line in shown]
    assert [line["prompt"] for line in made] == ["A cat", "risk-control"]
    assert made[0]["videos"][0].keys() == shown[0]["videos"][0].keys()


@pytest.mark.parametrize("dialect", ["llmprovider", "kling"], indirect=True)
@pytest.mark.usefixtures("retired_models")
def test_items_are_dicts_or_prompts_with_defaults(emulator: KlingEmulator, batch: Batch) -> None:
    items = ["A cat", {"prompt": "A dog", "duration": 10, "model": "kling-video-v1"}]
    batch(items, request_defaults={"aspect_ratio": "1:1"}).run()

    first, second = (entry.body or {} for entry in emulator.journal_for("create"))
    assert (first["prompt"], first["aspect_ratio"], "duration" in first) == ("A cat", "1:1", False)
    assert (second["prompt"], second["aspect_ratio"], second["duration"]) == ("A dog", "1:1", "10")


def test_all_items_are_checked_before_the_first_is_paid_for(emulator: KlingEmulator, batch: Batch) -> None:
    clips = batch(["fine"])
    context = clips.context()
    context["task"].items = ["fine", {"prompt": "x", "duration": "7"}, {"prompt": "", "mode": "fast"}]

    with pytest.raises(AirflowFailException) as caught:
        context["task"].execute(context)

    for words in ("items[1].duration: '7'", "items[2].mode: 'fast'", "items[2].prompt: is empty"):
        assert words in str(caught.value)
    assert len(emulator.journal) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"items": ["x", {"prompt": ""}]}, "items[1].prompt: is empty"),
        ({"items": ["x", 3]}, "items[1]: must be a prompt or a dict"),
        ({"items": "x"}, "items: must be a list"),
        ({"items": ["x"], "max_active": 0}, "max_active: must be a whole number of at least 1, not 0"),
        ({"items": ["x"], "max_active": "two"}, "max_active: must be a whole number of at least 1, not 'two'"),
        ({"items": [{"prompt": "x", "external_task_id": "sku"}]}, "items[0].external_task_id: is derived for each"),
        ({"items": ["x"], "on_item_failure": "stop"}, "on_item_failure: 'stop'"),
        ({"items": ["x"], "output_path": "/tmp/x.mp4"}, "output_path: must be a directory"),
        ({"items": ["x"], "external_task_id": "mine"}, "external_task_id: is one id for many tasks"),
        ({"items": ["x"], "wait_for_completion": False}, "wait_for_completion: cannot be False"),
    ],
)
def test_a_typo_is_an_import_error_of_the_dag(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(KlingValidationError) as caught:
        KlingText2VideoBatchOperator(task_id="clips", **arguments)
    assert words in str(caught.value)


def test_items_from_a_template_are_left_for_later() -> None:
    KlingText2VideoBatchOperator(task_id="clips", items="{{ ti.xcom_pull('prompts') }}")
    KlingText2VideoBatchOperator(task_id="clips", items=["{{ params.x }}"])


def test_equal_items_are_each_paid_for_and_moved_rows_are_not_new(emulator: KlingEmulator, batch: Batch) -> None:
    first = batch(["A cat", "A dog", "A cat"])
    first.run()
    assert len(emulator.ledger) == 3

    moved = batch(["A bird", "A dog", "A cat", "A cat"])
    moved.store, moved.try_number = first.store, first.try_number
    result = moved.run()

    assert result["succeeded"] == 4
    assert sorted(charge.prompt for charge in emulator.ledger.charges) == ["A bird", "A cat", "A cat", "A dog"]


@both
def test_one_moderated_item_fails_the_batch_without_retries_but_nothing_else_is_lost(
    emulator: KlingEmulator, batch: Batch, deferrable: bool
) -> None:
    clips = batch(["A cat", "risk-control", *PROMPTS], max_active=2, deferrable=deferrable)

    with pytest.raises(AirflowFailException, match=r"item 1: Kling ended the task as failed: Failure to pass"):
        clips.run()
    paid = len(emulator.ledger)
    assert paid < 14
    assert emulator.unfetched() == []


@both
def test_on_item_failure_continue_returns_the_failure_as_a_row(
    emulator: KlingEmulator, batch: Batch, deferrable: bool
) -> None:
    clips = batch(
        ["A cat", "content-policy", "risk-control", "A dog"], on_item_failure="continue", deferrable=deferrable
    )

    result = clips.run()

    assert (result["succeeded"], result["failed"], result["not_submitted"]) == (2, 2, 0)
    bad = [row for row in rows(result) if row["task_status"] == "failed"]
    assert [row["position"] for row in bad] == [1, 2]
    assert "content security policy" in bad[0]["error"] or "policy" in bad[0]["error"]
    assert len(emulator.ledger) == 3


@both
def test_a_failed_generation_is_made_anew_by_the_retry_alone(
    emulator: KlingEmulator, batch: Batch, deferrable: bool
) -> None:
    emulator.faults.add(Fault("generation_failed", skip=1))
    clips = batch(PROMPTS[:3], deferrable=deferrable)

    with pytest.raises(KlingBatchError, match="1 items failed, 2 succeeded"):
        clips.run()
    assert len(emulator.ledger) == 3
    assert clips.run()["succeeded"] == 3
    assert len(emulator.ledger) == 4


@both
def test_a_busy_account_is_waited_for_within_the_try(emulator: KlingEmulator, batch: Batch, deferrable: bool) -> None:
    emulator.settings.concurrency = 2
    clips = batch(PROMPTS[:6], max_active=6, deferrable=deferrable)

    assert clips.run()["succeeded"] == 6
    assert clips.try_number == 1
    assert len(emulator.ledger) == 6


@both
def test_a_busy_account_is_waited_for_as_long_as_videos_end(
    emulator: KlingEmulator, batch: Batch, deferrable: bool
) -> None:
    """One at a time, eight take a quarter of an hour; ``timeout`` bounds each of them and no standstill of the rest."""
    emulator.settings.concurrency = 1
    clips = batch(PROMPTS[:8], max_active=8, deferrable=deferrable, timeout=300)

    assert clips.run()["succeeded"] == 8
    assert len(emulator.ledger) == 8


@both
def test_an_account_that_stays_busy_is_given_up(emulator: KlingEmulator, batch: Batch, deferrable: bool) -> None:
    emulator.settings.concurrency = 0
    clips = batch(PROMPTS[:2], deferrable=deferrable, timeout=300)
    began = emulator.clock.now()

    with pytest.raises(KlingBatchError):
        clips.run()
    assert emulator.clock.now() - began < 400
    assert len(emulator.ledger) == 0


def test_execution_timeout_holds_while_deferred(emulator: KlingEmulator, batch: Batch) -> None:
    emulator.settings.generation_seconds = 500
    clips = batch(PROMPTS[:3], max_active=2, deferrable=True, execution_timeout=timedelta(seconds=200))
    began = emulator.clock.now()

    with pytest.raises(KlingTaskTimeoutError, match=r"execution_timeout of 200 s has passed.*Batch: 0 done, 2 running"):
        clips.run()
    assert 199 < emulator.clock.now() - began < 300
    assert len(emulator.ledger) == 2

    emulator.advance(500)
    emulator.settings.generation_seconds = 100
    again = batch(PROMPTS[:3], max_active=2, deferrable=True)
    again.store, again.try_number = clips.store, clips.try_number
    began = emulator.clock.now()
    assert again.run()["succeeded"] == 3
    assert len(emulator.ledger) == 3
    if HAS_STORE:
        # The record of all tries says that the third was never posted, so nobody waited for it to show.
        assert emulator.clock.now() - began < 200


@both
def test_a_clear_that_empties_the_store_finds_every_video_again(
    emulator: KlingEmulator, batch: Batch, deferrable: bool
) -> None:
    """As in Airflow 3.4. Nothing but our own lookup keeps the videos from being bought again."""
    emulator.settings.duplicates = "accept"
    clips = batch(PROMPTS[:4], deferrable=deferrable)
    clips.run()

    clips.clear(discard_store=True)

    assert clips.run()["succeeded"] == 4
    assert len(emulator.ledger) == 4


@both
def test_with_a_lost_record_what_exists_does_not_wait_for_what_may_not(
    emulator: KlingEmulator, batch: Batch, dialect: str, deferrable: bool
) -> None:
    first = batch(PROMPTS[:3], deferrable=deferrable)
    first.run()
    again = batch(["A new one", *PROMPTS[:3]], deferrable=deferrable, output_path=None)
    again.try_number = first.try_number
    began = emulator.clock.now()

    assert again.run()["succeeded"] == 4

    assert len(emulator.ledger) == 4
    polls = {
        entry.query.get("external_task_ids") or entry.path.rpartition("/")[2]: entry.at
        for entry in reversed(emulator.journal_for("get"))
    }
    lookups = [at for name, at in polls.items() if name.startswith("af-") and at >= began]
    # On Kling's own API the default model was another once: an earlier release may have submitted under that.
    assert len(lookups) == (8 if dialect == "kling" else 4)
    assert max(lookups) < began + 30


@both
@stores
def test_with_a_lost_record_no_more_than_max_active_are_made_at_once(
    emulator: KlingEmulator, batch: Batch, deferrable: bool, with_store: bool
) -> None:
    """A clear in Airflow 3.4 empties the store; before 3.3 there is none. All items are looked for, then made."""
    emulator.settings.concurrency = 3
    clips = batch(PROMPTS, max_active=3, deferrable=deferrable, with_store=with_store)
    clips.try_number = 1

    assert clips.run()["succeeded"] == 12
    assert len(emulator.ledger) == 12
    assert {entry.status for entry in emulator.journal_for("create")} == {200}


def test_a_slow_video_does_not_hold_up_the_landing_of_the_others(
    emulator: KlingEmulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_slow(emulator, monkeypatch, 900)
    clips = batch(["slow", *(f"Clip {number}" for number in range(19))], max_active=20, deferrable=True)

    assert clips.run()["succeeded"] == 20
    *others, slow = (entry.at for entry in emulator.journal_for("download"))
    # The last few wait for one another.
    assert sum(other < slow - 500 for other in others) >= 20 // 2


@both
def test_slots_are_filled_before_videos_are_landed(emulator: KlingEmulator, batch: Batch, deferrable: bool) -> None:
    """While a worker downloads, Kling works on the next ones; but nothing is bought before a landing has worked."""
    batch(PROMPTS[:3], max_active=1, deferrable=deferrable).run()

    order = [entry.operation for entry in emulator.journal if entry.operation in ("create", "download")]
    assert order == ["create", "download", "create", "create", "download", "download"]


def test_several_videos_are_landed_at_once(emulator: KlingEmulator, batch: Batch) -> None:
    seconds = 2.0
    emulator.faults.add(Fault("stall", on="download", seconds=seconds, times=4))

    assert batch(PROMPTS[:4], deferrable=True).run()["succeeded"] == 4

    arrived = [entry.wall for entry in emulator.journal_for("download")]
    assert len(arrived) == 4
    assert max(arrived) - min(arrived) < seconds


def test_broken_downloads_and_old_links_heal_side_by_side(emulator: KlingEmulator, batch: Batch) -> None:
    for kind in ("expired_url", "truncated_mp4"):
        emulator.faults.add(Fault(kind, on="download", times=2))

    assert batch(PROMPTS[:4], deferrable=True).run()["succeeded"] == 4

    assert len(emulator.journal_for("download")) == 8
    assert len(emulator.ledger) == 4


@both
def test_a_video_that_cannot_be_landed_leaves_the_others_theirs(
    emulator: KlingEmulator, batch: Batch, tmp_path: Path, deferrable: bool
) -> None:
    clips = batch(PROMPTS[:4], deferrable=deferrable)
    wish = batch(PROMPTS[:1], output_path=None)
    in_the_way = tmp_path / "out" / f"{wish.run()['items'][0]['external_task_id']}.mp4"
    in_the_way.mkdir(parents=True)
    (in_the_way / "x").touch()

    with pytest.raises(KlingBatchError, match=r"1 items failed, 3 succeeded(.|\n)*cannot be written"):
        clips.run()
    (in_the_way / "x").unlink()
    in_the_way.rmdir()
    assert clips.run()["succeeded"] == 4
    assert len(emulator.ledger) == 4


def test_progress_is_logged(emulator: KlingEmulator, batch: Batch, caplog: pytest.LogCaptureFixture) -> None:
    clips = batch(PROMPTS[:4], max_active=2, deferrable=True)
    with caplog.at_level("INFO"):
        clips.run()

    assert any(line.startswith("Batch: 0 done, 2 running, 2 waiting, 0 failed") for line in caplog.messages)
    assert any(line.startswith("Batch: 4 done, 0 running, 0 waiting, 0 failed") for line in caplog.messages)
