"""A thousand waiting triggers, one poll each: ours and the peers' against the same server."""

from __future__ import annotations

from benchmarks.numbers import duration, percentile, times
from benchmarks.observing import DELAY, LATEST, Observed, observe, together
from benchmarks.pollers import INTERVAL, PEERS, SINGLE, Poller
from benchmarks.report import Section, Table, Target

# The peer that costs least, and what a poll of ours cost beside one of its before answers were checked and scrubbed.
_NEXT, _BEFORE = PEERS[0], 0.81
# One collection of Python's oldest objects takes 0.1 s: in one window of 40 s and not in the other, it would be most of
# the difference between two that cost about the same.
_ROUNDS = 4


def run(quick: bool) -> Section:
    """Observe each poller in turn, and the two that cost least several times."""
    seconds = 10.0 if quick else 40.0
    pollers: list[Poller] = [SINGLE] if quick else [SINGLE, *PEERS]
    close = [] if quick else [SINGLE, _NEXT]
    rounds = {poller.name: [observe(poller, seconds)] for poller in pollers}
    for _ in range(_ROUNDS - 1):
        for poller in close:
            rounds[poller.name].append(observe(poller, seconds))
    seen = {name: together(each) for name, each in rounds.items()}
    ours = seen[SINGLE.name]
    several = f"; of {_ROUNDS} such rounds in turn for {SINGLE.name} and {_NEXT.name}" if close else ""
    late, lag = percentile(ours.lateness, 99), percentile(ours.lags, 99)
    return Section(
        title="Waiting, one poll per video",
        method=(
            f"{SINGLE.waiting:,} triggers in one event loop, as in a triggerer; each shall poll every {INTERVAL} s at "
            f"a job that never ends. The server, a process of its own behind TLS, answers after {DELAY * 1000:.0f} ms. "
            f"The figures are of {seconds:.0f} s, from when every job was polled once, or {LATEST:.0f} s after the "
            f"start{several}."
        ),
        targets=[
            Target("lateness p99", "under 1 s", duration(late), late < 1),
            Target("CPU a poll", "at most 0.6 ms", f"{ours.cpu_per_poll * 1000:.2f} ms", ours.cpu_per_poll <= 0.6e-3),
            *_beside(rounds, seen),
            Target("connections", "at most 50", str(ours.connections), ours.connections <= 50),
            Target("event-loop lag p99", "under 10 ms", duration(lag), lag < 0.01),
        ],
        parts=[
            Table(
                ["", "triggers", "polls/s", "lateness p50", "lateness p99", "CPU a poll", "against ours"],
                [_looks(poller, seen[poller.name], ours) for poller in pollers],
            ),
            Table(
                ["", "connections at most", "opened", "loop lag p50", "lag p99", "lag max", "lag max at start"],
                [_connections(name, each) for name, each in seen.items()],
            ),
            Table(
                ["", "until all were polled", "memory", "server late p99"],
                [_start(name, each) for name, each in seen.items()],
            ),
            _explained(pollers),
        ],
    )


def _beside(rounds: dict[str, list[Observed]], seen: dict[str, Observed]) -> list[Target]:
    if _NEXT.name not in seen:
        return []
    ours, theirs = seen[SINGLE.name].cpu_per_poll, seen[_NEXT.name].cpu_per_poll
    pairs = zip(rounds[SINGLE.name], rounds[_NEXT.name], strict=True)
    each = ", ".join(times(one.cpu_per_poll, other.cpu_per_poll) for one, other in pairs)
    what = f"CPU a poll against {_NEXT.name}"
    return [Target(what, f"at most {_BEFORE} x", f"{times(ours, theirs)} (rounds: {each})", ours <= _BEFORE * theirs)]


def _looks(poller: Poller, each: Observed, ours: Observed) -> list[str]:
    return [
        f"{poller.name}: {poller.way}",
        f"{each.waiting:,}",
        f"{each.looks_per_second:.1f}",
        duration(percentile(each.lateness, 50)),
        duration(percentile(each.lateness, 99)),
        f"{each.cpu_per_poll * 1000:.2f} ms",
        times(each.cpu_per_poll, ours.cpu_per_poll),
    ]


def _connections(name: str, each: Observed) -> list[str]:
    lags = [duration(value) for value in (percentile(each.lags, 50), percentile(each.lags, 99), max(each.lags))]
    return [name, f"{each.connections:,}", f"{each.opened:,}", *lags, duration(each.start_lag)]


def _start(name: str, each: Observed) -> list[str]:
    first = f"over {LATEST:.0f} s" if each.first_round is None else duration(each.first_round)
    return [name, first, f"{each.memory / 2**20:.0f} MiB", duration(each.stub_late)]


def _explained(pollers: list[Poller]) -> str:
    fewer = [poller for poller in pollers if poller.waiting < SINGLE.waiting]
    lines = [
        f"A poll is due {INTERVAL} s after the answer to the one before, the first within {INTERVAL} s of the start; "
        "its lateness is what passes from then to its arrival at the server, or to the end of the figures where it is "
        "still overdue. CPU is the client's whole process, user and system, divided by the answered polls. Loop lag is "
        "how much later than asked for a pause of 20 ms ends; while the loop is held, the pauses that it swallows "
        "count too. All use their released code unchanged, with log lines below warning off."
    ]
    lines += [
        f"{poller.name} runs with {poller.waiting} triggers only: a round of {SINGLE.waiting:,} would hold its event "
        "loop for over five minutes."
        for poller in fewer
    ]
    return " ".join(lines)
