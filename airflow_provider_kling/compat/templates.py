"""Which values are known when a DAG is parsed, and which only once a task runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def holds_template(value: Any) -> bool:
    """Whether a value, or anything inside it, is rendered or resolved only at run time."""
    # XComArg, literal(), DagParam: everything that Airflow resolves has one of these. It may look iterable and raise.
    if hasattr(value, "resolve") or hasattr(value, "iter_references"):
        return True
    if isinstance(value, str):
        return any(mark in value for mark in ("{{", "{%", "{#"))
    if isinstance(value, Mapping):
        return any(holds_template(item) for item in value.values())
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return any(holds_template(item) for item in value)
    return False
