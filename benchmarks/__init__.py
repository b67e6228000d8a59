"""What waiting, importing and landing cost, measured next to other providers: ``python -m benchmarks``."""
