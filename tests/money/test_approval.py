"""Nothing is paid for that nobody approved, and nobody is asked twice, wherever a worker dies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_kling.compat import clock, hitl
from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.execution.summary import KEY
from airflow_provider_kling.operators.kling import KlingBatchOperator, KlingText2VideoOperator
from tests.approvals import Asking, Forms, approve, approve_by_api, forms, needs_forms, nobody, reject
from tests.money.outside import Outside
from tests.money.test_crashes import modes, stores, tries
from tests.rig import FakeStore, WorkerCrash, needs_store

__all__ = ["forms"]

pytestmark = needs_forms

PROMPT = "A cat on a fence"


@pytest.fixture
def ask(use_dialect: Callable[..., None], forms: Forms, tmp_path: Path) -> Callable[..., Asking]:
    """Make a task instance that has one video approved."""
    use_dialect("llmprovider")

    def make(*, with_store: bool = True, kind: Any = KlingText2VideoOperator, **arguments: Any) -> Asking:
        more = {"items": ["A cat", "A dog"]} if kind is KlingBatchOperator else {"prompt": PROMPT}
        asked = {
            "task_id": "clip",
            "wait_for_completion": True,
            "output_path": f"{tmp_path}/out/",
            "require_approval": True,
            **more,
            **arguments,
        }
        return Asking(lambda: kind(**asked), with_store=with_store, forms=forms)

    return make


def charges(emulator: KlingEmulator) -> list[str]:
    return sorted(charge.prompt for charge in emulator.ledger.charges)


@modes
@stores
@pytest.mark.parametrize("edits", [False, True], ids=["as_it_is", "edited"])
@pytest.mark.parametrize("lost", [False, True], ids=["plain", "answer_lost"])
def test_a_crash_at_every_point_asks_once_and_pays_once(
    emulator: KlingEmulator,
    ask: Callable[..., Asking],
    forms: Forms,
    outside: Outside,
    monkeypatch: pytest.MonkeyPatch,
    with_store: bool,
    deferrable: bool,
    edits: bool,
    lost: bool,
) -> None:
    changed = {"prompt": "A dog on a fence"} if edits else {}
    monkeypatch.setattr(hitl, "put", outside._around("put", hitl.put))
    for point in range(200):
        emulator.reset()
        emulator.settings.duplicates = "accept"
        emulator.settings.generation_seconds = 70
        if lost:
            emulator.faults.add(Fault("lost_after"))
        forms.there = forms.response = None
        forms.asked.clear()
        forms.person = lambda form: approve(form, **changed)
        clip = ask(with_store=with_store, deferrable=deferrable)
        clip.run_id = f"run-{point}"
        outside.arm(point)
        *_, manifest = tries(clip)
        where = f"crash at point {point}: {outside.trace[-1:]}"
        assert len(forms.asked) == 1, where
        assert charges(emulator) == [changed.get("prompt", PROMPT)], where
        assert emulator.unfetched() == [], where
        assert clip.xcom[KEY]["clips"][0]["prompt"] == charges(emulator)[0], where
        crashed = outside.crashed
        outside.arm(None)
        # Whatever comes later finds it, and asks nobody.
        clip.clear()
        assert clip.run()["task_id"] == manifest["task_id"], where
        assert (len(forms.asked), len(emulator.ledger)) == (1, 1), where
        if not crashed:
            break
    assert 5 < point < 199


@modes
def test_without_a_store_an_answer_of_few_words_is_asked_for_again_and_paid_for_once(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms, outside: Outside, deferrable: bool
) -> None:
    """Nothing tells then what it was to; but what was paid for with its edit is found."""
    forms.person = lambda form: approve_by_api(form, prompt="A dog on a fence")
    for point in range(200):
        emulator.reset()
        emulator.settings.duplicates = "accept"
        emulator.settings.generation_seconds = 70
        forms.there = forms.response = None
        forms.asked.clear()
        clip = ask(with_store=False, deferrable=deferrable)
        clip.run_id = f"run-{point}"
        outside.arm(point)
        for _ in tries(clip):
            pass
        where = f"crash at point {point}: {outside.trace[-1:]}"
        assert len(forms.asked) <= 2, where
        assert charges(emulator) == ["A dog on a fence"], where
        if not outside.crashed:
            break
    assert 5 < point < 199


@modes
@stores
def test_a_crash_at_every_point_of_a_batch(
    emulator: KlingEmulator,
    ask: Callable[..., Asking],
    forms: Forms,
    outside: Outside,
    with_store: bool,
    deferrable: bool,
) -> None:
    for point in range(400):
        emulator.reset()
        emulator.settings.duplicates = "accept"
        emulator.settings.generation_seconds = 70
        forms.there = forms.response = None
        forms.asked.clear()
        clips = ask(with_store=with_store, kind=KlingBatchOperator, deferrable=deferrable)
        clips.run_id = f"run-{point}"
        outside.arm(point)
        *_, result = tries(clips)
        where = f"crash at point {point}: {outside.trace[-1:]}"
        assert len(forms.asked) == 1, where
        assert charges(emulator) == ["A cat", "A dog"], where
        assert result["succeeded"] == 2, where
        if not outside.crashed:
            break
    assert 10 < point < 399


@modes
@stores
@pytest.mark.parametrize("kind", [KlingText2VideoOperator, KlingBatchOperator])
def test_a_crash_at_every_point_of_a_rejected_one(
    emulator: KlingEmulator,
    ask: Callable[..., Asking],
    forms: Forms,
    outside: Outside,
    kind: Any,
    with_store: bool,
    deferrable: bool,
) -> None:
    forms.person = reject
    for point in range(100):
        forms.there = forms.response = None
        forms.asked.clear()
        clip = ask(with_store=with_store, kind=kind, deferrable=deferrable)
        clip.run_id = f"run-{point}"
        outside.arm(point)
        with pytest.raises(AirflowSkipException, match="Rejected by Ada"):
            for _ in tries(clip):
                pass
        assert (len(forms.asked), len(emulator.ledger)) == (1, 0), point
        if not outside.crashed:
            break
    # Cleared, it is asked for anew.
    outside.arm(None)
    forms.person = approve
    clip.clear()
    clip.run()
    assert (len(forms.asked), len(emulator.ledger)) == (2, 1 if kind is KlingText2VideoOperator else 2)


@stores
def test_a_clear_before_anything_is_paid_for_asks_anew(
    emulator: KlingEmulator,
    ask: Callable[..., Asking],
    forms: Forms,
    monkeypatch: pytest.MonkeyPatch,
    with_store: bool,
) -> None:
    clip = ask(with_store=with_store)
    send = KlingEmulatorDown(monkeypatch)
    with pytest.raises(WorkerCrash):
        clip.run()
    assert len(forms.asked) == 1
    clip.clear()
    send.works = True
    clip.run()
    assert (len(forms.asked), len(emulator.ledger)) == (2, 1)


class KlingEmulatorDown:
    """The worker dies with the approval in its hands, before the POST."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from airflow_provider_kling.execution.submit import Submitter

        self.works = False
        real = Submitter._post

        def post(submitter: Submitter, record: Any) -> Any:
            if not self.works:
                raise WorkerCrash("before the POST")
            return real(submitter, record)

        monkeypatch.setattr(Submitter, "_post", post)


