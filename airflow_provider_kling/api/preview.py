"""A request as people are shown it: on a page, in a form, in an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_kling.api.text import without_queries

LONGEST_PROMPT = 2500
"""Characters of a prompt at most."""

_LONGEST_TEXT = 300
_MOST_ENTRIES = 30
_DEEPEST = 4
# Addresses that Kling calls back are nobody else's business: they often carry a token in their path.
_PRIVATE_FIELDS = ("callback_url",)


def preview(value: Any, name: str = "", depth: int = 0, *, longest_prompt: int = LONGEST_PROMPT) -> Any:
    """Return a copy of a request that a page can show: no endless text, no picture, no signed link."""
    if isinstance(value, str):
        return cut(without_queries(value), longest_prompt if "prompt" in name else _LONGEST_TEXT)
    if depth >= _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        entries = [(str(key), entry) for key, entry in value.items() if key not in _PRIVATE_FIELDS]
        some = entries[:_MOST_ENTRIES]
        return {key: preview(entry, key, depth + 1, longest_prompt=longest_prompt) for key, entry in some}
    if isinstance(value, (list, tuple)):
        return [preview(entry, name, depth + 1, longest_prompt=longest_prompt) for entry in value[:_MOST_ENTRIES]]
    return value


def cut(text: str, longest: int) -> str:
    """Return a text with no more characters than that."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
