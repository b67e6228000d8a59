from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.api.capabilities import CAPABILITIES, IMAGE2VIDEO, LIP_SYNC, TEXT2VIDEO, Capability
from airflow_provider_kling.api.dialects import DIALECTS
from airflow_provider_kling.api.models import USUAL_SECONDS, canonical_model, typical_seconds
from airflow_provider_kling.api.validation import _PATTERNS, check_fields, check_request, coerce
from airflow_provider_kling.exceptions import KlingValidationError, TaskState

GOOD: dict[str, Any] = {"model": "kling-video-v1", "prompt": "A beautiful sunset over the ocean"}


def faults(dialect: str = "llmprovider", extra: dict[str, Any] | None = None, **fields: Any) -> dict[str, str]:
    request = coerce(TEXT2VIDEO, {**GOOD, **fields})
    return dict(check_request(TEXT2VIDEO, request, extra or {}, dialect=DIALECTS[dialect]).faults)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"prompt": "x" * 2501}, "prompt", "has 2,501 characters; at most 2,500 are allowed"),
        ({"prompt": ""}, "prompt", "is empty"),
        ({"negative_prompt": "x" * 2501}, "negative_prompt", "2,501"),
        ({"cfg_scale": 1.5}, "cfg_scale", "is 1.5; it must be between 0 and 1"),
        ({"cfg_scale": -0.1}, "cfg_scale", "between 0 and 1"),
        ({"cfg_scale": "abc"}, "cfg_scale", "'abc' is not of type number"),
        ({"cfg_scale": float("nan")}, "cfg_scale", "not a finite number"),
        ({"cfg_scale": True}, "cfg_scale", "not of type number"),
        ({"duration": 7}, "duration", "'7' is not one of '5', '10'"),
        ({"duration": 5.0}, "duration", "5.0 is not one of"),
        ({"mode": "fast"}, "mode", "'std', 'pro'"),
        ({"aspect_ratio": "4:3"}, "aspect_ratio", "'16:9', '9:16', '1:1'"),
        ({"model": "kling-video-v1-7"}, "model", "did you mean 'kling-video-v1-6'"),
        ({"camera_control": {"type": "spin"}}, "camera_control.type", "'simple', 'down_back'"),
        ({"camera_control": {"type": "simple"}}, "camera_control.config", "is required when type is 'simple'"),
        ({"camera_control": {"config": {"pan": 1}}}, "camera_control.type", "is required"),
        ({"camera_control": {"type": "simple", "config": {"pan": 11}}}, "camera_control.config.pan", "-10 and 10"),
        ({"camera_control": {"type": "simple", "config": {"pann": 1}}}, "camera_control.config.pann", "mean 'pan'"),
        ({"camera_control": "simple"}, "camera_control", "not of type object"),
        ({"external_task_id": "a/b"}, "external_task_id", "must not hold '/'"),
        ({"external_task_id": "a b"}, "external_task_id", "must not hold ' '"),
        ({"promt": "x"}, "promt", "did you mean 'prompt'"),
    ],
)
def test_what_the_page_forbids_is_refused_by_name(fields: dict[str, Any], field: str, words: str) -> None:
    found = faults(**fields)

    assert list(found) == [field]
    assert words in found[field]


@pytest.mark.parametrize(
    ("capability", "fields", "field", "words"),
    [
        (IMAGE2VIDEO, {"duration": "20"}, "duration", "'20' is not one of '3' to '15'"),
        (IMAGE2VIDEO, {"shots": [{"prompt": "x", "duration": "0"}]}, "shots.0.duration", "not one of '1' to '15'"),
        (LIP_SYNC, {"video_url": "/disk/dance.mp4"}, "video_url", "is no http(s) link"),
        (TEXT2VIDEO, {"shots": []}, "shots", "has 0 entries; it must have 1 to 6"),
        (TEXT2VIDEO, {"shots": [{"prompt": "x" * 99, "duration": "1"}] * 7}, "shots", "has 7 entries; it must have 1"),
    ],
)
def test_no_fault_is_said_as_a_pattern_or_a_dump(
    capability: Capability, fields: dict[str, Any], field: str, words: str
) -> None:
    assert words in dict(check_fields(capability, fields).faults)[field]


def test_every_pattern_and_list_of_the_schemas_has_words() -> None:
    for capability in CAPABILITIES.values():
        for rule in _rules([capability.schema, capability.extra_schema]):
            assert rule.get("pattern") in (None, *_PATTERNS)
            assert "maxItems" in rule or rule.get("type") != "array"


def _rules(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _rules(inner)


def test_all_faults_come_at_once() -> None:
    found = faults(prompt="", cfg_scale=2, duration="7", aspect_ratio="2:1")

    assert set(found) == {"prompt", "cfg_scale", "duration", "aspect_ratio"}


def test_the_error_lists_them_and_says_that_nothing_was_charged() -> None:
    findings = check_request(TEXT2VIDEO, {**GOOD, "prompt": "", "mode": "x"}, {}, dialect=DIALECTS["kling"])

    with pytest.raises(KlingValidationError) as caught:
        findings.raise_for_faults("text2video request")
    assert "  - mode: 'x' is not one of" in str(caught.value)
    assert "  - prompt: is empty" in str(caught.value)
    assert "nothing was charged" in str(caught.value)
    assert caught.value.task_state is TaskState.NOT_CREATED


CAMERA = {"camera_control": {"type": "simple", "config": {"pan": 1}}}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"camera_control": {"type": "simple", "config": {"pan": 1, "zoom": 2}}}, "camera_control.config"),
        ({"camera_control": {"type": "simple", "config": {"pan": 0}}}, "camera_control.config"),
        ({**CAMERA, "model": "kling-v1-6"}, "camera_control"),
        ({**CAMERA, "mode": "pro"}, "camera_control"),
        ({**CAMERA, "duration": "10"}, "camera_control"),
    ],
)
def test_rules_known_from_elsewhere_refuse_where_they_were_seen_and_warn_elsewhere(
    fields: dict[str, Any], field: str
) -> None:
    request = {**GOOD, **fields}
    gateway = check_request(TEXT2VIDEO, request, {}, dialect=DIALECTS["llmprovider"], models=["kling-v2-6"])

    assert field in faults("kling", **fields)
    assert gateway.faults == ()
    assert field in dict(gateway.warnings)


