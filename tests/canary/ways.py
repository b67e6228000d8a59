"""Every way in which an operator or the sensor can work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from inspect import signature
from typing import TYPE_CHECKING, Any
from unittest import mock

from airflow_provider_kling.hooks.bearer import Bearer
from airflow_provider_kling.operators.base import KlingOperator
from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator, KlingText2VideoOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from tests.canary.cells import Cell

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

PROMPT = "A canary in a coal mine"
_LONG = 60.0


@dataclass(frozen=True)
class Pace:
    """
    How patient the tasks are, in seconds.

    :param timeout: of the operators.
    :param poke: of a sensor that pokes.
    :param sense: of a sensor that waits in the triggerer.
    :param poll_interval: of all but the rescheduled: what is queued again within a second or two, Airflow 3.3 may take
        for dead.
    :param reschedule: between their pokes.
    :param retries: of the ways that are tried again.
    """

    timeout: float = 8.0
    poke: float = 6.0
    sense: float = 20.0
    poll_interval: float = 1.0
    reschedule: float = 5.0
    retries: int = 1

    def without_hurry(self) -> Pace:
        """Return what a cell that ends by itself needs: on a busy machine it may take its time."""
        return replace(self, timeout=_LONG, poke=_LONG, sense=_LONG)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)


class Leaky(KlingText2VideoOperator):
    """The operator without the guard that is tried here: the search must find what it leaves."""

    def execute(self, context: Context) -> Any:
        """Run with answers as they come."""
        with mock.patch.object(Bearer, "scrubbed", lambda _, response: response):
            return super().execute(context)


def _single(**more: Any) -> Callable[[dict[str, Any], Pace, str], Any]:
    def make(common: dict[str, Any], pace: Pace, output: str) -> Any:
        landing: dict[str, Any] = {"output_path": output} if more.get("lands") else {}
        given = {name: value for name, value in more.items() if name != "lands"}
        return KlingText2VideoOperator(
            prompt=PROMPT, timeout=pace.timeout, poll_interval=pace.poll_interval, **landing, **given, **common
        )

    return make


def _batch(**more: Any) -> Callable[[dict[str, Any], Pace, str], Any]:
    def make(common: dict[str, Any], pace: Pace, output: str) -> Any:
        landing: dict[str, Any] = {"output_path": output} if more.get("lands") else {}
        given = {name: value for name, value in more.items() if name != "lands"}
        return KlingText2VideoBatchOperator(
            items=[PROMPT, f"{PROMPT} at night"],
            timeout=pace.timeout,
            poll_interval=pace.poll_interval,
            **landing,
            **given,
            **common,
        )

    return make


def _sensor(mode: str = "", **more: Any) -> Callable[[dict[str, Any], Pace, str], Any]:
    def make(common: dict[str, Any], pace: Pace, output: str) -> Any:
        return KlingTaskSensor(
            kling_task_id=f"sensed-{common['task_id']}",
            poke_interval=pace.reschedule if mode == "reschedule" else pace.poll_interval,
            timeout={"reschedule": 6 * pace.reschedule, "poke": pace.poke}.get(mode, pace.sense),
            mode=mode if mode == "reschedule" else "poke",
            **more,
            **common,
        )

    return make


def _leaky(common: dict[str, Any], pace: Pace, output: str) -> Any:
    return Leaky(
        prompt=PROMPT, wait_for_completion=True, timeout=pace.timeout, poll_interval=pace.poll_interval, **common
    )


WAYS: dict[str, Callable[[dict[str, Any], Pace, str], Any]] = {
    "submit": _single(deferrable=False),
    "wait": _single(wait_for_completion=True, deferrable=False),
    "land": _single(wait_for_completion=True, deferrable=False, lands=True),
    "defer": _single(wait_for_completion=True, deferrable=True, lands=True),
    "batch": _batch(deferrable=False, lands=True),
    "batch_defer": _batch(deferrable=True, on_item_failure="continue"),
    "poke": _sensor("poke", deferrable=False),
    "reschedule": _sensor("reschedule", deferrable=False),
    "sense_defer": _sensor(deferrable=True),
    "from_trigger": _sensor(start_from_trigger=True),
}
SENSORS = ("poke", "reschedule", "sense_defer", "from_trigger")
# No part of the matrix: the search must find what this one leaves.
LEAKY = "leaky"
_ALL = {**WAYS, LEAKY: _leaky}
# A second try takes the first one's video up, or its trouble.
_TRIED_AGAIN = ("land", "batch")


def can_hide_links() -> bool:
    """Whether the operators know ``xcom_links`` already."""
    return "xcom_links" in signature(KlingOperator.__init__).parameters


def make(cell: Cell, pace: Pace, output: str) -> Any:
    """Return the operator of a cell, in the DAG of the ``with`` block."""
    common: dict[str, Any] = {"task_id": task_id(cell), "kling_conn_id": cell.conn_id}
    if not cell.facts.xcom_links:
        common["xcom_links"] = False
    if cell.way in _TRIED_AGAIN:
        common |= {"retries": pace.retries, "retry_delay": timedelta(seconds=1)}
    if cell.way == LEAKY or cell.server == "healthy" or cell.server.endswith("_download"):
        pace = pace.without_hurry()
    return _ALL[cell.way](common, pace, f"{output}{cell.path}/")


def task_id(cell: Cell) -> str:
    """Return the name of its task."""
    return cell.conn_id
