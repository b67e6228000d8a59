"""What a try tells the gallery: one XCom, pushed as things change, that holds no signed link and fails no task."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api.models import default_model
from airflow_provider_kling.api.preview import preview
from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.execution.summary import KEY, MOST_CLIPS
from airflow_provider_kling.hooks.kling import KlingHook
from tests.fixtures import Make
from tests.rig import Instance, needs_store


class Pushes(dict[str, Any]):
    """XCom that remembers what was pushed, as JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.of_summary: list[dict[str, Any]] = []

    def __setitem__(self, key: str, value: Any) -> None:
        if key == KEY:
            self.of_summary.append(json.loads(json.dumps(value)))
        super().__setitem__(key, value)


def watched(instance: Instance) -> Pushes:
    instance.xcom = pushes = Pushes()
    return pushes


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_video_is_told_of_when_it_is_submitted_and_when_it_is_landed(
    emulator: KlingEmulator, instance: Make, deferrable: bool
) -> None:
    clip = instance(deferrable=deferrable, prompt="A cat on a fence")
    pushes = watched(clip)

    manifest = clip.run()

    statuses = [summary["clips"][0]["status"] for summary in pushes.of_summary]
    assert statuses[-1] == "done"
    assert "running" in statuses
    assert len(statuses) <= 5
    (told,) = pushes.of_summary[-1]["clips"]
    assert told["paths"] == manifest["output_paths"]
    assert (told["task_id"], told["external_task_id"]) == (manifest["task_id"], manifest["external_task_id"])
    assert told["ended_at"] == manifest["updated_at"]
    assert told["submitted_at"] < told["ended_at"] <= told["landed_at"]
    # The model is the dialect's own, before the wait and after it.
    model = default_model("text2video", KlingHook().settings.dialect.name)
    assert {summary["clips"][0]["model"] for summary in pushes.of_summary} == {model}
    assert pushes.of_summary[-1]["request"] == {"model": model, "prompt": "A cat on a fence"}
    assert "http" not in json.dumps(pushes.of_summary)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_failure_is_told_with_its_reason(emulator: KlingEmulator, instance: Make, deferrable: bool) -> None:
    clip = instance(prompt="risk-control please", deferrable=deferrable)
    pushes = watched(clip)

    with pytest.raises(AirflowFailException):
        clip.run()

    (told,) = pushes.of_summary[-1]["clips"]
    assert told["status"] == "moderated"
    assert told["error"] == "Kling ended the task as failed: Failure to pass the risk control system."


# Without a store, nobody knows that it is landed already.
@needs_store
def test_each_try_tells_anew(emulator: KlingEmulator, instance: Make) -> None:
    clip = instance()
    clip.run()
    clip.clear()
    pushes = watched(clip)

    clip.run()

    (told,) = pushes.of_summary[-1]["clips"]
    assert told["status"] == "done"
    assert told["paths"]
    # It was landed in another try.
    assert "landed_at" not in told
    assert len(emulator.ledger) == 1


def test_what_cannot_be_told_fails_nothing(
    emulator: KlingEmulator, instance: Make, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Pushes):
        def __setitem__(self, key: str, value: Any) -> None:
            if key == KEY:
                raise ConnectionError("no API server")
            super().__setitem__(key, value)

    clip = instance()
    clip.xcom = Broken()

    assert clip.run()["task_status"] == "succeed"
    assert "summary for the gallery failed (ConnectionError)" in caplog.text


def test_who_does_not_wait_has_a_submitted_video(emulator: KlingEmulator, instance: Make) -> None:
    clip = instance(wait_for_completion=False)
    pushes = watched(clip)

    clip.run()

    (told,) = pushes.of_summary[-1]["clips"]
    assert told["status"] == "submitted"
    assert "paths" not in told


def test_what_waits_for_a_slot_tells_how_many_are_before_it(emulator: KlingEmulator, batch: Make) -> None:
    many = batch([f"A cat, take {number}" for number in range(5)], max_active=2, deferrable=True)
    pushes = watched(many)

    many.run()

    told = [[(clip["status"], clip.get("ahead")) for clip in summary["clips"]] for summary in pushes.of_summary]
    assert [("running", None)] * 2 + [("waiting", None), ("waiting", 1), ("waiting", 2)] in told
    assert told[-1] == [("done", None)] * 5


def test_a_batch_tells_a_bounded_number_and_where_the_rest_is(emulator: KlingEmulator, batch: Make) -> None:
    many = batch([f"A cat, take {number}" for number in range(MOST_CLIPS + 20)], max_active=50)
    pushes = watched(many)

    result = many.run()

    last = pushes.of_summary[-1]
    assert last["counts"] == {"done": MOST_CLIPS + 20}
    assert last["manifest_path"] == result["manifest_path"]
    assert len(last["clips"]) == MOST_CLIPS
    assert all("manifest_path" not in summary for summary in pushes.of_summary[:-1])
    assert len(json.dumps(last)) < 65536
    assert "http" not in json.dumps(pushes.of_summary)


def test_a_request_is_shown_without_what_is_private_or_endless() -> None:
    endless: dict[str, Any] = {}
    endless["in"] = endless
    shown = preview(
        {
            "prompt": "p" * 9000,
            "image": "A" * 5_000_000,
            "image_tail": "https://bucket/x.png?X-Amz-Signature=abc",
            "callback_url": "https://hooks/secret-token",
            "endless": endless,
            "cfg_scale": 0.5,
        }
    )

    assert len(shown["prompt"]) == 2500
    assert len(shown["image"]) == 300
    assert shown["image_tail"] == "https://bucket/x.png?…"
    assert "callback_url" not in shown
    assert shown["cfg_scale"] == 0.5
    json.dumps(shown)
