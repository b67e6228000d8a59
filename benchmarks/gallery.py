"""How long the gallery's server takes for a page, at 10,000 videos, and what its plugin costs every other process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.places import ROOT
from benchmarks.report import Section, Table, Target
from dev.gallery import GalleryServer
from dev.local_airflow import airflow_version, environment

ASKED_MS = 300
ASKED_IMPORT_MS = 5

_IMPORT = """
import json, sys, time
import airflow.sdk, airflow.plugins_manager, airflow.providers.common.compat.sdk as sdk
sdk.AirflowPlugin, sdk.conf
begin = time.perf_counter()
import airflow_provider_kling.plugins.kling
print(json.dumps(time.perf_counter() - begin))
"""

# What is asked for, and how it is told.
PAGES: dict[str, dict[str, str]] = {
    "first page": {},
    "of one DAG": {"dag_id": "secret_launch"},
    "failed ones": {"status": "failed"},
    "by key": {"words": "sku-9"},
    "found nowhere: one answer, of at most 1,000 task instances": {"words": "no such thing"},
}


def run(quick: bool) -> Section:
    """Seed two databases, and ask an API server over each."""
    rounds = 5 if quick else 20
    shapes = {
        "10,000 tasks of one video": ("--videos", "10000"),
        "20 batches of 500": ("--videos", "1", "--batches", "20"),
    }
    measured = {name: _measure(seed, rounds) for name, seed in shapes.items()}
    first = {name: times["first page"] for name, times in measured.items()}
    imports = [_import() for _ in range(4 if quick else 12)][1:]
    took = median(imports) * 1000
    return Section(
        title="Gallery",
        method=(
            f"An API server of Airflow {airflow_version()} with SQLite and one worker, on the machine that asks it, "
            "over Airflow's own tables with 10,000 videos in two shapes. Pages of 24; the time is from the request to "
            f"the whole answer, on one connection, {rounds} times each. Cold is the one before: that of the first page "
            "is the first that the server is asked for at all. A plugin is imported by every worker."
        ),
        targets=[
            Target(
                f"first page, {name}",
                f"under {ASKED_MS} ms",
                f"{_ms(median(times[1:]))}, at most {_ms(max(times[1:]))}",
                max(times[1:]) * 1000 < ASKED_MS,
            )
            for name, times in first.items()
        ]
        + [
            Target(
                "import of the plugin, beyond Airflow's own modules",
                f"under {ASKED_IMPORT_MS} ms",
                f"{took:.1f} ms",
                took < ASKED_IMPORT_MS,
            )
        ],
        parts=[
            Table(
                ["page", *(f"{name}: {figure}" for name in shapes for figure in ("median", "at most", "cold"))],
                [[page, *(cell for times in measured.values() for cell in _cells(times[page]))] for page in PAGES],
            )
        ],
    )


def _measure(seed: tuple[str, ...], rounds: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory(prefix="kling-gallery-") as home, GalleryServer(Path(home), *seed) as server:
        return {name: [_ask(server, wanted) for _ in range(rounds + 1)] for name, wanted in PAGES.items()}


def _ask(server: GalleryServer, wanted: dict[str, str]) -> float:
    server.token()
    begin = time.perf_counter()
    answer: Any = server.get("api/videos", params=wanted)
    took = time.perf_counter() - begin
    answer.raise_for_status()
    return took


def _import() -> float:
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-c", _IMPORT],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env=environment(Path(home)),
        )
    return float(json.loads(done.stdout.splitlines()[-1]))


def _cells(times: list[float]) -> list[str]:
    return [_ms(median(times[1:])), _ms(max(times[1:])), _ms(times[0])]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
