"""One client against one stub, measured from outside: a process that is stuck cannot measure itself."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from statistics import fmean

import psutil

from benchmarks import processes
from benchmarks.client import TICK
from benchmarks.numbers import percentile
from benchmarks.pollers import INTERVAL, Poller

# As far away as a real API: the time in which a client can do something else, or not.
DELAY = 0.3
# The figures begin when every job was polled once, but not before this, and not after that.
SOONEST, LATEST = 12.0, 90.0


@dataclass(frozen=True, slots=True)
class Observed:
    """
    What one client did in the window.

    :param waiting: triggers.
    :param first_round: seconds until all jobs were polled once, ``None`` when not within the policy.
    :param looks_per_second: requests answered.
    :param lateness: seconds after its due time, of every poll that was due (see :func:`lateness`).
    :param cpu_share: of one core.
    :param connections: open at once at most; the start included.
    :param opened: connections made over the whole run.
    :param lags: seconds that the client's event loop was late.
    :param start_lag: the longest of the start.
    :param memory: resident bytes at the end.
    :param stub_late: seconds, the 99th percentile of the stub's own lateness.
    """

    waiting: int
    first_round: float | None
    looks_per_second: float
    lateness: list[float]
    cpu_share: float
    connections: int
    opened: int
    lags: list[float]
    start_lag: float
    memory: int
    stub_late: float

    @property
    def cpu_per_poll(self) -> float:
        """Seconds of CPU for each answered request."""
        return self.cpu_share / self.looks_per_second if self.looks_per_second else 0.0


def observe(poller: Poller, seconds: float) -> Observed:
    """Start stub and client, let them come to rest, and watch for some seconds."""
    with processes.stub(DELAY, poller.waiting) as stub:
        variables = {**poller.variables(stub.port), **stub.trusted}
        with processes.start(["benchmarks.client", poller.name, str(poller.waiting)], variables) as client:
            started = processes.line(client)["started"]
            first_round = _wait_for_all(poller, stub, started)
            process = psutil.Process(client.pid)
            begin, cpu_before = time.monotonic(), sum(process.cpu_times()[:2])
            time.sleep(seconds)
            end, cpu_after = time.monotonic(), sum(process.cpu_times()[:2])
            report = stub.report()
            memory = process.memory_info().rss
            assert client.stdin is not None
            client.stdin.close()
            told = processes.line(client)
    if told["ended"]:
        raise RuntimeError(f"{told['ended']} of {poller.waiting} triggers of {poller.name} ended: {told['example']}")
    polls = [(what, came, left) for what, came, left in report["polls"]]
    inside = [left for _, _, left in polls if begin <= left < end]
    wanted = {poller.looks_at(number) for number in range(poller.waiting)}
    return Observed(
        waiting=poller.waiting,
        first_round=first_round,
        looks_per_second=len(inside) / (end - begin),
        lateness=lateness(polls, wanted, started, begin, end),
        cpu_share=(cpu_after - cpu_before) / (end - begin),
        connections=report["most_connections"],
        opened=report["opened"],
        lags=_lags(told["lags"], begin, end),
        start_lag=max((lag for at, lag in told["lags"] if at - lag < begin), default=0.0),
        memory=memory,
        stub_late=percentile([left - came - DELAY for _, came, left in polls], 99),
    )


def together(rounds: list[Observed]) -> Observed:
    """Return what several rounds of one client, of equal length, say together."""
    firsts = [each.first_round for each in rounds]
    return replace(
        rounds[0],
        first_round=None if None in firsts else max(filter(None, firsts)),
        looks_per_second=fmean(each.looks_per_second for each in rounds),
        lateness=[late for each in rounds for late in each.lateness],
        cpu_share=fmean(each.cpu_share for each in rounds),
        connections=max(each.connections for each in rounds),
        opened=max(each.opened for each in rounds),
        lags=[lag for each in rounds for lag in each.lags],
        start_lag=max(each.start_lag for each in rounds),
        memory=max(each.memory for each in rounds),
        stub_late=max(each.stub_late for each in rounds),
    )


def lateness(
    polls: list[tuple[str, float, float]], wanted: set[str], started: float, begin: float, end: float
) -> list[float]:
    """
    Return how late each poll was that arrived in the window, or should have.

    A poll is due one interval after the answer to the poll before; the first one, within one interval of the start.
    It is on time when it arrives at the server by then. Polls that are still overdue at the end count with the time by
    which they are, or else a client that makes none would look best.
    """
    late: list[float] = []
    due = dict.fromkeys(wanted, started + INTERVAL)
    for what, came, left in sorted(polls, key=lambda poll: poll[1]):
        if what in due and came < end:
            if came >= begin:
                late.append(max(0.0, came - due[what]))
            due[what] = left + INTERVAL
    late += [end - at for at in due.values() if at < end]
    return late


def _lags(seen: list[tuple[float, float]], begin: float, end: float) -> list[float]:
    """
    Return the loop's lags in the window.

    While the loop is held, the watcher's own ticks are missing: each of them was late too, by what was left.
    """
    lags: list[float] = []
    for at, lag in seen:
        # A loop that is held at the end tells of it only afterwards.
        if at < begin or at - lag >= end:
            continue
        missed = 0
        while lag - missed * TICK > 0 or missed == 0:
            lags.append(max(0.0, lag - missed * TICK))
            missed += 1
    return lags


def _wait_for_all(poller: Poller, stub: processes.Stub, started: float) -> float | None:
    wanted = {poller.looks_at(number) for number in range(poller.waiting)}
    while time.monotonic() < started + LATEST:
        time.sleep(1)
        first: dict[str, float] = {}
        for what, _, left in stub.report()["polls"]:
            first.setdefault(what, left)
        if wanted <= first.keys() and time.monotonic() >= started + SOONEST:
            return max(first[what] for what in wanted) - started
    return None
