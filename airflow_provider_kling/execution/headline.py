"""The result of a try in one line, as an XCom of its own: Airflow shows text as it is, and a manifest as a tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.text import tidy
from airflow_provider_kling.exceptions import KlingBudgetError
from airflow_provider_kling.execution.observers import Observer
from airflow_provider_kling.lifecycle.item import Complete, Failed, Moderated, State
from airflow_provider_kling.lifecycle.record import FILES

if TYPE_CHECKING:
    from airflow_provider_kling.execution.item import Item
    from airflow_provider_kling.lifecycle.job import Job, TaskInstanceId

KEY = "kling_summary"

_WORDS = ("moderated", "failed", "left out by max_units", "not submitted")


class Headline(Observer):
    """
    Pushes the line when a try ends.

    :param job: what is wanted.
    :param ti: Airflow's running task instance.
    :param instance: its coordinates.
    """

    purpose = "The summary of the result"

    def __init__(self, job: Job, ti: Any, instance: TaskInstanceId) -> None:
        self._job = job
        self._ti = ti
        self._instance = instance

    def stepped(self, items: Sequence[Item], *, ends: bool = False, at_once: bool = False) -> None:
        if ends:
            told = self._of_many(items) if self._job.is_batch else self._of_one(items[0])
            self._ti.xcom_push(key=KEY, value=told)

    def _of_one(self, item: Item) -> str:
        if isinstance(item.state, (Failed, Moderated)):
            how = "Moderated" if isinstance(item.state, Moderated) else "Failed"
            return f"{how}: {tidy(item.state.error.message)}"
        if not self._job.wait_for_completion:
            return f"Submitted as task {item.record.task_id}, {_money([item])}; this task does not wait for it."
        manifest = item.record.manifest or {}
        made = [f"{len(manifest[name])} {_noun(name, len(manifest[name]))}" for name in FILES if manifest.get(name)]
        lengths = [file["duration"] for name in FILES for file in manifest.get(name, ()) if file.get("duration")]
        of = f" of {lengths[0]:g} s" if len(lengths) == 1 else ""
        paths = manifest.get("output_paths") or ()
        where = f"landed at {', '.join(paths)}" if paths else "at Kling alone, which keeps it for 30 days"
        return f"{' and '.join(made)}{of}, {_money([item])}; {where}."

    def _of_many(self, items: Sequence[Item]) -> str:
        done = [item for item in items if isinstance(item.state, Complete)]
        told = [f"{len(done)} of {len(items)} made, {_money(done)}"]
        others = Counter(_word(item.state) for item in items)
        told += [f"{others[word]} {word}" for word in _WORDS if others[word]]
        if self._job.output_path:
            from airflow_provider_kling.execution.manifest import lines_path

            told.append(f"manifest at {lines_path(self._job.output_path, self._instance)}")
        return "; ".join(told) + "."


def _word(state: State) -> str:
    match state:
        case Complete():
            return ""
        case Moderated():
            return "moderated"
        case Failed(KlingBudgetError()):
            return "left out by max_units"
        case Failed():
            return "failed"
    return "not submitted"


def _money(items: Sequence[Item]) -> str:
    estimates = [(item.record.estimate or {}).get("units") for item in items]
    deducted = [item.record.units for item in items]
    known = [units for units in deducted if units is not None]
    estimated = [units for units in estimates if units is not None]
    about = f"{sum(estimated):g} units" if len(estimated) == len(items) else "an unknown number of units"
    if items and len(known) == len(items):
        return f"{sum(known):g} units (estimated {about})"
    return f"estimated {about}"


def _noun(name: str, number: int) -> str:
    return name if number != 1 else name.removesuffix("s")
