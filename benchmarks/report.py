"""
RESULTS.md: one section for each benchmark, each with the time and the load of its own run.

A run of some benchmarks replaces their sections and leaves the others as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; the first column is text, the others are figures."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return the table."""
        lines = [list(self.head), ["---", *("---:" for _ in self.head[1:])], *map(list, self.rows)]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure beside what was asked of it."""

    what: str
    asked: str
    measured: str
    met: bool


@dataclass(frozen=True, slots=True)
class Section:
    """
    What one benchmark found.

    :param title: heading.
    :param method: how it was measured, for the sceptical reader.
    :param parts: paragraphs and tables, in order.
    """

    title: str
    method: str
    targets: Sequence[Target] = ()
    parts: Sequence[str | Table] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the section without its marks."""
        blocks = [f"## {self.title}", self.method]
        if self.targets:
            rows = [[t.what, t.asked, t.measured, "met" if t.met else "**missed**"] for t in self.targets]
            blocks.append(Table(["figure", "target", "measured", ""], rows).markdown())
        blocks += [part.markdown() if isinstance(part, Table) else part for part in self.parts]
        return "\n\n".join(blocks)


def write(path: Path, head: str, sections: Mapping[str, str], order: Sequence[str]) -> None:
    """
    Write the file: a new head, the new sections, and the old ones that were not measured again.

    :param sections: markdown by the benchmark's name.
    :param order: all names.
    """
    old = _sections(path.read_text("utf-8")) if path.is_file() else {}
    all_sections = {**old, **sections}
    blocks = [head.strip()]
    for name in order:
        if name in all_sections:
            blocks.append(f"<!-- {name} -->\n{all_sections[name].strip()}\n<!-- /{name} -->")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(blocks) + "\n", "utf-8")


def _sections(text: str) -> dict[str, str]:
    found = re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- /\1 -->", text, re.DOTALL)
    return dict(found)
