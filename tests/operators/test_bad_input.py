"""Each kind of bad input: one clear error that names the field or the cause, and nothing is paid."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import (
    KlingConfigurationError,
    KlingConnectionError,
    KlingError,
    KlingValidationError,
)
from airflow_provider_kling.operators.kling import KlingText2VideoBatchOperator, KlingText2VideoOperator
from tests.fixtures import Make
from tests.fuzz.odd import Undecided

CAMERA = {"type": "simple", "config": {"pan": 1}}

AT_PARSE_TIME: list[tuple[dict[str, Any], str]] = [
    ({"prompt": "x" * 3073}, "prompt: has 3,073 characters"),
    ({"prompt": ""}, "prompt: is empty"),
    ({"cfg_scale": 1.5}, "cfg_scale: is 1.5"),
    ({"duration": "2"}, "duration: '2' is not one of"),
    ({"aspect_ratio": "4:3"}, "aspect_ratio: '4:3' is not one of"),
    ({"camera_control": {"type": "spin"}}, "camera_control.type: 'spin' is not one of"),
    ({"camera_control": {"type": "simple"}}, "camera_control.config: is required when type is 'simple'"),
    ({"camera_control": {"type": "simple", "config": {"pan": 11}}}, "camera_control.config.pan: is 11"),
    ({"camera_control": {"type": "simple", "config": {"pun": 1}}}, "camera_control.config.pun: is not a field"),
    ({"on_clear": "renew"}, "on_clear: 'renew' is not one of 'reuse', 'new'"),
    ({"on_lost_submit": "retry"}, "on_lost_submit: 'retry' is not one of"),
    ({"timeout": 0}, "timeout: must be a number of seconds above 0, not 0"),
    ({"timeout": float("inf")}, "timeout: must be a number of seconds above 0, not inf"),
    ({"poll_interval": -1}, "poll_interval: must be a number of seconds above 0, not -1"),
    ({"poll_interval": "soon"}, "poll_interval: must be a number of seconds above 0, not 'soon'"),
    ({"extra_body": {1: 2}}, "extra_body.1: has a name of type int"),
    ({"watermark": Undecided()}, "watermark: is of type Undecided"),
    ({"shots": Undecided()}, "shots: is of type Undecided"),
    ({"output_path": "/x/clips", "wait_for_completion": True}, "output_path: must end in '/'"),
    ({"output_path": "/x/", "wait_for_completion": False}, "output_path: needs wait_for_completion=True"),
]


@pytest.mark.parametrize(("arguments", "words"), AT_PARSE_TIME)
def test_a_typo_is_an_import_error_of_the_dag(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(KlingValidationError) as caught:
        KlingText2VideoOperator(task_id="clip", **{"prompt": "x", **arguments})
    assert words in str(caught.value)
    assert "'clip'" in str(caught.value)


def test_a_number_may_be_text() -> None:
    """From a Variable or the environment, it always is."""
    clip = KlingText2VideoOperator(task_id="clip", prompt="x", timeout="60", poll_interval="5")
    clips = KlingText2VideoBatchOperator(task_id="clips", items=["x"], max_active="3")

    assert (clip.timeout, clip.poll_interval, clips.max_active) == (60, 5, 3)


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(TypeError, match="negative_promt"):
        KlingText2VideoOperator(task_id="clip", prompt="x", negative_promt="y")


def test_a_template_is_not_judged_before_it_is_rendered() -> None:
    KlingText2VideoOperator(
        task_id="clip",
        prompt="{{ params.prompt }}",
        cfg_scale="{{ params.cfg }}",
        duration="{% if x %}5{% endif %}",
        camera_control={"type": "simple", "config": {"pan": "{{ params.pan }}"}},
    )


AT_RUN_TIME: list[tuple[dict[str, Any], str]] = [
    ({"cfg_scale": "abc"}, "cfg_scale: 'abc' is not of type number"),
    ({"model": "kling-video-v7"}, "model: 'kling-video-v7' is not known"),
    ({"duration": "2"}, "duration: '2' is not one of"),
    ({"prompt": ""}, "prompt: is empty"),
    ({"extra_body": {"prompt2": "x"}}, "extra_body.prompt2: is not a field"),
    ({"output_path": "nowhere://bucket/"}, "output_path: 'nowhere://bucket/' cannot be used"),
]


@pytest.mark.parametrize(("rendered", "words"), AT_RUN_TIME)
def test_what_a_template_yields_is_judged_before_paying(
    emulator: KlingEmulator, instance: Make, rendered: dict[str, Any], words: str
) -> None:
    clip = instance()
    context = clip.context()
    for name, value in rendered.items():
        setattr(context["task"], name, value)

    with pytest.raises(AirflowFailException) as caught:
        context["task"].execute(context)

    assert words in str(caught.value)
    assert "nothing was charged" in str(caught.value)
    assert len(emulator.journal) == 0


@pytest.mark.parametrize("dialect", ["llmprovider"], indirect=True)
def test_a_setting_is_named_as_the_user_named_it(emulator: KlingEmulator, instance: Make) -> None:
    with pytest.raises(AirflowFailException, match=r"audio: \(that is, sound\) is not documented by llmprovider"):
        instance(audio="native").run()
    assert len(emulator.journal) == 0


@pytest.mark.parametrize("dialect", ["kling"], indirect=True)
def test_two_camera_values_are_refused_in_klings_own_dialect(emulator: KlingEmulator, instance: Make) -> None:
    camera = {"type": "simple", "config": {"pan": 1, "zoom": 2}}

    with pytest.raises(AirflowFailException, match=r"camera_control\.config: exactly one value must be non-zero"):
        instance(model="kling-v2-6", camera_control=camera).run()
    assert len(emulator.journal) == 0


def connection(monkeypatch: pytest.MonkeyPatch, emulator: KlingEmulator, dialect: str, **changes: Any) -> None:
    values = {**emulator.connection(dialect), **changes}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(values))


def test_a_wrong_key(emulator: KlingEmulator, instance: Make, dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection(monkeypatch, emulator, dialect, login=None, password="wrong-key")

    with pytest.raises(AirflowFailException) as caught:
        instance().run()

    assert "Check the key" in str(caught.value)
    assert "nothing was charged" in str(caught.value)
    assert "wrong-key" not in str(caught.value)
    assert len(emulator.ledger) == 0


@pytest.mark.parametrize("path", ["{tmp}/file/out/", "{tmp}/file/clip.mp4"])
def test_a_local_path_that_cannot_be_used_is_refused_before_paying(
    emulator: KlingEmulator, instance: Make, tmp_path: Path, path: str
) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(KlingValidationError, match=r"output_path: .* cannot be used") as caught:
        instance(output_path=path.format(tmp=tmp_path)).run()
    assert caught.value.retryable
    assert len(emulator.ledger) == 0


def test_an_unknown_connection(emulator: KlingEmulator, instance: Make) -> None:
    """With retries left: since 3.1, a secrets backend that does not answer polls the same."""
    with pytest.raises(KlingConfigurationError, match="There is no Airflow connection 'nowhere'") as caught:
        instance(kling_conn_id="nowhere").run()
    assert "nothing was charged" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": ""}, "has no key"),
        ({"host": "ftp://x"}, "host must be a URL"),
        ({"host": "http://[::1"}, "host is no URL: Invalid IPv6 URL"),
        ({"host": "https://x.example/v1"}, "host must end before /v1"),
        ({"extra": {"dialect": "klingon"}}, "dialect 'klingon' in the connection's extra is not known; did you mean"),
        ({"extra": {"timeout": "soon"}}, "timeout must be seconds"),
        ({"extra": {"models": 3}}, "models must be a list"),
    ],
)
def test_a_connection_that_cannot_be_used(
    emulator: KlingEmulator,
    instance: Make,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    words: str,
) -> None:
    connection(monkeypatch, emulator, "kling", **changes)

    with pytest.raises(AirflowFailException) as caught:
        instance().run()
    assert words in str(caught.value)
    assert len(emulator.journal) == 0


def test_a_host_that_refuses(
    emulator: KlingEmulator, instance: Make, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        connection(monkeypatch, emulator, dialect, host=f"http://127.0.0.1:{port}")

        with pytest.raises(KlingConnectionError) as caught:
            instance().run()
    assert f"127.0.0.1:{port} could not be reached" in str(caught.value)
    assert "nothing was charged" in str(caught.value)
    assert caught.value.retryable


@pytest.mark.parametrize("fault", ["html", "truncated_json"])
def test_an_answer_that_is_not_the_apis_says_so_and_never_pays_twice(
    emulator: KlingEmulator, instance: Make, fault: str
) -> None:
    params: dict[str, Any] = {"commit": True}
    emulator.faults.add(Fault(fault, on="create", **params))
    emulator.faults.add(Fault("html", on="get", times=99))
    clip = instance()

    with pytest.raises(KlingError, match=r"may have been created|exists at Kling") as caught:
        clip.run()
    assert "is not JSON" in str(caught.value)
    assert not isinstance(caught.value, AirflowException)

    emulator.faults.clear()
    assert clip.run()["task_status"] == "succeed"
    assert len(emulator.ledger) == 1


def test_an_empty_balance(emulator: KlingEmulator, instance: Make) -> None:
    emulator.settings.balance_units = 0

    with pytest.raises(AirflowFailException, match="Top up the account"):
        instance().run()
    assert len(emulator.ledger) == 0
