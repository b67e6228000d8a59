"""Scheduler, workers, triggerer and API server at work on the example DAGs."""

from __future__ import annotations

import contextlib
import csv
import sqlite3
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from airflow.sdk import ObjectStoragePath

from airflow_provider_kling.compat.versions import airflow_is_at_least
from airflow_provider_kling.get_provider_info import CONN_FIELDS, UI_FIELD_BEHAVIOUR
from airflow_provider_kling.storage.manifest import KlingManifest
from tests.airflow.fixtures import SPEED, Stand
from tests.rig import needs_store

pytestmark = pytest.mark.airflow

MAPPED = "example_kling_mapped"
TWO_STEPS = "example_kling_two_steps"
CATALOGUE = "example_kling_catalogue"


@pytest.fixture
def stand(local_airflow: Stand) -> Stand:
    """Start from an empty ledger."""
    local_airflow.emulator.reset()
    return local_airflow


def test_connection_form(stand: Stand) -> None:
    """The UI gets our fields: from provider info, and in Airflow 3.0 and 3.1 from the hook."""
    form = stand.airflow.api.connection_form("kling")
    assert form["hook_name"] == "Kling"
    fields = form["extra_fields"]
    assert {name: field["schema"]["title"] for name, field in fields.items()} == {
        name: field["label"] for name, field in CONN_FIELDS.items()
    }
    assert fields["dialect"]["value"] == "llmprovider"
    assert fields["dialect"]["schema"]["enum"] == CONN_FIELDS["dialect"]["schema"]["enum"]
    assert all("null" in field["schema"]["type"] for field in fields.values())
    standard = form["standard_fields"]
    assert standard["url_schema"]["hidden"]
    assert {name: standard[name]["title"] for name in UI_FIELD_BEHAVIOUR["relabeling"]} == UI_FIELD_BEHAVIOUR[
        "relabeling"
    ]


def test_runs_and_clear(stand: Stand) -> None:
    """Four wishes are four charges, waited for in the triggerer; a clear takes the same videos up again."""
    api, emulator = stand.airflow.api, stand.emulator
    # Ten seconds of ours, so that no deferral is over before it is seen.
    emulator.settings.generation_seconds = 10 * SPEED
    runs = {dag_id: api.trigger(dag_id) for dag_id in (MAPPED, TWO_STEPS)}
    states, triggers = _watch(stand, runs)
    assert {api.run(dag_id, run_id)["state"] for dag_id, run_id in runs.items()} == {"success"}
    # Index -1 stands for the task before it is mapped.
    mapped = {index: seen for (task, index), seen in states.items() if task == "make_video" and index >= 0}
    assert list(mapped) == [0, 1, 2]
    assert all("deferred" in seen for seen in mapped.values())
    assert len(emulator.ledger) == 4

    # What a worker defers is in Airflow's database in plain text; what the scheduler defers is encrypted.
    assert any("kling_task_id" in row for row in triggers)
    assert all(emulator.api_key not in row for row in triggers)

    assert _link(stand, MAPPED, runs[MAPPED], "make_video", 1)
    assert _link(stand, TWO_STEPS, runs[TWO_STEPS], "wait", -1)
    if airflow_is_at_least("3.3"):
        # A worker submits, and one returns the manifest; none takes the sensor to the triggerer.
        assert api.visits(TWO_STEPS, runs[TWO_STEPS]) == {"submit": 1, "wait": 1}
    if airflow_is_at_least("3.1"):
        wanted = {"dag_id": TWO_STEPS, "run_id": runs[TWO_STEPS]}
        (clip,) = api.call("GET", "/api/videos", root="/kling", params=wanted)["clips"]
        assert (clip["task_id"], clip["status"], clip["at_kling"]) == ("submit", "done", True)
        assert "lighthouse" in clip["prompt"]

    before = _tries(stand, runs[MAPPED])
    api.clear(MAPPED, runs[MAPPED])
    assert api.wait(MAPPED, runs[MAPPED]) == "success"
    after = _tries(stand, runs[MAPPED])
    assert after == {task: tries + 1 for task, tries in before.items()}
    assert len(emulator.ledger) == 4
    assert api.links(MAPPED, runs[MAPPED], "make_video", map_index=1)["Kling video"]

    assert not [entry for entry in emulator.journal if entry.leaked_authorization]
    leaks = [path for path in stand.airflow.home.rglob("*.log") if emulator.api_key in path.read_text("utf-8")]
    assert not leaks


def _link(stand: Stand, dag_id: str, run_id: str, task_id: str, map_index: int) -> bool:
    """Whether the button leads to the page of the task instance, or on Airflow 3.0 to the video at Kling."""
    api = stand.airflow.api
    link = api.links(dag_id, run_id, task_id, map_index=map_index)["Kling video"]
    if airflow_is_at_least("3.1"):
        return link == f"/kling/task/{dag_id}/{quote(run_id, safe='')}/{task_id}/{map_index}"
    manifest = api.xcom(dag_id, run_id, task_id, map_index=map_index if map_index >= 0 else None)
    return bool(link == manifest["videos"][0]["url"])


