"""What a round came to: the promise checked against the emulator's ledger and the files landed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Set

from dev.demo import DemoError, describe
from tests.system.killers import Kill, holds, index_of
from tests.system.stand import Stand

BEFORE, UNANSWERED, WAITING, LANDING, LANDED = (
    "before the POST",
    "between POST and answer",
    "after a POST, before landing",
    "during the download",
    "after the download",
)
PHASES = (BEFORE, UNANSWERED, WAITING, LANDING, LANDED)


def violations(stand: Stand, dag_id: str, run_id: str, expected: int) -> Iterator[str]:
    """Say in words each way in which the promise was not kept: ``expected`` charges, and as many whole videos."""
    if (state := stand.run_state(dag_id, run_id)) != "success":
        yield f"the DAG run ended as {state}: {stand.states(dag_id)}"
    # The two dialects share nothing here: only one is used. DAGs share a ledger, and each has its own ids.
    groups = stand.emulator.ledger.by_external_id()
    if len(stand.emulator.ledger) != expected:
        yield f"{len(stand.emulator.ledger)} charges instead of {expected}"
    for external_id, charges in groups.items():
        if external_id is None or len(charges) > 1:
            yield f"{len(charges)} charges for {external_id}: {', '.join(charge.task_id for charge in charges)}"
    yield from _not_landed(stand, dag_id, groups.keys(), expected)
    if unfetched := stand.emulator.unfetched():
        yield f"paid and never fetched whole: {', '.join(task.task_id for task in unfetched)}"


def _not_landed(stand: Stand, dag_id: str, paid: Set[str | None], expected: int) -> Iterator[str]:
    files = stand.landed(dag_id)
    if lost := paid - {path.stem for path in files}:
        yield f"paid and not landed: {', '.join(sorted(map(str, lost)))}"
    if len(files) != expected:
        yield f"{len(files)} files instead of {expected}"
    for path in files:
        try:
            describe(path)
        except DemoError as error:
            yield str(error)


def phases(stand: Stand, kills: Iterable[Kill]) -> Counter[str]:
    """Count what the videos whose tasks were killed were at, by the emulator's journal."""
    return Counter(_phase(stand, kill, index) for kill, index in _hits(stand, kills))


def charged_in_killed_tries(stand: Stand, kills: Iterable[Kill]) -> int:
    """
    Count the videos whose charge was made by a POST that had no answer yet when its process was killed.

    Without a lookup the next try would have paid again for each of them.
    """
    charged = {charge.task_id for charge in stand.emulator.ledger}
    hit = set()
    for kill, index in _hits(stand, kills):
        for entry in stand.emulator.journal_for("create"):
            if holds(entry, kill.at) and index_of(stand, entry) == index and entry.task_id in charged:
                hit.add(index)
    return len(hit)


def found_again(stand: Stand) -> int:
    """Count the videos that a lookup by external id found: those whose id at Kling was lost with an answer."""
    own = {task.external_task_id for task in stand.emulator.tasks}
    gets = [entry for entry in stand.emulator.journal_for("get") if entry.path.rpartition("/")[2] in own]
    return len({entry.task_id for entry in gets if entry.task_id})


def _hits(stand: Stand, kills: Iterable[Kill]) -> list[tuple[Kill, int]]:
    instances = stand.instances()
    return [(kill, instances[kill.instance][0]) for kill in kills if kill.instance in instances]


def _phase(stand: Stand, kill: Kill, index: int) -> str:
    def before(operation: str) -> Iterator[bool]:
        for entry in stand.emulator.journal_for(operation):
            if entry.wall <= kill.at and index_of(stand, entry) == index:
                yield holds(entry, kill.at)

    creates, downloads = list(before("create")), list(before("download"))
    if not creates:
        return BEFORE
    if any(creates):
        return UNANSWERED
    if not downloads:
        return WAITING
    return LANDING if any(downloads) else LANDED
