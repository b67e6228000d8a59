"""A function says what to make: it is asked once in a try, never rendered, and never paid for twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.sdk import DAG

from airflow_provider_kling.decorators.kling import kling_image2video, kling_text2video
from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingConfigurationError, KlingError, KlingValidationError
from tests.approvals import Asking, Forms, approve, forms, needs_forms
from tests.pictures import base64_of, picture
from tests.rig import Instance, WorkerCrash, first_event, needs_store

__all__ = ["forms"]

both = pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
BRACES = "A sign that reads {{ params.subject }} and {% raw %}"


class Function:
    """Counts how often it is asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = answers
        self.calls = 0

    def instance(self, decorator: Callable[..., Any], tmp_path: Path, **arguments: Any) -> Instance:
        """Make a task instance of the decorated function."""
        arguments = {"wait_for_completion": True, "output_path": f"{tmp_path}/out/", **arguments}

        def say(subject: str, dag_run: Any = None) -> Any:
            answer = self.answers[min(self.calls, len(self.answers) - 1)]
            self.calls += 1
            return answer.format(subject=subject) if isinstance(answer, str) and subject else answer

        def make() -> Any:
            with DAG("clips", schedule=None, start_date=datetime(2026, 1, 1)):
                return decorator(**arguments)(say)("").operator

        return Instance(make)


@both
def test_a_prompt_reaches_kling_as_it_is(emulator: KlingEmulator, tmp_path: Path, deferrable: bool) -> None:
    say = Function(BRACES)
    task = say.instance(kling_text2video, tmp_path, deferrable=deferrable, aspect_ratio="1:1")

    manifest = task.run()

    (entry,) = emulator.journal_for("create")
    assert entry.body["prompt"] == BRACES
    assert '"aspect_ratio": "1:1"' in json.dumps(dict(entry.body))
    assert say.calls == 1
    assert Path(manifest["output_paths"][0]).exists()


@both
def test_a_retry_asks_again_and_buys_nothing(emulator: KlingEmulator, tmp_path: Path, deferrable: bool) -> None:
    say = Function("A cat")
    task = say.instance(kling_text2video, tmp_path, deferrable=deferrable)
    emulator.faults.add(Fault("lost_after", times=1))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airflow_provider_kling.storage.landing._stream", crash)
        with pytest.raises(WorkerCrash):
            task.run()
    task.run()

    assert say.calls == 2
    assert len(emulator.ledger) == 1


def crash(*_: Any) -> Any:
    raise WorkerCrash


@both
def test_what_moderation_refuses_of_a_function_is_skipped_or_returned(
    emulator: KlingEmulator, tmp_path: Path, deferrable: bool
) -> None:
    def say(on_moderation: str) -> Instance:
        function = Function("risk-control")
        return function.instance(kling_text2video, tmp_path, deferrable=deferrable, on_moderation=on_moderation)

    with pytest.raises(AirflowSkipException, match="risk control"):
        say("skip").run()
    assert say("return").run()["moderated"] is True


def test_what_the_function_said_survives_a_deferral_before_the_submit(emulator: KlingEmulator, tmp_path: Path) -> None:
    """The account is busy: the task waits for a slot in the triggerer, and a function of chance is not asked again."""
    say = Function("A cat", "A dog")
    task = say.instance(kling_text2video, tmp_path, deferrable=True)
    emulator.faults.add(Fault("busy", times=4, retry_after=60))

    task.run()

    assert say.calls == 1
    assert [charge.prompt for charge in emulator.ledger.charges] == ["A cat"]


@needs_store
def test_base64_is_not_carried_so_the_function_is_asked_again_and_must_say_the_same(
    emulator: KlingEmulator, tmp_path: Path
) -> None:
    image = base64_of(picture())
    say = Function({"image": image}, {"image": image}, {"image": base64_of(picture(shade=3))})
    task = say.instance(kling_image2video, tmp_path, deferrable=True)
    emulator.faults.add(Fault("busy", times=4, retry_after=60))

    with pytest.raises(KlingConfigurationError, match="gives another request after a deferral"):
        task.run()
    assert len(emulator.ledger) == 0
    assert image[40:80] not in json.dumps(task.store)


def test_no_deferral_carries_base64(emulator: KlingEmulator, tmp_path: Path) -> None:
    image = base64_of(picture())
    say = Function({"image": image, "prompt": "She smiles"})
    task = say.instance(kling_image2video, tmp_path, deferrable=True)
    context = task.context()

    with pytest.raises(TaskDeferred) as deferred:
        context["task"].execute(context)

    assert image[40:80] not in json.dumps(deferred.value.kwargs)
    event = asyncio.run(first_event(deferred.value.trigger))
    context["task"].resume(context, event=event, **(deferred.value.kwargs or {}))
    assert say.calls == 1


@needs_forms
@both
@pytest.mark.parametrize("by_path", [True, False], ids=["path", "base64"])
def test_what_is_paid_for_is_the_prompt_as_it_was_changed_in_the_form(
    emulator: KlingEmulator, forms: Forms, tmp_path: Path, deferrable: bool, by_path: bool
) -> None:
    (tmp_path / "girl.png").write_bytes(picture())
    image = str(tmp_path / "girl.png") if by_path else base64_of(picture())
    say = Function({"image": image, "prompt": "She smiles"})
    task = say.instance(kling_image2video, tmp_path, deferrable=deferrable, require_approval=True)
    forms.person = lambda form: approve(form, prompt="She laughs")

    Asking(task.make, forms=forms).run()

    assert [charge.prompt for charge in emulator.ledger.charges] == ["She laughs"]


