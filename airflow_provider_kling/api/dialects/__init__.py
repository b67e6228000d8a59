"""Wire dialects: one module each, which builds requests and reads responses."""

from __future__ import annotations

from airflow_provider_kling.api.dialects.base import Dialect
from airflow_provider_kling.api.dialects.kling import KlingDialect
from airflow_provider_kling.api.dialects.kling_v3 import KlingV3Dialect
from airflow_provider_kling.api.dialects.llmprovider import LLMProviderDialect
from airflow_provider_kling.exceptions import KlingConfigurationError

DEFAULT_DIALECT = "llmprovider"

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (LLMProviderDialect(), KlingDialect(), KlingV3Dialect())
}


def get_dialect(name: str) -> Dialect:
    """
    Return the dialect of this name.

    :raises KlingConfigurationError: when there is none.
    """
    try:
        return DIALECTS[name]
    except KeyError:
        import difflib

        near = difflib.get_close_matches(name, DIALECTS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(map(repr, DIALECTS))}."
        raise KlingConfigurationError(f"dialect {name!r} in the connection's extra is not known; {hint}") from None


__all__ = ["DEFAULT_DIALECT", "DIALECTS", "Dialect", "get_dialect"]