@stores
def test_new_on_clear_asks_and_pays_again(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms, with_store: bool
) -> None:
    clip = ask(with_store=with_store, on_clear="new")
    first = clip.run()
    clip.clear()
    assert clip.run()["task_id"] != first["task_id"]
    assert (len(forms.asked), len(emulator.ledger)) == (2, 2)


@stores
def test_an_edit_is_found_again_where_a_clear_emptied_the_store(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms, with_store: bool
) -> None:
    forms.person = lambda form: approve(form, prompt="A dog on a fence")
    clip = ask(with_store=with_store)
    first = clip.run()
    clip.clear(discard_store=True)
    assert clip.run()["task_id"] == first["task_id"]
    assert (len(forms.asked), charges(emulator)) == (1, ["A dog on a fence"])


@needs_store
@modes
def test_a_batch_asks_once_though_the_store_does_not_take_the_answer(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms, deferrable: bool
) -> None:
    class Full(FakeStore):
        def set(self, key: str, value: Any, *, retention: Any = None) -> None:
            if key == "kling-approval":
                raise OSError("full")
            super().set(key, value, retention=retention)

    clips = ask(kind=KlingBatchOperator, items=["A cat", "A dog", "A fox"], max_active=1, deferrable=deferrable)
    clips.store = Full()
    assert clips.run()["succeeded"] == 3
    assert (len(forms.asked), charges(emulator)) == (1, ["A cat", "A dog", "A fox"])


