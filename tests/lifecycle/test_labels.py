from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.lifecycle.labels import LARGEST_META, LONGEST_KEY, Label, label_of, repeated
from tests.fuzz.odd import Undecided


@pytest.mark.parametrize(
    ("key", "text"),
    [("sku 4711", "sku 4711"), (4711, "4711"), (0, "0"), (1.5, "1.5"), ("../é\n", "../é\n"), (None, None)],
)
def test_a_key_is_text_or_the_text_of_a_number(key: Any, text: str | None) -> None:
    assert label_of(key, None) == (Label(text), [])


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "is empty"),
        ("x" * (LONGEST_KEY + 1), "has 501 characters; at most 500"),
        ("a\x00b", "NUL"),
        ("a\ud800", "half a character"),
        (True, "must be text or a number, not True"),
        (float("nan"), "must be text or a number, not nan"),
        pytest.param(10**5000, "must be text or a number, not a int", id="endless"),
        (["a"], "must be text or a number"),
    ],
)
def test_other_keys_are_refused(key: Any, words: str) -> None:
    ((name, fault),) = label_of(key, None)[1]

    assert name == "key"
    assert words in fault


@pytest.mark.parametrize(
    ("meta", "name", "words"),
    [
        ("a", "meta", "must be a dict of the row's other columns, not str"),
        (Undecided(), "meta", "must be a dict of the row's other columns, not Undecided"),
        ({"price": float("nan")}, "meta.price", "not a finite number"),
        ({"name": "\ud800"}, "meta.name", "half a character"),
        ({"name": ["\x00"]}, "meta", "NUL"),
        ({"\x00": 1}, "meta", "NUL"),
        ({1: "a"}, "meta.1", "names must be text"),
        ({"day": b"x"}, "meta.day", "is of type bytes, which JSON cannot carry"),
        ({"text": "x" * LARGEST_META}, "meta", "10,012 characters of JSON; at most 10,000"),
    ],
)
def test_what_no_manifest_could_keep_is_refused(meta: Any, name: str, words: str) -> None:
    ((field, fault),) = label_of(None, meta)[1]

    assert field == name
    assert words in fault


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    # A backslash before "u0000" is no NUL.
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=9)
    | st.just("\\u0000"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=9,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), PLAIN, max_size=4))
def test_plain_json_comes_back_from_json_as_it_was(meta: dict[str, Any]) -> None:
    label, faults = label_of("a", meta)

    assert faults == []
    assert json.loads(json.dumps(label.meta or {}, allow_nan=False)) == meta


def test_meta_is_a_copy() -> None:
    row = {"sizes": (1, 2), "more": MappingProxyType({"a": 1})}
    label, _ = label_of(None, row)
    row["sizes"] = ()

    assert label.meta == {"sizes": [1, 2], "more": {"a": 1}}


def test_a_key_that_comes_again_is_named_with_the_one_before() -> None:
    labels = [Label("a"), Label(), Label("b"), Label("a"), Label(), Label("a")]

    assert [position for position, _ in repeated(labels)] == [3, 5]
    assert "'a' is the key of items[0] too" in next(repeated(labels))[1]
