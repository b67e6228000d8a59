"""An approval in a real Airflow: its own form, answered by its REST API, and kill -9 in between."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from airflow_provider_kling.compat.versions import airflow_is_at_least
from airflow_provider_kling.emulator import Fault, KlingEmulator
from dev.local_airflow import LocalAirflow
from dev.processes import wait_until
from tests.airflow.fixtures import SPEED
from tests.approvals import needs_forms
from tests.rig import HAS_STORE, needs_store

pytestmark = [pytest.mark.airflow, needs_forms]

DAGS = Path(__file__).parent / "approval_dags"
PROMPT = "A <b>cat</b> on a fence `![x](https://example.com/x.png)`"
WAITING = ("awaiting_input", "deferred")
# An answer that comes before the scheduler knows that the worker has ended may make Airflow retry or fail the task
# (apache/airflow#71580).
PAUSE = 4.0


class Stand(NamedTuple):
    """An Airflow of its own, for its DAGs fail and are killed."""

    airflow: LocalAirflow
    emulator: KlingEmulator


@pytest.fixture(scope="module")
def stand(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    home = tmp_path_factory.mktemp("approvals")
    shutil.copytree(migrated_home, home, dirs_exist_ok=True)
    names = ("one", "kept", "late", "fails", "changing", "batch", "mapped", "function")
    with (
        KlingEmulator(speed=SPEED, height=90) as emulator,
        LocalAirflow(
            home,
            dags=DAGS,
            expect=[f"approve_{name}" for name in names],
            connection=emulator.connection(),
            extra_env={"APPROVALS_OUTPUT": str(home / "videos")},
            settings={"dag_processor": {"min_file_process_interval": "5"}},
        ) as airflow,
    ):
        yield Stand(airflow, emulator)


class Run:
    """A run of a DAG with one task, which asks."""

    def __init__(self, stand: Stand, name: str, conf: dict[str, Any] | None = None) -> None:
        stand.emulator.reset()
        self.airflow, self.emulator = stand
        self.dag_id = f"approve_{name}"
        self.api = stand.airflow.api
        self.run_id = self.api.trigger(self.dag_id, conf)

    def state(self, map_index: int = -1) -> str | None:
        return self.api.states(self.dag_id, self.run_id).get(("make", map_index))

    def asked(self, map_index: int = -1) -> dict[str, Any]:
        """Return the form once it is there, and the task waits for the answer."""
        self.until(lambda: self.state(map_index) in WAITING and self._is_open(map_index))
        self.until(lambda: not self.airflow.pids()["tasks"])
        time.sleep(PAUSE)
        return self.api.form(self.dag_id, self.run_id, "make", map_index)

    def _is_open(self, map_index: int) -> bool:
        try:
            return not self.api.form(self.dag_id, self.run_id, "make", map_index)["response_received"]
        except OSError:
            # A task that reads an earlier answer is deferred, too.
            return False

    def until(self, condition: Any) -> None:
        # Without a store, a task that was cleared is looked for at Kling for two minutes before anybody is asked.
        wait_until(condition, timeout=90 if HAS_STORE else 240, what=f"{self.dag_id}: {condition}", pause=0.3)

    def answer(self, option: str, params: dict[str, Any] | None = None, map_index: int = -1) -> None:
        self.api.answer(self.dag_id, self.run_id, "make", option, params, map_index)

    def end(self) -> str:
        return self.api.wait(self.dag_id, self.run_id)

    def clear(self) -> None:
        self.api.clear(self.dag_id, self.run_id)

    @property
    def prompts(self) -> list[str]:
        return sorted(str(charge.prompt) for charge in self.emulator.ledger)


def test_approved(stand: Stand) -> None:
    run = Run(stand, "one")
    form = run.asked()
    assert form["subject"] == "make: text2video, 2 units (USD 0.28 list price)"
    assert form["options"] == ["Approve", "Reject"]
    assert f"```text\n{PROMPT}\n```" in form["body"]
    assert form["params"]["prompt"]["value"] == PROMPT
    assert len(run.emulator.ledger) == 0

    run.answer("Approve")

    assert run.end() == "success"
    assert run.prompts == [PROMPT]
    # A clear finds it, and asks nobody.
    run.clear()
    assert run.end() == "success"
    assert run.prompts == [PROMPT]


def test_edited_and_cleared(stand: Stand) -> None:
    run = Run(stand, "one")
    form = run.asked()
    fields = {name: field["value"] for name, field in form["params"].items()}
    run.answer("Approve", {**fields, "prompt": "A dog on a fence"})
    assert run.end() == "success"
    assert run.prompts == ["A dog on a fence"]
    task_id = run.api.xcom(run.dag_id, run.run_id, "make")["task_id"]
    run.clear()
    assert run.end() == "success"
    assert run.prompts == ["A dog on a fence"]
    assert run.api.xcom(run.dag_id, run.run_id, "make")["task_id"] == task_id


@pytest.mark.parametrize(("name", "state"), [("one", "skipped"), ("fails", "failed")])
def test_rejected(stand: Stand, name: str, state: str) -> None:
    run = Run(stand, name)
    run.asked()
    run.answer("Reject")
    run.end()
    assert run.state() == state
    assert run.prompts == []
    # It is asked for anew.
    run.clear()
    run.asked()
    run.answer("Approve")
    assert run.end() == "success"
    assert run.prompts == [PROMPT]


def test_a_bad_edit(stand: Stand) -> None:
    run = Run(stand, "one")
    run.asked()
    run.answer("Approve", {"prompt": "x" * 3000})
    assert run.end() == "failed"
    assert run.prompts == []
    attempts = [one["try_number"] for one in run.api.task_instances(run.dag_id, run.run_id)]
    assert attempts == [1]
    if airflow_is_at_least("3.3"):
        # Before, Airflow itself says what is wrong.
        assert "prompt: " in run.api.logs(run.dag_id, run.run_id, "make")


def test_nobody_answers(stand: Stand) -> None:
    run = Run(stand, "late")
    run.end()
    assert run.state() == "skipped"
    assert run.prompts == []


def test_mapped(stand: Stand) -> None:
    run = Run(stand, "mapped")
    assert [run.asked(index)["params"]["prompt"]["value"] for index in (0, 1)] == ["A cat", "A dog"]
    run.answer("Approve", map_index=0)
    run.answer("Reject", map_index=1)
    assert run.end() == "success"
    assert (run.state(0), run.state(1)) == ("success", "skipped")
    assert run.prompts == ["A cat"]


def test_function(stand: Stand) -> None:
    run = Run(stand, "function")
    assert run.asked()["params"]["prompt"]["value"] == "A cat, said by a function"
    run.answer("Approve", {"prompt": "A dog, said by somebody"})
    assert run.end() == "success"
    assert run.prompts == ["A dog, said by somebody"]


def test_batch(stand: Stand) -> None:
    run = Run(stand, "batch", {"items": [f"Product {number}" for number in range(8)]})
    form = run.asked()
    assert form["subject"] == "make: 8 of text2video, 16 units (USD 2.24 list price)"
    assert "Product 4" in form["body"]
    assert "Product 5" not in form["body"]
    assert "and 3 more" in form["body"]
    run.answer("Approve")
    assert run.end() == "success"
    assert len(run.prompts) == 8


# Without a store, what an earlier try may have submitted is looked for for two minutes first.
@needs_store
def test_a_request_that_changed_needs_a_form_of_its_own(stand: Stand) -> None:
    """Airflow goes on showing the first one; a task instance that is deleted is made anew with another."""
    api = stand.airflow.api
    api.call("POST", "/variables", json={"key": "approval_prompt", "value": "A cat"})
    run = Run(stand, "changing")
    run.asked()
    run.answer("Approve")
    assert run.end() == "success"
    api.call("PATCH", "/variables/approval_prompt", json={"key": "approval_prompt", "value": "A dog"})
    run.clear()
    assert run.end() == "failed"
    # The answer is read by a deferral of three seconds, which a busy Airflow may take for a killed task, and try again.
    (task,) = api.task_instances(run.dag_id, run.run_id)
    assert "goes on showing the form" in api.logs(run.dag_id, run.run_id, "make", task["try_number"])
    assert run.prompts == ["A cat"]

    path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}"
    api.call("DELETE", f"{path}/taskInstances/make")
    api.call("PATCH", path, json={"state": "queued"})

    assert run.asked()["params"]["prompt"]["value"] == "A dog"
    run.answer("Approve")
    assert run.end() == "success"
    assert run.prompts == ["A cat", "A dog"]


@pytest.mark.parametrize("edited", [False, True])
def test_killed_with_the_answer_in_its_hands(stand: Stand, edited: bool) -> None:
    """The process of the operator is killed between its POST and Kling's answer; the retry asks nobody."""
    run = Run(stand, "one")
    run.asked()
    prompt = "A dog on a fence" if edited else PROMPT
    stand.emulator.faults.add(Fault("stall", on="create", seconds=30, commit=True))
    run.answer("Approve", {"prompt": prompt})
    run.until(lambda: len(stand.emulator.ledger) == 1)
    killed = stand.airflow.pids()["tasks"]
    assert killed
    for pid in killed:
        psutil.Process(pid).kill()
    assert run.end() == "success"
    assert run.prompts == [prompt]
    (task,) = run.api.task_instances(run.dag_id, run.run_id)
    assert task["try_number"] >= 2
    assert run.api.form(run.dag_id, run.run_id, "make")["response_received"]
