"""What an operator tells of money before any is spent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.requests import prepared

if TYPE_CHECKING:
    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.api.prices import Estimate
    from airflow_provider_kling.lifecycle.job import Job

ESTIMATED = "{{ task.estimated_in_words() }}"
"""
A template that renders to the estimate.

Airflow keeps what the templates of a task render to and shows it. As the last template field, it is rendered when the
fields that the price depends on are.
"""


class Priced:
    """The part of :class:`~airflow_provider_kling.operators.base.KlingOperator` that tells of money."""

    if TYPE_CHECKING:
        capability: Capability
        kling_conn_id: str
        extra_body: Mapping[str, Any] | None

        def set_fields(self) -> dict[str, Any]: ...

    # Asked for once, though estimate and request are each shown.
    _dialect_of: tuple[str, str] = ("", "")

    def estimate(self) -> Estimate | None:
        """
        Return what the task costs by Kling's price list, in units and US dollars. Nothing is sent.

        It needs no running task. A field that is a template yet has no price; without a ``model`` the connection is
        read, for its dialect's default one.

        :returns: ``(units, usd)``, or ``None`` where no price is known.
        """
        return self._estimate(self.set_fields())

    def estimated_in_words(self) -> str:
        """Return :meth:`estimate` for Airflow's page of rendered templates. Never raises."""
        from airflow_provider_kling.lifecycle.budget import told

        try:
            found = self.estimate()
        except Exception as error:
            # The task itself says better what is wrong, when it checks the request.
            return f"not known: {type(error).__name__}"
        return told(found._asdict() if found else None)

    def _estimate(self, fields: Mapping[str, Any]) -> Estimate | None:
        from airflow_provider_kling.api import prices

        extra_body = self.extra_body if isinstance(self.extra_body, Mapping) else {}
        dialect = self.dialect_for(fields)
        body, _ = prepared(self.capability, fields, dialect=dialect)
        return prices.estimate(self.capability, {**body, **extra_body}, dialect)

    def dialect_for(self, fields: Mapping[str, Any]) -> str:
        """Return the connection's dialect where a request with these fields depends on it, else an empty text."""
        if fields.get("model"):
            return ""
        from airflow_provider_kling.hooks.kling import KlingHook

        conn_id, dialect = self._dialect_of
        if conn_id != self.kling_conn_id or not dialect:
            dialect = KlingHook(self.kling_conn_id).settings.dialect.name
            self._dialect_of = (self.kling_conn_id, dialect)
        return dialect


def bounded(job: Job) -> Job:
    """
    Return the job.

    :raises KlingBudgetError: when ``max_units`` cannot bound it.
    """
    if error := job.unpriced():
        raise error
    return job
