"""Files by key: where each video lands, and that a renamed key, a moved row or a changed pattern buys nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk.io import attach

from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.exceptions import KlingError, KlingValidationError
from airflow_provider_kling.execution.summary import KEY
from airflow_provider_kling.operators.kling import KlingBatchOperator, KlingText2VideoOperator
from airflow_provider_kling.storage import copies, landing
from tests.fixtures import Make
from tests.rig import HAS_STORE, Instance, WorkerCrash, needs_store


@pytest.fixture
def dialect() -> str:
    """One of them: where a file lands is the same in all."""
    return "kling"


stores = pytest.mark.parametrize(
    "with_store", [pytest.param(True, id="store", marks=needs_store), pytest.param(False, id="no_store")]
)


def row(prompt: str, key: str, **meta: Any) -> dict[str, Any]:
    return {"prompt": prompt, "key": key, "meta": meta}


def files(directory: Path) -> dict[str, bytes]:
    found = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in found}


def lines(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(result["manifest_path"]).read_text().splitlines()]


def videos(files_by_name: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files_by_name.items() if name.endswith(".mp4")}


def downloads(emulator: KlingEmulator) -> int:
    return len(emulator.journal_for("download"))


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
@stores
def test_a_batch_lands_by_key_and_its_manifest_lies_before_the_first_name(
    emulator: KlingEmulator, batch: Make, tmp_path: Path, deferrable: bool, with_store: bool
) -> None:
    items = [row("A mug", "mug", price=4.5), row("A shoe", "../Schuhe/42", sizes=[41, 42]), row("A cap", "a cap")]
    made = batch(
        items, output_path=f"{tmp_path}/dt=1/p-{{key}}.mp4", deferrable=deferrable, with_store=with_store, max_active=2
    )
    result = made.run()

    names = ["p-mug.mp4", "p-%2E.%2FSchuhe%2F42.mp4", "p-a cap.mp4"]
    manifest = "clips-scheduled__2026-11-01-clips.jsonl"
    assert {*files(tmp_path)} == {f"dt=1/{name}" for name in (*names, manifest)}
    found = lines(result)
    assert result["manifest_path"] == made.xcom[KEY]["manifest_path"] == f"{tmp_path}/dt=1/{manifest}"
    assert [line["output_paths"] for line in found] == [[f"{tmp_path}/dt=1/{name}"] for name in names]
    assert [(line["key"], line["meta"]) for line in found] == [(item["key"], item["meta"]) for item in items]
    assert [clip["paths"] for clip in made.xcom[KEY]["clips"]] == [line["output_paths"] for line in found]
    assert len(emulator.ledger) == 3


def test_every_line_has_the_same_keys(emulator: KlingEmulator, batch: Make) -> None:
    items = [row("A mug", "mug"), "A cap", row("risk-control", "no")]
    found = lines(batch(items, on_item_failure="continue", max_units=100).run())

    assert len({tuple(line) for line in found}) == 1
    assert [(line["key"], line["meta"]) for line in found] == [("mug", {}), (None, {}), ("no", {})]


@stores
def test_a_renamed_key_buys_nothing_and_lands_under_the_new_name(
    emulator: KlingEmulator, batch: Make, tmp_path: Path, with_store: bool
) -> None:
    items = [row("A mug", "mug"), row("A cap", "cap")]
    made = batch(items, output_path=f"{tmp_path}/{{key}}.mp4", with_store=with_store)
    before = lines(made.run())
    items[:] = [row("A cap", "cap"), row("A mug", "cup", new=True)]
    made.clear()
    after = lines(made.run())
    found = files(tmp_path)

    assert len(emulator.ledger) == 2
    assert found["cup.mp4"] == found["mug.mp4"] != found["cap.mp4"]
    assert [(line["key"], line["meta"], line["output_paths"]) for line in after] == [
        ("cap", {}, [f"{tmp_path}/cap.mp4"]),
        ("cup", {"new": True}, [f"{tmp_path}/cup.mp4"]),
    ]
    assert [line["task_id"] for line in after] == [before[1]["task_id"], before[0]["task_id"]]
    assert [clip["paths"] for clip in made.xcom[KEY]["clips"]] == [line["output_paths"] for line in after]
    # Where Airflow remembers what was landed, nothing is asked of Kling, which forgets.
    assert downloads(emulator) == (2 if with_store else 4)
    assert not [name for name in found if name.endswith(".part")]


@needs_store
@pytest.mark.parametrize("order", [("b", "a", "c"), ("b", "c", "a")], ids=["swapped", "moved around"])
def test_videos_that_change_names_keep_each_its_own(
    emulator: KlingEmulator, batch: Make, tmp_path: Path, order: tuple[str, ...]
) -> None:
    items = [row(f"Product {key}", key) for key in "abc"]
    made = batch(items, output_path=f"{tmp_path}/{{key}}.mp4")
    made.run()
    before = files(tmp_path)
    items[:] = [row(f"Product {old}", new) for old, new in zip("abc", order, strict=True)]
    made.clear()
    made.run()
    after = files(tmp_path)

    assert len({*videos(before).values()}) == 3
    assert {new: after[f"{new}.mp4"] for new in order} == {
        new: before[f"{old}.mp4"] for old, new in zip("abc", order, strict=True)
    }
    assert (len(emulator.ledger), downloads(emulator)) == (3, 3)
    made.clear()
    made.run()
    assert (files(tmp_path), downloads(emulator)) == (after, 3)


@needs_store
@pytest.mark.parametrize("crash", ["staging", "moving"])
def test_a_worker_that_ends_while_videos_change_names_loses_none(
    emulator: KlingEmulator, batch: Make, tmp_path: Path, crash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [row(f"Product {key}", key) for key in "abc"]
    made = batch(items, output_path=f"{tmp_path}/{{key}}.mp4")
    made.run()
    before = files(tmp_path)
    items[:] = [row(f"Product {old}", new) for old, new in zip("abc", "bca", strict=True)]
    made.clear()
    name = {"staging": "_copy", "moving": "put"}[crash]
    do, calls = getattr(copies, name), []

    def end(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 2:
            raise WorkerCrash
        return do(*given)

    with monkeypatch.context() as patch:
        patch.setattr(copies, name, end)
        with pytest.raises(WorkerCrash):
            made.run()
    parts = [content for name, content in files(tmp_path).items() if name.endswith(".part")]
    made.run()
    after = files(tmp_path)

    # Where it was lies another by now, and Kling forgets: the copy is kept.
    assert parts == ([] if crash == "staging" else [before["b.mp4"]])
    assert [after[f"{new}.mp4"] for new in "bca"] == [before[f"{old}.mp4"] for old in "abc"]
    # Only the one that was being moved is fetched again.
    assert (len(emulator.ledger), downloads(emulator)) == (3, 3 if crash == "staging" else 4)


@needs_store
@pytest.mark.parametrize("suffix", ["mov", "MP4", "m4v"])
def test_a_video_that_people_call_otherwise_is_copied_too(
    emulator: KlingEmulator, batch: Make, tmp_path: Path, suffix: str
) -> None:
    items, paths = [row("A mug", "mug")], [f"{tmp_path}/{{key}}.{suffix}"]
    made = batch(items)
    made.make = lambda: KlingBatchOperator(task_id="clips", items=items, output_path=paths[0])
    made.run()
    items[0]["key"] = "cup"
    made.clear()
    (renamed,) = lines(made.run())
    paths[0] = f"{tmp_path}/out/"
    made.clear()
    (moved,) = lines(made.run())

    assert renamed["output_paths"] == [f"{tmp_path}/cup.{suffix}"]
    assert moved["output_paths"] == [f"{tmp_path}/out/{moved['external_task_id']}.mp4"]
    assert (len(emulator.ledger), downloads(emulator)) == (1, 1)


@needs_store
def test_equal_requests_with_other_keys_may_change_places(emulator: KlingEmulator, batch: Make, tmp_path: Path) -> None:
    items = [row("A mug", "a"), row("A mug", "b")]
    made = batch(items, output_path=f"{tmp_path}/{{key}}.mp4")
    made.run()
    items.reverse()
    made.clear()

    assert [line["key"] for line in lines(made.run())] == ["b", "a"]
    assert {*videos(files(tmp_path))} == {"a.mp4", "b.mp4"}
    assert len(emulator.ledger) == 2


@needs_store
@pytest.mark.parametrize("damage", ["gone", "another", "uncopied"])
def test_what_cannot_be_copied_is_downloaded_again(
    emulator: KlingEmulator, batch: Make, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [row("A mug", "mug")]
    made = batch(items, output_path=f"{tmp_path}/{{key}}.mp4")
    made.run()
    data = (tmp_path / "mug.mp4").read_bytes()
    (tmp_path / "mug.mp4").unlink() if damage == "gone" else (tmp_path / "mug.mp4").touch()
    if damage == "another":
        (tmp_path / "mug.mp4").write_bytes(b"x" * len(data))
    if damage == "uncopied":

        def refuse(*_: Any) -> None:
            raise OSError("no space")

        monkeypatch.setattr(copies, "_copy", refuse)
        monkeypatch.setattr(copies, "still_there", lambda _: True)
    items[:] = [row("A mug", "cup")]
    made.clear()
    made.run()

    assert (tmp_path / "cup.mp4").read_bytes() == data
    assert (len(emulator.ledger), downloads(emulator)) == (1, 2)
    assert not [name for name in files(tmp_path) if name.endswith(".part")]


@needs_store
def test_another_path_takes_copies_of_what_was_landed(emulator: KlingEmulator, batch: Make, tmp_path: Path) -> None:
    items = [row("A mug", "mug"), row("A cap", "cap")]
    made = batch(items, output_path=f"{tmp_path}/old/")
    first = lines(made.run())
    named = batch(items, output_path=f"{tmp_path}/new/{{key}}/{{index}}.mp4")
    named.store, named.try_number = made.store, made.try_number
    second = lines(named.run())

    assert [line["output_paths"] for line in second] == [
        [f"{tmp_path}/new/{name}"] for name in ("mug/0.mp4", "cap/1.mp4")
    ]
    for old, new in zip(first, second, strict=True):
        assert Path(old["output_paths"][0]).read_bytes() == Path(new["output_paths"][0]).read_bytes()
    assert (len(emulator.ledger), downloads(emulator)) == (2, 2)


@needs_store
@pytest.mark.parametrize("place", ["near", "far"])
def test_a_copy_is_noted_for_lineage_under_its_own_name(
    emulator: KlingEmulator, batch: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    items, paths = [row("A mug", "mug")], [f"{tmp_path}/{{key}}.mp4"]
    made = batch(items)
    made.make = lambda: KlingBatchOperator(task_id="clips", items=items, output_path=paths[0])
    made.run()
    items[0]["key"], written = "cup", list[str]()
    note = SimpleNamespace(add_output_asset=lambda uri, **_: written.append(uri), add_input_asset=lambda **_: None)
    for module in ("airflow.providers.common.compat.lineage.hook", "airflow.sdk.lineage"):
        monkeypatch.setattr(f"{module}.get_hook_lineage_collector", lambda: note)
    if place == "far":
        attach("memory", fs=fsspec.filesystem("memory"))
        paths[0] = "memory://lineage/{key}.mp4"

    made.clear()
    made.run()

    uri = {"near": f"file://{tmp_path}/cup.mp4", "far": "memory://lineage/cup.mp4"}[place]
    assert [name for name in written if not name.endswith(".jsonl")] == [uri]


@needs_store
@pytest.mark.parametrize("directory", ["[drafts]", "a*b", "what?", "a#b"])
def test_a_directory_that_reads_as_a_pattern_is_none(emulator: KlingEmulator, batch: Make, directory: str) -> None:
    memory = fsspec.filesystem("memory")
    attach("memory", fs=memory)
    items = [row("A mug", "mug"), row("A cap", "cap")]
    made = batch(items, output_path=f"memory://patterns/{directory}/{{key}}.mp4")
    try:
        made.run()
        items[0]["key"] = "cup"
        made.clear()
        made.run()
        found = {name.rpartition("/")[2] for name in memory.find("/patterns") if name.endswith((".mp4", ".part"))}
    finally:
        memory.rm("/patterns", recursive=True)

    assert found == {"mug.mp4", "cup.mp4", "cap.mp4"}
    assert (len(emulator.ledger), downloads(emulator)) == (2, 2)


@needs_store
@pytest.mark.parametrize("directory", ["clips", "[drafts]"])
def test_what_cannot_get_its_name_in_an_object_store_leaves_no_scrap(
    emulator: KlingEmulator, batch: Make, directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = fsspec.filesystem("memory")
    attach("memory", fs=memory)
    monkeypatch.setattr(landing, "rename", lambda *_: (_ for _ in ()).throw(OSError("denied")))

    with pytest.raises(KlingError, match="denied"):
        batch(["A mug"], output_path=f"memory://scraps/{directory}/").run()

    assert not [name for name in memory.find("/scraps") if name.endswith(".part")]


@needs_store
def test_a_video_may_move_to_another_object_store(emulator: KlingEmulator, batch: Make, tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    attach("memory", fs=memory)
    items = [row("A mug", "mug")]
    made = batch(items, output_path=f"{tmp_path}/{{key}}.mp4")
    made.run()
    far = batch(items, output_path="memory://keys/clips/{key}.mp4")
    far.store, far.try_number = made.store, made.try_number
    try:
        result = far.run()
        found = {name: memory.cat(name) for name in memory.find("/keys")}
    finally:
        memory.rm("/keys", recursive=True)

    assert result["manifest_path"].startswith("memory://keys/clips/")
    assert videos(found) == {"/keys/clips/mug.mp4": (tmp_path / "mug.mp4").read_bytes()}
    assert (len(emulator.ledger), downloads(emulator)) == (1, 1)


@pytest.mark.parametrize(
    ("pattern", "kept"), [("{key}.mp4", False), ("{index}.mp4", False), ("{external_task_id}.mp4", True)]
)
def test_length_alone_says_that_a_file_is_whole_only_where_its_name_is_the_tasks(
    emulator: KlingEmulator, batch: Make, tmp_path: Path, pattern: str, kept: bool
) -> None:
    made = batch([row("A mug", "mug")], output_path=f"{tmp_path}/{pattern}", with_store=False)
    ((path,),) = [line["output_paths"] for line in lines(made.run())]
    length = Path(path).stat().st_size
    Path(path).write_bytes(b"x" * length)
    made.clear()
    made.run()

    assert (Path(path).read_bytes() == b"x" * length) == kept
    assert len(emulator.ledger) == 1


def test_one_video_lands_by_its_key(emulator: KlingEmulator, instance: Make, tmp_path: Path) -> None:
    made = instance(key="sku/4711", meta={"price": 9}, output_path=f"{tmp_path}/{{key}}-{{index}}.mp4")
    made.map_index = 3
    result = made.run()

    assert result["output_paths"] == [f"{tmp_path}/sku%2F4711-3.mp4"]
    assert (result["key"], result["meta"]) == ("sku/4711", {"price": 9})


@needs_store
@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
def test_one_video_whose_key_is_renamed(
    emulator: KlingEmulator, instance: Make, tmp_path: Path, deferrable: bool
) -> None:
    made = instance(key="mug", output_path=f"{tmp_path}/{{key}}.mp4", deferrable=deferrable)
    made.run()
    renamed = instance(key="cup", output_path=f"{tmp_path}/{{key}}.mp4", deferrable=deferrable)
    renamed.store, renamed.try_number = made.store, made.try_number
    result = renamed.run()

    assert (result["key"], result["output_paths"]) == ("cup", [f"{tmp_path}/cup.mp4"])
    assert (tmp_path / "cup.mp4").read_bytes() == (tmp_path / "mug.mp4").read_bytes()
    assert (len(emulator.ledger), downloads(emulator)) == (1, 1)


def test_further_images_of_one_key_are_no_other_keys(emulator: KlingEmulator, tmp_path: Path) -> None:
    def make() -> KlingBatchOperator:
        items: list[dict[str, Any]] = [{"prompt": "A mug", "key": "a", "n": 3}, {"prompt": "A cap", "key": "a-2"}]
        return KlingBatchOperator(
            task_id="draw", capability="images", items=items, output_path=f"{tmp_path}/{{key}}.png"
        )

    made = Instance(make)
    result = made.run()

    names = ["a.png", "a~2.png", "a~3.png", "a-2.png"]
    assert {name for name in files(tmp_path) if name.endswith(".png")} == {*names}
    assert [path for line in lines(result) for path in line["output_paths"]] == [f"{tmp_path}/{name}" for name in names]
    made.clear()
    made.run()
    assert (len(emulator.ledger), downloads(emulator)) == (2, 4 if HAS_STORE else 8)


@needs_store
def test_images_at_one_path_are_not_taken_for_all_of_them(emulator: KlingEmulator, tmp_path: Path) -> None:
    """Of a sound, a chosen path takes one kind; the directory that comes later wants both."""
    from airflow_provider_kling.operators.audio import KlingText2AudioOperator

    def make(output_path: str) -> Instance:
        return Instance(
            lambda: KlingText2AudioOperator(
                task_id="x", prompt="Rain", duration=5, wait_for_completion=True, output_path=output_path
            )
        )

    one, both = make(f"{tmp_path}/rain.wav"), make(f"{tmp_path}/all/")
    one.run()
    both.store, both.try_number = one.store, one.try_number

    assert [path.rpartition(".")[2] for path in both.run()["output_paths"]] == ["mp3", "wav"]
    assert len(emulator.ledger) == 1


REFUSED: list[tuple[list[Any], str, str]] = [
    ([row("x", "a"), "y"], "{key}.mp4", "items[1].key: is missing; output_path"),
    ([row("x", "Mug"), row("y", "mug")], "{key}.mp4", "items[1].key: 'mug' would land on the file of items[0], 'Mug'"),
    ([row("x", "é"), row("y", "e\u0301")], "{key}.mp4", "would land on the file of items[0]"),
    (["x"], "{sku}.mp4", "output_path: holds {sku}; known are {key}, {external_task_id} and {index}"),
    (["x"], "clip.mp4", "output_path: must be a directory ending in '/', or hold {key}"),
]


@pytest.mark.parametrize(("items", "pattern", "words"), REFUSED)
def test_what_cannot_be_told_apart_is_refused_when_the_dag_is_parsed(
    items: list[Any], pattern: str, words: str
) -> None:
    with pytest.raises(KlingValidationError) as caught:
        KlingBatchOperator(task_id="clips", items=items, output_path=pattern)
    assert words in str(caught.value)


@pytest.mark.parametrize(("items", "pattern", "words"), REFUSED)
def test_or_before_anything_is_paid_for(
    emulator: KlingEmulator, batch: Make, items: list[Any], pattern: str, words: str
) -> None:
    context = batch(["{{ x }}"]).context()
    context["task"].items, context["task"].output_path = items, pattern

    with pytest.raises(AirflowFailException) as caught:
        context["task"].execute(context)
    assert words in str(caught.value)
    assert len(emulator.journal) == 0


def test_names_in_a_template_are_known_when_the_dag_is_parsed() -> None:
    for path in ("clips/dt={{ ds }}/{key}.mp4", "{{ {'a': {'b': 1}} }}{% if x %}{key}{% endif %}.mp4", "{{ x"):
        KlingBatchOperator(task_id="clips", items=["x"], output_path=path)
    for path in ("clips/dt={{ ds }}/{sku}.mp4", "{# {key} #}{{ ds }}/{}.mp4"):
        with pytest.raises(KlingValidationError, match=r"output_path: holds \{"):
            KlingBatchOperator(task_id="clips", items=["x"], output_path=path)


def test_one_video_without_the_key_of_its_path_is_refused(emulator: KlingEmulator, instance: Make) -> None:
    with pytest.raises(KlingValidationError, match="key: is missing"):
        KlingText2VideoOperator(task_id="x", prompt="x", wait_for_completion=True, output_path="{key}.mp4")
    context = instance(output_path="{{ a }}").context()
    context["task"].output_path = "{key}.mp4"
    with pytest.raises(AirflowFailException, match="key: is missing"):
        context["task"].execute(context)
    assert len(emulator.journal) == 0


def test_a_key_that_a_template_yields_may_be_a_number(emulator: KlingEmulator, instance: Make, tmp_path: Path) -> None:
    made = instance(key=4711, output_path=f"{tmp_path}/{{key}}.mp4")

    assert made.run()["key"] == "4711"


def test_a_key_that_is_gone_after_a_deferral_names_no_file(
    emulator: KlingEmulator, instance: Make, tmp_path: Path
) -> None:
    """The templates are rendered again; the video is kept for a try in which they give what they gave before."""
    made = instance(key="mug", output_path=f"{tmp_path}/{{key}}.mp4", deferrable=True)
    make, made.make = made.make, lambda: changed(make())

    def changed(operator: Any) -> Any:
        if made.try_number == 1 and len(emulator.ledger) == 1:
            operator.key = None
        return operator

    with pytest.raises(KlingError) as caught:
        made.run()
    assert "needs a key; what was submitted is kept" in str(caught.value)
    assert files(tmp_path) == {}
    assert made.run()["output_paths"] == [f"{tmp_path}/mug.mp4"]
    assert len(emulator.ledger) == 1
