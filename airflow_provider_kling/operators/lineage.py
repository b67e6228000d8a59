"""The methods that OpenLineage's provider looks for on an operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.execution.run import Execution


class Lineage:
    """The part of :class:`~airflow_provider_kling.operators.base.KlingOperator` that tells OpenLineage."""

    if TYPE_CHECKING:
        capability: Capability
        result: Any

        def set_fields(self) -> dict[str, Any]: ...

    # The try that this process made, or is making. After a deferral it is another operator that has it.
    execution: Execution | None = None

    def get_openlineage_facets_on_start(self) -> Any:
        """Return the request."""
        from airflow_provider_kling.execution import lineage

        return lineage.of_request(self.capability.name, self.lineage_request())

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return the landed files, and what was asked for and paid."""
        if self.execution is None:
            return self.get_openlineage_facets_on_start()
        return self.execution.lineage(self.result)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:
        """Return the same, of what there is."""
        return self.get_openlineage_facets_on_complete(task_instance)

    def lineage_request(self) -> Mapping[str, Any]:
        """Return what is asked for, as far as it is known."""
        return self.set_fields()
