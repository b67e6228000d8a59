"""Where the tests find what is not theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Real payloads that the project's tests may use and its package may not; beside the checkout, so not in every clone.
CASES = ROOT.parent / "shared" / "cases" / "kling_cases.jsonl"


def cases() -> list[dict[str, Any]]:
    """Return the recorded payloads, or nothing where they are not at hand."""
    if not CASES.exists():
        return []
    return [json.loads(line) for line in CASES.read_text("utf-8").splitlines()]
