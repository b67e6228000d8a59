"""What a submit costs a worker: our whole operator and the peers' hooks beside a plain post of our body."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median

from benchmarks import processes
from benchmarks.numbers import duration, times
from benchmarks.pollers import POLLERS
from benchmarks.report import Section, Table, Target
from benchmarks.submitter import KLING, PLAIN

LABELS = {
    PLAIN: "plain: `requests.post`",
    KLING: "kling: `KlingText2VideoOperator.execute`",
    "databricks": "databricks: `DatabricksHook.submit_run`",
    "dbt-cloud": "dbt-cloud: `DbtCloudHook.trigger_job_run`",
    "openai": "openai: `OpenAIHook.create_batch`",
}
# Not asked for; but a submit that costs much more than its TLS connection would be worth a poll.
MOST_CPU = 1.25


@dataclass(frozen=True, slots=True)
class Seen:
    """
    Submits of one variant, in order.

    :param wall: seconds on the clock.
    :param cpu: seconds of CPU, user and system.
    """

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def ratio(self, reference: Seen) -> float:
        """Return the CPU against the reference's submit of the same turn: the machine's speed drifts."""
        return median(mine / its for mine, its in zip(self.cpu, reference.cpu, strict=True))

    def beyond(self, reference: Seen) -> float:
        """Return the CPU seconds beyond the reference's submit of the same turn."""
        return median(mine - its for mine, its in zip(self.cpu, reference.cpu, strict=True))


def run(quick: bool) -> Section:
    """Let fresh processes submit in turn, one submit each."""
    rounds, turns = (2, 21) if quick else (8, 26)
    first, later = {name: Seen() for name in LABELS}, {name: Seen() for name in LABELS}
    requests: dict[str, Counter[str]] = {name: Counter() for name in LABELS}
    with processes.stub(0, 0) as stub:
        # The first round compiles and warms the disk's cache.
        for number in range(rounds + 1):
            with _submitters(stub) as submitters:
                for turn in range(turns if number else 1):
                    for name, process in submitters.items():
                        wall, cpu, methods = _submit(stub, process)
                        if number:
                            seen = later[name] if turn else first[name]
                            seen.wall.append(wall)
                            seen.cpu.append(cpu)
                            requests[name].update(methods)
    return _section(rounds, turns, first, later, requests)


@contextmanager
def _submitters(stub: processes.Stub) -> Iterator[dict[str, subprocess.Popen[str]]]:
    with ExitStack() as stack:
        started = {}
        for name in LABELS:
            connection = POLLERS[name].variables(stub.port) if name in POLLERS else {}
            command = ["benchmarks.submitter", name, str(stub.port)]
            started[name] = stack.enter_context(processes.start(command, {**connection, **stub.trusted}))
        for process in started.values():
            processes.line(process)
        yield started


def _submit(stub: processes.Stub, process: subprocess.Popen[str]) -> tuple[float, float, list[str]]:
    """Return wall and CPU seconds of one submit, and the methods of all that the server was asked for it."""
    before = len(stub.report()["polls"])
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    wall, cpu = processes.line(process)
    return wall, cpu, [what.partition(" ")[0] for what, _, _ in stub.report()["polls"][before:]]


def _section(
    rounds: int, turns: int, first: Mapping[str, Seen], later: Mapping[str, Seen], requests: Mapping[str, Counter[str]]
) -> Section:
    total, ratio = rounds * turns, later[KLING].ratio(later[PLAIN])
    posts = requests[KLING]["POST"]
    others = requests[KLING].total() - posts
    return Section(
        title="Submit",
        method=(
            f"{total} submits of each variant in {rounds} processes, {turns} in each, to one server behind TLS that "
            "answers at once; one submit of each in turn. Ours is the whole operator without waiting: the checks, the "
            "identity, the record before and after the POST, the XComs. The peers' is their hook alone, and `plain` "
            "posts our body with nothing but `requests`. Each submit makes its hook and connection anew, as each "
            "Airflow task is a process of its own; most of its time goes into reading some 120 certificates, in ours "
            "as in all. The Airflow connection is a variable, state store and XCom are dicts: the round trips to the "
            "supervisor that they cost in life are left out, as are log lines below warning."
        ),
        targets=[
            Target(
                "requests a submit", "exactly 1, a POST", f"{posts} POSTs and {others} others in {total} submits",
                posts == total and not others,
            ),
            Target("CPU a submit", f"at most {MOST_CPU} x plain", f"{ratio:.2f} x", ratio <= MOST_CPU),
        ],
        parts=[
            Table(
                ["each submit after the first", "wall", "CPU", "CPU against plain", "beyond plain", "requests"],
                [
                    [*_row(name, later), duration(later[name].beyond(later[PLAIN])), f"{each.total() / total:.2f}"]
                    for name, each in requests.items()
                ],
            ),
            Table(
                ["first submit of a process", "wall", "CPU", "CPU against plain"],
                [_row(name, first) for name in LABELS],
            ),
            "Medians; what is against or beyond plain is so within a turn. The first submit includes what it imports "
            "beyond the supervisor that runs a task, the operator or hook itself among it, and for ours making the "
            "operator.",
        ],
    )  # fmt: skip


def _row(name: str, seen: Mapping[str, Seen]) -> list[str]:
    each, plain = seen[name], seen[PLAIN]
    return [LABELS[name], duration(median(each.wall)), duration(median(each.cpu)), times(each.ratio(plain), 1)]
