"""What becomes of a request that Kling's moderation refuses, at the submit or later; and nobody pays for it twice."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, TaskDeferred

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingBatchError, KlingValidationError
from airflow_provider_kling.execution.deferred_state import DeferredState
from airflow_provider_kling.execution.summary import KEY
from airflow_provider_kling.lifecycle.item import Moderated
from airflow_provider_kling.operators.image import KlingImage2VideoOperator
from airflow_provider_kling.operators.kling import KlingBatchOperator, KlingText2VideoOperator
from tests.execution.test_batch import PROMPTS, both, rows, stores
from tests.fixtures import Make
from tests.rig import Instance, needs_store

# What the emulator refuses at once, and what it ends while it is made; how often that is charged, and the words.
WHEN = [
    pytest.param("content-policy, a cat", 0, "content security policy", id="at_submit"),
    pytest.param("risk-control, a cat", 1, "Failure to pass the risk control system", id="afterwards"),
]
when = pytest.mark.parametrize(("prompt", "charges", "reason"), WHEN)


def clip_of(instance: Instance) -> dict[str, Any]:
    (clip,) = instance.xcom[KEY]["clips"]
    return dict(clip)


def go_on(before: Instance, after: Instance) -> Instance:
    after.store, after.try_number, after.max_tries = before.store, before.try_number, before.max_tries
    return after


def creates(emulator: KlingEmulator, prompt: str) -> int:
    return sum((entry.body or {}).get("prompt") == prompt for entry in emulator.journal_for("create"))


# --- one video --------------------------------------------------------------------------------------------------------


@both
@stores
@when
def test_skip_is_airflows_skip_with_klings_reason(
    emulator: KlingEmulator,
    instance: Make,
    prompt: str,
    charges: int,
    reason: str,
    deferrable: bool,
    with_store: bool,
) -> None:
    clip = instance(prompt=prompt, on_moderation="skip", deferrable=deferrable, with_store=with_store)

    for _ in range(2):
        with pytest.raises(AirflowSkipException, match=reason):
            clip.run()
        assert len(emulator.ledger) == charges
        told = clip_of(clip)
        assert told["status"] == "moderated"
        assert reason in told["error"]
        clip.clear()


@both
@stores
@when
def test_return_gives_a_manifest_with_klings_reason(
    emulator: KlingEmulator,
    instance: Make,
    caplog: pytest.LogCaptureFixture,
    prompt: str,
    charges: int,
    reason: str,
    deferrable: bool,
    with_store: bool,
) -> None:
    good = instance(with_store=with_store).run()
    clip = instance(
        task_id="moderated", prompt=prompt, on_moderation="return", deferrable=deferrable, with_store=with_store
    )

    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            manifest = clip.run()

        assert manifest.keys() - good.keys() - {"units"} == {"error", "moderated"}
        assert good.keys() <= manifest.keys()
        assert (manifest["task_status"], manifest["videos"], manifest["output_paths"]) == ("failed", [], [])
        assert manifest["moderated"] is True
        assert reason in manifest["error"]
        assert (manifest["task_id"] is None) is (charges == 0)
        assert reason in caplog.text
        assert clip_of(clip)["status"] == "moderated"
        assert len(emulator.ledger) == 1 + charges
        clip.clear()


@when
def test_a_changed_prompt_and_a_clear_that_asks_for_a_new_one_buy(
    emulator: KlingEmulator, instance: Make, prompt: str, charges: int, reason: str
) -> None:
    clip = instance(prompt=prompt, on_moderation="return")
    clip.run()

    assert go_on(clip, instance(on_moderation="return")).run()["task_status"] == "succeed"
    assert len(emulator.ledger) == charges + 1

    anew = go_on(clip, instance(prompt=prompt, on_moderation="return", on_clear="new"))
    anew.clear()
    assert anew.run()["moderated"] is True
    assert len(emulator.ledger) == 2 * charges + 1


@when
def test_by_default_it_fails_without_retries(
    emulator: KlingEmulator, instance: Make, prompt: str, charges: int, reason: str
) -> None:
    clip = instance(prompt=prompt)

    with pytest.raises(AirflowFailException, match=reason):
        clip.run()
    assert clip_of(clip)["status"] == "moderated"
    assert len(emulator.ledger) == charges


@both
@pytest.mark.parametrize("on_moderation", ["skip", "return"])
def test_any_other_failure_fails(emulator: KlingEmulator, instance: Make, deferrable: bool, on_moderation: str) -> None:
    emulator.faults.add(Fault("generation_failed"))

    with pytest.raises(Exception, match="Kling ended the task as failed"):
        instance(on_moderation=on_moderation, deferrable=deferrable).run()


def test_who_does_not_wait_skips_what_is_refused_at_once(emulator: KlingEmulator, instance: Make) -> None:
    with pytest.raises(AirflowSkipException, match="policy"):
        instance(prompt="content-policy", on_moderation="skip", wait_for_completion=False).run()
    assert len(emulator.ledger) == 0


@needs_store
@pytest.mark.parametrize("on_moderation", ["skip", "return"])
def test_who_was_refused_at_once_is_submitted_again_by_a_clear_alone(
    emulator: KlingEmulator, instance: Make, on_moderation: str
) -> None:
    """As where the worker dies between Kling's refusal and the end of the task."""

    def moderated() -> bool:
        try:
            return clip.run()["moderated"] is True
        except AirflowSkipException as skip:
            return on_moderation == "skip" and "policy" in str(skip)

    clip = instance(prompt="content-policy", on_moderation=on_moderation)
    assert moderated()
    assert moderated()
    assert creates(emulator, "content-policy") == 1

    clip.clear()
    assert moderated()
    assert creates(emulator, "content-policy") == 2
    assert len(emulator.ledger) == 0


