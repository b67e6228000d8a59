"""Play 20,000 cases of each fuzzer and say what came of them: python -m tests.fuzz"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Iterator

import tests.conftest  # noqa: F401  (what Airflow reads from the environment must be set first)
from tests.fuzz import answers, arguments, downloads
from tests.fuzz.verdicts import KINDS, Finding, Tally

FUZZERS = {"arguments": arguments.run, "answers": answers.run, "downloads": downloads.run}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of all cases; by default by chance")
    parser.add_argument("--cases", type=int, default=20_000, help="of each fuzzer")
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first case; with --cases 1 it is played alone"
    )
    parser.add_argument("--only", choices=FUZZERS, action="append", help="leave the other fuzzers out; may be repeated")
    return parser.parse_args()


def _alike(findings: list[Finding]) -> Iterator[tuple[int, Finding]]:
    """Yield how often each sort of finding was made, and the shortest case of it."""
    sorts: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        sorts.setdefault((finding.kind, re.sub(r"\d+", "0", finding.what)[:60]), []).append(finding)
    for sort in sorted(sorts.values(), key=len, reverse=True):
        yield len(sort), min(sort, key=lambda finding: len(finding.case))


def _say(tally: Tally) -> None:
    for outcome, times in sorted(tally.outcomes.items(), key=lambda item: -item[1])[:12]:
        print(f"  {times:7,}  {outcome}")
    for times, finding in list(_alike(tally.findings))[:40]:
        print(f"  {times} times, e.g. {finding}")


def _table(tallies: list[Tally]) -> str:
    head = ["fuzzer", "seed", "cases", *KINDS, "seconds", "cases/s"]
    rows = [
        [
            tally.name,
            str(tally.seed),
            f"{tally.cases:,}",
            *(f"{tally.count(kind):,}" for kind in KINDS),
            f"{tally.seconds:.0f}",
            f"{tally.cases / max(tally.seconds, 0.001):,.0f}",
        ]
        for tally in tallies
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]
    )


def main() -> int:
    """Play, print, and return how many findings there are, as an exit code."""
    options = _options()
    print(f"seed {options.seed}", flush=True)
    tallies = []
    for name in options.only or FUZZERS:
        tally = FUZZERS[name](options.seed, options.cases, first=options.first)
        tallies.append(tally)
        print(f"\n{name}", flush=True)
        _say(tally)
    print(f"\n{_table(tallies)}")
    return int(any(tally.findings for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
