from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.module_loading import import_string
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    XComArg,
    task_group,
)
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.triggers.base import StartTriggerArgs

from airflow_provider_kling.compat.versions import airflow_is_at_least
from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingConfigurationError, KlingTaskTimeoutError, KlingValidationError
from airflow_provider_kling.execution.summary import KEY
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.kling import KlingText2VideoOperator
from airflow_provider_kling.plugins.clips import clips_of, waited_for
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from tests.rig import Instance

Sense = Callable[..., Any]
both = pytest.mark.parametrize("deferrable", [False, True], ids=["poke", "deferred"])


@pytest.fixture
def sense(monkeypatch: pytest.MonkeyPatch, emulator: KlingEmulator) -> Sense:
    # Airflow's own poke loop sleeps and polls the clock itself.
    monkeypatch.setattr("airflow.sdk.bases.sensor.time.sleep", emulator.advance)
    monkeypatch.setattr("airflow.sdk.bases.sensor.time.monotonic", emulator.clock.now)

    def run(task_id: Any, **arguments: Any) -> Any:
        return Instance(lambda: KlingTaskSensor(task_id="wait", kling_task_id=task_id, **arguments)).run()

    return run


def submit(prompt: str = "A cat", **body: Any) -> str:
    with KlingHook() as hook:
        return hook.create_task({"prompt": prompt, **body}).task_id


