"""An image becomes a video: what it is known by, what is refused before paying, and what Airflow gets to see."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from airflow.sdk import ObjectStoragePath

from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingValidationError
from airflow_provider_kling.operators.image import KlingImage2VideoOperator
from airflow_provider_kling.operators.kling import KlingBatchOperator
from tests.pictures import base64_of, picture
from tests.rig import Instance

PNG = base64_of(picture())


@pytest.fixture(params=["llmprovider", "kling", "kling-v3"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "girl.png"
    path.write_bytes(picture())
    return path


def clip(tmp_path: Path, *, store: bool = True, run_id: str = "run", **arguments: Any) -> Instance:
    given = {"task_id": "clip", "wait_for_completion": True, "output_path": f"{tmp_path}/out/", **arguments}
    return Instance(lambda: KlingImage2VideoOperator(**given), with_store=store, run_id=run_id)


def sent(emulator: KlingEmulator) -> dict[str, Any]:
    (entry,) = emulator.journal_for("create")
    return dict(entry.body)


def sent_image(body: dict[str, Any]) -> str:
    """Return the first frame, wherever the dialect puts it."""
    contents = {item["type"]: item for item in body.get("contents", ())}
    return str(contents["first_frame"]["url"] if contents else body["image"])


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
def test_an_image_becomes_a_landed_video(
    emulator: KlingEmulator, tmp_path: Path, image: Path, deferrable: bool
) -> None:
    task = clip(tmp_path, image=str(image), prompt="She smiles", duration=5, deferrable=deferrable)

    manifest = task.run()

    (charge,) = emulator.ledger.charges
    assert manifest["capability"] == "image2video"
    assert manifest["task_id"] == charge.task_id
    assert Path(manifest["output_paths"][0]).stat().st_size > 1000
    assert manifest["output_paths"][0].endswith(".mp4")
    assert sent_image(sent(emulator)) == PNG
    assert emulator.unfetched() == []


def test_the_same_bytes_from_elsewhere_buy_nothing(emulator: KlingEmulator, tmp_path: Path, image: Path) -> None:
    first = clip(tmp_path, image=str(image))
    first.run()
    other = tmp_path / "copy.png"
    other.write_bytes(image.read_bytes())
    image.unlink()

    for place in (str(other), other.as_uri(), ObjectStoragePath(str(other)), PNG, f"data:image/png;base64,{PNG}"):
        again = clip(tmp_path, image=place)
        again.store, again.try_number = first.store, first.try_number
        again.run()
    assert len(emulator.ledger) == 1


def test_other_bytes_at_the_same_path_are_another_wish(emulator: KlingEmulator, tmp_path: Path, image: Path) -> None:
    task = clip(tmp_path, image=str(image))
    first = task.run()
    image.write_bytes(picture(shade=200))

    assert task.run()["task_id"] != first["task_id"]
    assert len(emulator.ledger) == 2


def test_bytes_that_change_between_check_and_post_are_not_sent(
    emulator: KlingEmulator, tmp_path: Path, image: Path
) -> None:
    """The first POST is refused for a busy account; while it waits, somebody writes another image."""
    emulator.faults.add(Fault("busy"))
    task = clip(tmp_path, image=str(image))
    sleep = emulator.advance

    def changing(seconds: float) -> None:
        image.write_bytes(picture(shade=7))
        sleep(seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airflow_provider_kling.compat.clock.sleep", changing)
        with pytest.raises(KlingValidationError, match="image: has changed since it was checked"):
            task.run()
    assert len(emulator.ledger) == 0
    task.run()
    assert len(emulator.ledger) == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (picture(kind="GIF"), "image: is a GIF file; Kling takes JPEG and PNG"),
        (picture(299, 400), "image: has 299 x 400 pixels"),
        (picture(300, 900), "image: has 300 x 900 pixels"),
        (b"", "image: is empty"),
        (None, "is no file that this worker can read"),
    ],
)
def test_what_the_api_would_refuse_is_refused_before_anything_is_paid(
    emulator: KlingEmulator, tmp_path: Path, data: bytes | None, words: str
) -> None:
    path = tmp_path / "girl.png"
    if data is not None:
        path.write_bytes(data)

    with pytest.raises(AirflowFailException, match=words):
        clip(tmp_path, image=str(path), image_tail=str(path)).run()
    assert len(emulator.ledger) == 0
    assert emulator.journal_for("create") == []


def test_too_large_is_refused(emulator: KlingEmulator, tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(picture() + bytes(51 << 20))

    with pytest.raises(AirflowFailException, match=r"image: has 51\.0 MB; at most [15]0 MB are allowed"):
        clip(tmp_path, image=str(path)).run()
    assert len(emulator.ledger) == 0


def test_every_fault_is_told_at_once(emulator: KlingEmulator, tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException) as caught:
        clip(tmp_path, image="nowhere.png", image_tail="elsewhere.png", mode="{{ bad }}").run()
    for words in ("image: ", "image_tail: ", "mode: "):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "missing keyword argument 'image'"),
        ({"image": ""}, "image: is empty"),
        ({"image": "x.png", "duration": "99"}, "duration: "),
        (
            {"image": "x.png", "element_list": [{"element_id": 1}], "voice_list": [{"voice_id": "1"}]},
            "voice_list: cannot",
        ),
        ({"image": "x.png", "dynamic_masks": [{"mask": "m.png", "trajectories": [{"x": 1, "y": 1}]}]}, "trajectories"),
        ({"image": "x.png", "capability": "text2video"}, "capability"),
    ],
)
def test_a_typo_is_an_import_error_of_the_dag(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises((KlingValidationError, TypeError), match=words):
        KlingImage2VideoOperator(task_id="clip", **arguments)


# --- what Airflow gets to see -----------------------------------------------------------------------------------------


def test_no_bytes_are_where_airflow_stores_things(
    emulator: KlingEmulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in rendered templates, nor in a deferral, a trigger row, the state store, XCom or a log line."""
    from airflow.sdk.execution_time.task_runner import _serialize_rendered_fields

    task = clip(tmp_path, image=PNG, image_tail=f"data:image/png;base64,{PNG}", mode="pro", deferrable=True)
    context = task.context()
    with caplog.at_level(logging.DEBUG), pytest.raises(TaskDeferred) as deferred:
        context["task"].execute(context)
    shown = [
        json.dumps(_serialize_rendered_fields(context["task"])),
        json.dumps(deferred.value.trigger.serialize()),
        json.dumps(deferred.value.kwargs),
        json.dumps(task.store),
        json.dumps(task.xcom),
        "".join(record.getMessage() for record in caplog.records if not record.name.startswith("urllib3")),
    ]
    for text in shown:
        assert PNG[40:80] not in text
    assert "Base64" in shown[0]
    assert len(shown[0]) < 2000


