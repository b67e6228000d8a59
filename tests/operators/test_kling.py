from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import (
    KlingConnectionError,
    KlingTaskFailedError,
    KlingTaskTimeoutError,
    TaskState,
)
from airflow_provider_kling.hooks.kling import KlingHook
from tests.fixtures import Make

both = pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
stores = pytest.mark.parametrize("with_store", [True, False], ids=["store", "no_store"])


def playable(path: str) -> tuple[float, int, int]:
    with av.open(path) as container:
        stream = container.streams.video[0]
        frames = sum(1 for _ in container.decode(stream))
        assert stream.average_rate is not None
        return frames / float(stream.average_rate), stream.width, stream.height


@both
def test_a_prompt_becomes_a_landed_mp4_and_a_manifest(
    emulator: KlingEmulator, instance: Make, deferrable: bool, tmp_path: Path, dialect: str
) -> None:
    clip = instance(deferrable=deferrable, aspect_ratio="16:9", duration="5")

    manifest = clip.run()

    (charge,) = emulator.ledger.charges
    assert manifest["task_id"] == charge.task_id == clip.xcom["task_id"]
    assert manifest["external_task_id"] == charge.external_task_id == clip.xcom["external_task_id"]
    assert manifest["output_paths"] == [f"{tmp_path}/out/{charge.external_task_id}.mp4"]
    assert manifest["capability"] == "text2video"
    assert manifest["task_status"] == "succeed"
    assert manifest["videos"][0]["duration"] == 5.0
    assert manifest["created_at"].endswith("+00:00")
    assert ("units" in manifest) == (dialect != "llmprovider")
    seconds, width, height = playable(manifest["output_paths"][0])
    assert seconds == pytest.approx(5.0, abs=0.1)
    assert width / height == pytest.approx(16 / 9, rel=0.05)
    assert list((tmp_path / "out").iterdir()) == [Path(manifest["output_paths"][0])]
    assert emulator.unfetched() == []
    assert not any(entry.leaked_authorization for entry in emulator.journal)


v1_paths = pytest.mark.parametrize("dialect", ["llmprovider", "kling"], indirect=True)
on_sale_again = pytest.mark.usefixtures("retired_models")


@v1_paths
@on_sale_again
def test_the_pages_example_arrives_as_it_is_and_nothing_else_is_sent(emulator: KlingEmulator, instance: Make) -> None:
    camera = {"type": "simple", "config": {"pan": 1}}
    clip = instance(
        model="kling-video-v1",
        prompt="A beautiful sunset over the ocean",
        camera_control=camera,
        wait_for_completion=False,
    )

    task_id = clip.run()

    (create,) = emulator.journal_for("create")
    assert create.body is not None
    sent = dict(create.body)
    assert sent.pop("external_task_id").startswith("af-")
    model = sent.pop("model", None) or sent.pop("model_name")
    assert model.removeprefix("kling-").removeprefix("video-") == "v1"
    assert sent == {"prompt": "A beautiful sunset over the ocean", "camera_control": camera}
    assert task_id == emulator.ledger.charges[0].task_id


@v1_paths
@on_sale_again
def test_each_dialect_gets_its_own_spelling(emulator: KlingEmulator, instance: Make, dialect: str) -> None:
    instance(model="kling-video-v1-6", wait_for_completion=False).run()

    (create,) = emulator.journal_for("create")
    assert create.body is not None
    expected = {"kling": ("model_name", "kling-v1-6"), "llmprovider": ("model", "kling-video-v1-6")}
    assert expected[dialect] in create.body.items()


@v1_paths
@on_sale_again
def test_values_from_templates_are_sent_with_the_types_of_the_schema(emulator: KlingEmulator, instance: Make) -> None:
    clip = instance(cfg_scale="0.25", duration=10, model="kling-video-v1", wait_for_completion=False)

    clip.run()

    (create,) = emulator.journal_for("create")
    assert create.body is not None
    assert (create.body["cfg_scale"], create.body["duration"]) == (0.25, "10")


@both
def test_a_moderated_prompt_fails_for_good_with_klings_reason(
    emulator: KlingEmulator, instance: Make, deferrable: bool
) -> None:
    clip = instance(prompt="risk-control please", deferrable=deferrable)

    with pytest.raises(AirflowFailException, match="Failure to pass the risk control system"):
        clip.run()
    assert len(emulator.ledger) == 1


def test_a_prompt_refused_at_once_costs_nothing(emulator: KlingEmulator, instance: Make) -> None:
    with pytest.raises(AirflowFailException, match="nothing was charged"):
        instance(prompt="content-policy please").run()
    assert len(emulator.ledger) == 0


@both
def test_the_deadline_runs_from_submission_and_a_retry_takes_the_video_up(
    emulator: KlingEmulator, instance: Make, deferrable: bool
) -> None:
    emulator.settings.generation_seconds = 900
    clip = instance(deferrable=deferrable, timeout=600)

    with pytest.raises(KlingTaskTimeoutError, match="Waited 600 s since submission"):
        clip.run()
    emulator.advance(600)
    manifest = clip.run()

    assert Path(manifest["output_paths"][0]).exists()
    assert len(emulator.ledger) == 1


def test_execution_timeout_holds_while_deferred(emulator: KlingEmulator, instance: Make) -> None:
    from datetime import timedelta

    emulator.settings.generation_seconds = 900
    clip = instance(deferrable=True, execution_timeout=timedelta(seconds=120))

    with pytest.raises(KlingTaskTimeoutError, match="Waited 120 s"):
        clip.run()


