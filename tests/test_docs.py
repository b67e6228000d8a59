"""Docs quote tested files and name things that exist, so that they cannot rot."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
QUOTE = re.compile(r"<!-- quoted from (\S+), section (\w+);.*?-->\n```python\n(.*?)```", re.DOTALL)


def section(path: Path, name: str) -> str:
    found = re.search(rf"# \[START {name}\]\n(.*?)# \[END {name}\]", path.read_text("utf-8"), re.DOTALL)
    assert found, f"{path} has no section {name}"
    return found.group(1)


def test_the_readme_quotes_a_tested_dag_of_at_most_twenty_lines_of_code() -> None:
    ((source, name, quoted),) = QUOTE.findall((ROOT / "README.md").read_text("utf-8"))

    assert quoted == section(ROOT / source, name)
    assert len([line for line in quoted.splitlines() if line.strip()]) <= 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_quoted_is_what_is_tested(page: Path) -> None:
    for source, name, quoted in QUOTE.findall(page.read_text("utf-8")):
        assert quoted == section(ROOT / source, name), f"{page.name} quotes {source}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_names_what_exists() -> None:
    for dotted in re.findall(
        r"^\| `((?:operators|sensors|triggers|hooks)\.[\w.]+)`", (ROOT / "README.md").read_text(), re.M
    ):
        module, _, name = dotted.rpartition(".")
        assert hasattr(importlib.import_module(f"airflow_provider_kling.{module}"), name)


def test_make_help_is_the_default_and_lists_every_documented_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")

    assert ".DEFAULT_GOAL := help" in makefile
    for page in PAGES:
        for target in re.findall(r"^make (\w+)", page.read_text("utf-8"), re.M):
            assert re.search(rf"^{target}:.*##", makefile, re.M), f"{page.name} names make {target}"