# --- many -------------------------------------------------------------------------------------------------------------

ITEMS = ["A cat", "content-policy", "risk-control", "A dog", "A bird"]


@both
@stores
@pytest.mark.parametrize(
    ("on_moderation", "count", "status"), [("skip", "skipped", "skipped"), ("return", "moderated", "failed")]
)
def test_moderated_items_are_counted_and_stop_nobody(
    emulator: KlingEmulator,
    batch: Make,
    caplog: pytest.LogCaptureFixture,
    deferrable: bool,
    with_store: bool,
    on_moderation: str,
    count: str,
    status: str,
) -> None:
    """With ``on_item_failure="fail"`` and a slot at a time, any failure would stop those that come after."""
    clips = batch(ITEMS, on_moderation=on_moderation, max_active=1, deferrable=deferrable, with_store=with_store)

    with caplog.at_level(logging.INFO):
        result = clips.run()

    assert {name: result[name] for name in result if name != "manifest_path"} == {
        "succeeded": 3,
        "failed": 0,
        "not_submitted": 0,
        count: 2,
    }
    lines = rows(result)
    assert [row["task_status"] for row in lines] == ["succeed", status, status, "succeed", "succeed"]
    assert [row["moderated"] for row in lines] == [False, True, True, False, False]
    for row, words in zip(lines[1:3], ("policy", "risk control"), strict=True):
        assert row.keys() == lines[0].keys()
        assert words in row["error"]
        assert f"Item {row['position']}: " in caplog.text
    assert "2 moderated" in caplog.text
    assert clips.xcom[KEY]["counts"] == {"done": 3, "moderated": 2}
    assert "risk control" in clips.xcom[KEY]["clips"][2]["error"]
    assert sorted(charge.prompt for charge in emulator.ledger.charges) == ["A bird", "A cat", "A dog", "risk-control"]

    clips.clear()
    assert clips.run()[count] == 2
    assert len(emulator.ledger) == 4


