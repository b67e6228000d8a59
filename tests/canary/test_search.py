"""The search finds what is planted, in every form and place; a search that cannot fail would prove nothing."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from airflow_provider_kling.api.auth import Credentials
from tests.canary import remains
from tests.canary.cells import Canaries, Cell
from tests.canary.search import Find, Place, Search

CELL, NO_LINKS = Cell("flat", "healthy", "land"), Cell("flat_no_links", "healthy", "land")
CANARIES = Canaries("planted")
KEY, LINK = CANARIES.key(CELL), CANARIES.link(CELL, "https://cdn", "v")
JWT = Credentials(KEY, "access").token(1e9).value


@pytest.fixture
def search() -> Search:
    return Search(CANARIES.index([CELL, NO_LINKS]), {JWT: CELL})


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps(text).replace("/", "\\/")),
    "URL": quote,
    "form": quote_plus,
    "small letters": lambda text: quote(text, safe="").lower(),
    "HTML": html.escape,
    "base64": lambda text: base64.b64encode(f"Bearer {text}".encode()).decode(),
    "base64, shifted": lambda text: f"x{base64.b64encode(f'zz{text}'.encode()).decode()}",
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "one half": lambda text: text[len(text) // 2 :],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_found_in_every_form(search: Search, form: str) -> None:
    (find, *_) = search.run([Place("task.log", f"[info] before {FORMS[form](KEY)}, after")])

    assert (find.cell, find.what, find.allowed) == (CELL, "key", False)


def test_a_token_is_found_by_its_signature(search: Search) -> None:
    (find,) = search.run([Place("task.log", f"Bearer ***.{JWT.rpartition('.')[2]}")])

    assert (find.cell, find.what) == (CELL, "token")


def test_nothing_is_found_in_an_innocent_text(search: Search) -> None:
    assert search.run([Place("task.log", f"Bearer ***, https://cdn/v.mp4?***, {'YWJj' * 20}, {'00ff' * 20}")]) == []


@pytest.mark.parametrize(
    ("cell", "may_hold_links", "allowed"), [(CELL, True, True), (CELL, False, False), (NO_LINKS, True, False)]
)
def test_a_signature_may_stand_in_some_places(search: Search, cell: Cell, may_hold_links: bool, allowed: bool) -> None:
    link = CANARIES.link(cell, "https://cdn", "v")

    assert [find.allowed for find in search.run([Place("xcom", link, may_hold_links)])] == [allowed]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "airflow.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE xcom (dag_id, key, value)")
        connection.execute("CREATE TABLE task_state_store (key, value)")
        connection.execute('CREATE TABLE "trigger" (id, kwargs, packed)')
    remains.watch(path)
    return path


def planted(database: Path, search: Search, statement: str, *values: object) -> list[Find]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute(statement, values)
        connection.execute('DELETE FROM "trigger"')
        connection.execute("DELETE FROM xcom")
        connection.commit()
    return search.run(remains.rows(database))


def test_a_key_in_the_state_store_is_found(database: Path, search: Search) -> None:
    (find, *_) = planted(database, search, "INSERT INTO task_state_store VALUES ('kling', ?)", json.dumps(KEY))

    assert find.place == "row of task_state_store"


def test_a_row_that_was_deleted_is_found(database: Path, search: Search) -> None:
    """As the rows of triggers are, once they have fired."""
    assert planted(database, search, 'INSERT INTO "trigger" VALUES (1, ?, NULL)', json.dumps({"key": quote(KEY)}))


def test_what_a_row_has_packed_is_found(database: Path, search: Search) -> None:
    assert planted(database, search, 'INSERT INTO "trigger" VALUES (1, NULL, ?)', zlib.compress(KEY.encode()))


@pytest.mark.parametrize(
    ("key", "allowed"), [("return_value", True), ("_link_KlingVideoLink", True), ("task_id", False), ("error", False)]
)
def test_links_may_stand_in_two_xcoms(database: Path, search: Search, key: str, allowed: bool) -> None:
    finds = planted(database, search, "INSERT INTO xcom VALUES ('d', ?, ?)", key, json.dumps({"url": LINK}))

    assert [find.allowed for find in finds] == [allowed]


def test_links_may_not_stand_in_the_state_store(database: Path, search: Search) -> None:
    (find,) = planted(database, search, "INSERT INTO task_state_store VALUES ('return_value', ?)", LINK)

    assert not find.allowed


def test_files_are_searched_and_manifests_may_hold_links(tmp_path: Path, search: Search) -> None:
    videos = tmp_path / "videos" / "a"
    videos.mkdir(parents=True)
    (videos / "batch.jsonl").write_text(json.dumps({"videos": [{"url": LINK}]}), "utf-8")
    (tmp_path / "scheduler.log").write_text(f"{LINK}\n{KEY}\n", "utf-8")
    (tmp_path / "airflow.db").write_text(KEY, "utf-8")

    finds = search.run(remains.files(tmp_path, tmp_path / "videos"))

    # A key is found by either half.
    assert [(find.place, find.what, find.allowed) for find in finds] == [
        ("scheduler.log", "signature", False),
        ("scheduler.log", "key", False),
        ("scheduler.log", "key", False),
        ("videos/a/batch.jsonl", "signature", True),
    ]
