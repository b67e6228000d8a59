"""
The imports of the package, and the picture of them in ``docs/architecture.md``.

``python -m dev.layout`` draws the picture anew; a test says when that is due.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "airflow_provider_kling"
NAME = PACKAGE.name
PAGE = ROOT / "docs" / "architecture.md"

Graph = Mapping[str, set[str]]

# Each package may import those before it, and none after it.
LAYERS = (
    "api",
    "lifecycle",
    "network",
    "compat",
    "storage",
    "hooks",
    "triggers",
    "execution",
    "links",
    "operators",
    "sensors",
    "decorators",
    "plugins",
)
_PICTURE = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports anywhere, types too; ``from a import b`` gives ``a.b``."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules() -> dict[str, Path]:
    """Return the package's modules by dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def graph() -> Graph:
    """Return which module of the package imports which others of it."""
    known = modules()
    edges = {}
    for name, path in known.items():
        # What is imported from a module is that module's, unless it is a module itself.
        found = {other if other in known else other.rpartition(".")[0] for other in imported(path)}
        edges[name] = (found & known.keys()) - {name}
    return edges


def circle(edges: Graph) -> list[str]:
    """Return modules that import each other in a circle, however indirectly, or nothing."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def picture() -> str:
    """Return the packages and who imports whom as Mermaid; an arrow that others imply is left out."""
    packages: dict[str, set[str]] = defaultdict(set)
    for name, others in graph().items():
        for other in others:
            first, second = _package(name), _package(other)
            if first in LAYERS and second in LAYERS and first != second:
                packages[first].add(second)
    lines = [
        f"    {first} --> {second}"
        for first in sorted(packages)
        for second in sorted(packages[first])
        if not any(second in _reachable(packages, between) for between in packages[first] - {second})
    ]
    return "```mermaid\ngraph TD\n" + "\n".join(lines) + "\n    emulator\n```\n"


def _package(name: str) -> str:
    return name.removeprefix(f"{NAME}.").partition(".")[0]


def _reachable(edges: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    left = [start]
    while left:
        for other in edges.get(left.pop(), set()) - seen:
            seen.add(other)
            left.append(other)
    return seen


def drawn() -> str:
    """Return the picture that the page shows."""
    found = _PICTURE.search(PAGE.read_text("utf-8"))
    return found.group() if found else ""


if __name__ == "__main__":
    PAGE.write_text(_PICTURE.sub(picture(), PAGE.read_text("utf-8"), count=1), "utf-8")
