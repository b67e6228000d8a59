"""What a task costs is told before it runs: without a request, and where the model is named without a connection."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.api.capabilities import TEXT2VIDEO
from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.exceptions import KlingConfigurationError, KlingValidationError
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator, KlingText2VideoOperator

DEFAULTS = {"llmprovider": (2.0, 0.28), "kling": (1.5, 0.21), "kling-v3": (1.5, 0.21)}


def clip(**arguments: Any) -> KlingText2VideoOperator:
    return KlingText2VideoOperator(task_id="clip", **{"prompt": "A cat", **arguments})


@pytest.mark.parametrize(
    ("arguments", "estimate"),
    [
        ({"model": "kling-v2-6", "mode": "pro", "duration": 10}, (5.0, 0.7)),
        ({"model": "kling-2.6", "resolution": "1080p", "sound": True}, (5.0, 0.7)),
        ({"model": "kling-v3", "duration": "15", "extra_body": {"mode": "4k"}}, (45.0, 6.3)),
        ({"model": "kling-v9"}, None),
        ({"model": "kling-v2-6", "duration": "{{ params.seconds }}"}, None),
        ({"model": "{{ params.model }}"}, None),
    ],
)
def test_one_video(arguments: dict[str, Any], estimate: tuple[float, float] | None) -> None:
    assert clip(**arguments).estimate() == estimate


def test_the_model_of_the_connection_stands_in(emulator: KlingEmulator, dialect: str) -> None:
    assert clip().estimate() == DEFAULTS[dialect]
    assert clip().estimated_in_words() == f"{DEFAULTS[dialect][0]:g} units (USD {DEFAULTS[dialect][1]:.2f} list price)"
    with KlingHook() as hook:
        assert hook.estimate({}, TEXT2VIDEO) == DEFAULTS[dialect]
        assert hook.estimate({"model": "kling-v3", "mode": "pro", "sound": "on"}) == (6.0, 0.84)
        assert hook.estimate({"model": "kling-v9"}) is None
    assert list(emulator.journal) == []


def test_without_a_connection_it_says_so_and_the_page_of_templates_is_drawn_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_KLING_DEFAULT", raising=False)

    def missing(self: KlingHook) -> Any:
        raise KlingConfigurationError("There is no Airflow connection.")

    monkeypatch.setattr(KlingHook, "settings", property(missing))
    with pytest.raises(KlingConfigurationError):
        clip().estimate()
    assert clip().estimated_in_words() == "not known: KlingConfigurationError"


def test_many_videos() -> None:
    items: list[Any] = ["A cat", {"prompt": "A dog", "duration": "10"}]
    defaults = {"model": "kling-v2-6"}
    clips = KlingText2VideoBatchOperator(task_id="clips", items=items, request_defaults=defaults)
    assert clips.estimate() == (4.5, 0.63)

    clips.items = [*items, {"prompt": "A cow", "model": "kling-v9"}]
    assert clips.estimate() is None
    clips.items = "{{ items }}"
    with pytest.raises(KlingValidationError):
        clips.estimate()


def test_it_is_rendered_after_what_it_depends_on() -> None:
    for operator in (KlingText2VideoOperator, KlingText2VideoBatchOperator):
        assert operator.template_fields[-1] == "estimated"


@pytest.mark.parametrize("wrong", [-1, "many", True, float("nan")])
def test_a_limit_that_makes_no_sense_is_an_import_error_of_the_dag(wrong: Any) -> None:
    with pytest.raises(KlingValidationError, match="max_units: must be a number of units of at least 0"):
        clip(max_units=wrong)