@both
def test_an_item_has_its_own(emulator: KlingEmulator, batch: Make, deferrable: bool) -> None:
    items = [
        {"prompt": "risk-control one", "on_moderation": "return"},
        {"prompt": "risk-control two"},
        {"prompt": "A cat", "on_moderation": "fail"},
        {"prompt": "A dog", "on_moderation": None},
    ]

    result = batch(items, on_moderation="skip", deferrable=deferrable).run()

    assert (result["succeeded"], result["skipped"], result["moderated"], result["failed"]) == (2, 1, 1, 0)
    assert [row["task_status"] for row in rows(result)] == ["failed", "skipped", "succeed", "succeed"]
    assert not any("on_moderation" in (entry.body or {}) for entry in emulator.journal_for("create"))


@both
def test_the_manifest_says_of_a_failed_item_that_it_was_moderated(
    emulator: KlingEmulator, batch: Make, deferrable: bool
) -> None:
    clips = batch(
        ["risk-control one", "A cat", "A dog"], on_item_failure="continue", max_active=1, deferrable=deferrable
    )

    result = clips.run()

    assert (result["failed"], result["succeeded"], "moderated" in result) == (1, 2, False)
    assert [row["moderated"] for row in rows(result)] == [True, False, False]


@both
def test_one_of_them_may_fail_the_batch(emulator: KlingEmulator, batch: Make, deferrable: bool) -> None:
    items = ["risk-control one", {"prompt": "risk-control two", "on_moderation": "fail"}, "A cat"]
    clips = batch(items, on_moderation="skip", deferrable=deferrable)

    with pytest.raises(
        AirflowFailException, match=r"1 items failed, 1 succeeded, 0 were not submitted, 1 skipped:"
    ) as e:
        clips.run()
    assert "item 1: Kling ended" in str(e.value)
    assert "item 0" not in str(e.value)


@both
@pytest.mark.parametrize("lands", [True, False])
def test_a_batch_that_skips_every_item_is_skipped(
    emulator: KlingEmulator, batch: Make, tmp_path: Path, deferrable: bool, lands: bool
) -> None:
    output_path = f"{tmp_path}/out/" if lands else None
    clips = batch(ITEMS[1:3], on_moderation="skip", deferrable=deferrable, output_path=output_path)

    with pytest.raises(AirflowSkipException, match=r"refused every item(.|\n)*policy") as caught:
        clips.run()

    lines = [line for path in tmp_path.rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) == (2 if lands else 0)
    assert ("jsonl" in str(caught.value)) is lands
    # With "return" it is a result like others.
    again = go_on(clips, batch(ITEMS[1:3], on_moderation="return", deferrable=deferrable, output_path=output_path))
    assert again.run()["moderated"] == 2


@both
@stores
def test_a_retry_submits_none_of_them_again(
    emulator: KlingEmulator, batch: Make, deferrable: bool, with_store: bool
) -> None:
    """Another item needs a retry; before 3.3 no record says what was refused, and it is refused again at no cost."""
    emulator.faults.add(Fault("generation_failed", skip=3))
    clips = batch(ITEMS, on_moderation="skip", deferrable=deferrable, with_store=with_store)
    with pytest.raises(KlingBatchError, match=r"1 items failed, 2 succeeded, 0 were not submitted, 2 skipped"):
        clips.run()

    assert clips.run()["skipped"] == 2
    assert creates(emulator, "risk-control") == 1
    if with_store and "kling-history" in clips.store:
        assert creates(emulator, "content-policy") == 1
    assert len(emulator.ledger) == 5

    clips.clear()
    assert clips.run()["skipped"] == 2
    assert len(emulator.ledger) == 5


def test_it_is_no_part_of_what_is_paid_for(emulator: KlingEmulator, batch: Make) -> None:
    clips = batch([{"prompt": prompt} for prompt in PROMPTS[:2]])
    first = rows(clips.run())

    again = go_on(clips, batch([{"prompt": prompt, "on_moderation": "skip"} for prompt in PROMPTS[:2]]))

    assert [row["external_task_id"] for row in rows(again.run())] == [row["external_task_id"] for row in first]
    assert len(emulator.ledger) == 2


