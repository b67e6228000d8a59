"""Apache Airflow provider for Kling text-to-video."""

from __future__ import annotations

__version__ = "0.1.0"

DEFAULT_CONN_ID = "kling_default"

# Of a video that is landed, in bytes. The largest clip sold is 15 s in 4k, well below 1 GiB.
MAX_BYTES = 4 << 30

ON_MODERATION = ("fail", "skip", "return")
"""What may become of a request that Kling's moderation refuses."""
