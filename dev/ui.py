"""Airflow with its UI and the emulator on this machine: python -m dev.ui [--smoke]"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from dev.emulator import EmulatorProcess
from dev.local_airflow import LocalAirflow
from dev.processes import ROOT, interrupt_on_signals, tail

# A real clock and short waits: with a fast clock, every time that the UI shows would lie ahead.
SECONDS = 12


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m dev.ui", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="start, look whether all is well, and stop")
    parser.add_argument("--home", type=Path, default=ROOT / ".ui", help="where all is kept (default: .ui)")
    options = parser.parse_args(arguments)
    home: Path = options.home.resolve()
    interrupt_on_signals()
    try:
        print("Starting Airflow and the emulator: about 20 seconds ...", flush=True)
        with (
            EmulatorProcess("--generation-seconds", str(SECONDS), log=home / "emulator.log") as emulator,
            LocalAirflow(home, output=f"{(home / 'videos').as_uri()}/") as airflow,
        ):
            _connect(airflow, emulator)
            _welcome(airflow, emulator)
            if not options.smoke:
                _stay(airflow)
            print("\nStopping ...", flush=True)
    except KeyboardInterrupt:
        print("\nStopped.")
    except (RuntimeError, OSError, ValueError) as error:
        print(f"\nThe UI failed: {error}", file=sys.stderr)
        return 1
    return 0


def _connect(airflow: LocalAirflow, emulator: EmulatorProcess) -> None:
    """Set ``kling_default`` in the database and not in the environment, for there the UI does not list it."""
    # Not llmprovider, which has no images: one of the examples asks for one.
    connection = emulator.connection("kling")
    # The port is in the URL already; without this one the Test button of Airflow 3.3.1 and 3.3.2 says "Bad Request"
    # (apache/airflow#73298).
    port = urlsplit(connection["host"]).port
    airflow.api.put_connection("kling_default", {**connection, "port": port})
    works, message = airflow.api.test_connection("kling_default", connection["password"])
    if not works:
        raise RuntimeError(f"Connection kling_default does not work: {message}")


def _welcome(airflow: LocalAirflow, emulator: EmulatorProcess) -> None:
    home = os.path.relpath(airflow.home)
    print(f"""
  Airflow     {airflow.url}   (no login: you are the administrator)
  Emulator    {emulator.url}   (its tasks, videos and charges; a video takes {SECONDS} s)

  Make a video   {airflow.url}/dags/example_kling_landed, press Trigger; it lands in {home}/videos
                 When make_video is green, its tab Details has a button "Kling video".
  Gallery        {airflow.url}/plugin/kling-videos
  Connection     {airflow.url}/connections: kling_default points to the emulator.
                 Its Test button works; put your own key and base URL there to use the real Kling.
  Your own DAGs  Put them into example_dags/; they appear within seconds.
  Terminal       AIRFLOW_HOME=$PWD/{home} .venv/bin/airflow dags list      Logs: {home}/*.log

  Ctrl-C stops both. What you did is kept in {home}/ for the next time.""", flush=True)  # fmt: skip


def _stay(airflow: LocalAirflow) -> None:
    while not (ended := airflow.ended()):
        time.sleep(0.5)
    raise RuntimeError(f"Airflow's {ended[0]} ended by itself.\n{tail(airflow.home / f'{ended[0]}.log')}")


if __name__ == "__main__":
    raise SystemExit(main())
