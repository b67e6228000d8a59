"""The result of a try in one line of text, which Airflow's XCom tab shows as it is."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.execution.headline import KEY
from tests.execution.test_batch import both
from tests.fixtures import Make


@both
def test_one_video(emulator: KlingEmulator, instance: Make, deferrable: bool, dialect: str) -> None:
    clip = instance(deferrable=deferrable)
    manifest = clip.run()

    units = manifest["estimate"]["units"]
    money = f"{units:g} units (estimated {units:g} units)" if "units" in manifest else f"estimated {units:g} units"
    assert clip.xcom[KEY] == f"1 video of 5 s, {money}; landed at {manifest['output_paths'][0]}."

    away = instance(task_id="other", deferrable=deferrable, output_path=None)
    away.run()
    assert away.xcom[KEY] == f"1 video of 5 s, {money}; at Kling alone, which keeps it for 30 days."


def test_who_does_not_wait(emulator: KlingEmulator, instance: Make) -> None:
    clip = instance(wait_for_completion=False)
    task_id = clip.run()

    assert clip.xcom[KEY].startswith(f"Submitted as task {task_id}, estimated ")


@both
def test_what_failed_and_what_moderation_refused(emulator: KlingEmulator, instance: Make, deferrable: bool) -> None:
    reason = "Kling ended the task as failed: Failure to pass the risk control system."
    clip = instance(prompt="risk-control", deferrable=deferrable)
    with pytest.raises(AirflowFailException):
        clip.run()
    assert clip.xcom[KEY] == f"Failed: {reason}"

    clip = instance(prompt="risk-control", deferrable=deferrable, on_moderation="skip")
    with pytest.raises(AirflowSkipException):
        clip.run()
    assert clip.xcom[KEY] == f"Moderated: {reason}"


@both
def test_many_videos(emulator: KlingEmulator, batch: Make, deferrable: bool) -> None:
    items = ["A cat", "risk-control", {"prompt": "content-policy", "on_moderation": "fail"}, "A dog"]
    clips = batch(items, on_moderation="return", on_item_failure="continue", max_active=2, deferrable=deferrable)
    result = clips.run()

    told = clips.xcom[KEY]
    assert told.startswith("2 of 4 made, ")
    assert told.endswith(f"; 1 moderated; 1 failed; manifest at {result['manifest_path']}.")
    assert "units" in told
    assert "http" not in told


def test_of_many_that_a_limit_leaves_out(emulator: KlingEmulator, batch: Make) -> None:
    price = batch(["A cat"]).make().estimate().units
    clips = batch(["A cat", "A dog"], max_units=price, on_item_failure="continue", output_path=None)
    clips.run()

    assert clips.xcom[KEY].endswith("; 1 left out by max_units.")
