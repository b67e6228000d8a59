"""The walls of the house: who may import whom, what stays pure, and what importing an operator costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

PACKAGE = ROOT / "airflow_provider_kling"
NAME = PACKAGE.name

# Each room may import the rooms before it, and nothing after it.
ROOMS = [
    "api",
    "lifecycle",
    "hooks",
    "triggers",
    "operators",
    "sensors",
]
PURE = ["api", "lifecycle"]
# Time, chance, network and files are inputs of a decision, never part of it.
NEVER_IN_PURE = {"airflow", "requests", "aiohttp", "time", "random", "socket", "asyncio", "os", "logging"}


def modules(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way(room: str) -> None:
    later = ROOMS[ROOMS.index(room) + 1 :]
    for path in modules(room):
        for name in imports(path):
            assert not any(name.startswith(f"{NAME}.{other}") for other in later), (path, name)


@pytest.mark.parametrize("room", PURE)
def test_the_core_is_pure(room: str) -> None:
    for path in modules(room):
        for name in imports(path):
            assert name.partition(".")[0] not in NEVER_IN_PURE, (path, name)


def test_the_emulator_and_the_provider_do_not_know_each_other() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = "emulator" in path.relative_to(PACKAGE).parts
        ours = {name for name in imports(path) if name.startswith(f"{NAME}.")}
        foreign = {name for name in ours if name.startswith(f"{NAME}.emulator") != inside}
        assert not foreign, (path, foreign)


CHEAP = ["operators.kling", "sensors.kling", "triggers.kling"]
HEAVY = ["requests", "aiohttp", "jwt", "urllib3", "av", "PIL", "starlette", "uvicorn"]


@pytest.mark.parametrize("module", CHEAP)
def test_importing_an_operator_brings_no_heavy_module(module: str) -> None:
    script = (
        "import sys, airflow.sdk, airflow.providers.common.compat.sdk as c, airflow.triggers.base\n"
        "before = set(sys.modules)\n"
        f"import {NAME}.{module}\n"
        f"new = sorted(set(sys.modules) - before)\n"
        f"print([name for name in new if name.partition('.')[0] in {HEAVY!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_no_file_names_this_machine_or_a_download_host() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    # Spelled apart, so that this file does not name them either.
    forbidden = ["/wo" + "rk/", "files.python" + "hosted", "pypi.org" + "/simple", "registry.npm" + "js"]
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".png", ".mp4", ".jpg"} or not path.is_file():
            continue
        text = path.read_text("utf-8")
        assert not [word for word in forbidden if word in text], name
