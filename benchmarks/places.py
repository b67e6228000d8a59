"""Where the benchmarks read and write."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Kept between runs, and removed by `make clean`.
SCRATCH = ROOT / ".cache" / "bench"
VENV = ROOT / ".cache" / "bench-venv"

RESULTS = ROOT / "benchmarks" / "RESULTS.md"
QUICK_RESULTS = SCRATCH / "RESULTS-quick.md"
