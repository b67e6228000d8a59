"""``kling-emulator``: the emulator as a program."""

from __future__ import annotations

import argparse
import importlib.util
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_provider_kling.emulator.emulator import KlingEmulator
from airflow_provider_kling.emulator.service import CONTENT_POLICY
from airflow_provider_kling.emulator.spec import MissingExtraError
from airflow_provider_kling.emulator.task import RISK_CONTROL

DEFAULT_PORT = 8765
_DIALECTS = ("llmprovider", "kling", "kling-v3")


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM. Returns the exit status: 0, or 1 when the port is taken."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        emulator = _emulator(options)
    except ValueError as wrong:
        parser.error(str(wrong))
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        emulator.start()
    except OSError as problem:
        print(f"kling-emulator: cannot listen on {options.host}:{options.port}: {problem}", file=sys.stderr)
        return 1
    try:
        _announce(emulator, options.ready_file)
        stopped.wait()
    finally:
        emulator.stop()
    return 0


def _emulator(options: argparse.Namespace) -> KlingEmulator:
    return KlingEmulator(
        host=options.host,
        port=options.port,
        clock=options.clock,
        speed=options.speed,
        seed=options.seed,
        concurrency=options.concurrency,
        generation_seconds=options.generation_seconds,
        balance_units=options.balance_units,
        packs=tuple(options.pack),
        duplicates=options.duplicates,
        charge_on=options.charge_on,
        retired=options.retired,
        cfg_scale_v2=options.cfg_scale_v2,
        foreign_ids=options.foreign_ids,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kling-emulator", description="A stand-in for Kling's service.")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=DEFAULT_PORT, help="port, 0 for a free one (default: %(default)s)")
    add("--clock", choices=("real", "manual"), default="real", help="manual stands still until told (default: real)")
    add("--speed", type=float, default=1.0, help="emulator seconds per real second (default: 1)")
    add("--seed", type=int, default=0, help="decides generation times and pictures (default: 0)")
    add("--concurrency", type=int, help="unfinished tasks allowed at once (default: no limit)")
    add("--generation-seconds", type=float, help="time a video takes (default: 83 to 253, by prompt)")
    add("--balance-units", type=float, help="units in the account (default: no limit)")
    add("--duplicates", choices=("reject", "accept"), default="reject", help="what a used external id meets")
    add("--pack", action="append", default=[], help="a resource pack, as Trial-Video-100Units-5Con-1Months; repeatable")
    add("--charge-on", choices=("submit", "completion"), default="submit", help="when units are taken")
    add("--retired", choices=("refuse", "sell"), default="refuse", help="models that Kling stopped serving")
    add("--cfg-scale-v2", choices=("ignore", "refuse"), default="ignore", help="cfg_scale with kling-v2 models")
    add("--foreign-ids", choices=("refuse", "accept"), default="refuse", help="video ids that were not made here")
    add("--ready-file", type=Path, help="write URL and connections here as JSON once listening")
    return parser


def _announce(emulator: KlingEmulator, ready_file: Path | None) -> None:
    connections: dict[str, dict[str, Any]] = {name: emulator.connection(name) for name in _DIALECTS}
    lines = [f"Kling emulator on {emulator.url} (Ctrl+C stops it)", ""]
    for name, connection in connections.items():
        lines += [f"# {name}", f"export AIRFLOW_CONN_KLING_DEFAULT='{json.dumps(connection)}'", ""]
    lines += [
        f"API key: {emulator.api_key}",
        f"A prompt with {RISK_CONTROL!r} in it fails while it is made; one with {CONTENT_POLICY!r} is refused.",
    ]
    lines += [str(MissingExtraError(name)) for name in ("av", "PIL") if importlib.util.find_spec(name) is None]
    print("\n".join(lines), flush=True)
    if ready_file is not None:
        # Renamed into place, so that a script that waits for the file never reads half of it.
        partial = ready_file.with_name(ready_file.name + ".partial")
        partial.write_text(json.dumps({"url": emulator.url, "connections": connections}), encoding="utf-8")
        partial.replace(ready_file)
