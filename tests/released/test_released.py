"""What earlier commits of ``main`` left in Airflow's tables is taken up by the code of today: nothing is paid twice."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_kling.exceptions import KlingError
from tests.released.stories import STORIES, instance_of, stage, steps, submit
from tests.rig import HAS_STORE, Instance, first_event

RECORDED = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(Path(__file__).parent.glob("*.json"))}


def test_something_is_recorded_of_every_story() -> None:
    assert set().union(*RECORDED.values()) == set(STORIES)


@pytest.mark.parametrize(("commit", "name"), [(commit, name) for commit, kept in RECORDED.items() for name in kept])
def test_what_is_recorded_is_taken_up(commit: str, name: str, tmp_path: Path) -> None:
    story, kept = STORIES[name], RECORDED[commit][name]
    if story.with_store and not HAS_STORE and kept["store"]:
        pytest.skip("was written by an Airflow that has a store")
    with stage(story.dialect, tmp_path) as (emulator, _):
        ids = {}
        for task in kept["tasks"]:
            emulator.advance(task["created_at"] - emulator.clock.now())
            ids[task["task_id"]] = submit(emulator, _spelled(task["body"]), task["failure"])
        emulator.advance(kept["now"] - emulator.clock.now())
        # Kling's ids alone are others now; all that is ours must still be what it was.
        text = json.dumps(kept)
        for recorded, new in ids.items():
            text = text.replace(f'"{recorded}"', f'"{new}"')
        kept = json.loads(text)
        instance = instance_of(story)
        instance.store.update(kept["store"])
        instance.try_number = kept["try_number"]

        result = _end(instance, kept["deferral"])

        assert len(emulator.ledger) == kept["charges"]
        fetched = {task["task_id"] for task in kept["tasks"] if task["fetched"]}
        assert {task.task_id for task in emulator.unfetched()} <= fetched or "output_path" not in story.arguments
        assert _names(result) == _names(kept["result"])
        assert _fields(result) >= _fields(kept["result"])


def _spelled(body: dict[str, Any]) -> dict[str, Any]:
    name = body.get("model") or body["model_name"]
    return {**{field: value for field, value in body.items() if field != "model_name"}, "model": name}


def _end(instance: Instance, deferral: dict[str, Any] | None) -> Any:
    if deferral:
        instance.try_number -= 1
        context = instance.context()
        path, kwargs = deferral["trigger"]
        module, _, name = path.rpartition(".")
        if "moment" in kwargs:
            kwargs = {**kwargs, "moment": datetime.fromtimestamp(kwargs["moment"], tz=UTC)}
        trigger = getattr(import_module(module), name)(**kwargs)
        event = asyncio.run(first_event(trigger))
        return _go_on(instance, context, deferral["method"], {**(deferral["kwargs"] or {}), "event": event})
    for _ in range(4):
        try:
            for _ in steps(instance, lambda trigger: asyncio.run(first_event(trigger))):
                pass
            return instance.xcom["return_value"]
        except (KlingError, AirflowFailException):
            continue
    raise AssertionError("no try came to its end")


def _go_on(instance: Instance, context: Any, method: str, kwargs: dict[str, Any]) -> Any:
    while True:
        try:
            return getattr(instance.make(), method)(context, **kwargs)
        except TaskDeferred as deferred:
            event = asyncio.run(first_event(deferred.trigger))
            method, kwargs = deferred.method_name, {**(deferred.kwargs or {}), "event": event}


def _names(result: Any) -> Any:
    """Return what must be the same of a result: our own ids and the names of the files."""
    if isinstance(result, dict) and "external_task_id" in result:
        return [result["external_task_id"], [Path(path).name for path in result["output_paths"]]]
    return {name: value for name, value in result.items() if name != "manifest_path"}


def _fields(result: Any) -> set[str]:
    return set(result) if isinstance(result, dict) else set()
