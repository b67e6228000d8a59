"""The little arithmetic that all benchmarks share."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that ``percent`` of all values do not exceed (nearest rank), 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


def duration(seconds: float) -> str:
    """Return seconds in the unit that reads best."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.1 else f"{seconds * 1000:.1f} ms"


def times(value: float, reference: float) -> str:
    """Return how many times the reference a value is."""
    if not reference:
        return "-"
    ratio = value / reference
    return f"{ratio:.0f} x" if ratio >= 10 else f"{ratio:.2f} x"
