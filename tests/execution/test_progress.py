"""What the log of a task tells while it runs: a line per change with its time, one a minute, and none per poll."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.emulator import Fault, KlingEmulator
from tests.execution.test_batch import PROMPTS, both
from tests.fixtures import Make
from tests.rig import first_event

DONE = {"kling-v3": "succeeded"}


class Told:
    """What was logged since the last time."""

    def __init__(self, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
        self._capsys, self._caplog = capsys, caplog

    def lines(self) -> list[str]:
        """Return the text of each line: first of the trigger, then of the worker."""
        out = re.sub(r"\x1b\[[0-9;]*m", "", self._capsys.readouterr().out)
        of_trigger = re.findall(r"^\S+ \[(?:info|warning) *\] (.*?) +\[\S+\] loc=", out, re.MULTILINE)
        of_worker = self._caplog.messages
        self._caplog.clear()
        return [*of_trigger, *of_worker]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Told:
    caplog.set_level("INFO", logger="airflow_provider_kling")
    return Told(capsys, caplog)


def polls(emulator: KlingEmulator) -> int:
    return len(emulator.journal_for("get")) + len(emulator.journal_for("list"))


def seconds(line: str) -> float:
    found = re.search(r"after (\d+) s", line)
    assert found
    return float(found.group(1))


@both
def test_each_change_is_a_line_with_the_time_it_took(
    emulator: KlingEmulator, instance: Make, told: Told, deferrable: bool, dialect: str
) -> None:
    emulator.settings.generation_seconds = 105
    manifest = instance(deferrable=deferrable, poll_interval=5).run()

    lines = told.lines()
    changes = [line for line in lines if line.startswith(f"Task {manifest['task_id']}: ")]
    statuses = [re.sub(r"Task \S+: (.*), after \d+ s\.", r"\1", line) for line in changes]
    done = DONE.get(dialect, "succeed")
    # The triggerer begins with what it sees first; the worker after it repeats nothing.
    expected = ["submitted → processing", f"processing → {done}"]
    assert statuses == (["submitted", *expected] if deferrable else expected)
    assert polls(emulator) > 15
    assert 100 < seconds(changes[-1]) < 125
    (still,) = [line for line in lines if "still processing" in line]
    assert re.search(rf"Task {manifest['task_id']} is still processing after [67]\d s \(of the usual 105 s\)\.", still)


@both
def test_one_that_takes_long_is_told_of_once_a_minute(
    emulator: KlingEmulator, instance: Make, told: Told, deferrable: bool
) -> None:
    emulator.settings.generation_seconds = 900
    instance(deferrable=deferrable, poll_interval=5).run()

    lines = [line for line in told.lines() if "is still" in line]
    assert 12 <= len(lines) <= 15
    assert all(59 < after - before < 75 for before, after in pairwise(map(seconds, lines)))
    assert "longer than the usual 105 s" in lines[-1]
    assert polls(emulator) > 150


@both
def test_trouble_is_a_line_when_it_begins(
    emulator: KlingEmulator, instance: Make, told: Told, deferrable: bool
) -> None:
    emulator.settings.generation_seconds = 105
    for on in ("get", "list"):
        emulator.faults.add(Fault("error_before", on=on, times=30))
    instance(deferrable=deferrable, poll_interval=5).run()

    assert len([line for line in told.lines() if "polling again" in line]) == 1


@both
def test_a_batch_tells_who_waits_for_a_slot_and_the_longest_that_runs(
    emulator: KlingEmulator, batch: Make, told: Told, deferrable: bool
) -> None:
    emulator.settings.generation_seconds = 105
    result = batch(PROMPTS[:6], max_active=2, deferrable=deferrable, poll_interval=5).run()

    assert result["succeeded"] == 6
    lines = told.lines()
    batches = [line for line in lines if line.startswith("Batch: ") and "running" in line]
    assert any("4 waiting" in line for line in batches)
    assert any(re.search(r"2 running.*the longest runs for \d+ s \(of the usual 105 s\)", line) for line in batches)
    assert len(batches) < 15
    changes = [line for line in lines if re.match(r"Task \S+: ", line)]
    # Each deferral begins with what it sees first, and two that end apart are two of them; polls are over a hundred.
    assert len(changes) <= 30 if deferrable else len(changes) == 12


def test_the_trigger_of_a_batch_tells_how_far_all_are(emulator: KlingEmulator, batch: Make, told: Told) -> None:
    emulator.settings.generation_seconds = 400
    clips = batch(PROMPTS[:4], max_active=4, deferrable=True, poll_interval=5)
    context = clips.context()
    with pytest.raises(TaskDeferred) as deferred:
        context["task"].execute(context)
    told.lines()

    event: Any = asyncio.run(first_event(deferred.value.trigger))

    assert len(event["ended"]) == 4
    lines = told.lines()
    waiting = [line for line in lines if line.startswith("Waiting for 4 tasks: 4 processing; the longest for ")]
    assert 4 <= len(waiting) <= 7
    assert "s (longer than the usual 105 s); 0 have ended." in waiting[-1]
    changes = [re.sub(r", after \d+ s", "", line) for line in lines if line.startswith("Task ")]
    assert len([line for line in changes if "→ succe" in line]) == 4
    assert len(changes) == len(set(changes)) <= 12
    assert not [line for line in lines if "http" in line]
