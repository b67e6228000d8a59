"""A crash at every statement that touches the outside, then retries: what was charged equals what was wished for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingError
from tests.money.conftest import Make
from tests.money.outside import Outside
from tests.rig import Instance, WorkerCrash, needs_store

# Name -> (faults, charges per wish). A failed generation was charged as far as anybody knows, and its successor too.
SCENARIOS: dict[str, tuple[list[Fault], int]] = {
    "plain": ([], 1),
    "answer_lost": ([Fault("lost_after")], 1),
    "answer_garbled_and_task_not_visible": ([Fault("truncated_json"), Fault("not_found", times=3)], 1),
    "never_arrived": ([Fault("lost_before")], 1),
    "error_after_commit": ([Fault("error_after", status=503)], 1),
    "html_after_commit": ([Fault("html", commit=True)], 1),
    "told_that_it_exists": ([Fault("duplicate")], 1),
    "busy": ([Fault("busy", times=3)], 1),
    "generation_failed": ([Fault("generation_failed")], 2),
}


def crash_everywhere(clip: Instance, outside: Outside) -> None:
    """Die at the first point, then at the second one of the next try, and so on until a try has no point left."""
    for point in range(100):
        outside.arm(point)
        try:
            clip.run()
        except WorkerCrash:
            continue
        outside.arm(None)
        return
    raise AssertionError("no try came to its end")


modes = pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
stores = pytest.mark.parametrize(
    "with_store", [pytest.param(True, id="store", marks=needs_store), pytest.param(False, id="no_store")]
)
dialects = pytest.mark.parametrize("dialect", ["llmprovider", "kling", "kling-v3"])


def tries(clip: Instance, limit: int = 12) -> Iterator[Any]:
    """Run try after try, as Airflow's retries do, until one succeeds."""
    for _ in range(limit):
        try:
            yield clip.run()
            return
        except (WorkerCrash, KlingError) as error:
            yield error
    raise AssertionError(f"no success in {limit} tries")


@modes
@stores
@dialects
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_crash_at_every_point(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    outside: Outside,
    instance: Make,
    scenario: str,
    dialect: str,
    with_store: bool,
    deferrable: bool,
) -> None:
    use_dialect(dialect)
    faults, charges = SCENARIOS[scenario]
    for point in range(200):
        emulator.reset()
        # A gateway that takes a repeated id for a new task: the provider must not lean on Kling's refusal.
        emulator.settings.duplicates = "accept"
        # Done at the first poll: every further poll is the same two points again.
        emulator.settings.generation_seconds = 70
        emulator.faults.add(*faults)
        clip = instance(f"run-{point}", with_store=with_store, deferrable=deferrable)
        outside.arm(point)
        *_, manifest = tries(clip)
        where = f"crash at point {point}: {outside.trace[-1:]}, {scenario}"
        assert len(emulator.ledger) == charges, where
        assert Path(manifest["output_paths"][0]).stat().st_size > 1000, where
        if scenario != "generation_failed":
            assert emulator.unfetched() == [], where
        if not outside.crashed:
            break
    # The last round came to its end without a crash, so every point before it was tried.
    assert 5 < point < 199


def test_two_crashes_around_the_second_generation(
    emulator: KlingEmulator, use_dialect: Callable[..., None], outside: Outside, instance: Make
) -> None:
    """The first task ends as failed; the retry submits anew and dies with the answer unread. The intent saves it."""
    use_dialect("llmprovider")
    emulator.settings.duplicates = "accept"
    emulator.faults.add(Fault("generation_failed"))
    clip = instance("run")
    with pytest.raises(KlingError, match="Internal generation error"):
        clip.run()

    crash_everywhere(clip, outside)
    assert len(emulator.ledger) == 2


def test_an_edited_request_is_another_wish_and_the_old_one_is_named(
    emulator: KlingEmulator,
    use_dialect: Callable[..., None],
    outside: Outside,
    instance: Make,
) -> None:
    use_dialect("llmprovider")
    emulator.settings.duplicates = "accept"
    clip = instance("run")
    clip.run()
    (first,) = emulator.ledger.charges

    edited = instance("run", prompt="A dog on a fence")
    edited.store, edited.try_number = clip.store, clip.try_number
    crash_everywhere(edited, outside)
    assert [charge.prompt for charge in emulator.ledger.charges] == ["A cat on a fence", "A dog on a fence"]
    # Back to the first wording: the first video is found, not bought again.
    clip.store, clip.try_number = edited.store, edited.try_number
    manifest = clip.run()
    assert manifest["task_id"] == first.task_id
    assert len(emulator.ledger) == 2
