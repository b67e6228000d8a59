"""One video by a real Airflow DAG on the local emulator: python -m dev.demo"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av

from dev.emulator import EmulatorProcess
from dev.local_airflow import airflow_version, environment, migrate, write_config
from dev.processes import ROOT, Leashed, interrupt_on_signals, tail

DAG_ID = "example_kling_landed"
SPEED = 20
TIMEOUT = 240


class DemoError(Exception):
    """What went wrong, for the user."""


@dataclass
class Story:
    """Tells what happens, each line with the seconds since the start."""

    began: float = field(default_factory=time.monotonic)
    seen: dict[str, str] = field(default_factory=dict)

    def tell(self, what: str) -> None:
        """Print a line."""
        print(f"  {time.monotonic() - self.began:5.1f} s  {what}", flush=True)

    def follow(self, tasks: list[dict[str, Any]]) -> None:
        """Tell each change of state; ``fetched`` is the emulator's word for a video downloaded whole."""
        for task in tasks:
            status = "downloaded" if task["fetched"] else str(task["status"])
            before = self.seen.get(task["task_id"])
            if status != before:
                self.seen[task["task_id"]] = status
                self.tell(f"{status:11} {task['task_id']}" + ("" if before else f'  "{task["prompt"]}"'))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m dev.demo", description=__doc__)
    parser.add_argument("--home", type=Path, default=ROOT / ".demo", help="where all is kept (default: .demo)")
    home: Path = parser.parse_args(arguments).home.resolve()
    log = home / "airflow.log"
    interrupt_on_signals()
    log.unlink(missing_ok=True)
    try:
        with EmulatorProcess("--speed", str(SPEED), log=home / "emulator.log") as emulator:
            _make_video(emulator, home, log)
    except (DemoError, RuntimeError, OSError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        if last := tail(log):
            print(f"\n{_short(log)} ends:\n{last}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    return 0


def _make_video(emulator: EmulatorProcess, home: Path, log: Path) -> None:
    videos = home / "videos"
    print("One video by a real Airflow DAG: no key, no cost.\n")
    print(f"  emulator   {emulator.url}, {SPEED} times as fast as Kling")
    print(f"  airflow    {airflow_version()}: dags test {DAG_ID} (output: {_short(log)})\n")
    before = set(videos.glob("*.mp4"))
    env = environment(home, connection=emulator.connection(), output=f"{videos.as_uri()}/")
    _run_dag(emulator, home, env, log)
    ledger = emulator.ledger()
    charges = len(ledger["charges"])
    made = sorted(set(videos.glob("*.mp4")) - before)
    if len(made) != 1:
        raise DemoError(f"there should be one new video in {_short(videos)}, and there are {len(made)}.")
    print(f"\n  Video:   {_short(made[0])} ({describe(made[0])})")
    print(f"  Ledger:  {charges} charge{'' if charges == 1 else 's'}, {ledger['total_units']} units")
    if charges != 1:
        raise DemoError(f"one video was wished for and {charges} were paid for.")
    print("  Next:    make ui, to see it in Airflow; README.md, to use your own key")


def _run_dag(emulator: EmulatorProcess, home: Path, env: dict[str, str], log: Path) -> None:
    story = Story()
    write_config(home)
    if not (home / "airflow.db").exists():
        story.tell("Airflow makes its database")
    migrate(home, env, log)
    story.tell("the DAG run begins")
    process = Leashed([sys.executable, "-m", "airflow", "dags", "test", DAG_ID], env=env, log=log)
    try:
        while not process.ended():
            if time.monotonic() - story.began > TIMEOUT:
                raise DemoError(f"the DAG run took more than {TIMEOUT} s.")
            story.follow(emulator.tasks())
            time.sleep(0.1)
    finally:
        process.stop()
    story.follow(emulator.tasks())
    if process.process.returncode != 0:
        raise DemoError(f"airflow ended with exit status {process.process.returncode}.")
    story.tell("the DAG run ended as success")


def describe(video: Path) -> str:
    """
    Return what a player makes of a video.

    :raises DemoError: when it cannot be played.
    """
    try:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            frames = sum(1 for _ in container.decode(stream))
            seconds = float(container.duration or 0) / 1_000_000
            size = f"{video.stat().st_size / 1000:.0f} kB"
            return (
                f"{size}, {stream.codec_context.name}, {seconds:.1f} s, {stream.width}x{stream.height}, {frames} frames"
            )
    except (av.FFmpegError, IndexError) as error:
        raise DemoError(f"{_short(video)} cannot be played: {error}") from error


def _short(path: Path) -> str:
    return os.path.relpath(path)


if __name__ == "__main__":
    raise SystemExit(main())
