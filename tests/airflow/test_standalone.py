"""Scheduler, workers, triggerer and API server at work on the example DAGs."""

from __future__ import annotations

import contextlib
import sqlite3
import time

import pytest

from airflow_provider_kling.compat.versions import airflow_is_at_least
from airflow_provider_kling.get_provider_info import CONN_FIELDS, UI_FIELD_BEHAVIOUR
from tests.airflow.fixtures import Stand

pytestmark = pytest.mark.airflow

MAPPED = "example_kling_mapped"
TWO_STEPS = "example_kling_two_steps"


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

    manifest = api.xcom(MAPPED, runs[MAPPED], "make_video", map_index=1)
    link = api.links(MAPPED, runs[MAPPED], "make_video", map_index=1)["Kling video"]
    assert link == manifest["videos"][0]["url"]
    manifest = api.xcom(TWO_STEPS, runs[TWO_STEPS], "wait")
    assert api.links(TWO_STEPS, runs[TWO_STEPS], "wait") == {"Kling video": manifest["videos"][0]["url"]}
    if airflow_is_at_least("3.3"):
        # A worker submits, and one returns the manifest; none takes the sensor to the triggerer.
        assert api.visits(TWO_STEPS, runs[TWO_STEPS]) == {"submit": 1, "wait": 1}

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
