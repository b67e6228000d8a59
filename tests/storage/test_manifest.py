"""The manifest is found again by key, id and position; and tools read it as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import ObjectStoragePath

from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.storage.manifest import KlingManifest
from tests.fixtures import Make
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "results.md").read_text("utf-8")
ITEMS = [
    {"prompt": "A mug", "key": "mug", "meta": {"price": 4.5, "name": "Ton"}},
    {"prompt": "risk-control", "key": 4711, "meta": {"price": 9, "name": "Wald"}},
    {"prompt": "A cap", "key": "../cap", "meta": {"price": 12.25, "name": None}},
]


@pytest.fixture
def dialect() -> str:
    """One of them, which says what it deducts."""
    return "kling"


@pytest.fixture
def result(emulator: KlingEmulator, batch: Make, tmp_path: Path) -> dict[str, Any]:
    """What a batch returns, whose second item failed."""
    made: dict[str, Any] = batch(ITEMS, output_path=f"{tmp_path}/{{key}}.mp4", on_item_failure="continue").run()
    return made


def test_a_row_is_found_by_key_by_id_and_by_position(result: dict[str, Any], tmp_path: Path) -> None:
    for source in (result, result["manifest_path"], ObjectStoragePath(result["manifest_path"])):
        manifest = KlingManifest.read(source)

        assert len(manifest) == 3
        assert [row["key"] for row in manifest] == ["mug", "4711", "../cap"]
        assert manifest.by_key("../cap")["output_paths"] == [f"{tmp_path}/%2E.%2Fcap.mp4"]
        assert manifest.by_key(4711) is manifest.by_key("4711") is manifest[1]
        assert manifest.by_external_task_id(manifest[2]["external_task_id"]) is manifest[2]
        assert "risk control" in manifest[1]["error"]


def test_inline_manifests_are_read_too(emulator: KlingEmulator, batch: Make, instance: Make) -> None:
    made = batch(ITEMS, output_path=None, on_item_failure="continue").run()
    one = instance(key="a").run()

    assert KlingManifest.read(made).by_key("mug")["videos"][0]["url"].startswith("http")
    assert KlingManifest.read(one).by_key("a") == {**KlingManifest.read(one)[0], **one}
    assert [row["key"] for row in KlingManifest.read([one, {**one, "key": "b"}])] == ["a", "b"]
    assert KlingManifest.read([one, {**one, "key": "b"}])[1]["key"] == "b"


def test_the_results_of_a_mapped_batch_are_read_as_one(emulator: KlingEmulator, batch: Make, tmp_path: Path) -> None:
    landed = batch([{"prompt": "A mug", "key": "mug"}, {"prompt": "A cap", "key": "cap"}]).run()
    inline = batch([{"prompt": "A shoe", "key": "shoe"}], output_path=None, task_id="others").run()

    manifest = KlingManifest.read([landed, inline])

    assert [(row["key"], row["position"]) for row in manifest] == [("mug", 0), ("cap", 1), ("shoe", 0)]
    assert manifest.by_key("shoe")["task_id"] == inline["items"][0]["task_id"]
    with pytest.raises(ValueError, match="Row 1 is no manifest"):
        KlingManifest.read([inline["items"][0], {"succeeded": 1}])


def test_rows_of_earlier_releases_have_what_later_ones_have(result: dict[str, Any]) -> None:
    rows = [json.loads(line) for line in Path(result["manifest_path"]).read_text().splitlines()]
    old = {name: value for name, value in rows[0].items() if name not in ("key", "meta", "moderated", "units")}
    manifest = KlingManifest.read({"items": [old]})

    assert manifest[0].keys() == rows[0].keys()
    assert (manifest[0]["key"], manifest[0]["meta"], manifest[0]["moderated"]) == (None, {}, False)


def test_a_position_is_that_of_the_item_not_of_the_line(emulator: KlingEmulator, batch: Make, tmp_path: Path) -> None:
    """What was not submitted has no line."""
    made = batch(["A cat", "risk-control", "A dog"], max_active=1)
    with pytest.raises(AirflowFailException):
        made.run()
    (path,) = (tmp_path / "out").glob("*.jsonl")
    manifest = KlingManifest.read(str(path))

    assert [row["position"] for row in manifest] == [0, 1]
    with pytest.raises(KeyError, match="none of the 2 rows have position 2"):
        manifest[2]


def test_what_is_not_there_is_named(result: dict[str, Any]) -> None:
    manifest = KlingManifest.read(result)

    with pytest.raises(KeyError, match="none of the 3 rows have key 'cup'"):
        manifest.by_key("cup")
    with pytest.raises(KeyError, match="none of the 3 rows have external_task_id 'af-1'"):
        manifest.by_external_task_id("af-1")
    with pytest.raises(KeyError, match="none of the 3 rows have position 3"):
        manifest[3]
    twice = KlingManifest([*manifest, *manifest])
    with pytest.raises(KeyError, match="2 of the 6 rows have key 'mug'"):
        twice.by_key("mug")
    with pytest.raises(KeyError, match="none of the 3 rows have key None"):
        manifest.by_key(True)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("8231", "line 1 is no JSON"),
        (None, "Row 0 is no manifest: None"),
        ({"a": 1}, "Row 0 is no manifest"),
        (["8231"], "Row 0 is no"),
    ],
)
def test_what_is_no_manifest_is_refused(source: Any, words: str, tmp_path: Path) -> None:
    if isinstance(source, str):
        (tmp_path / "x.jsonl").write_text("task 8231\n")
        source = f"{tmp_path}/x.jsonl"
    with pytest.raises(ValueError, match=words):
        KlingManifest.read(source)
    with pytest.raises(FileNotFoundError):
        KlingManifest.read(f"{tmp_path}/gone.jsonl")


def test_duckdb_reads_it_as_the_docs_say(result: dict[str, Any], tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    (query,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    found = duckdb.sql(query.replace("manifest.jsonl", result["manifest_path"])).fetchall()

    assert [row[:-1] for row in found] == [
        ("mug", "Ton", 4.5, f"{tmp_path}/mug.mp4", "succeed", 1.5),
        ("4711", "Wald", 9.0, None, "failed", None),
        ("../cap", None, 12.25, f"{tmp_path}/%2E.%2Fcap.mp4", "succeed", 1.5),
    ]
    assert [bool(row[-1]) for row in found] == [False, True, False]


def test_pandas_reads_it_as_the_docs_say(result: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    (code,) = re.findall(r"```python\n(import pandas.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace("manifest.jsonl", result["manifest_path"]), names)
    table = names["table"]

    assert table["key"].tolist() == ["mug", "4711", "../cap"]
    assert table["price"].tolist() == [4.5, 9, 12.25]
    assert table.loc[table.key == "mug", "output_paths"].item() == [f"{tmp_path}/mug.mp4"]
