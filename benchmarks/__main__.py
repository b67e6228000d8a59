"""
Measure, and write benchmarks/RESULTS.md: ``python -m benchmarks [names] [--quick]``.

Each benchmark is a module with ``run(quick) -> Section``; a new one is a line in ``BENCHMARKS``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from benchmarks import (
    batching,
    environment,
    gallery,
    imports,
    landing,
    listing,
    machine,
    polling,
    report,
    schedule,
    slots,
    submit,
)
from benchmarks.places import QUICK_RESULTS, RESULTS, ROOT

BENCHMARKS: dict[str, Callable[[bool], report.Section]] = {
    "imports": imports.run,
    "polling": polling.run,
    "listing": listing.run,
    "schedule": schedule.run,
    "submit": submit.run,
    "landing": landing.run,
    "slots": slots.run,
    "batching": batching.run,
    "gallery": gallery.run,
}


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and write RESULTS.md.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(BENCHMARKS)}; all without any")
    parser.add_argument("--quick", action="store_true", help="short and rough, to a file that is not kept")
    options = parser.parse_args()
    unknown = set(options.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    names = options.names or list(BENCHMARKS)
    print("Making the environment ...", flush=True)
    environment.make()
    target = QUICK_RESULTS if options.quick else RESULTS
    for name in names:
        print(f"{name} ...", flush=True)
        began, load = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), machine.load()
        commit = machine.commit()
        section = BENCHMARKS[name](options.quick)
        stamp = f"Measured {began} at commit {commit}, load before {load}."
        # Written one by one: an hour's work is not lost to the last of them.
        report.write(target, head(), {name: f"{section.markdown()}\n\n{stamp}"}, list(BENCHMARKS))
        for each in section.targets:
            print(f"  {each.what}: {each.measured} ({each.asked}) {'met' if each.met else 'MISSED'}", flush=True)
    print(f"See {target.relative_to(ROOT)}")


def head() -> str:
    """Return what holds for all sections."""
    versions = ", ".join(f"{name} {version}" for name, version in environment.versions().items())
    return f"""# Results

What the provider costs next to its peers. `python -m benchmarks` writes this file; how to read it is in
[README.md](README.md).

- Machine: {machine.describe()}
- Versions: {versions}
- Command: `python -m benchmarks`, or with the name of a section to measure that one again
"""


if __name__ == "__main__":
    main()
