"""Where Airflow's metrics are sent from: each process has set up one of two copies of the same module."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

_SWITCHES = ("statsd_on", "statsd_datadog_enabled", "otel_on")


@cache
def stats(*, in_triggerer: bool = False) -> Any:
    """
    Return what counts and times here, or ``None`` where metrics are off.

    Airflow 3.0 and 3.1 have one ``Stats`` for all. Since 3.2 the triggerer sets up Airflow's own and a task process the
    SDK's; the other one is there too, and sends nothing.

    :param in_triggerer: whether this is the triggerer's process; else a task's.
    """
    from airflow.providers.common.compat.sdk import conf

    if not any(conf.getboolean("metrics", switch, fallback=False) for switch in _SWITCHES):
        # Else the first metric would have the event loop wait for a file of all that Airflow knows.
        return None
    here = "airflow.observability.stats" if in_triggerer else "airflow.sdk.observability.stats"
    for name in (here, "airflow.stats"):
        try:
            return import_module(name).Stats
        except ImportError:
            continue
    return None
