"""The key of a video and the other columns of its row: kept, never sent, and no part of what is paid for."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.exceptions import KlingValidationError
from airflow_provider_kling.execution.summary import KEY
from airflow_provider_kling.operators.kling import KlingBatchOperator, KlingText2VideoOperator
from tests.fixtures import Make

ROWS = [
    {"prompt": "A mug", "key": "mug", "meta": {"price": 4.5}},
    {"prompt": "A cap", "key": 17, "meta": {"price": 9}},
    "No label",
]


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])
def test_labels_are_not_sent_and_a_change_of_them_buys_nothing(
    emulator: KlingEmulator, batch: Make, deferrable: bool
) -> None:
    rows: list[Any] = [*ROWS]
    clips = batch(rows, deferrable=deferrable)
    clips.run()
    keys = [clip.get("key") for clip in clips.xcom[KEY]["clips"]]
    rows[:] = ["No label", {"prompt": "A cap", "meta": {"price": 1}}, {"prompt": "A mug", "key": "cup"}]
    clips.clear()
    clips.run()

    assert keys == ["mug", "17", None]
    assert [clip.get("key") for clip in clips.xcom[KEY]["clips"]] == [None, None, "cup"]
    assert len(emulator.ledger) == 3
    assert not any({"key", "meta"} & entry.body.keys() for entry in emulator.journal_for("create"))


def test_a_renamed_key_has_the_ids_of_before(emulator: KlingEmulator, batch: Make, instance: Make) -> None:
    def ids(made: Any) -> list[str]:
        return [clip["external_task_id"] for clip in made.xcom[KEY]["clips"]]

    plain, named = batch(["A mug"]), batch([{"prompt": "A mug", "key": "mug", "meta": {"a": 1}}])
    one, named_one = instance(), instance(key="mug", meta={"a": 1})
    for made in (plain, named, one, named_one):
        made.run()

    assert ids(plain) == ids(named)
    assert ids(one) == ids(named_one)
    assert len(emulator.ledger) == 2


@pytest.mark.parametrize(
    ("items", "defaults", "words"),
    [
        ([{"prompt": "x", "key": 1}, "y", {"prompt": "z", "key": "1"}], {}, "items[2].key: '1' is the key of items[0]"),
        ([{"prompt": "x", "key": ""}], {}, "items[0].key: is empty"),
        ([{"prompt": "x", "meta": [1]}], {}, "items[0].meta: must be a dict"),
        ([{"prompt": "x", "meta": {"a": float("inf")}}], {}, "items[0].meta.a: inf is not a finite number"),
        (["x", "y"], {"key": "a"}, "items[1].key: 'a' is the key of items[0]"),
    ],
)
def test_bad_labels_are_refused_when_the_dag_is_parsed(items: Any, defaults: Any, words: str) -> None:
    with pytest.raises(KlingValidationError) as caught:
        KlingBatchOperator(task_id="clips", items=items, request_defaults=defaults)

    assert words in str(caught.value)


def test_a_key_that_a_template_repeats_is_refused_before_paying(emulator: KlingEmulator, batch: Make) -> None:
    clips = batch([{"prompt": "x", "key": "{{ a }}"}, {"prompt": "y", "key": "{{ b }}"}])
    context = clips.context()
    context["task"].items = [{"prompt": "x", "key": "a"}, {"prompt": "y", "key": "a"}]

    with pytest.raises(AirflowFailException, match=r"items\[1\]\.key: 'a' is the key of items\[0\]"):
        context["task"].execute(context)
    assert len(emulator.journal) == 0


def test_a_batch_has_no_key_of_its_own() -> None:
    with pytest.raises(KlingValidationError, match="key: is of one video; give each item its own"):
        KlingBatchOperator(task_id="clips", items=["x"], key="a")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"key": ""}, "key: is empty"), ({"meta": "a"}, "meta: must be a dict"), ({"meta": {"a": b""}}, "meta.a: is of")],
)
def test_one_video_has_a_label_too(arguments: dict[str, Any], words: str) -> None:
    KlingText2VideoOperator(task_id="clip", prompt="x", key="{{ params.sku }}", meta={"day": "{{ ds }}"})
    with pytest.raises(KlingValidationError) as caught:
        KlingText2VideoOperator(task_id="clip", prompt="x", **arguments)

    assert words in str(caught.value)


def test_a_label_that_a_template_yields_is_judged_before_paying(emulator: KlingEmulator, instance: Make) -> None:
    context = instance(key="{{ a }}").context()
    context["task"].key = ""

    with pytest.raises(AirflowFailException, match="key: is empty"):
        context["task"].execute(context)
    assert len(emulator.journal) == 0


def test_a_long_key_that_looks_like_a_file_is_kept_as_it_is(emulator: KlingEmulator, instance: Make) -> None:
    clip = instance(key="/9j/" + "a" * 40, meta={"hash": "iVBORw0KGgo" + "b" * 40})
    clip.run()

    assert clip.xcom[KEY]["clips"][0]["key"] == "/9j/" + "a" * 40
