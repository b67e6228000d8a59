"""
Record what the code of this commit leaves in Airflow's tables: ``python -m tests.released.record``.

Run it before a change of what is written there, and commit the file that it makes beside those of earlier commits.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.exceptions import KlingError
from tests.released.stories import STORIES, DyingAfterPost, Story, instance_of, stage, steps, submit
from tests.rig import Instance, WorkerCrash, first_event

HERE = Path(__file__).parent


def main() -> None:
    """Write ``<commit>.json``: per story what was kept, and how it ended."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    recorded = {name: _record(story) for name, story in STORIES.items()}
    path = HERE / f"{commit.stdout.strip()}.json"
    path.write_text(json.dumps(recorded, indent=1) + "\n")


def _record(story: Story) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as out, stage(story.dialect, Path(out)) as (emulator, patch):
        emulator.faults.add_json(story.faults)
        for body in story.before:
            submit(emulator, body)
        if story.crash:
            DyingAfterPost(patch, story.crash)
        recorder = _Recorder(story, emulator, instance_of(story))
        while not recorder.run():
            pass
        return {**recorder.kept, "charges": len(emulator.ledger), "result": recorder.instance.xcom["return_value"]}


class _Recorder:
    """Runs the tries of a story, and keeps what stands in Airflow's tables at its moment."""

    def __init__(self, story: Story, emulator: KlingEmulator, instance: Instance) -> None:
        self.instance = instance
        self.kept: dict[str, Any] = {}
        self._story = story
        self._emulator = emulator
        self._deferrals = 0

    def run(self) -> bool:
        """Run a try; return whether it came to its end."""
        ended = True
        try:
            for deferred in steps(self.instance, lambda trigger: asyncio.run(first_event(trigger))):
                self._on_deferral(deferred)
        except (WorkerCrash, KlingError, AirflowFailException):
            ended = False
        if not self._story.deferrals and self.instance.try_number == self._story.tries:
            self._keep(None)
        return ended

    def _on_deferral(self, deferred: TaskDeferred) -> None:
        self._deferrals += 1
        if self._deferrals == self._story.deferrals:
            path, kwargs = deferred.trigger.serialize()
            trigger = [path, {name: _plain(value) for name, value in kwargs.items()}]
            self._keep({"method": deferred.method_name, "kwargs": deferred.kwargs, "trigger": trigger})

    def _keep(self, deferral: dict[str, Any] | None) -> None:
        self.kept = json.loads(json.dumps(_snapshot(self._emulator, self.instance, deferral)))


def _snapshot(emulator: KlingEmulator, instance: Instance, deferral: dict[str, Any] | None) -> dict[str, Any]:
    bodies = [entry.body for entry in emulator.journal_for("create") if entry.status == 200]
    return {
        "now": emulator.clock.now(),
        "try_number": instance.try_number,
        "tasks": [
            {
                "task_id": task.task_id,
                "created_at": task.created_at,
                "failure": task.failure,
                "fetched": task not in emulator.unfetched(),
                "body": body,
            }
            for task, body in zip(emulator.tasks, bodies, strict=True)
        ],
        "store": instance.store,
        "deferral": deferral,
    }


def _plain(value: Any) -> Any:
    return value.timestamp() if hasattr(value, "timestamp") else value


if __name__ == "__main__":
    main()
