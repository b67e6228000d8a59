"""The wire dialects by name. Each vendor has a prefix, for both have the same path to create a task."""

from __future__ import annotations

from airflow_provider_kling.emulator.dialects.base import Answer, Desk, Dialect, Endpoint
from airflow_provider_kling.emulator.dialects.kling import KlingDialect
from airflow_provider_kling.emulator.dialects.llmprovider import LLMProviderDialect
from airflow_provider_kling.emulator.dialects.standard import StandardDialect

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (LLMProviderDialect(), KlingDialect(), StandardDialect())
}

__all__ = ["DIALECTS", "Answer", "Desk", "Dialect", "Endpoint"]
