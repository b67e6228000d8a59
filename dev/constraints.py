"""Renew the pins for one Airflow: python -m dev.constraints apache-airflow==3.3.2"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# An older Airflow does not work with all that came after it, and its bounds do not say so. So each takes what there was
# about two weeks after its release, and the newest Airflow what there is now. (2026-06-12: the day after, pytest 9.1.0
# came, which refuses to parametrize a fixture that is parametrized already.)
AS_OF = {"3.0.6": "2025-09-15", "3.1.8": "2026-03-31", "3.2.2": "2026-06-12"}
# What we need newer than that: it is made for every Airflow since 2.11.
NEWER = ("apache-airflow-providers-common-compat",)


def main(requirement: str) -> None:
    """Resolve the project with this Airflow and write constraints/airflow-<version>.txt."""
    airflow = requirement.rpartition("==")[2]
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "-"]
    command += ["--extra", "dev", "--python-version", "3.11"]
    # No download addresses in a committed file: they differ from machine to machine.
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header", "--quiet"]
    if airflow in AS_OF:
        command += ["--exclude-newer", AS_OF[airflow]]
        # A day that never comes: no limit.
        command += [f"--exclude-newer-package={name}=9999-01-01" for name in NEWER]
    pins = subprocess.run(command, input=requirement, text=True, stdout=subprocess.PIPE, check=True, cwd=ROOT).stdout
    kept = [line for line in pins.splitlines() if not line.startswith(("airflow-provider-kling", "-e"))]
    head = f"# The set that the tests pass with on Airflow {airflow}. Renew with: make constraints AIRFLOW={airflow}"
    (ROOT / "constraints" / f"airflow-{airflow}.txt").write_text("\n".join([head, *kept]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
