"""What is refused of an approval's arguments when the DAG is parsed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_provider_kling.compat.versions import airflow_is_at_least
from airflow_provider_kling.exceptions import KlingValidationError
from airflow_provider_kling.operators import approval
from airflow_provider_kling.operators.kling import KlingBatchOperator, KlingText2VideoOperator
from tests.approvals import needs_forms


def make(kind: Any = KlingText2VideoOperator, **arguments: Any) -> Any:
    more = {"items": ["A cat"]} if kind is KlingBatchOperator else {"prompt": "A cat"}
    return kind(task_id="clip", **more, **arguments)


@needs_forms
@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"require_approval": "yes"}, "require_approval: must be True or False, not 'yes'"),
        ({"require_approval": True, "allow_modifications": 1}, "allow_modifications: must be True or False, not 1"),
        ({"require_approval": True, "fail_on_reject": None}, "fail_on_reject: must be True or False, not None"),
        ({"require_approval": True, "approval_timeout": "soon"}, "approval_timeout: must be a number of seconds"),
        ({"require_approval": True, "approval_timeout": -1}, "approval_timeout: must be a number of seconds"),
        ({"require_approval": True, "on_approval_timeout": "approve"}, "on_approval_timeout: 'approve' is not one of"),
        ({"require_approval": True, "approval_notifiers": "slack"}, "approval_notifiers: 'slack' is no notifier"),
        ({"require_approval": True, "approval_assigned_users": "ada"}, "approval_assigned_users: must be"),
        ({"require_approval": True, "approval_assigned_users": [{"id": 1, "name": "Ada"}]}, "approval_assigned_users"),
        ({"approval_timeout": 60}, "approval_timeout: needs require_approval=True"),
        ({"approval_notifiers": []}, "approval_notifiers: needs require_approval=True"),
        ({"approval_assigned_users": []}, "approval_assigned_users: needs require_approval=True"),
    ],
)
def test_refused_at_parse(arguments: dict[str, Any], fault: str) -> None:
    with pytest.raises(KlingValidationError) as raised:
        make(**arguments)
    assert fault in str(raised.value)


def test_refused_before_airflow_3_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval, "has_forms", lambda: False)
    with pytest.raises(KlingValidationError, match=r"require_approval: needs Airflow 3\.1 or later"):
        make(require_approval=True)
    make()


@pytest.mark.skipif(airflow_is_at_least("3.1"), reason="Airflow 3.1 has the form")
def test_refused_by_airflow_3_0() -> None:
    with pytest.raises(KlingValidationError, match=r"require_approval: needs Airflow 3\.1 or later"):
        make(require_approval=True)


def test_prompts_of_a_batch_are_not_changed() -> None:
    assert make(KlingBatchOperator).allow_modifications is False
    with pytest.raises(KlingValidationError, match="allow_modifications: cannot be True"):
        make(KlingBatchOperator, allow_modifications=True)


@needs_forms
def test_what_is_accepted() -> None:
    task = make(
        require_approval=True,
        approval_timeout=timedelta(hours=2),
        on_approval_timeout="reject",
        approval_notifiers=[print],
        approval_assigned_users={"id": "1", "name": "Ada"},
        fail_on_reject=True,
    )
    assert task.approval_timeout == 7200


@needs_forms
def test_default_args_and_mapped_tasks() -> None:
    """Nothing is paid for without an approval because the arguments were set for a whole DAG."""
    with DAG("clips", schedule=None, start_date=datetime(2026, 1, 1), default_args={"require_approval": True}):
        assert make().require_approval is True
        mapped = KlingText2VideoOperator.partial(task_id="mapped", require_approval=True).expand(prompt=["A", "B"])
        assert mapped.partial_kwargs["require_approval"] is True