def _watch(stand: Stand, runs: dict[str, str]) -> tuple[dict[tuple[str, int], set[str | None]], set[str]]:
    """Follow runs to their end; return each state seen of each task instance, and the rows of the trigger table."""
    api = stand.airflow.api
    states: dict[tuple[str, int], set[str | None]] = {}
    triggers: set[str] = set()
    until = time.monotonic() + 120
    while any(api.run(dag_id, run_id)["state"] not in ("success", "failed") for dag_id, run_id in runs.items()):
        assert time.monotonic() < until, states
        for dag_id, run_id in runs.items():
            for key, state in api.states(dag_id, run_id).items():
                states.setdefault(key, set()).add(state)
        with contextlib.closing(sqlite3.connect(stand.airflow.home / "airflow.db")) as database:
            # While they run, so that nothing has been deleted yet.
            triggers.update(str(row) for row in database.execute("SELECT * FROM trigger"))
        time.sleep(0.3)
    return dict(sorted(states.items())), triggers


def _tries(stand: Stand, run_id: str) -> dict[tuple[str, int], int]:
    instances = stand.airflow.api.task_instances(MAPPED, run_id)
    return {(one["task_id"], one["map_index"]): one["try_number"] for one in instances}


# Without a store, each item of a cleared batch is looked for at Kling for two minutes.
@needs_store
def test_a_catalogue_keeps_its_videos_by_key(stand: Stand, tmp_path: Path) -> None:
    """A CSV, one prompt of which is moderated; cleared, with its rows moved and keys renamed: nothing is bought."""
    api, emulator = stand.airflow.api, stand.emulator
    products = tmp_path / "products.csv"
    api.call("POST", "/variables", json={"key": "kling_products", "value": str(products)})
    rows = [
        ("4711", "Mug", "A ceramic mug on a wooden table"),
        ("Schuh/9", "Schuh", "Running shoes on wet asphalt"),
        ("bad", "Bad", "A risk-control room at night"),
        ("4713", "Watch", "A wristwatch, light moving over its dial"),
    ]
    _write(products, rows)
    run_id = api.trigger(CATALOGUE)
    assert api.wait(CATALOGUE, run_id) == "success"
    first = _clips(stand, run_id)
    assert {name: clip.name for name, clip in first.items()} == {
        "4711": "4711.mp4",
        "Schuh/9": "Schuh%2F9.mp4",
        "4713": "4713.mp4",
    }
    charged = [charge.external_task_id for charge in emulator.ledger]
    assert len(charged) == 4
    fetched = len(emulator.journal_for("download"))

    mug, shoe, bad, watch = rows
    _write(products, [watch, ("MUG", *mug[1:]), ("4711", *shoe[1:]), bad])
    api.clear(CATALOGUE, run_id)
    assert api.wait(CATALOGUE, run_id) == "success"
    second = _clips(stand, run_id)

    assert [charge.external_task_id for charge in emulator.ledger] == charged
    assert len(emulator.journal_for("download")) == fetched
    assert {name: clip.name for name, clip in second.items()} == {
        "4713": "4713.mp4",
        "MUG": "MUG.mp4",
        "4711": "4711.mp4",
    }
    assert (second["MUG"].data, second["4711"].data) == (first["4711"].data, first["Schuh/9"].data)
    assert second["4713"].data == first["4713"].data
    names = {"4711": "Mug", "Schuh/9": "Schuh", "4713": "Watch"}
    assert {key: clip.meta["name"] for key, clip in first.items()} == names
    assert {key: clip.meta["name"] for key, clip in second.items()} == {"4713": "Watch", "MUG": "Mug", "4711": "Schuh"}
    assert not emulator.unfetched()


class Clip(NamedTuple):
    """A landed file, as the run knew it."""

    name: str
    data: bytes
    meta: dict[str, Any]


def _write(path: Path, rows: list[tuple[str, str, str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("sku", "name", "prompt"), *rows])


def _clips(stand: Stand, run_id: str) -> dict[str, Clip]:
    """Return the clips of a run by key, as a task after it was told and as the manifest says."""
    api = stand.airflow.api
    result = api.xcom(CATALOGUE, run_id, "make_clips")
    assert (result["succeeded"], result["moderated"], result["failed"]) == (3, 1, 0)
    manifest = KlingManifest.read(result)
    assert manifest.by_key("bad")["moderated"]
    clips = {row["key"]: row for row in manifest if not row["moderated"]}
    assert api.xcom(CATALOGUE, run_id, "publish") == {key: row["output_paths"][0] for key, row in clips.items()}
    paths = {key: ObjectStoragePath(row["output_paths"][0]) for key, row in clips.items()}
    assert {path.parent.name for path in paths.values()} == {f"dt={api.run(CATALOGUE, run_id)['run_after'][:10]}"}
    return {key: Clip(path.name, path.read_bytes(), dict(clips[key]["meta"])) for key, path in paths.items()}
