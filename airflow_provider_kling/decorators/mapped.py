"""``.expand()`` of a decorated function, with the checks that a mapped operator has in ``.partial()``."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.operators.mapped import check_mapped

if TYPE_CHECKING:
    from airflow_provider_kling.operators.base import KlingOperator


class _Checked:
    """Goes before Airflow's own class of decorated functions, whose arguments are mapped without the operator's."""

    kwargs: dict[str, Any]
    operator_class: type[KlingOperator]

    def expand(self, **mapped: Any) -> Any:
        return self._checked(super().expand(**mapped))  # type: ignore[misc]

    def expand_kwargs(self, *mapped: Any, **options: Any) -> Any:
        return self._checked(super().expand_kwargs(*mapped, **options))  # type: ignore[misc]

    def _checked(self, made: Any) -> Any:
        task = made.operator
        check_mapped(self.kwargs, task.dag, task.task_group, is_batch=self.operator_class.is_batch)
        return made


def checked(decorated: Any) -> Any:
    """
    Return a decorated function that refuses to be mapped where all of its videos would land on one file.

    :param decorated: what ``task_decorator_factory`` made of it. ``override()`` and ``partial()`` keep its class.
    """
    import attrs

    kind: Any = type(decorated)
    values = {field.alias: getattr(decorated, field.name) for field in attrs.fields(kind) if field.init}
    return _checked(kind)(**values)


@lru_cache
def _checked(kind: Any) -> Any:
    return type(kind.__name__, (_Checked, kind), {"__module__": kind.__module__})
