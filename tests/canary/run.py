"""The full run: every way against every host, in every variant, in a whole Airflow."""

from __future__ import annotations

import contextlib
import secrets
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import requests

from dev.local_airflow import LocalAirflow, environment, migrate, write_config
from dev.processes import wait_until
from tests.canary.cells import VARIANTS, Cell
from tests.canary.search import Find
from tests.canary.servers import SERVERS
from tests.canary.stand import DAGS, Stand
from tests.canary.ways import LEAKY, SENSORS, WAYS, Pace, can_hide_links

PACE = Pace()
# Elsewhere there is hardly a link to keep out.
_WITH_LINKS = ("odd_fields", "failed", "half_download", "healthy")
# On a busy machine, many tasks that start at once take longer to import than Airflow waits by default.
_SETTINGS = {"core": {"parallelism": "7", "dagbag_import_timeout": "120"}}
LEAK = Cell("flat", "failed", LEAKY)


def plan(
    servers: Collection[str], variants: Collection[str], ways: Collection[str], *, in_turns: bool
) -> dict[str, list[Cell]]:
    """
    Return the cells of each DAG, one for each host, and one with the operator that leaks.

    :param in_turns: give each way and host one variant with links and, where that makes sense, one without; else all.
    """
    found = {"canary__leak": [LEAK]}
    for row, server in enumerate(servers):
        cells: list[Cell] = []
        for column, way in enumerate(ways):
            here = [variant for variant in variants if _makes_sense(variant, server, way)]
            if in_turns:
                open_, hidden = (
                    [variant for variant in here if VARIANTS[variant].xcom_links is links] for links in (True, False)
                )
                here = [group[(row + column) % len(group)] for group in (open_, hidden) if group]
            cells += [Cell(variant, server, way) for variant in here]
        if cells:
            found[f"canary__{server}"] = cells
    return found


def _makes_sense(variant: str, server: str, way: str) -> bool:
    facts = VARIANTS[variant]
    if not facts.xcom_links:
        return can_hide_links() and server in _WITH_LINKS and way != "submit"
    # A sensor creates nothing, and what is only submitted is never polled.
    return way not in SENSORS if facts.from_create else way != "submit"


@contextlib.contextmanager
def carried_out(home: Path, cells: dict[str, list[Cell]], timeout: float = 1500.0) -> Iterator[Stand]:
    """Run all DAGs to their ends, and stop Airflow, so that all is written."""
    fresh = home / "fresh"
    write_config(fresh)
    migrate(fresh, environment(fresh), fresh / "migrate.log")
    with Stand.prepared(fresh, home / "airflow", cells, seed=secrets.token_hex(8), pace=PACE) as stand:
        with LocalAirflow(
            stand.home, dags=DAGS, expect=list(cells), settings=_SETTINGS, extra_env=stand.variables
        ) as airflow:
            for dag_id in cells:
                _trigger(airflow, dag_id)
            _wait(airflow, timeout)
        yield stand


def _trigger(airflow: LocalAirflow, dag_id: str) -> None:
    """Start a run; SQLite, with tasks at work already, may be locked for longer than Airflow has patience."""
    for _ in range(10):
        if airflow.query("SELECT 1 FROM dag_run WHERE dag_id = ?", dag_id):
            return
        with contextlib.suppress(requests.HTTPError):
            airflow.api.trigger(dag_id)


def _wait(airflow: LocalAirflow, timeout: float) -> None:
    told = time.monotonic()

    def ended() -> bool:
        nonlocal told
        states = dict(airflow.query("SELECT coalesce(state, 'none'), count(*) FROM task_instance GROUP BY 1"))
        if time.monotonic() > told + 30:
            told = time.monotonic()
            say(f"  {states}")
        return not airflow.query("SELECT 1 FROM dag_run WHERE state NOT IN ('success', 'failed')")

    wait_until(ended, timeout=timeout, what="the ends of all runs", pause=1.0)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(stand: Stand, finds: Sequence[Find]) -> str:
    """Return a row for each server and a column for each way: keys, and signatures outside their places."""
    keys = Counter((find.cell.server, find.cell.way) for find in finds if find.what != "signature")
    links = Counter(
        (find.cell.server, find.cell.way) for find in finds if find.what == "signature" and not find.allowed
    )
    ran = Counter((cell.server, cell.way) for cell in stand.cells)
    ways = [way for way in (*WAYS, LEAKY) if any(way == cell.way for cell in stand.cells)]
    lines = ["keys/signatures".ljust(22) + "".join(way.rjust(13) for way in ways)]
    for server in SERVERS:
        at = [(server, way) for way in ways]
        lines.append(
            server.ljust(22) + "".join((f"{keys[one]}/{links[one]}" if ran[one] else "-").rjust(13) for one in at)
        )
    return "\n".join(lines)


def details(finds: Sequence[Find]) -> str:
    """Return what was found of each host in each kind of place, by which ways, and one excerpt."""
    found: dict[tuple[str, str, str], list[Find]] = {}
    for find in finds:
        found.setdefault((find.cell.server, find.what, _kind(find.place)), []).append(find)
    return "\n".join(
        f"{server}: {what} in {place}, by {', '.join(sorted({find.cell.way for find in those}))}; "
        f"{', '.join(sorted({find.cell.variant for find in those}))}\n    {those[0].excerpt}"
        for (server, what, place), those in sorted(found.items())
    )


def places(finds: Sequence[Find]) -> Counter[str]:
    """Count the finds by what was found in which kind of place."""
    return Counter(f"{find.what} in {_kind(find.place)}{' (allowed)' if find.allowed else ''}" for find in finds)


def _kind(place: str) -> str:
    """Return a place without what is only the cell's."""
    if place.startswith("logs/dag_id"):
        return "log of a trigger" if ".trigger." in place else "log of a task"
    return "manifest" if place.endswith(".jsonl") else place
