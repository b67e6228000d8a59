"""Ten thousand waiting triggers where the API has a list: the requests no longer grow with the videos."""

from __future__ import annotations

from benchmarks.numbers import duration, percentile
from benchmarks.observing import DELAY, Observed, observe
from benchmarks.pollers import INTERVAL, LISTED
from benchmarks.report import Section, Table, Target


def run(quick: bool) -> Section:
    """Observe the shared poller with the list."""
    seconds = 10.0 if quick else 40.0
    seen = observe(LISTED, seconds)
    requests = seen.looks_per_second * INTERVAL
    lag = percentile(seen.lags, 99)
    return Section(
        title="Waiting, with the list",
        method=(
            f"{LISTED.waiting:,} triggers in one event loop, dialect `kling`, every {INTERVAL} s each; the server "
            f"answers after {DELAY * 1000:.0f} ms, 500 tasks a page. Measured as above, over {seconds:.0f} s; a poll "
            "at a task is one at the page that it is on."
        ),
        targets=[
            Target(f"requests in {INTERVAL} s", "at most 40", f"{requests:.1f}", requests <= 40),
            Target("CPU", "under 25 % of one core", f"{seen.cpu_share:.1%}", seen.cpu_share < 0.25),
            Target("event-loop lag p99", "under 20 ms", duration(lag), lag < 0.02),
        ],
        parts=[Table(["figure", ""], _rows(seen))],
    )


def _rows(seen: Observed) -> list[list[str]]:
    late = [duration(percentile(seen.lateness, percent)) for percent in (50, 99)]
    lags = [duration(value) for value in (percentile(seen.lags, 50), percentile(seen.lags, 99), max(seen.lags))]
    return [
        ["lateness p50, p99", ", ".join(late)],
        ["loop lag p50, p99, max", ", ".join(lags)],
        ["loop lag max at the start", duration(seen.start_lag)],
        ["until all were polled", "never" if seen.first_round is None else duration(seen.first_round)],
        ["connections at most", str(seen.connections)],
        ["memory", f"{seen.memory / 2**20:.0f} MiB"],
    ]
