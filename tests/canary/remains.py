"""All that is left of a run: files, and every row that any table of Airflow's database ever had."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.canary.search import Place

_AUDIT = "canary_audit"
# Beating hearts, and the DAG file many times over, in which no task can leave anything.
_UNWATCHED = {_AUDIT, "job", "alembic_version", "sqlite_sequence"}
_BLOB = re.compile(r"X'([0-9A-F]+)'")
_LINKS_ALLOWED = re.compile(r"\Axcom: .*\bkey='(return_value|_link_\w*)'", re.DOTALL)
_DATABASE = re.compile(r"airflow\.db")


def watch(database: Path) -> None:
    """Let the database keep a copy of each row that is written: triggers and XComs are deleted while a run goes on."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        connection.execute(f"CREATE TABLE {_AUDIT} (id INTEGER PRIMARY KEY, text TEXT)")
        for table in set(tables) - _UNWATCHED:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info('{table}')")]
            text = " || ' ' || ".join(f"'{column}=' || quote(new.\"{column}\")" for column in columns)
            for event in ("INSERT", "UPDATE"):
                connection.execute(
                    f'CREATE TRIGGER canary_{table}_{event} AFTER {event} ON "{table}" BEGIN '
                    f"INSERT INTO {_AUDIT} (text) VALUES ('{table}: ' || {text}); END"
                )
        connection.commit()


def rows(database: Path) -> Iterator[Place]:
    """Yield every row that was written since :func:`watch`."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        for (text,) in connection.execute(f"SELECT DISTINCT text FROM {_AUDIT}"):
            place = f"row of {text.partition(':')[0]}"
            yield Place(place, _with_blobs(text), bool(_LINKS_ALLOWED.match(text)))


def _with_blobs(text: str) -> str:
    """Return the text of a row with what its blobs hold, unpacked where they are packed."""
    for match in _BLOB.finditer(text):
        blob = bytes.fromhex(match[1])
        with contextlib.suppress(zlib.error):
            blob = zlib.decompress(blob)
        text += " " + blob.decode("latin-1")
    return text


def files(home: Path, manifests: Path) -> Iterator[Place]:
    """
    Yield every file below ``AIRFLOW_HOME``, but for the database.

    :param manifests: where batches land: their lists of manifests carry the links.
    """
    for path in sorted(home.rglob("*")):
        if path.is_file() and not _DATABASE.match(path.name):
            may_hold_links = path.suffix == ".jsonl" and manifests in path.parents
            text = path.read_text("utf-8", "replace")
            yield Place(str(path.relative_to(home)), text, may_hold_links)