@pytest.mark.parametrize("dialect", ["kling", "kling-v3"])
def test_a_request_goes_before_the_arguments(emulator: KlingEmulator, tmp_path: Path, dialect: str) -> None:
    path = tmp_path / "girl.png"
    path.write_bytes(picture())
    say = Function({"image": str(path), "prompt": BRACES, "mode": "pro", "image_tail": None})
    say.instance(kling_image2video, tmp_path, mode="std", duration=10).run()

    (charge,) = emulator.ledger.charges
    assert charge.prompt == BRACES
    (entry,) = emulator.journal_for("create")
    assert '"pro"' in json.dumps(dict(entry.body)) or '"1080p"' in json.dumps(dict(entry.body))
    assert float(charge.units) == 5


def test_what_it_asks_for_is_told_at_its_own_price() -> None:
    task = (
        Function({"prompt": "A cat", "model": "kling-v2-6", "duration": "10"}).instance(kling_text2video, Path()).make()
    )
    task._take(task.python_callable(""))

    assert task.estimated == "3 units (USD 0.42 list price)"


def test_the_function_may_give_the_prompt_alone(emulator: KlingEmulator, tmp_path: Path) -> None:
    path = tmp_path / "girl.png"
    path.write_bytes(picture())
    Function("She smiles").instance(kling_image2video, tmp_path, image=str(path)).run()

    (entry,) = emulator.journal_for("create")
    assert "She smiles" in json.dumps(dict(entry.body))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "the function: must return a prompt or a dict of request fields, not NoneType"),
        (["A cat"], "the function: must return a prompt or a dict of request fields, not list"),
        ({"promt": "A cat"}, "promt: is no request field"),
        ({"prompt": ""}, "prompt: is empty"),
        ({"prompt": "A cat", "key": ""}, "key: is empty"),
        ({"mode": "pro"}, "prompt: is required"),
        ({"prompt": "A cat", "duration": "99"}, "duration: "),
        ("x" * 2501, "prompt: has 2,501 characters"),
    ],
)
def test_a_bad_answer_is_refused_by_name(emulator: KlingEmulator, tmp_path: Path, answer: Any, words: str) -> None:
    task = Function(answer).instance(kling_text2video, tmp_path)

    with pytest.raises((AirflowFailException, KlingError)) as caught:
        task.run()
    assert words in str(caught.value)
    assert len(emulator.ledger) == 0


def test_a_typo_is_an_import_error_of_the_dag() -> None:
    with pytest.raises(KlingValidationError, match="duration"):
        kling_text2video(task_id="say", duration="99")(lambda: "A cat")()
    with pytest.raises(KlingValidationError, match="multiple_outputs: needs wait_for_completion"):
        kling_text2video(task_id="say", multiple_outputs=True)(lambda: "A cat")()


@both
@pytest.mark.parametrize("by_path", [True, False], ids=["path", "base64"])
def test_the_function_may_give_the_key(
    emulator: KlingEmulator, tmp_path: Path, deferrable: bool, by_path: bool
) -> None:
    (tmp_path / "girl.png").write_bytes(picture())
    image = str(tmp_path / "girl.png") if by_path else base64_of(picture())
    say = Function({"image": image, "key": 4711, "meta": {"name": "{{ raw }}", "hash": "iVBORw0KGgo" + "b" * 40}})
    task = say.instance(kling_image2video, tmp_path, deferrable=deferrable, output_path=f"{tmp_path}/out/{{key}}.mp4")
    emulator.faults.add(Fault("busy", times=4, retry_after=60))

    manifest = task.run()

    assert manifest["output_paths"] == [f"{tmp_path}/out/4711.mp4"]
    assert (manifest["key"], manifest["meta"]["name"], manifest["meta"]["hash"][:3]) == ("4711", "{{ raw }}", "iVB")
    assert len(emulator.ledger) == 1


def test_a_path_wants_the_key_that_no_function_gave(emulator: KlingEmulator, tmp_path: Path) -> None:
    task = Function("A cat").instance(kling_text2video, tmp_path, output_path=f"{tmp_path}/{{key}}.mp4")

    with pytest.raises(AirflowFailException, match="key: is missing"):
        task.run()
    assert len(emulator.ledger) == 0


def test_an_annotation_does_not_make_several_outputs() -> None:
    @kling_text2video
    def say() -> Mapping[str, Any]:
        return {"prompt": "A cat"}

    assert say().operator.multiple_outputs is False  # type: ignore[attr-defined]


def test_it_is_mapped_as_other_tasks_are() -> None:
    from airflow.serialization import serialized_objects

    with DAG("clips", schedule=None, start_date=datetime(2026, 1, 1)) as dag:

        @kling_text2video(deferrable=True)
        def say(subject: str, place: str) -> str:
            return f"{subject} {place}"

        say.partial(place="on a fence").expand(subject=["A cat", "A dog"])
    # Its name since Airflow 3.2, and before.
    serializer: Any = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG  # type: ignore[attr-defined]
    serialized = serializer.to_dict(dag)
    assert "@task.kling_text2video" in json.dumps(serialized)
