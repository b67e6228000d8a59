"""Which Airflow this is; for what cannot be told from the presence of a feature."""

from __future__ import annotations


def airflow_is_at_least(version: str) -> bool:
    """Whether the running Airflow is this version or a later one."""
    from airflow import __version__
    from packaging.version import Version

    return Version(__version__) >= Version(version)