@stores
def test_an_answer_by_the_rest_api_needs_no_fields(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms, with_store: bool
) -> None:
    forms.person = approve_by_api
    ask(with_store=with_store).run()
    ask(with_store=with_store, kind=KlingBatchOperator).run_id = "other"
    assert (len(forms.asked), charges(emulator)) == (1, [PROMPT])


@pytest.mark.parametrize("prompt", ["", "x" * 2501, ["A dog"], None], ids=["empty", "long", "list", "null"])
def test_an_edit_that_makes_no_request_is_not_paid_for(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms, prompt: Any
) -> None:
    forms.person = lambda form: approve(form, prompt=prompt)
    clip = ask()
    with pytest.raises(AirflowFailException, match=r"(?s)prompt: .*nothing was charged"):
        clip.run()
    assert len(emulator.ledger) == 0
    # The clear asks anew.
    forms.person = approve
    clip.clear()
    clip.run()
    assert charges(emulator) == [PROMPT]


def test_an_edit_that_is_not_allowed_is_not_paid_for(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms
) -> None:
    forms.person = lambda form: approve(form, prompt="A dog")
    with pytest.raises(AirflowFailException, match="prompt: was changed in the answer"):
        ask(allow_modifications=False).run()
    clips = ask(kind=KlingBatchOperator)
    clips.run_id, forms.there = "batch", None
    with pytest.raises(AirflowFailException, match="prompt: was changed in the answer"):
        clips.run()
    assert len(emulator.ledger) == 0


def test_rejected_as_a_failure(emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms) -> None:
    forms.person = reject
    with pytest.raises(AirflowFailException, match="Rejected by Ada"):
        ask(fail_on_reject=True).run()
    assert len(emulator.ledger) == 0


def test_nobody_answers_in_time(emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms) -> None:
    forms.person = nobody
    with pytest.raises(AirflowFailException, match=r"Nobody answered within approval_timeout=60 s\. .*Clear the task"):
        ask(approval_timeout=60).run()
    clip = ask(approval_timeout=60, on_approval_timeout="reject")
    clip.run_id, forms.there = "other", None
    with pytest.raises(AirflowSkipException, match="as nobody answered"):
        clip.run()
    assert len(emulator.ledger) == 0


def test_another_request_is_not_paid_for_with_an_old_form(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms
) -> None:
    """Airflow would show the old one, whatever is asked for."""
    clip = ask()
    clip.run()
    clip.make = ask(prompt="A dog").make
    clip.clear()
    with pytest.raises(AirflowFailException, match=r"goes on showing the form .*delete the task instance"):
        clip.run()
    assert charges(emulator) == [PROMPT]
    # Deleted, and made anew by Airflow.
    forms.there = None
    clip.try_number = 0
    clip.run()
    assert (len(forms.asked), charges(emulator)) == (2, [PROMPT, "A dog"])


@stores
def test_a_request_that_changed_between_tries_is_asked_for_again(
    emulator: KlingEmulator,
    ask: Callable[..., Asking],
    forms: Forms,
    monkeypatch: pytest.MonkeyPatch,
    with_store: bool,
) -> None:
    clip = ask(with_store=with_store)
    send = KlingEmulatorDown(monkeypatch)
    with pytest.raises(WorkerCrash):
        clip.run()
    send.works = True
    clip.make = ask(prompt="A dog").make
    forms.there = None
    clip.run()
    assert (len(forms.asked), charges(emulator)) == (2, ["A dog"])


