"""Renew the pins for one Airflow: python -m dev.constraints 3.3.2"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(airflow: str) -> None:
    """Resolve the project with this Airflow and write constraints/airflow-<version>.txt."""
    command = ["uv", "pip", "compile", "pyproject.toml", "-", "--extra", "dev", "--python-version", "3.11"]
    # No download addresses in a committed file: they differ from machine to machine.
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header", "--quiet"]
    pins = subprocess.run(
        command, input=f"apache-airflow=={airflow}\n", text=True, capture_output=True, check=True, cwd=ROOT
    ).stdout
    kept = [line for line in pins.splitlines() if not line.startswith(("airflow-provider-kling", "-e"))]
    head = f"# The set that the tests pass with on Airflow {airflow}. Renew with: make constraints AIRFLOW={airflow}"
    (ROOT / "constraints" / f"airflow-{airflow}.txt").write_text("\n".join([head, *kept]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