def test_what_a_template_renders_is_hidden_too() -> None:
    task = KlingImage2VideoOperator(task_id="clip", image="{{ image }}")
    task.render_template_fields({"image": PNG, "task": task})  # type: ignore[typeddict-unknown-key]

    assert PNG[40:80] not in str(task.image)  # type: ignore[attr-defined]
    assert "Base64" in str(task.image)  # type: ignore[attr-defined]


def test_base64_in_a_dag_file_survives_its_templates(emulator: KlingEmulator, tmp_path: Path) -> None:
    task = clip(tmp_path, image=PNG)
    make = task.make

    def rendered() -> Any:
        operator = make()
        operator.render_template_fields({"task": operator})
        return operator

    task.make = rendered
    task.run()
    assert base64.b64decode(sent_image(sent(emulator))) == picture()


# --- many -------------------------------------------------------------------------------------------------------------


def test_a_batch_of_images(emulator: KlingEmulator, tmp_path: Path, image: Path) -> None:
    (tmp_path / "other.png").write_bytes(picture(shade=3))
    items = [{"image": str(image), "prompt": "She smiles"}, {"image": str(tmp_path / "other.png")}]
    arguments: dict[str, Any] = {"task_id": "clips", "items": items, "capability": "image2video"}
    task = Instance(lambda: KlingBatchOperator(**arguments, output_path=f"{tmp_path}/out/"))

    result = task.run()

    assert (result["succeeded"], result["failed"]) == (2, 0)
    rows = [json.loads(line) for line in Path(result["manifest_path"]).read_text("utf-8").splitlines()]
    assert [row["prompt"] for row in rows] == ["She smiles", None]
    assert {row["capability"] for row in rows} == {"image2video"}
    task.run()
    assert len(emulator.ledger) == 2


def test_the_fault_of_an_item_is_told_with_its_place(emulator: KlingEmulator, tmp_path: Path, image: Path) -> None:
    items = [{"image": str(image)}, {"image": "nowhere.png"}]

    with pytest.raises(AirflowFailException, match=r"items\[1\]\.image: 'nowhere\.png' is no file"):
        Instance(lambda: KlingBatchOperator(task_id="clips", items=items, capability="image2video")).run()
    assert len(emulator.ledger) == 0