@stores
def test_a_generation_that_fails_in_this_try_is_not_made_anew_in_it(
    emulator: KlingEmulator, instance: Make, monkeypatch: pytest.MonkeyPatch, with_store: bool
) -> None:
    """Airflow 3.0 and 3.1 set start_date anew after each deferral: the task would look like one of an earlier try."""
    create = KlingHook.create_task

    def lose_the_answer(hook: KlingHook, *request: Any) -> Any:
        create(hook, *request)
        raise KlingConnectionError("reset", task_state=TaskState.MAY_EXIST, retryable=True)

    monkeypatch.setattr(KlingHook, "create_task", lose_the_answer)
    emulator.settings.generation_seconds = 20
    # The account is busy at first, so that the POST is later than the start on the manual clock, too.
    emulator.faults.add(Fault("busy"), Fault("generation_failed"), Fault("not_found", on="get", times=4))

    with pytest.raises(KlingTaskFailedError):
        instance(deferrable=True, with_store=with_store).run()
    assert len(emulator.ledger) == 1


@both
@pytest.mark.parametrize("dialect", ["kling"])
def test_a_fast_model_is_looked_at_early(emulator: KlingEmulator, instance: Make, deferrable: bool) -> None:
    emulator.settings.generation_seconds = 40
    began = emulator.clock.now()

    instance(model="kling-v2-5-turbo", deferrable=deferrable).run()

    # By the usual course, the first poll is at 70 to 80 s.
    assert emulator.clock.now() - began < 60


@both
def test_trouble_while_waiting_is_survived(emulator: KlingEmulator, instance: Make, deferrable: bool) -> None:
    kinds = ["error_before", "html", "truncated_json", "lost_before", "not_found", "unknown_status", "rate_limited"]
    for kind in kinds:
        emulator.faults.add(Fault(kind, on="get"))

    manifest = instance(deferrable=deferrable, poll_interval=10).run()

    assert manifest["task_status"] == "succeed"
    assert len(emulator.ledger) == 1


@both
def test_a_revoked_key_ends_the_wait_at_once(
    emulator: KlingEmulator, instance: Make, deferrable: bool, dialect: str
) -> None:
    emulator.faults.add(Fault("unauthorized", on="get", times=9))

    with pytest.raises(AirflowFailException, match="Check the key"):
        instance(deferrable=deferrable).run()
    # A JWT is signed anew once, and the trigger reads the connection again once, before the key is given up.
    assert len(emulator.journal_for("get")) <= 6


@both
def test_a_video_that_is_done_at_once_is_polled_for(emulator: KlingEmulator, instance: Make, deferrable: bool) -> None:
    """The answer to the submit says that it is done, and has no place for the link."""
    emulator.settings.generation_seconds = 0

    manifest = instance(deferrable=deferrable).run()

    assert playable(manifest["output_paths"][0])[0] == pytest.approx(5.0, abs=0.1)
    assert len(emulator.ledger) == 1


@both
def test_success_without_a_video_is_an_error(emulator: KlingEmulator, instance: Make, deferrable: bool) -> None:
    emulator.faults.add(Fault("no_videos", on="create"))

    with pytest.raises(Exception, match="gives no video"):
        instance(deferrable=deferrable).run()


def test_polling_is_rare_while_nothing_can_have_happened(emulator: KlingEmulator, instance: Make) -> None:
    emulator.settings.generation_seconds = 105
    instance(deferrable=False).run()

    # Polls at about 75, 83, 91, 99 and 107 s.
    assert len(emulator.journal_for("get")) <= 5


def test_output_path_can_be_a_file_or_any_object_store(emulator: KlingEmulator, instance: Make, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "clip.mp4"
    assert instance(output_path=str(target)).run()["output_paths"] == [str(target)]
    assert playable(str(target))[0] == pytest.approx(5.0, abs=0.1)

    import fsspec  # type: ignore[import-untyped]
    from airflow.providers.common.compat.sdk import ObjectStoragePath
    from airflow.sdk.io import attach

    attach("memory", fs=fsspec.filesystem("memory"))
    manifest = instance(output_path="memory://bucket/clips/", prompt="another").run()
    assert ObjectStoragePath(manifest["output_paths"][0]).stat().st_size > 1000


def test_nothing_secret_is_in_a_trigger_row_or_the_rendered_fields(emulator: KlingEmulator, instance: Make) -> None:
    from airflow.providers.common.compat.sdk import TaskDeferred

    clip = instance(deferrable=True)
    context = clip.context()
    with pytest.raises(TaskDeferred) as deferred:
        context["task"].execute(context)

    stored: Any = (deferred.value.trigger.serialize(), deferred.value.kwargs, clip.store, clip.xcom)
    connection = emulator.connection("kling", auth="jwt")
    for secret in (connection["password"], "eyJ", "sig="):
        assert secret not in str(stored)
    kwargs = stored[0][1]
    assert all(isinstance(value, (str, int, float)) for value in kwargs.values())


def test_on_kill_tells_that_the_task_goes_on(
    emulator: KlingEmulator, instance: Make, caplog: pytest.LogCaptureFixture
) -> None:
    clip = instance(wait_for_completion=False)
    context = clip.context()
    task_id = context["task"].execute(context)
    sent = len(emulator.journal)

    messages: list[str] = []
    context["task"].log.warning = lambda text, *args: messages.append(text % args)
    context["task"].on_kill()

    assert task_id in messages[0]
    assert "Kling has no cancel" in messages[0]
    assert len(emulator.journal) == sent
