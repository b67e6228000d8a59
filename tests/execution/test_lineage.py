"""What an operator tells OpenLineage's provider, which asks it by names of methods; real runs are in tests/airflow."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.execution import lineage
from airflow_provider_kling.operators.image import KlingImage2VideoOperator
from tests.fixtures import Make
from tests.rig import Instance

pytestmark = pytest.mark.parametrize("dialect", ["llmprovider"])


def told(instance: Instance, event: str) -> tuple[list[str], dict[str, Any], str]:
    """Return the names of the outputs, the run facet, and all of it as text."""
    task = instance.latest["task"]
    found = getattr(task, f"get_openlineage_facets_on_{event}")(*([] if event == "start" else [instance.latest["ti"]]))
    facet = {name: value for name, value in attrs.asdict(found.run_facets["kling"]).items() if name[0] != "_"}
    return [output.name for output in found.outputs], facet, json.dumps(facet)


def test_a_failed_batch_tells_what_it_has_landed(emulator: KlingEmulator, batch: Make, tmp_path: Path) -> None:
    clips = batch(["A cat", "risk-control please"])
    with pytest.raises(AirflowFailException):
        clips.run()

    outputs, facet, _ = told(clips, "failure")

    first, _ = (charge.external_task_id for charge in emulator.ledger)
    assert outputs == [f"{tmp_path}/out/{first}.mp4"]
    assert (facet["requests"], facet["succeeded"], facet["failed"]) == (2, 1, 1)
    assert [video.get("error") for video in facet["videos"]] == [None, "KlingTaskModeratedError"]


def test_what_was_refused_before_paying_tells_the_request(emulator: KlingEmulator, instance: Make) -> None:
    # Text with a template is checked when it is rendered, which this rig does not do.
    clip = instance(prompt="{{ nothing }}" * 1000)
    with pytest.raises(AirflowFailException):
        clip.run()

    outputs, facet, _ = told(clip, "failure")

    assert outputs == []
    assert facet["request"]["prompt"].startswith("{{ nothing }}")


def test_a_store_that_cannot_be_read_is_told_of_as_well(
    emulator: KlingEmulator, instance: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = instance()
    monkeypatch.setattr("airflow_provider_kling.compat.state_store.StateStore.get", lambda *_: 1 / 0)
    with pytest.raises(KlingError):
        clip.run()

    outputs, facet, _ = told(clip, "failure")

    assert (outputs, facet["requests"]) == ([], 0)


def test_no_link_is_told(emulator: KlingEmulator, instance: Make) -> None:
    clip = instance(output_path=None)
    assert "http" in clip.run()["videos"][0]["url"]

    _, facet, text = told(clip, "complete")

    assert "http" not in text
    assert facet["videos"][0]["task_id"] == next(iter(emulator.ledger)).task_id


@pytest.mark.parametrize(
    "image", ["https://store.example/1.png?X-Amz-Signature=secret", base64.b64encode(b"secret" * 1000).decode()]
)
def test_no_signature_and_no_picture_is_told(image: str, dialect: str) -> None:
    clip = Instance(lambda: KlingImage2VideoOperator(task_id="clip", image=image, prompt="A cat"))
    clip.context()

    _, facet, text = told(clip, "start")

    assert facet["request"]["prompt"] == "A cat"
    assert facet["request"]["image"]
    assert "secret" not in text
    assert image[-100:] not in text


def test_many_files_are_cut_and_the_manifest_is_named(
    emulator: KlingEmulator, batch: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage, "MOST_OUTPUTS", 1)
    clips = batch(["A cat", "A dog"])
    clips.run()

    outputs, facet, _ = told(clips, "complete")

    assert [Path(name).suffix for name in outputs] == [".mp4", ".jsonl"]
    assert facet["units"] == emulator.ledger.total_units
