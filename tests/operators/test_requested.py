"""What is among the rendered templates: the request as it will be sent, bounded, and with nothing that is secret."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.image import KlingImage2VideoOperator
from airflow_provider_kling.operators.kling import KlingBatchOperator, KlingText2VideoOperator

DEFAULTS = {"llmprovider": "kling-video-v1-6", "kling": "kling-v2-6", "kling-v3": "kling-v2-6"}


def rendered(make: Any, context: dict[str, Any] | None = None) -> tuple[str, str]:
    """Return what Airflow shows of a task's request, and of its price."""
    with DAG("clips", schedule=None, start_date=datetime(2026, 1, 1)):
        operator = make()
    operator.render_template_fields({"task": operator, **(context or {})})
    return operator.requested, operator.estimated


def test_the_request_is_in_its_normal_form_with_the_model_that_stands_in(
    emulator: KlingEmulator, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    settings = type.__getattribute__(KlingHook, "settings").fget

    def counted(hook: KlingHook) -> Any:
        asked.append(hook.kling_conn_id)
        return settings(hook)

    monkeypatch.setattr(KlingHook, "settings", property(counted))
    shown, estimated = rendered(
        lambda: KlingText2VideoOperator(
            task_id="clip",
            prompt="A {{ params.animal }} on a fence",
            resolution="720p",
            duration=5,
            extra_body={"callback_url": "https://hooks.example/secret-token", "shot_type": "intelligence"},
        ),
        {"params": {"animal": "cat"}},
    )

    assert json.loads(shown) == {
        "model": DEFAULTS[dialect],
        "prompt": "A cat on a fence",
        "mode": "std",
        "duration": "5",
        "shot_type": "intelligence",
    }
    assert "USD" in estimated
    # Each reading of the connection may be a request to Airflow's API server.
    assert len(asked) == 1


def test_a_field_is_no_longer_than_airflow_keeps_it_and_holds_no_file() -> None:
    shown, _ = rendered(
        lambda: KlingImage2VideoOperator(
            task_id="clip",
            model="kling-v2-6",
            image="data:image/png;base64," + "A" * 5000,
            image_tail="https://bucket.example/x.png?X-Amz-Signature=abc",
            prompt="p" * 2500,
            negative_prompt="n" * 2500,
        )
    )

    assert len(shown) < 4096
    request = json.loads(shown)
    assert request["image"].startswith("<Base64, 5,000 characters")
    assert request["image_tail"] == "https://bucket.example/x.png?…"
    assert request["prompt"].endswith("p…")


def test_of_many_requests_the_first_are_shown(emulator: KlingEmulator, dialect: str) -> None:
    items = [{"prompt": f"Product {n} " + "x" * 500, "key": f"sku-{n}", "on_moderation": "skip"} for n in range(300)]
    shown, _ = rendered(lambda: KlingBatchOperator(task_id="clips", items=items, request_defaults={"duration": 5}))

    assert len(shown) < 4096
    *requests, more = json.loads(shown)
    assert 8 < len(requests) < 40
    assert more == f"and {300 - len(requests)} more"
    assert requests[0].keys() == {"model", "prompt", "duration"}
    assert requests[0]["model"] == DEFAULTS[dialect]
    few, _ = rendered(lambda: KlingBatchOperator(task_id="clips", items=["A cat", "A dog"]))
    assert [request["prompt"] for request in json.loads(few)] == ["A cat", "A dog"]


def test_what_cannot_be_told_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_KLING_DEFAULT", raising=False)

    def missing(hook: KlingHook) -> Any:
        raise LookupError("no such connection")

    monkeypatch.setattr(KlingHook, "settings", property(missing))
    shown, _ = rendered(lambda: KlingText2VideoOperator(task_id="clip", prompt="A cat"))
    assert shown == "not known: LookupError"
    shown, _ = rendered(lambda: KlingBatchOperator(task_id="clips", items="{{ 'no list' }}"))
    assert shown == "not known: KlingValidationError"