@both
def test_it_returns_the_manifest(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    task_id = submit(external_task_id="mine")

    manifest = sense(task_id, deferrable=deferrable)

    assert manifest["task_id"] == task_id
    assert manifest["external_task_id"] == "mine"
    assert manifest["task_status"] == "succeed"
    assert manifest["videos"][0]["url"].startswith(emulator.url)


def test_an_external_id_works_as_well(emulator: KlingEmulator, sense: Sense) -> None:
    submit(external_task_id="mine")

    assert sense("mine")["external_task_id"] == "mine"


@both
def test_a_failed_task_fails_it_for_good(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    with pytest.raises(AirflowFailException, match="risk control"):
        sense(submit("risk-control"), deferrable=deferrable)


@both
@pytest.mark.parametrize("on_moderation", ["fail", "skip", "return"])
def test_the_gallery_is_told_why(emulator: KlingEmulator, sense: Sense, deferrable: bool, on_moderation: str) -> None:
    task_id = submit("risk-control", external_task_id="mine")
    options: dict[str, Any] = {"deferrable": deferrable, "on_moderation": on_moderation}
    waiting = Instance(lambda: KlingTaskSensor(task_id="wait", kling_task_id="mine", **options))
    with contextlib.suppress(AirflowFailException, AirflowSkipException):
        waiting.run()

    summary = waiting.xcom[KEY]

    (clip,) = clips_of(summary, None, None, "failed")
    assert (clip.status, clip.task_id) == ("moderated", task_id)
    assert "risk control" in str(clip.error)
    assert waited_for(summary, None) == {
        "task_id": task_id,
        "task_status": "failed",
        "error": clip.error,
        "moderated": True,
        "videos": [],
    }


@both
def test_a_refused_key_says_nothing_of_the_video(emulator: KlingEmulator, deferrable: bool) -> None:
    """It is paid for and made; the gallery must not call it failed."""
    task_id = submit()
    waiting = Instance(lambda: KlingTaskSensor(task_id="wait", kling_task_id=task_id, deferrable=deferrable))
    emulator.faults.add(Fault("unauthorized", on="get", times=10))

    with pytest.raises(AirflowFailException, match="key"):
        waiting.run()

    assert KEY not in waiting.xcom


@both
def test_soft_fail_skips(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    with pytest.raises(AirflowSkipException):
        sense(submit("risk-control"), deferrable=deferrable, soft_fail=True)


@both
def test_on_moderation_skips_or_returns_what_moderation_ended_and_nothing_else(
    emulator: KlingEmulator, sense: Sense, deferrable: bool
) -> None:
    with pytest.raises(AirflowSkipException, match="risk control"):
        sense(submit("risk-control"), deferrable=deferrable, on_moderation="skip")

    task_id = submit("risk-control")
    manifest = sense(task_id, deferrable=deferrable, on_moderation="return")
    assert (manifest["task_id"], manifest["task_status"], manifest["videos"]) == (task_id, "failed", [])
    assert manifest["moderated"] is True
    assert "risk control" in manifest["error"]

    for on_moderation in ("skip", "return"):
        emulator.faults.add(Fault("generation_failed"))
        with pytest.raises(AirflowFailException, match="Kling ended the task as failed"):
            sense(submit("A cat"), deferrable=deferrable, on_moderation=on_moderation)


def test_a_sensor_that_pokes_tells_of_changes_and_once_a_minute(
    emulator: KlingEmulator, sense: Sense, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.settings.generation_seconds = 300
    sense(submit(), deferrable=False)

    lines = [line for line in capsys.readouterr().out.splitlines() if "Task " in line and "after" in line]
    assert len([line for line in lines if "→" in line]) == 1
    assert 4 <= len([line for line in lines if "is still processing after" in line]) <= 5
    assert len(lines) < 8
    assert len(emulator.journal_for("get")) > 25


def test_a_bad_on_moderation_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(KlingValidationError, match="on_moderation: 'ignore' is not one of 'fail', 'skip', 'return'"):
        KlingTaskSensor(task_id="wait", kling_task_id="1", on_moderation="ignore")


@both
def test_its_timeout_is_airflows(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    emulator.settings.generation_seconds = 900

    with pytest.raises(AirflowSensorTimeout):
        sense(submit(), deferrable=deferrable, timeout=300)
    with pytest.raises(AirflowSkipException):
        sense(submit("again"), deferrable=deferrable, timeout=timedelta(seconds=300), soft_fail=True)


@both
def test_trouble_is_survived(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    task_id = submit()
    for kind in ("error_before", "html", "truncated_json", "lost_before", "not_found", "unknown_status"):
        emulator.faults.add(Fault(kind, on="get"))

    assert sense(task_id, deferrable=deferrable)["task_status"] == "succeed"


@both
def test_an_unknown_id_is_given_up_after_ten_minutes(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    with pytest.raises(AirflowFailException, match=r"task_id nowhere"):
        sense("nowhere", deferrable=deferrable)
    assert len(emulator.journal_for("get")) > 30


def test_a_finished_task_is_not_deferred(emulator: KlingEmulator, sense: Sense) -> None:
    task_id = submit()
    emulator.advance(300)

    sense(task_id, deferrable=True)

    assert len(emulator.journal_for("get")) == 1


@pytest.mark.parametrize("start_from_trigger", [False, True])
def test_a_connection_id_is_text(start_from_trigger: bool) -> None:
    wrong: Any = object
    with pytest.raises(KlingValidationError, match="kling_conn_id: must be text"):
        KlingTaskSensor(task_id="wait", kling_task_id="1", kling_conn_id=wrong, start_from_trigger=start_from_trigger)


def test_an_unknown_capability_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(KlingConfigurationError, match="'text2vidio' is not one of 'text2video'"):
        KlingTaskSensor(task_id="wait", kling_task_id="x", capability="text2vidio")


@both
@pytest.mark.parametrize("dialect", ["kling"])
def test_a_number_is_an_id_as_well(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    """A DAG with render_template_as_native_obj makes one of Kling's ids, which are digits."""
    task_id = submit()

    assert sense(int(task_id), deferrable=deferrable)["task_id"] == task_id


@both
@pytest.mark.parametrize("wrong", [None, "", "None", ["a", "b"]])
def test_what_is_no_id_is_refused_without_asking(
    emulator: KlingEmulator, sense: Sense, deferrable: bool, wrong: Any
) -> None:
    with pytest.raises(AirflowFailException, match=r"kling_task_id: must be the id of a task, not"):
        sense(wrong, deferrable=deferrable)
    assert len(emulator.journal) == 0


def test_execution_timeout_holds_while_deferred_and_leaves_the_retries(emulator: KlingEmulator, sense: Sense) -> None:
    emulator.settings.generation_seconds = 900

    with pytest.raises(KlingTaskTimeoutError, match=r"timed out after 120 seconds; the task goes on at Kling"):
        sense(submit(), deferrable=True, execution_timeout=timedelta(seconds=120))


def test_a_rescheduled_sensor_gives_up_an_unknown_id_as_well(emulator: KlingEmulator) -> None:
    """Each poke has a new start_date; Airflow keeps the first one."""
    sensor = Instance(lambda: KlingTaskSensor(task_id="wait", kling_task_id="nowhere", mode="reschedule"))
    began = datetime.fromtimestamp(emulator.clock.now(), tz=UTC)

    def poke() -> bool:
        context = sensor.context()
        context["ti"].get_first_reschedule_date = lambda _: began
        return bool(context["task"].poke(context).is_done)

    for _ in range(9):
        assert not poke()
        emulator.advance(60)
    emulator.advance(120)
    with pytest.raises(AirflowFailException, match="nowhere"):
        poke()


@both
def test_one_replica_behind_ends_no_wait(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    emulator.settings.generation_seconds = 900
    task_id = submit()
    emulator.advance(700)
    emulator.faults.add(Fault("not_found", on="get", times=2))

    assert sense(task_id, deferrable=deferrable)["task_status"] == "succeed"


@both
def test_never_fail_skips(emulator: KlingEmulator, sense: Sense, deferrable: bool) -> None:
    with pytest.raises(AirflowSkipException):
        sense(submit("risk-control"), deferrable=deferrable, never_fail=True)


# --- started by the scheduler; tests/airflow shows it at work ---------------------------------------------------------

starts_there = pytest.mark.skipif(not airflow_is_at_least("3.3"), reason="before 3.3 the triggerer renders no template")


def started(**arguments: Any) -> StartTriggerArgs | None:
    """Return what the scheduler would defer a sensor with that comes after a submit."""
    with DAG("clips", schedule=None):
        submit = KlingText2VideoOperator(task_id="submit", prompt="A cat")
        given = arguments.pop("kling_task_id", submit.output)
        sensor = KlingTaskSensor(task_id="wait", kling_task_id=given, start_from_trigger=True, **arguments)
    assert sensor.deferrable
    assert sensor.start_from_trigger == (sensor.start_trigger_args is not None)
    return sensor.start_trigger_args


@starts_there
def test_the_scheduler_can_defer_it(emulator: KlingEmulator) -> None:
    args = started(poke_interval=7, timeout=60)

    assert args is not None
    assert args.timeout == timedelta(seconds=60)
    assert args.next_method == "resume"
    kwargs = args.trigger_kwargs or {}
    assert kwargs["kling_task_id"] == "{{ ti.xcom_pull('submit', key='return_value', map_indexes=-1) }}"
    trigger = import_string(args.trigger_cls)(**kwargs)
    assert (trigger.poll_interval, trigger.kling_conn_id) == (7, "kling_default")
    # The triggerer renders what has the same name here and there.
    assert all(hasattr(trigger, field) for field in KlingTaskSensor.template_fields)


@starts_there
@pytest.mark.parametrize("given", ["task_1", "{{ params.task }}"])
def test_a_string_is_taken_as_it_is(given: str) -> None:
    args = started(kling_task_id=given)

    assert args is not None
    assert (args.trigger_kwargs or {})["kling_task_id"] == given


@pytest.mark.parametrize(
    "arguments",
    [
        {"kling_task_id": "{{ ti.xcom_pull('submit') }}"},
        {"kling_conn_id": "{{ ti.xcom_pull('choose') }}"},
        {"kling_task_id": XComArg(EmptyOperator(task_id="mine")).map(str)},
    ],
)
def test_what_the_triggerer_cannot_render_is_left_to_a_worker(arguments: dict[str, Any]) -> None:
    assert started(**arguments) is None


def test_in_a_mapped_group_a_worker_defers_it() -> None:
    seen: list[StartTriggerArgs | None] = []

    @task_group
    def clip(prompt: str) -> None:
        submit = KlingText2VideoOperator(task_id="submit", prompt=prompt)
        sensor = KlingTaskSensor(task_id="wait", kling_task_id=submit.output, start_from_trigger=True)
        seen.append(sensor.start_trigger_args)

    with DAG("clips", schedule=None):
        clip.expand(prompt=["a", "b"])
    assert seen == [None]


def test_before_airflow_3_3_a_worker_defers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow.__version__", "3.2.2")

    assert started() is None
