"""What mapped tasks may not do: have all of their videos land on one file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.validation import Findings
from airflow_provider_kling.compat.templates import holds_template
from airflow_provider_kling.exceptions import KlingValidationError
from airflow_provider_kling.lifecycle.paths import meets_itself, path_fault

if TYPE_CHECKING:
    from airflow.sdk.definitions.mappedoperator import OperatorPartial


def checked_partial(partial: OperatorPartial, arguments: Mapping[str, Any], *, is_batch: bool) -> OperatorPartial:
    """
    Return what ``.partial()`` made of these arguments.

    :raises KlingValidationError: as :func:`check_mapped` does.
    """
    try:
        check_mapped(arguments, partial.kwargs["dag"], partial.kwargs["task_group"], is_batch=is_batch)
    except KlingValidationError:
        # Or Airflow warns besides that it was never mapped.
        partial._expand_called = True
        raise
    return partial


def check_mapped(arguments: Mapping[str, Any], *within: Any, is_batch: bool) -> None:
    """
    Check what all tasks of a mapped one have in common; Airflow makes none of them before they run.

    :param arguments: those that are not mapped.
    :param within: the DAG and the task group, whose ``default_args`` reach its tasks too.
    :raises KlingValidationError: when they would overwrite one another's files.
    """
    defaults = [*(getattr(around, "default_args", None) for around in within), arguments.get("default_args")]
    arguments = {**{name: value for each in defaults for name, value in (each or {}).items()}, **arguments}
    path = arguments.get("output_path")
    # A key that is not among them is mapped, or comes out of a function.
    key_differs = "key" not in arguments or holds_template(arguments["key"])
    if fault := mapped_fault(path, key_differs=key_differs, is_batch=is_batch):
        Findings((("output_path", fault),)).raise_for_faults(f"Task {arguments.get('task_id')!r}:")


def mapped_fault(path: Any, *, key_differs: bool, is_batch: bool) -> str | None:
    """
    Return what is wrong with a path that is the same for all mapped tasks.

    :param key_differs: whether each of them may have a key of its own.
    """
    if not isinstance(path, str) or not path or holds_template(path):
        return None
    if fault := path_fault(path, is_batch=is_batch):
        return fault
    if not meets_itself(path, key_differs=key_differs, is_batch=is_batch):
        return None
    names = "{key} or {external_task_id}" if is_batch else "{key}, {external_task_id} or {index}"
    hint = f"end it in '/', or let it hold {names}, or a template that differs"
    return f"{path!r} is one file for all of the mapped tasks, which would overwrite one another's; {hint}"
