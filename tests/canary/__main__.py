"""``python -m tests.canary``: the full run, and a table of what it found."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from dev.processes import interrupt_on_signals
from tests.canary.cells import VARIANTS
from tests.canary.run import LEAK, carried_out, details, places, plan, say, table
from tests.canary.servers import SERVERS
from tests.canary.ways import WAYS


def main() -> int:
    """Run, print, and return 1 when something was found that must not be there."""
    parser = argparse.ArgumentParser(prog="python -m tests.canary", description=__doc__)
    parser.add_argument("--servers", nargs="*", default=list(SERVERS), choices=SERVERS, metavar="SERVER")
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=VARIANTS, metavar="VARIANT")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=WAYS, metavar="WAY")
    parser.add_argument("--all", action="store_true", help="every variant with every way and server, not in turns")
    parser.add_argument("--keep", type=Path, help="where to leave what the run left")
    options = parser.parse_args()
    interrupt_on_signals()
    home = options.keep or Path(tempfile.mkdtemp(prefix="kling-canary-"))
    began = time.monotonic()
    try:
        with carried_out(
            home, plan(options.servers, options.variants, options.ways, in_turns=not options.all)
        ) as stand:
            finds = stand.finds()
    finally:
        if not options.keep:
            shutil.rmtree(home, ignore_errors=True)
    wrong = [find for find in finds if not find.allowed and find.cell != LEAK]
    leaked = [find for find in finds if find.what == "key" and find.cell == LEAK]
    silent = [cell for cell in stand.cells if not stand.hosts.quoted[cell]]
    say(table(stand, [find for find in finds if find.cell != LEAK]))
    for what, count in sorted(places(finds).items()):
        say(f"{count:6d} {what}")
    say(details(wrong))
    say(
        f"{len(stand.cells)} task instances, {stand.hosts.quoted.total()} hostile answers, {len(wrong)} finds, "
        f"{len(stand.hosts.astray)} keys at the host of the videos, {len(silent)} hosts never asked, "
        f"{len(leaked)} finds without the guard; {time.monotonic() - began:.0f} s"
    )
    for cell in silent:
        say(f"never asked: {cell.path}")
    return bool(wrong or silent or stand.hosts.astray or not leaked)


if __name__ == "__main__":
    sys.exit(main())
