"""
The metrics of this provider, sent by Airflow's own client (StatsD, Datadog or OpenTelemetry) where one is set up.

``docs/metrics.md`` has the table; a test compares.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from airflow_provider_kling.compat.stats import stats

log = logging.getLogger(__name__)

# What StatsD and its kin take apart a line by.
_UNSAFE = re.compile(r"[^\w.:/-]")


class Metric(NamedTuple):
    """
    One metric.

    :param name: after Airflow's own prefix (``airflow.`` by default).
    :param kind: ``counter`` or ``timer``.
    :param what: what is counted or timed.
    :param tags: names of the tags.
    """

    name: str
    kind: str
    what: str
    tags: tuple[str, ...]


_TAGS = ("dag_id", "task_id", "capability", "model", "dialect")

SUBMITTED = Metric("kling.submitted", "counter", "tasks that were made, and are paid for", _TAGS)
ADOPTED = Metric("kling.adopted", "counter", "tasks of an earlier try that were taken up, at no cost", _TAGS)
SUCCEEDED = Metric("kling.succeeded", "counter", "videos that were made, and landed where that was asked for", _TAGS)
FAILED = Metric("kling.failed", "counter", "videos that ended a try in an error", (*_TAGS, "error"))
UNITS = Metric(
    "kling.units",
    "counter",
    "units of those that succeeded: as Kling says it deducted them, else by its price list; may be a fraction",
    _TAGS,
)
DURATION = Metric("kling.duration", "timer", "from submission until Kling was done with it, in milliseconds", _TAGS)
POLLS = Metric(
    "kling.polls",
    "counter",
    "requests that ask for the status of one or more tasks, from workers and from the triggerer",
    ("capability",),
)

METRICS = (SUBMITTED, ADOPTED, SUCCEEDED, FAILED, UNITS, DURATION, POLLS)


def count(
    metric: Metric, number: float = 1, *, tags: Mapping[str, Any], part: str = "", in_triggerer: bool = False
) -> None:
    """
    Add to a counter. Never raises.

    :param part: counted under the name with this behind it as well, for a server that knows no tags.
    """
    client = stats(in_triggerer=in_triggerer)
    if client is None or number <= 0:
        return
    names = [metric.name, f"{metric.name}.{part}"] if part else [metric.name]
    try:
        for name in names:
            client.incr(name, number, tags=_safe(tags))
    except Exception as error:
        log.debug("%s was not counted: %s", metric.name, error)


def add_time(metric: Metric, seconds: float, *, tags: Mapping[str, Any]) -> None:
    """Add to a timer. Never raises."""
    client = stats()
    if client is None:
        return
    try:
        client.timing(metric.name, seconds * 1000.0, tags=_safe(tags))
    except Exception as error:
        log.debug("%s was not sent: %s", metric.name, error)


def _safe(tags: Mapping[str, Any]) -> dict[str, str]:
    return {name: _UNSAFE.sub("_", str(value))[:200] for name, value in tags.items() if value is not None}
