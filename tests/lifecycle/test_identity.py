from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.lifecycle.identity import Account, Wish, changed_fields, field_digests, fingerprint

ACCOUNT = Account("kling_default", "https://api.example", "kling")
WISH = Wish("dag", "run", "task", -1, fingerprint({"model": "kling-v1", "prompt": "x"}, ACCOUNT))


def test_the_same_wish_has_the_same_id_for_ever() -> None:
    # Rows of released versions hold such ids: another value here means that a retry after an upgrade pays again.
    assert WISH.external_task_id(0) == "af-32d04f773426b30884fa03154e77d9d7e8d8b6f9"


def test_a_namespace_tells_deployments_apart_that_share_an_account() -> None:
    staging = replace(WISH, namespace="staging")

    assert staging.external_task_id(0) == "af-6f20b30ea115cc94e62cc9601c2271255a2ed6f2"
    assert replace(staging, namespace="").external_task_id(0) == WISH.external_task_id(0)
    # It says nothing of what is asked for, nor of who pays.
    assert fingerprint({"prompt": "x"}, replace(ACCOUNT, namespace="staging")) == fingerprint({"prompt": "x"}, ACCOUNT)


@pytest.mark.parametrize(
    "other",
    [
        replace(WISH, dag_id="dag2"),
        replace(WISH, run_id="run2"),
        replace(WISH, task_id="task2"),
        replace(WISH, map_index=0),
        replace(WISH, fingerprint=fingerprint({"model": "kling-v1", "prompt": "y"}, ACCOUNT)),
        replace(WISH, fingerprint=fingerprint({"model": "kling-v1", "prompt": "x"}, replace(ACCOUNT, conn_id="b"))),
        replace(WISH, fingerprint=fingerprint({"model": "kling-v1", "prompt": "x"}, replace(ACCOUNT, host="b"))),
        replace(WISH, fresh=2),
        replace(WISH, fresh=3),
    ],
)
def test_another_wish_has_another_id(other: Wish) -> None:
    assert other.external_task_id(0) != WISH.external_task_id(0)


def test_parts_do_not_run_into_each_other() -> None:
    assert replace(WISH, dag_id="a_b", run_id="c").key != replace(WISH, dag_id="a", run_id="b_c").key


def test_the_users_own_id_wins_and_later_generations_differ() -> None:
    own = replace(WISH, own_id="promo-7")

    assert own.external_task_id(0) == "promo-7"
    assert own.external_task_id(2) == "promo-7-g2"
    assert replace(own, fresh=3).external_task_id(1) == "promo-7-c3-g1"


@given(st.text(), st.text(), st.integers(min_value=-1), st.integers(min_value=0, max_value=50))
def test_ids_are_short_and_safe_in_a_url(dag_id: str, run_id: str, map_index: int, generation: int) -> None:
    wish = replace(WISH, dag_id=dag_id, run_id=run_id, map_index=map_index)

    assert re.fullmatch(r"[A-Za-z0-9-]{1,64}", wish.external_task_id(generation))


def test_the_order_of_fields_is_no_difference() -> None:
    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}, ACCOUNT) == fingerprint(
        {"b": {"d": 3, "c": 2}, "a": 1}, ACCOUNT
    )


def test_what_changed_is_named() -> None:
    before = field_digests({"prompt": "a cat", "mode": "std", "model": "kling-v1"})
    after = field_digests({"prompt": "a dog", "duration": "5", "model": "kling-v1"})

    assert changed_fields(before, after) == ["duration", "mode", "prompt"]
    assert "a cat" not in str(before)
