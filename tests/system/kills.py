"""Kill -9 whatever makes videos in a real Airflow, and count what was paid: python -m tests.system.kills"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.processes import interrupt_on_signals
from tests.system import accounts
from tests.system.killers import Kill, Killer, SchedulerKiller, TaskKiller, TriggererKiller
from tests.system.stand import FINISHED, Stand

ROUNDS = ("workers", "triggerer", "scheduler")
CLEARED = 20
# A submit that is lost is looked for during two minutes, and chance may lose the same one several times.
TIMEOUT = 1500.0


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    videos: int
    seed: int
    mode: str
    speed: float
    kills: int | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds asked for. Return the exit status: 1 when the promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.kills", description=__doc__)
    parser.add_argument("--round", choices=(*ROUNDS, "all"), default="all", help="what to kill (default: all in turn)")
    parser.add_argument("--clear", action="store_true", help="kill nothing; clear finished runs of 20 videos instead")
    parser.add_argument(
        "--mode",
        choices=("deferred", "sync", "batch"),
        default="deferred",
        help="a task per video that waits deferred or not, or deferred batches of five (default: deferred)",
    )
    parser.add_argument("--videos", type=int, default=50, help="videos per round (default: 50)")
    parser.add_argument("--kills", type=int, help="kills per round (default: 60 of workers, 6 of anything else)")
    parser.add_argument("--seed", type=int, default=1, help="decides on kills, faults and videos (default: 1)")
    parser.add_argument("--speed", type=float, default=8.0, help="how much faster than Kling (default: 8)")
    asked = parser.parse_args(arguments)
    if asked.mode == "sync" and asked.round == "triggerer":
        parser.error("nothing waits in the triggerer with --mode sync")
    options = Options(asked.videos, asked.seed, asked.mode, asked.speed, asked.kills)
    interrupt_on_signals()
    if asked.clear:
        return clear(options)
    names = [name for name in ROUNDS if asked.round in (name, "all") and (name, asked.mode) != ("triggerer", "sync")]
    return max([play(name, options) for name in names])


def play(name: str, options: Options) -> int:
    """Play one round of kills."""
    print(f"\nRound {name}, {options.mode}: {options.videos} videos, seed {options.seed}", flush=True)
    home = Path(tempfile.mkdtemp(prefix=f"kling-kills-{name}-"))
    with Stand.up(home, seed=options.seed, speed=options.speed, videos=options.videos, mode=options.mode) as stand:
        stand.inject_faults()
        began = time.monotonic()
        run_id = stand.airflow.api.trigger("kills")
        stand.wait_until_running("kills")
        killer = _killer(name, stand, options)
        _kill_to_the_end(stand, killer, run_id, began)
        seconds = time.monotonic() - began
        broken = list(accounts.violations(stand, "kills", run_id, options.videos))
        broken += _worthless(name, stand, killer)
        _report(stand, killer.kills, seconds)
    command = f"python -m tests.system.kills --round {name} --mode {options.mode} --videos {options.videos}"
    return _verdict(broken, home, f"{command} --kills {killer.count} --seed {options.seed} --speed {options.speed:g}")


def _worthless(name: str, stand: Stand, killer: Killer) -> list[str]:
    """Say why a round that broke nothing proves nothing."""
    if 2 * len(killer.kills) < killer.count:
        return [f"the round proves little: {len(killer.kills)} of {killer.count} kills before its end"]
    if name == "workers" and not accounts.charged_in_killed_tries(stand, killer.kills):
        return ["the round proves little: no kill fell between a POST that was charged and its answer"]
    return []


def _killer(name: str, stand: Stand, options: Options) -> Killer:
    if name == "workers":
        return TaskKiller(stand, "kills", options.kills or 60, (0.1, 1.2))
    if name == "triggerer":
        return TriggererKiller(stand, "kills", options.kills or 6, (10.0, 30.0))
    return SchedulerKiller(stand, "kills", options.kills or 6, (6.0, 14.0))


def _kill_to_the_end(stand: Stand, killer: Killer, run_id: str, began: float) -> None:
    told = 0.0
    while (state := stand.run_state("kills", run_id)) not in FINISHED:
        if (elapsed := time.monotonic() - began) > TIMEOUT:
            print(f"  given up after {TIMEOUT:g} s in state {state}")
            return
        if ended := stand.airflow.ended():
            raise RuntimeError(f"Airflow's {', '.join(ended)} ended by itself; see {stand.airflow.home}.")
        killer.step()
        if elapsed - told >= 10:
            told = elapsed
            states = ", ".join(f"{count} {state}" for state, count in sorted(stand.states("kills").items()))
            print(
                f"  {elapsed:5.0f} s  {len(killer.kills):3} kills, {len(stand.emulator.ledger)} charges: {states}",
                flush=True,
            )
        time.sleep(0.1)


def _report(stand: Stand, kills: list[Kill], seconds: float) -> None:
    emulator = stand.emulator
    rows: list[tuple[str, object]] = [
        (f"kills: {victim}", n) for victim, n in sorted(Counter(k.victim for k in kills).items())
    ]
    if found := accounts.phases(stand, kills):
        rows += [(f"  hit {phase}", found[phase]) for phase in accounts.PHASES]
        rows.append(("videos charged by a POST killed unanswered", accounts.charged_in_killed_tries(stand, kills)))
    affected = Counter(f"{e.operation} {e.fault}" for e in emulator.journal if e.fault)
    rows += [
        ("faults", ", ".join(f"{n} {fault}" for fault, n in sorted(affected.items()))),
        ("tries", stand.tries("kills")),
        ("submits sent", len(emulator.journal_for("create"))),
        ("videos found again by a lookup", accounts.found_again(stand)),
        ("charges", len(emulator.ledger)),
        ("external ids charged", len(emulator.ledger.by_external_id())),
        ("videos landed", len(stand.landed("kills"))),
        ("paid and never fetched", len(emulator.unfetched())),
        ("torn .part files left by kills", len(list(stand.output.rglob("*.part")))),
        ("wall time", f"{seconds:.0f} s"),
    ]
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"  {name:{width}}  {value}" for name, value in rows))


def clear(options: Options) -> int:
    """Clear a finished run under each policy, and once more after its files were lost."""
    print(f"\nClearing runs of {CLEARED} videos, {options.mode}", flush=True)
    home = Path(tempfile.mkdtemp(prefix="kling-kills-clear-"))
    broken: list[str] = []
    with Stand.up(home, seed=options.seed, speed=options.speed, videos=1, mode=options.mode) as stand:
        api = stand.airflow.api
        for dag_id, charges in (("clear_reuse", CLEARED), ("clear_new", 2 * CLEARED)):
            stand.emulator.reset()
            run_id = api.trigger(dag_id)
            api.wait(dag_id, run_id, TIMEOUT)
            broken += _settle(stand, dag_id, run_id, "run", CLEARED)
            api.clear(dag_id, run_id)
            api.wait(dag_id, run_id, TIMEOUT)
            broken += _settle(stand, dag_id, run_id, "cleared", charges)
            if dag_id == "clear_reuse":
                for path in stand.landed(dag_id):
                    path.unlink()
                api.clear(dag_id, run_id)
                api.wait(dag_id, run_id, TIMEOUT)
                broken += _settle(stand, dag_id, run_id, "files deleted, cleared", charges)
    return _verdict(broken, home, f"python -m tests.system.kills --clear --mode {options.mode} --seed {options.seed}")


def _settle(stand: Stand, dag_id: str, run_id: str, after: str, expected: int) -> list[str]:
    broken = list(accounts.violations(stand, dag_id, run_id, expected))
    if (tries := stand.tries(dag_id)) % CLEARED:
        broken.append(f"{dag_id}, {after}: {tries} tries for {CLEARED} videos, although nothing was killed")
    print(
        f"  {dag_id}, {after}: {len(stand.emulator.ledger)} charges, {len(stand.landed(dag_id))} landed, {tries} tries"
    )
    return broken


def _verdict(broken: list[str], home: Path, replay: str) -> int:
    print(f"  replay: {replay}")
    if not broken:
        print("  KEPT: every video paid for once, and none lost", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        return 0
    print("  BROKEN:", *broken, f"logs and database: {home}", sep="\n    ", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
