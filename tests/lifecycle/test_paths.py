from __future__ import annotations

import os
import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_kling.lifecycle.labels import LONGEST_KEY, Label
from airflow_provider_kling.lifecycle.paths import (
    directory_of,
    label_faults,
    meets_itself,
    path_fault,
    place_at,
    quoted,
)
from tests.paths import ROOT

KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=LONGEST_KEY)
ODD = st.text("./\\~%: -\n\t*?[]{}#&@aA0é\u0301ß\u202e", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("4711-b_2.v3", "4711-b_2.v3"),
        ("Rote Schuhe Größe 42", "Rote Schuhe Größe 42"),
        ("赤い靴", "赤い靴"),
        ("..", "%2E."),
        (".hidden", "%2Ehidden"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("~root", "%7Eroot"),
        ("s3://b@c", "s3%3A%2F%2Fb%40c"),
        ("100%", "100%25"),
        (" a  b ", "%20a %20b%20"),
        ("a\nb\x7f", "a%0Ab%7F"),
        ("a\\b", "a%5Cb"),
        ("e\u0301", "é"),
        ("👟", "%F0%9F%91%9F"),
        ("*?[x]{key}", "%2A%3F%5Bx%5D%7Bkey%7D"),
    ],
)
def test_a_key_in_a_file_name(key: str, name: str) -> None:
    assert quoted(key) == name


def test_the_docs_show_how_keys_are_quoted() -> None:
    page = (ROOT / "docs" / "results.md").read_text("utf-8")
    shown = re.findall(r"^\| `(.*?)` \| `(.*?\.mp4)` \|$", page, re.MULTILINE)

    assert len(shown) == 5
    assert [place_at("{key}.mp4", "", key=key).path for key, _ in shown] == [name for _, name in shown]


@given(KEYS | ODD)
@example("a" * 150)
@example("a" * 151)
@example("\u0430" * LONGEST_KEY)
@example("/" * LONGEST_KEY)
def test_no_key_leaves_its_directory_or_is_too_long(key: str) -> None:
    path = place_at("/out/dt=1/{key}.mp4", "af-1", key=key).path

    assert os.path.dirname(os.path.normpath(path)) == "/out/dt=1"
    assert PurePosixPath(path).name not in ("", ".", "..")
    assert not PurePosixPath(path).name.startswith((".", "~", " "))
    assert len(PurePosixPath(path).name.encode()) <= 150 + len(".mp4")
    assert path.isprintable()
    assert place_at("/out/{key}/x/", "af-1", key=key).path.count("/") == 4


@given(KEYS | ODD)
def test_unquoting_a_name_gives_the_key(key: str) -> None:
    name = quoted(key)

    assert "~" in name or unquote(name) == unicodedata.normalize("NFC", key)


@given(st.lists(ODD, unique=True, min_size=2, max_size=8))
def test_other_keys_have_other_files_or_are_refused_by_name(keys: list[str]) -> None:
    labels = [Label(key) for key in keys]
    folded = [unicodedata.normalize("NFC", place_at("o/{key}.mp4", "", key=key).path).casefold() for key in keys]
    refused = {field for field, _ in label_faults("o/{key}.mp4", labels, is_batch=True)}

    assert len({*folded}) + len(refused) == len(keys)


def test_long_keys_that_begin_alike_have_names_of_their_own() -> None:
    first, second = quoted("a" * 300 + "1"), quoted("a" * 300 + "2")

    assert first != second
    assert first[:133] == second[:133] == "a" * 133
    assert first[133] == "~"
    # Nor does any shorter key have that name.
    assert quoted(first) != first


def test_two_keys_that_differ_in_case_are_refused_by_name_unless_something_else_tells_them_apart() -> None:
    labels = [Label("Mug"), Label("cap"), Label("mug")]

    ((field, fault),) = label_faults("clips/{key}.mp4", labels, is_batch=True)
    assert field == "items[2].key"
    assert "'mug' would land on the file of items[0], 'Mug'" in fault
    for pattern in ("clips/{key}-{index}.mp4", "clips/{key}/{external_task_id}.mp4", "clips/{key}/"):
        assert list(label_faults(pattern, labels, is_batch=True)) == []