@needs_store
def test_items_that_are_moved_or_removed_need_no_approval_and_new_ones_do(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = ask(kind=KlingBatchOperator, items=["A cat", "A dog", "A fox"])
    send = KlingEmulatorDown(monkeypatch)
    with pytest.raises(WorkerCrash):
        clips.run()
    send.works = True
    clips.make = ask(kind=KlingBatchOperator, items=["A dog", "A cat"]).make
    clips.run()
    assert (len(forms.asked), charges(emulator)) == (1, ["A cat", "A dog"])
    clips.make = ask(kind=KlingBatchOperator, items=["A dog", "An owl", "A cat", "A fox"]).make
    forms.there = None
    clips.run()
    assert len(forms.asked) == 2
    assert "2 of 4 items" in str(forms.asked[1].body)
    assert "4 units" in forms.asked[1].subject
    assert charges(emulator) == ["A cat", "A dog", "A fox", "An owl"]


@stores
def test_a_cleared_batch_goes_on_with_the_form_that_shows_all_of_it(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms, with_store: bool
) -> None:
    emulator.faults.add(Fault("generation_failed", skip=1))
    clips = ask(with_store=with_store, kind=KlingBatchOperator, on_item_failure="continue")
    assert clips.run()["succeeded"] == 1
    clips.clear()
    assert clips.run()["succeeded"] == 2
    assert len(forms.asked) == 2
    # The emulator charges for a task that fails, too.
    assert charges(emulator) == ["A cat", "A dog", "A dog"]


@modes
def test_what_is_paid_for_is_landed_when_the_rest_is_rejected(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms, deferrable: bool, tmp_path: Path
) -> None:
    clips = ask(kind=KlingBatchOperator, deferrable=deferrable)
    clips.run()
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    forms.person, forms.there = reject, None
    clips.make = ask(kind=KlingBatchOperator, items=["A cat", "A dog", "A fox"], deferrable=deferrable).make
    with pytest.raises(AirflowSkipException, match=r"Items 2 were not submitted; 2 were paid for before"):
        clips.run()
    assert len(list((tmp_path / "out").glob("*.mp4"))) == 2
    clips.make = ask(
        kind=KlingBatchOperator,
        items=["A cat", "A dog", "A fox"],
        deferrable=deferrable,
        on_item_failure="continue",
    ).make
    result = clips.run()
    assert (result["succeeded"], result["failed"], result["not_submitted"]) == (2, 0, 1)
    assert charges(emulator) == ["A cat", "A dog"]


def test_the_time_for_an_answer_counts_for_no_other_limit(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms
) -> None:
    from datetime import timedelta

    def late(form: hitl.Form) -> Any:
        clock.sleep(86_400)
        return approve(form)

    forms.person = late
    ask(execution_timeout=timedelta(minutes=30), deferrable=True).run()
    emulator.faults.add(Fault("busy", times=3))
    clips = ask(kind=KlingBatchOperator, execution_timeout=timedelta(minutes=30))
    clips.run_id, forms.there = "batch", None
    clips.run()
    assert len(emulator.ledger) == 3


def test_a_notifier_is_called_once_the_form_is_there(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms
) -> None:
    told = []
    clip = ask(approval_notifiers=lambda context: told.append((context["ti"].id, forms.there is not None)))
    clip.run()
    assert told == [("ti-1", True)]


def test_a_retry_after_a_failed_generation_asks_nobody(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms
) -> None:
    emulator.faults.add(Fault("generation_failed"))
    clip = ask()
    with pytest.raises(KlingError, match="Internal generation error"):
        clip.run()
    clip.run()
    assert (len(forms.asked), len(emulator.ledger)) == (1, 2)


def test_without_the_approval_nothing_is_different(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms
) -> None:
    ask(require_approval=False).run()
    assert (forms.asked, len(emulator.ledger)) == ([], 1)


def test_the_form_of_a_batch_shows_a_sample_that_stays_text(
    emulator: KlingEmulator, ask: Callable[..., Asking], forms: Forms
) -> None:
    rows = [{"prompt": f"Product {number} ```` <b>", "key": f"sku-{number}", "duration": "10"} for number in range(7)]
    ask(kind=KlingBatchOperator, items=rows, max_units=100).run()
    (form,) = forms.asked
    body = str(form.body)
    assert form.subject == "clip: 7 of text2video, 28 units (USD 3.92 list price)"
    assert "At most `max_units=100` is spent" in body
    assert '`````text\nkey: \'sku-4\'\nProduct 4 ```` <b>\nmodel="kling-video-v1-6", duration="10"\n`````' in body
    assert "sku-5" not in body
    assert "… and 2 more." in body
