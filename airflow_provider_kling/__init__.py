"""Apache Airflow provider for Kling text-to-video."""

from __future__ import annotations

__version__ = "0.1.0"

DEFAULT_CONN_ID = "kling_default"
