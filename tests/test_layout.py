"""The layout: who may import whom, what stays pure, how large a module gets, and what importing an operator costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev import layout
from dev.layout import LAYERS, NAME, PACKAGE
from tests.paths import ROOT

PURE = ["api", "lifecycle"]
# Time, chance, network and files are inputs of a decision, never part of it.
NEVER_IN_PURE = {"airflow", "requests", "aiohttp", "time", "random", "socket", "asyncio", "os", "logging"}
LONGEST = 300
# Airflow hands the operator to an extra link, and a decorator is made of one.
TAKES_OPERATORS = ["operators", "links", "decorators"]


def modules(package: str) -> list[Path]:
    return sorted((PACKAGE / package).rglob("*.py"))


@pytest.mark.parametrize("package", LAYERS)
def test_imports_run_one_way(package: str) -> None:
    later = LAYERS[LAYERS.index(package) + 1 :]
    for path in modules(package):
        for name in layout.imported(path):
            assert not any(name.startswith(f"{NAME}.{other}") for other in later), (path, name)


def test_no_modules_import_each_other() -> None:
    assert layout.circle(layout.graph()) == []


def test_a_circle_would_be_found() -> None:
    edges = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set[str]()}

    assert set(layout.circle(edges)) == {"a", "b", "c"}


def test_every_package_has_its_layer() -> None:
    packages = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}

    assert packages == {*LAYERS, "emulator"}


def test_the_picture_shows_the_imports() -> None:
    assert layout.drawn() == layout.picture(), "python -m dev.layout draws it anew"


@pytest.mark.parametrize("package", PURE)
def test_the_core_is_pure(package: str) -> None:
    for path in modules(package):
        for name in layout.imported(path):
            assert name.partition(".")[0] not in NEVER_IN_PURE, (path, name)


def test_the_emulator_and_the_provider_do_not_know_each_other() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = "emulator" in path.relative_to(PACKAGE).parts
        ours = {name for name in layout.imported(path) if name.startswith(f"{NAME}.")}
        foreign = {name for name in ours if name.startswith(f"{NAME}.emulator") != inside}
        assert not foreign, (path, foreign)


def test_modules_are_read_in_one_sitting() -> None:
    lengths = {path.relative_to(PACKAGE): len(path.read_text("utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}

    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def arguments(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the annotation of every argument of every function in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            yield from ((argument.arg, ast.unparse(argument.annotation or ast.Constant(""))) for argument in every)


def test_nothing_below_operators_takes_an_operator() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] in TAKES_OPERATORS:
            continue
        for name, annotation in arguments(path):
            assert "operator" not in f"{name} {annotation}".lower(), (path, name)


CHEAP = [
    *(f"operators.{name}" for name in ("kling", "image", "video", "audio")),
    "sensors.kling",
    "triggers.kling",
    "decorators.kling",
]
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