@pytest.mark.parametrize("on_moderation", ["skip", "return"])
def test_a_deferral_carries_what_became_of_an_item(emulator: KlingEmulator, batch: Make, on_moderation: str) -> None:
    clips = batch(ITEMS[:2], on_moderation=on_moderation, deferrable=True)
    context = clips.context()

    with pytest.raises(TaskDeferred) as deferred:
        context["task"].execute(context)

    carried = json.loads(json.dumps(deferred.value.kwargs))["carried"]
    ((wish, kept),) = carried["failed"].items()
    assert kept["moderated"] == on_moderation
    state = DeferredState.read(carried, None)
    assert state is not None
    moderated = state.failure_of(wish)
    assert isinstance(moderated, Moderated)
    assert moderated.skips is (on_moderation == "skip")
    assert str(moderated.error) == kept["message"]
    # The gallery shows the reason alone.
    assert moderated.error.message == "Kling refused: Trigger the platform's content security policy."
    del kept["reason"]
    assert str(state.failure_of(wish).error) == kept["message"]  # type: ignore[union-attr]
    # As an earlier release carried it.
    del kept["moderated"]
    state = DeferredState.read(carried, None)
    assert state is not None
    assert not isinstance(state.failure_of(wish), Moderated)


def test_units_of_a_moderated_item_count(emulator: KlingEmulator, batch: Make) -> None:
    """Whether Kling charges for it is not documented, so it counts; what was not made costs nothing."""
    price = batch(PROMPTS[:1]).make().estimate().units
    clips = batch(["content-policy", *PROMPTS[:2]], on_moderation="skip", max_active=1, max_units=2 * price)
    assert clips.run()["succeeded"] == 2
    emulator.reset()
    clips = batch(["risk-control", *PROMPTS[:3]], on_moderation="skip", max_active=1, max_units=2 * price)

    with pytest.raises(AirflowFailException, match=r"1 succeeded, 2 were not submitted, 1 skipped"):
        clips.run()
    assert len(emulator.ledger) == 2


# --- bad values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: KlingText2VideoOperator(task_id="clip", prompt="x", on_moderation="ignore"),
            "on_moderation: 'ignore' is not one of 'fail', 'skip', 'return'",
        ),
        (
            lambda: KlingImage2VideoOperator(task_id="clip", image="https://x/y.png", on_moderation=None),
            "on_moderation: None is not one of",
        ),
        (
            lambda: KlingText2VideoOperator(task_id="clip", prompt="x", on_moderation="return"),
            "on_moderation: 'return' needs wait_for_completion=True",
        ),
        (
            lambda: KlingBatchOperator(task_id="clips", items=["x"], on_moderation=["skip"]),
            "on_moderation: ['skip'] is not one of",
        ),
        (
            lambda: KlingBatchOperator(task_id="clips", items=["x", "y", "z", {"prompt": "x", "on_moderation": "no"}]),
            "items[3].on_moderation: 'no' is not one of 'fail', 'skip', 'return'",
        ),
        (
            lambda: KlingBatchOperator(task_id="clips", items=["x"], request_defaults={"on_moderation": "ship"}),
            "items[0].on_moderation: 'ship' is not one of",
        ),
    ],
)
def test_a_bad_value_is_refused_when_the_dag_is_parsed(make: Any, words: str) -> None:
    with pytest.raises(KlingValidationError) as caught:
        make()
    assert words in str(caught.value)


def test_a_bad_value_from_a_template_is_refused_before_paying(emulator: KlingEmulator, batch: Make) -> None:
    clips = batch("{{ ti.xcom_pull('rows') }}")
    context = clips.context()
    context["task"].items = ["fine", {"prompt": "x", "on_moderation": "later"}]

    with pytest.raises(AirflowFailException, match=r"items\[1\].on_moderation: 'later' is not one of"):
        context["task"].execute(context)
    assert len(emulator.journal) == 0
