"""The environment in which all is measured, ours and the peers' alike: made once, from pinned releases."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

from benchmarks.places import ROOT, VENV

# Our own constraints cannot be used: one peer wants an older python-dateutil than they pin.
PINS = {
    "apache-airflow": "3.3.2",
    "apache-airflow-providers-common-ai": "1.0.0",
    "apache-airflow-providers-databricks": "7.23.0",
    "apache-airflow-providers-dbt-cloud": "4.11.1",
    "apache-airflow-providers-openai": "2.2.0",
    "aiohttp": "3.14.5",
    "openai": "3.54.0",
    "requests": "2.34.2",
}

PYTHON = VENV / "bin" / "python"


def make() -> None:
    """Make the environment, unless it is as it should be."""
    wanted = [f"{name}=={version}" for name, version in PINS.items()]
    stamp = VENV / ".made-for"
    key = hashlib.sha256("\n".join(wanted).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text("utf-8") == key:
        return
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)], check=True)
    install = [*uv, "pip", "install", "--quiet", "--python", str(PYTHON), "--compile-bytecode"]
    subprocess.run([*install, *wanted, "--editable", str(ROOT)], check=True)
    stamp.write_text(key, "utf-8")


def variables(**more: str) -> dict[str, str]:
    """Return what a measured process finds in its environment: nothing of the user's Airflow."""
    home = VENV / "airflow"
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    return {
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(ROOT),
        **more,
    }


def versions() -> dict[str, str]:
    """Return the versions that matter to the figures."""
    script = (
        "import platform; from importlib.metadata import version\n"
        f"print('Python', platform.python_version())\nfor name in {list(PINS)!r}: print(name, version(name))"
    )
    done = subprocess.run([PYTHON, "-c", script], capture_output=True, text=True, check=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())
