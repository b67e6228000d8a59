"""The run facet: OpenLineage makes JSON of its fields. Imports OpenLineage, so it is imported where that is there."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from openlineage.client.generated.base import RunFacet


@define
class KlingRunFacet(RunFacet):
    """
    What was asked of Kling, and what came of it.

    :param capability: what kind of generation.
    :param request: of one video; no link with its signature, no file's bytes.
    :param dialect: how the service is spoken to.
    :param kling_conn_id: the Airflow connection.
    :param models: that were asked for.
    :param requests: how many.
    :param succeeded: how many of them are done.
    :param failed: how many have failed.
    :param units: that they cost in all: as Kling says, else by its price list.
    :param videos: the first hundred, with their ids and what each cost.
    """

    capability: str | None = None
    request: dict[str, Any] | None = None
    dialect: str | None = None
    kling_conn_id: str | None = None
    models: list[str] = field(factory=list)
    requests: int = 1
    succeeded: int = 0
    failed: int = 0
    units: float = 0.0
    videos: list[dict[str, Any]] = field(factory=list)
