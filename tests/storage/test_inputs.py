"""Files of a request, from wherever a worker can read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach

from airflow_provider_kling.api.capabilities import AVATAR, EFFECTS, IMAGE2VIDEO, MULTI_IMAGE2VIDEO
from airflow_provider_kling.api.content import filled, hidden
from airflow_provider_kling.exceptions import KlingValidationError
from airflow_provider_kling.storage.inputs import resolved
from tests.pictures import base64_of, picture, sound

MB = 1 << 20


def read(fields: dict[str, Any], schema: Any = None, largest: int = 10 * MB) -> tuple[dict[str, Any], Any]:
    return resolved(
        schema or IMAGE2VIDEO.schema, {name: hidden(value) for name, value in fields.items()}, largest_image=largest
    )


@pytest.fixture
def memory() -> str:
    """A store that is no local file system, as s3 and gs are."""
    attach("memory", fs=fsspec.filesystem("memory"))
    with ObjectStoragePath("memory://bucket/girl.png").open("wb") as file:  # type: ignore[no-untyped-call]
        file.write(picture())
    return "memory://bucket/girl.png"


def test_the_same_bytes_are_the_same_wherever_they_are(tmp_path: Path, memory: str) -> None:
    local = tmp_path / "girl.png"
    local.write_bytes(picture())
    places = [local, str(local), local.as_uri(), ObjectStoragePath(str(local)), memory, ObjectStoragePath(memory)]
    places += [base64_of(picture()), f"data:image/png;base64,{base64_of(picture())}"]

    for place in places:
        fields, faults = read({"image": place, "prompt": "She smiles"})
        assert faults == []
        assert json.dumps(fields) == json.dumps(read({"image": local, "prompt": "She smiles"})[0])
        assert filled(fields) == {"image": base64_of(picture()), "prompt": "She smiles"}
    local.write_bytes(picture(shade=1))
    assert read({"image": local})[0] != fields["image"]


def test_a_link_is_left_to_kling() -> None:
    assert read({"image": "https://files.example/girl.gif"}) == ({"image": "https://files.example/girl.gif"}, [])


def test_files_deep_in_a_request(tmp_path: Path) -> None:
    path = tmp_path / "girl.png"
    path.write_bytes(picture(100, 100))
    _, faults = read({"image_list": [{"image": "https://x/y.png"}, {"image": str(path)}]}, MULTI_IMAGE2VIDEO.schema)
    assert faults == [("image_list[1].image", f"has 100 x 100 pixels; each side must have at least 300 ({path})")]
    _, faults = read({"input": {"images": [str(path), "nowhere.png"]}}, EFFECTS.schema)
    assert [field for field, _ in faults] == ["input.images[0]", "input.images[1]"]
    (tmp_path / "go.mp3").write_bytes(sound())
    fields, faults = read({"image": "https://x/y.png", "sound_file": str(tmp_path / "go.mp3")}, AVATAR.schema)
    assert faults == []
    assert filled(fields)["sound_file"] == base64_of(sound())


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("missing.png", "'missing.png' is no file that this worker can read, no URL and no Base64"),
        ("s3://", "cannot be read"),
        ("file:///", "is no file that this worker can read"),
        (base64_of(picture(kind="GIF")), "is of no known type"),
        ("iVBORw0KGgo=!", "is no file that this worker can read"),
        ("data:image/png;base64,!!!", "is no valid Base64"),
        (base64_of(picture(200, 200)), "has 200 x 200 pixels"),
        (7, "must be a URL, a path or Base64, not 7"),
        ("", "must be a URL, a path or Base64, not ''"),
    ],
)
def test_what_cannot_be_used_is_named(image: Any, words: str) -> None:
    if image == base64_of(picture(kind="GIF")):
        image, words = f"data:image/gif;base64,{image}", "is a GIF file"
    try:
        _, faults = read({"image": image})
    except KlingValidationError as error:
        faults = list(error.faults)
    ((field, message),) = faults
    assert field == "image"
    assert words in message
    assert len(message) < 300


def test_too_large_is_told_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(60 * MB)

    _, ((field, message),) = read({"image": str(path)}, largest=50 * MB)

    assert (field, message) == ("image", f"has 60.0 MB; at most 50 MB are allowed ({path})")


def test_a_store_that_is_away_is_worth_a_retry(monkeypatch: pytest.MonkeyPatch, memory: str) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise ConnectionError("no route to https://bucket.example/girl.png?X-Amz-Signature=secret")

    monkeypatch.setattr(ObjectStoragePath, "stat", away)

    with pytest.raises(KlingValidationError, match=r"image: .*cannot be read \(ConnectionError") as caught:
        read({"image": memory})
    assert caught.value.retryable
    assert "secret" not in str(caught.value)