@pytest.mark.parametrize("pattern", ["clips/{key}{index}.mp4", "clips/{index}{key}.mp4"])
def test_a_key_and_an_index_that_make_one_name_of_two_are_refused(pattern: str) -> None:
    labels = [Label("1" if position == 11 else "11" if position == 1 else f"k{position}") for position in range(12)]

    ((field, fault),) = label_faults(pattern, labels, is_batch=True)

    assert field == "items[11].key"
    assert "would land on the file of items[1], '11'" in fault
    assert "part {key} and {index} in output_path" in fault
    assert list(label_faults(pattern.replace("}{", "}-{"), labels, is_batch=True)) == []


def test_an_item_without_a_key_is_named() -> None:
    assert list(label_faults("{index}.mp4", [Label()], is_batch=True)) == []
    assert [field for field, _ in label_faults("{key}.mp4", [Label("a"), Label()], is_batch=True)] == ["items[1].key"]
    ((field, fault),) = label_faults("{key}/", [Label()], is_batch=False)
    assert field == "key"
    assert "is missing" in fault


def test_a_name_that_no_file_system_takes_is_refused_before_it_is_paid_for() -> None:
    long = "x" * 100

    assert list(label_faults(f"{long}/{{key}}.mp4", [Label("k" * 150)], is_batch=True)) == []
    ((_, fault),) = label_faults(f"{long}{{key}}.mp4", [Label("k" * 150)], is_batch=True)
    assert "254 bytes; at most 238" in fault


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("clips/{sku}.mp4", "holds {sku}; known are {key}, {external_task_id} and {index}"),
        ("clips/{}.mp4", "holds {}"),
        ("clips/{key:>9}.mp4", "holds {key:>9}"),
        ("clips/{ key }.mp4", "holds { key }"),
        ("clips/{key.mp4", "holds a brace"),
        ("clips/key}.mp4", "holds a brace"),
        ("clips/{{key}}.mp4", "holds a brace"),
        ("s3://{key}/x.mp4", "where the bucket is named"),
        ("{key}://x/x.mp4", "where the bucket is named"),
        ("s3://conn@{index}/", "where the bucket is named"),
        ("clips/x.mp4", "must be a directory ending in '/', or hold {key}"),
        ("clips/{key}", "must end in '/'"),
        ("clips.d/{key}", "must end in '/'"),
    ],
)
def test_paths_that_are_refused(path: str, words: str) -> None:
    assert words in str(path_fault(path, is_batch=True))


@pytest.mark.parametrize(
    "path", ["s3://bucket/{key}.mp4", "{key}.mp4", "clips/", "clips/{key}/", "file:///x/{index}/{external_task_id}.mp4"]
)
def test_paths_that_are_taken(path: str) -> None:
    assert path_fault(path, is_batch=True) is None
    assert path_fault(path, is_batch=False) is None


def test_one_video_may_have_a_fixed_file() -> None:
    assert path_fault("clips/x.mp4", is_batch=False) is None
    assert path_fault("clips/x", is_batch=False) is not None


@pytest.mark.parametrize(
    ("pattern", "directory"),
    [
        ("clips/", "clips/"),
        ("s3://bucket/{key}.mp4", "s3://bucket/"),
        ("s3://c@bucket/dt=1/{key}.mp4", "s3://c@bucket/dt=1/"),
        ("clips/dt=1/sku={key}/{index}.mp4", "clips/dt=1/"),
        ("{key}.mp4", "./"),
        ("x-{key}/y.mp4", "./"),
        ("/{key}.mp4", "/"),
    ],
)
def test_the_manifest_lies_before_the_first_name(pattern: str, directory: str) -> None:
    assert directory_of(pattern) == directory


def test_a_path_that_names_the_task_holds_no_other_video() -> None:
    assert place_at("clips/", "af-1").is_own
    assert place_at("clips/{key}/", "af-1", key="a").is_own
    assert place_at("clips/{external_task_id}/x.mp4", "af-1") == ("clips/af-1/x.mp4", "af-1", True, "~")
    assert not place_at("clips/{key}.mp4", "af-1", key="a").is_own
    assert not place_at("clips/x.mp4", "af-1").is_own


@pytest.mark.parametrize(
    ("path", "of_one", "of_batches"),
    [
        ("x.mp4", True, True),
        ("{index}.mp4", False, True),
        ("{key}.mp4", False, False),
        ("{external_task_id}.mp4", False, False),
        ("clips/", False, False),
    ],
)
def test_which_mapped_tasks_would_land_on_one_file(path: str, of_one: bool, of_batches: bool) -> None:
    assert meets_itself(path, key_differs=True, is_batch=False) == of_one
    assert meets_itself(path, key_differs=True, is_batch=True) == of_batches
    assert meets_itself("{key}.mp4", key_differs=False, is_batch=False)
