"""Files in requests: hidden where Airflow shows arguments, known by their bytes, read again for the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.api.content import Content, Inline, as_text, filled, hidden, is_inline, revealed
from airflow_provider_kling.exceptions import KlingValidationError
from tests.pictures import base64_of, picture

PNG, JPEG = base64_of(picture()), base64_of(picture(kind="JPEG"))


@pytest.mark.parametrize("text", [PNG, JPEG, f"data:image/png;base64,{PNG}", "QUJD" * 400, PNG[:40]])
def test_base64_is_told_from_other_texts(text: str) -> None:
    assert is_inline(text)
    assert isinstance(hidden({"a": [text]})["a"][0], Inline)


@pytest.mark.parametrize(
    "text",
    [
        "https://files.example/girl.png",
        "s3://bucket/girl.png",
        "/9j/girl.png",
        "/data/girl.png",
        "A girl on a train. " * 200,
        "雨" * 2500,
        "data:text/plain,hello",
        "{{ ti.xcom_pull('image') }}",
        "",
    ],
)
def test_other_texts_stay(text: str) -> None:
    assert not is_inline(text)
    assert hidden(text) is text


def test_what_holds_no_file_is_the_same_object() -> None:
    value = [{"a": ["b", 1, None]}, ("c",)]

    assert hidden(value) is value


def test_paths_become_text() -> None:
    assert hidden(Path("/x/y.png")) == "/x/y.png"
    assert hidden([ObjectStoragePath("s3://bucket/y.png", conn_id="aws")]) == ["s3://aws@bucket/y.png"]


def test_an_inline_file_shows_a_digest_and_nothing_of_itself() -> None:
    one, other = Inline(PNG), Inline(f"data:image/png;base64,{PNG}")

    assert one == other
    assert hash(one) == hash(other)
    assert str(one) == repr(other)
    assert len(str(one)) < 80
    assert PNG[:20] not in str([one])
    assert as_text({"image": one, "list": [one]}) == {"image": str(one), "list": [str(one)]}
    assert one.decoded() == picture()
    assert Inline(PNG[:50] + "\n" + PNG[50:]).decoded() == picture()
    assert Inline("iVBORw0KGgo!").decoded() is None


def test_a_content_is_its_digest_until_it_is_sent() -> None:
    data = picture()
    content = Content(data, lambda: data, "image")

    assert json.loads(json.dumps({"image": content}))["image"].startswith("sha256:")
    assert filled({"contents": [{"url": content}], "n": 1}) == {"contents": [{"url": PNG}], "n": 1}


def test_bytes_that_changed_meanwhile_are_not_sent() -> None:
    content = Content(picture(), lambda: picture(shade=1), "image_list[0].image")

    with pytest.raises(KlingValidationError, match=r"image_list\[0\].image: has changed") as caught:
        filled({"image": content})
    assert caught.value.retryable


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_hiding_changes_nothing_else(value: Any) -> None:
    assert as_text(hidden(value)) == as_text(value) or "Base64" in str(hidden(value))


def test_a_text_that_only_looks_like_a_file_is_a_text_again() -> None:
    schema = {"properties": {"image": {"contentMediaType": "image/*"}, "list": {"items": {}}}}
    given = {"image": PNG, "prompt": "x" * 2501, "list": [PNG], "unknown": {"deep": f"data:image/png;base64,{PNG}"}}

    shown = revealed(schema, hidden(given))

    assert isinstance(shown.pop("image"), Inline)
    assert shown == {name: value for name, value in given.items() if name != "image"}


def test_a_value_that_holds_itself_ends_somewhere() -> None:
    value: dict[str, Any] = {"prompt": "x"}
    value["self"] = value

    as_text(revealed({}, hidden(value)))