@pytest.mark.parametrize(("extra", "field"), [({}, "cfg_scale"), ({"shot_type": "customize"}, "extra_body.shot_type")])
def test_what_has_no_effect_is_sent_with_a_warning(extra: dict[str, Any], field: str) -> None:
    """A public client sends cfg_scale 0.5 with every v2 model, and lives on the real service."""
    request = {**GOOD, "model": "kling-v2-6", "cfg_scale": 0.5}
    found = check_request(TEXT2VIDEO, request, extra, dialect=DIALECTS["kling"])

    assert found.faults == ()
    assert field in dict(found.warnings)


def test_extra_body_takes_documented_fields_of_newer_models_only() -> None:
    v3 = {"model": "kling-v3"}

    assert faults("kling", {"sound": "on", "duration": "8", "mode": "4k"}, **v3) == {}
    assert "extra_body.sond" in faults("kling", {"sond": "on"}, **v3)
    assert "extra_body.duration" in faults("kling", {"duration": "16"}, **v3)
    assert "extra_body.duration" in faults("kling", {"duration": "8"}, model="kling-v2-6")
    assert "extra_body.mode" in faults("kling", {"mode": "4k"}, mode="pro", **v3)


def test_a_gateways_unknown_model_can_be_allowed_on_the_connection() -> None:
    request = {**GOOD, "model": "kling-v9"}

    refused = check_request(TEXT2VIDEO, request, {}, dialect=DIALECTS["llmprovider"])
    assert '"models": ["kling-v9"]' in dict(refused.faults)["model"]
    assert check_request(TEXT2VIDEO, request, {}, dialect=DIALECTS["llmprovider"], models=["kling-v9"]).faults == ()


def test_two_spellings_of_one_model() -> None:
    for name in ("kling-v1-6", "kling-video-v1-6"):
        assert canonical_model(name) == "kling-v1-6"
        assert DIALECTS["kling"].create(TEXT2VIDEO, {**GOOD, "model": name}).json == {
            "model_name": "kling-v1-6",
            "prompt": GOOD["prompt"],
        }
        assert DIALECTS["llmprovider"].create(TEXT2VIDEO, {**GOOD, "model": name}).json == {
            "model": "kling-video-v1-6",
            "prompt": GOOD["prompt"],
        }
    assert canonical_model("kling-video-o1") == "kling-video-o1"


@pytest.mark.parametrize(
    ("given_value", "wanted"),
    [("0.5", 0.5), ("1", 1), ("1e-1", 0.1), ("-0.5", -0.5), (" 0.5", " 0.5"), ("nan", "nan"), ("", ""), (0.25, 0.25)],
)
def test_coercion_of_numbers(given_value: object, wanted: object) -> None:
    assert coerce(TEXT2VIDEO, {"cfg_scale": given_value}) == {"cfg_scale": wanted}


def test_coercion_reaches_into_the_camera_and_guesses_nothing_else() -> None:
    fields = {"duration": 10, "camera_control": {"type": "simple", "config": {"pan": "3"}}, "mode": True}

    assert coerce(TEXT2VIDEO, fields) == {
        "duration": "10",
        "camera_control": {"type": "simple", "config": {"pan": 3}},
        "mode": True,
    }


def test_a_templated_field_is_left_for_later_and_a_set_one_is_not() -> None:
    found = check_fields(TEXT2VIDEO, {**GOOD, "cfg_scale": "{{ x }}", "duration": "2"}, without=["cfg_scale"])

    assert [field for field, _ in found.faults] == ["duration"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*TEXT2VIDEO.schema["properties"], "unknown"]), json_values, max_size=6))
def test_our_words_agree_with_the_schema_on_any_input(fields: dict[str, Any]) -> None:
    request = {"model": "kling-video-v1", "prompt": "x", **fields, **{"model": "kling-video-v1"}}
    found = check_fields(TEXT2VIDEO, request).faults

    valid = jsonschema.Draft202012Validator(TEXT2VIDEO.schema).is_valid(request)
    try:
        json.dumps(request, allow_nan=False)
    except ValueError:
        valid = False
    assert (not found) == valid


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"model": "kling-v2-5-turbo"}, 38),
        ({"model": "kling-v2-5-turbo", "duration": 10, "mode": "pro"}, 53),
        ({"model": "kling-video-v1-6", "duration": "10"}, USUAL_SECONDS),
        ({"model": "one of tomorrow"}, USUAL_SECONDS),
        ({}, USUAL_SECONDS),
    ],
)
def test_how_long_a_generation_usually_takes(body: dict[str, Any], seconds: float) -> None:
    assert typical_seconds(body) == seconds
