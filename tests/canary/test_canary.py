"""A slice of ``python -m tests.canary``, with dag.test(): each hostile server meets some of the ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_kling.compat.versions import airflow_is_at_least
from dev.local_airflow import environment
from tests.airflow.dag_runner import DagRunner
from tests.canary.cells import Cell
from tests.canary.search import Find
from tests.canary.servers import SERVERS
from tests.canary.stand import Stand
from tests.canary.ways import LEAKY, SENSORS, WAYS, Pace, can_hide_links

pytestmark = pytest.mark.airflow

# The scheduler starts a task in the triggerer, and dag.test() has none.
IN_ONE_PROCESS = [way for way in WAYS if way != "from_trigger"]
PACE = Pace(timeout=0.9, poke=0.5, sense=3.0, poll_interval=0.2, reschedule=0.2, retries=0)
LONGEST_PAUSE = 0.2
EACH = 2
LANDING = ("land", "defer", "batch")

logs_what_it_sends = pytest.mark.skipif(
    not airflow_is_at_least("3.1"),
    reason="at debug level dag.test() of Airflow 3.0 logs what a task sends it: XComs, and keys that it is to mask",
)

LEAK = Cell("flat", "failed", LEAKY)


def plan() -> list[Cell]:
    """Return each server with some of the ways, each way with many of the servers, and all variants with both."""
    found = [LEAK]
    for number, server in enumerate(SERVERS):
        for step in range(EACH):
            way = IN_ONE_PROCESS[(number * EACH + step) % len(IN_ONE_PROCESS)]
            if server.endswith("_download"):
                way = LANDING[(number + step) % len(LANDING)]
            dialect = ("flat", "envelope")[(number + step) % 2]
            # Nobody polls what is only submitted; elsewhere the polls are where most is read.
            hostile_from = "_create" if way == "submit" or (number % 3 == 0 and way not in SENSORS) else ""
            found.append(Cell(f"{dialect}{hostile_from}", server, way))
    if can_hide_links():
        found += [Cell("flat_no_links", "healthy", way) for way in ("land", "defer", "batch", "batch_defer", "poke")]
    return found


@pytest.fixture(scope="module")
def stand(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Run the slice."""
    home = tmp_path_factory.mktemp("canary")
    given = {"canary": plan()}
    with Stand.prepared(migrated_home, home, given, seed="slice", pace=PACE, longest_pause=LONGEST_PAUSE) as stand:
        runner = DagRunner(home, environment(home, extra=stand.variables))
        try:
            runner.run("canary")
        finally:
            runner.close()
        yield stand


@pytest.fixture(scope="module")
def finds(stand: Stand) -> list[Find]:
    """Return what is found of all that it left."""
    return stand.finds()


def _told(finds: list[Find]) -> str:
    """Say each once for each cell and place."""
    first = {(find.cell, find.what, find.place): find.excerpt for find in reversed(finds)}
    return "\n".join(f"{cell.path}: {what} in {place}: {text}" for (cell, what, place), text in first.items())


def test_the_hosts_were_asked(stand: Stand) -> None:
    """On a busy machine Airflow ends a task or two before they begin; what is searched for is in all the others."""
    unasked = [cell for cell in stand.cells if not stand.hosts.quoted[cell]]

    assert len(unasked) <= 2, unasked


@logs_what_it_sends
def test_no_key_is_left_anywhere(finds: list[Find]) -> None:
    keys = [find for find in finds if find.what != "signature" and find.cell != LEAK]

    assert not keys, _told(keys)


def test_no_key_goes_to_the_host_of_the_videos(stand: Stand) -> None:
    assert stand.hosts.astray == []


@logs_what_it_sends
def test_signatures_stand_where_they_may_alone(finds: list[Find]) -> None:
    signatures = [find for find in finds if find.what == "signature" and not find.allowed and find.cell != LEAK]

    assert not signatures, _told(signatures)


def test_the_links_are_where_they_are_promised(finds: list[Find], stand: Stand) -> None:
    """So the search sees what is there."""
    promised = {cell for cell in stand.cells if cell.server == "healthy" and cell.way != "submit"}
    promised = {cell for cell in promised if cell.facts.xcom_links}

    assert promised
    assert {find.cell for find in finds if find.allowed} >= promised


def test_without_its_guard_the_key_is_found(finds: list[Find]) -> None:
    """The canary can fail: the same run with a task that takes answers as they come."""
    assert [find for find in finds if find.cell == LEAK and find.what == "key"]
