"""The wire dialects by name. Each lives under its own path prefix, for both have the same path to create a task."""

from __future__ import annotations

from airflow_provider_kling.emulator.dialects.base import Dialect
from airflow_provider_kling.emulator.dialects.kling import KlingDialect
from airflow_provider_kling.emulator.dialects.llmprovider import LLMProviderDialect

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (LLMProviderDialect(), KlingDialect())}

__all__ = ["DIALECTS", "Dialect"]
