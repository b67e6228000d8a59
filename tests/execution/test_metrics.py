"""What a try sends to Airflow's metrics: real lines to a real StatsD server, and OpenTelemetry's own meter."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_kling import exceptions
from airflow_provider_kling.api.models import default_model
from airflow_provider_kling.compat import stats
from airflow_provider_kling.compat.versions import airflow_is_at_least
from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.hooks import metrics
from tests.fixtures import Make
from tests.paths import ROOT
from tests.statsd import StatsdServer

since_3_2 = pytest.mark.skipif(not airflow_is_at_least("3.2"), reason="Airflow has one Stats for all before 3.2")


def set_up(package: str, logger: Any = None) -> None:
    """Do what a process of Airflow does when it starts."""
    if not airflow_is_at_least("3.2"):
        # It reads the configuration when it is imported.
        importlib.reload(importlib.import_module("airflow.stats"))
        return
    client = importlib.import_module(f"{package}.observability.stats")
    utils = importlib.import_module(f"{package}.observability.metrics.stats_utils")
    legacy = {"export_legacy_names": True} if airflow_is_at_least("3.3") else {}
    get_factory = utils.get_stats_factory
    factory = get_factory() if airflow_is_at_least("3.3") else get_factory(client.Stats)
    client.Stats.initialize(factory=logger or factory, **legacy)


def close(package: str) -> None:
    """Close the client's socket, which Airflow leaves to the end of the process."""
    if airflow_is_at_least("3.3"):
        backend = importlib.import_module(f"{package}._shared.observability.metrics.stats")._backend
    else:
        name = f"{package}.observability.stats" if airflow_is_at_least("3.2") else "airflow.stats"
        backend = importlib.import_module(name).Stats.instance
    if hasattr(backend, "statsd"):
        backend.statsd.close()


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[StatsdServer]:
    with StatsdServer() as server, monkeypatch.context() as patch:
        for name, value in server.settings().items():
            patch.setenv(f"AIRFLOW__METRICS__{name.upper()}", value)
        set_up("airflow.sdk")
        set_up("airflow")
        stats.stats.cache_clear()
        yield server
        close("airflow.sdk")
        close("airflow")
    set_up("airflow.sdk")
    set_up("airflow")
    stats.stats.cache_clear()


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_video_is_counted(
    emulator: KlingEmulator, instance: Make, statsd: StatsdServer, deferrable: bool, dialect: str
) -> None:
    instance(deferrable=deferrable).run()

    tags = {
        "dag_id": "clips",
        "task_id": "clip",
        "capability": "text2video",
        "dialect": dialect,
        "model": str(default_model("text2video", dialect)),
    }
    assert statsd.total("kling.submitted", **tags) == 1
    assert statsd.total("kling.succeeded", **tags) == 1
    assert statsd.total("kling.units", **tags) == pytest.approx(emulator.ledger.total_units)
    (duration,) = statsd.samples("kling.duration", **tags)
    assert duration.kind == "ms"
    assert 10_000 < duration.value < 600_000
    polls = statsd.samples("kling.polls", capability="text2video")
    assert len(polls) == len(emulator.journal_for("get")) + len(emulator.journal_for("list")) > 0
    assert not statsd.samples("kling.adopted")
    assert not statsd.samples("kling.failed")


@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_what_a_retry_takes_up_is_adopted(emulator: KlingEmulator, instance: Make, statsd: StatsdServer) -> None:
    clip = instance(output_path=None)
    clip.run()
    clip.clear()
    statsd.forget()

    clip.run()

    assert statsd.total("kling.adopted") == 1
    assert statsd.total("kling.submitted") == 0


@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_failures_are_counted_by_class(emulator: KlingEmulator, batch: Make, statsd: StatsdServer) -> None:
    batch(["A cat", "risk-control please"], on_item_failure="continue").run()

    (sample,) = statsd.samples("kling.failed")
    assert issubclass(getattr(exceptions, sample.tags["error"]), exceptions.KlingError)
    assert statsd.total(f"kling.failed.{sample.tags['error']}") == 1
    assert statsd.total("kling.succeeded") == 1


@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_without_metrics_nothing_is_sent_and_nothing_imported(
    emulator: KlingEmulator, instance: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    stats.stats.cache_clear()
    monkeypatch.setattr(stats, "import_module", lambda name: pytest.fail(f"imported {name}"))

    instance().run()


@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_a_client_in_trouble_fails_no_task(
    emulator: KlingEmulator, instance: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "stats", lambda **_: object())

    assert instance().run()["output_paths"]


@since_3_2
def test_each_process_has_a_copy_of_its_own(statsd: StatsdServer) -> None:
    assert stats.stats(in_triggerer=True) is not stats.stats()


@pytest.mark.skipif(not airflow_is_at_least("3.3"), reason="the logger is made otherwise before Airflow 3.3")
@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_opentelemetry_takes_them(emulator: KlingEmulator, instance: Make, statsd: StatsdServer) -> None:
    from airflow.sdk._shared.observability.metrics.otel_logger import SafeOtelLogger
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    set_up("airflow.sdk", lambda: SafeOtelLogger(provider))

    instance().run()

    data: Any = reader.get_metrics_data()
    (resource,) = data.resource_metrics
    found = {metric.name: metric.data.data_points for scope in resource.scope_metrics for metric in scope.metrics}
    (units,) = found["airflow.kling.units"]
    assert units.value == emulator.ledger.total_units
    assert units.attributes["dag_id"] == "clips"
    assert found["airflow.kling.duration"][0].sum > 10_000
    provider.shutdown()


def test_the_page_lists_them() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    rows = re.findall(r"^\| `(kling\.\w+)` \| (\w+) \| (.+?) \| (.+?) \|$", page, re.M)

    assert rows == [
        (metric.name, metric.kind, metric.what, ", ".join(f"`{tag}`" for tag in metric.tags))
        for metric in metrics.METRICS
    ]
