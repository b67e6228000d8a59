"""Which values are known when a DAG is parsed, and which only once a task runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# As deep as a request may be; a dict may hold itself.
_DEEPEST = 32


def holds_template(value: Any, depth: int = 0) -> bool:
    """Whether a value, or anything inside it, is rendered or resolved only at run time."""
    if depth > _DEEPEST:
        return False
    # XComArg, literal(), DagParam: everything that Airflow resolves has one of these. It may look iterable and raise.
    if hasattr(value, "resolve") or hasattr(value, "iter_references"):
        return True
    if isinstance(value, str):
        return any(mark in value for mark in ("{{", "{%", "{#"))
    if isinstance(value, Mapping):
        return any(holds_template(item, depth + 1) for item in value.values())
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return any(holds_template(item, depth + 1) for item in value)
    return False


def literal_text(value: Any) -> str:
    """Return what of a template is no mark of Jinja's; nothing of what is no text, or that Jinja cannot read."""
    if not isinstance(value, str):
        return ""
    from jinja2 import Environment, TemplateSyntaxError

    try:
        pieces = [piece for _, kind, piece in Environment().lex(value) if kind == "data"]
    except TemplateSyntaxError:
        return ""
    # What stands on both sides of a mark is not one text.
    return "\n".join(pieces)
