"""The parts of the gallery that need no Airflow around them."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.links import pages
from airflow_provider_kling.plugins import files, paging
from airflow_provider_kling.plugins.clips import STATUSES, Clip, clips_of
from airflow_provider_kling.plugins.files import Manifests, NoFileError, shown
from airflow_provider_kling.plugins.gallery import Gallery
from airflow_provider_kling.plugins.paging import Cursor, Wanted, page
from airflow_provider_kling.plugins.ranges import NotSatisfiable, Part, part_of
from airflow_provider_kling.plugins.rows import Place, Position, Row
from airflow_provider_kling.storage.whole import check_of

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
NAMES = (
    "version",
    "clips",
    "items",
    "videos",
    "task_status",
    "output_paths",
    "paths",
    "position",
    "status",
    "error",
    "url",
)
SUMMARY = st.dictionaries(
    st.sampled_from(NAMES), ANYTHING | st.lists(st.dictionaries(st.sampled_from(NAMES), ANYTHING))
)


# --- ranges ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-0", Part(0, 1)),
        ("bytes=2-", Part(2, 8)),
        ("bytes=-3", Part(7, 3)),
        ("bytes=-99", Part(0, 10)),
        ("bytes=8-99", Part(8, 2)),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("items=0-1", None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_ranges(header: str | None, part: Part | None) -> None:
    assert part_of(header, 10) == part


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_ranges_after_the_end(header: str) -> None:
    with pytest.raises(NotSatisfiable):
        part_of(header, 10)


@given(st.text() | st.from_regex(r"bytes=\d{0,6}-\d{0,6}", fullmatch=True), st.integers(0, 100_000))
def test_a_part_is_inside_the_file(header: str, size: int) -> None:
    try:
        part = part_of(header, size)
    except NotSatisfiable:
        return
    assert part is None or (0 <= part.start < size and 0 < part.length <= size - part.start)


# --- clips ----------------------------------------------------------------------------------------------------------


@given(SUMMARY | st.none(), ANYTHING | SUMMARY, st.none() | st.lists(ANYTHING | SUMMARY), st.text() | st.none())
def test_whatever_an_xcom_holds_is_no_error(summary: Any, result: Any, lines: Any, state: str | None) -> None:
    for clip in clips_of(summary, result, lines, state):
        assert clip.status in STATUSES


def told(**facts: Any) -> dict[str, Any]:
    return {"version": 1, "clips": [{"position": 0, "status": "running", "task_id": "t", **facts}]}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("running", "running"),
        ("deferred", "running"),
        ("up_for_retry", "running"),
        ("failed", "failed"),
        (None, "running"),
    ],
)
def test_airflow_knows_of_a_killed_worker_what_it_could_not_tell(state: str | None, status: str) -> None:
    (clip,) = clips_of(told(), None, None, state)

    assert clip.status == status
    assert bool(clip.error) == (status == "failed")


@pytest.mark.parametrize(("key", "words"), [("Gro\u0308\u00dfe", "gr\u00f6\u00dfe"), ("Gr\u00f6\u00dfe", "gro\u0308")])
def test_a_key_is_found_however_unicode_writes_it(key: str, words: str) -> None:
    assert Clip("0", 0, "done", key=key).matches(words)
    assert not Clip("0", 0, "done", key=key).matches("%")


@pytest.mark.parametrize("begin", [b"ID3\x04", b"\xff\xfb\x90", b"\xff\xfa\x90", b"\xff\xe3\x18"])
def test_every_mp3_that_is_landed_is_given_out(tmp_path: Path, begin: bytes) -> None:
    (tmp_path / "a.mp3").write_bytes(begin.ljust(64, b"\0"))
    check = check_of("mp3")
    check.feed(begin.ljust(64, b"\0"))

    assert check.flaw() is None
    assert files.media(str(tmp_path / "a.mp3")).media_type == "audio/mpeg"


@pytest.mark.parametrize("status", ["waiting", "approval"])
def test_what_was_not_submitted_is_not_at_kling_where_somebody_marks_the_task_a_success(status: str) -> None:
    (clip,) = clips_of(told(status=status, task_id=None), None, None, "success")

    assert clip.status == "failed"
    assert "before this one was submitted" in str(clip.error)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00"])
def test_a_moment_at_the_end_of_time_is_none(moment: str) -> None:
    (clip,) = clips_of(told(status="done", ended_at=moment), None, None, "success")

    assert clip.deleted_at is None


def test_the_manifests_of_a_batch_win_and_the_summary_tells_the_rest() -> None:
    summary = {
        "model": "kling-v2-6",
        "clips": [{"position": 0, "status": "done", "key": "a"}, {"position": 2, "status": "failed", "error": "why"}],
    }
    lines = [
        {
            "position": 0,
            "task_status": "succeed",
            "videos": [{"url": None, "duration": 5}],
            "output_paths": ["/x/1.mp4"],
        },
        {"position": 1, "task_status": "failed", "videos": [], "output_paths": [], "error": "moderated"},
    ]

    first, second, third = clips_of(summary, None, lines, "failed")

    assert (first.status, first.key, first.model, first.path) == ("done", "a", "kling-v2-6", "/x/1.mp4")
    assert (second.status, second.error) == ("failed", "moderated")
    assert (third.position, third.status, third.error) == (2, "failed", "why")


def test_what_moderation_refused_is_told_apart_with_its_reason() -> None:
    refused = {"task_status": "failed", "videos": [], "output_paths": [], "error": "risk control", "moderated": True}
    summary = {"clips": [{"position": 0, "status": "moderated", "error": "policy"}]}
    lines = [{**refused, "position": 0}, {**refused, "position": 1, "task_status": "skipped"}]

    ways = [
        *clips_of(None, refused, None, "success"),
        *clips_of(summary, None, None, "skipped"),
        *clips_of(None, None, lines, "success"),
    ]

    assert [clip.status for clip in ways] == ["moderated"] * 4
    assert [clip.error for clip in ways] == ["risk control", "policy", "risk control", "risk control"]
    assert [Wanted(status="moderated")(clip) for clip in ways] == [True] * 4
    assert not any(Wanted(status="failed")(clip) for clip in ways)


def test_a_task_of_several_files_has_a_number_for_each_and_one_price() -> None:
    paths = ["/x/a.png", "/x/a-2.png"]

    clips = clips_of(told(status="done", paths=paths, units="3", estimate={"units": 3}), None, None, "success")

    assert [(clip.number, clip.path, clip.units) for clip in clips] == [("0", paths[0], 3), ("0-2", paths[1], None)]


# --- pages ----------------------------------------------------------------------------------------------------------


def rows_of(sizes: list[int]) -> list[Row]:
    newest = datetime(2026, 11, 24, tzinfo=UTC)
    return [
        Row(
            Place("d", f"r{number}", "t", -1),
            Position(newest - timedelta(minutes=number), number, "t", -1),
            {"clips": [{"position": i, "status": "done" if i % 3 else "failed"} for i in range(size)]},
            *(None, "success", 1, None, None, None),
        )
        for number, size in enumerate(sizes)
    ]


@given(st.lists(st.integers(0, 7), max_size=30), st.integers(1, 9), st.sampled_from([None, "failed"]))
def test_pages_hold_each_clip_once(sizes: list[int], size: int, status: str | None) -> None:
    rows = rows_of(sizes)

    def fetch(after: Position | None, limit: int) -> list[Row]:
        # Tuples compare as the query does; the order is descending.
        return [row for row in rows if after is None or row.position < after][:limit]

    def clips(row: Row) -> list[Clip]:
        return clips_of(row.summary, None, None, row.state)

    wanted = Wanted(status)
    expected = [(row.place, clip.number) for row in rows for clip in clips(row) if wanted(clip)]
    seen: list[Any] = []
    cursor: Cursor | None = None
    while True:
        found = page(fetch, clips, wanted, cursor, size)
        seen += [(row.place, clip.number) for row, clip in found.clips]
        if found.cursor is None:
            break
        assert len(found.clips) == size
        cursor = Cursor.read(found.cursor.text())
    assert seen == expected


def test_one_answer_reads_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_ROWS", 5)
    rows = rows_of([1] * 12)

    found = page(
        lambda after, limit: [row for row in rows if after is None or row.position < after][:limit],
        lambda row: clips_of(row.summary, None, None, row.state),
        Wanted(words="no such thing"),
        None,
        24,
    )

    assert (found.clips, found.searched) == ([], rows[4].position.timestamp)
    assert found.cursor is not None
    assert found.cursor.position == rows[4].position


def test_threads_that_read_many_batches_are_not_in_each_others_way(monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = Gallery()
    monkeypatch.setattr(gallery._manifests, "lines", lambda _: [])
    (row,) = rows_of([1])
    interval = sys.getswitchinterval()

    def read(thread: int) -> None:
        for number in range(1000):
            place = row.place._replace(run_id=f"{thread}-{number}")
            gallery._clips(replace(row, place=place, summary={"clips": [], "manifest_path": "m.jsonl"}))

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(read, range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert len(gallery._batches) <= 64


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_manifest_is_read_again_only_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, manifests = tmp_path / "m.jsonl", Manifests()
    reads: list[int] = []
    read = files._read_lines

    def counted(found: Any, size: int) -> Any:
        reads.append(size)
        return read(found, size)

    monkeypatch.setattr(files, "_read_lines", counted)
    path.write_text('{"position": 0}\n')

    first = manifests.lines(str(path))

    assert first == [{"position": 0}]
    assert manifests.lines(str(path)) is first
    path.write_text('{"position": 0}\n{"position": 1}\n')
    assert len(manifests.lines(str(path)) or ()) == 2
    assert len(reads) == 2
    path.write_text("not JSON\n")
    assert manifests.lines(str(path)) is None
    assert manifests.lines(str(tmp_path / "none.jsonl")) is None
    assert manifests.lines("/etc/passwd") is None


@pytest.mark.parametrize(
    "path", ["http://127.0.0.1:1/x.mp4", "https://h/x.mp4", "simplecache::file:///x.mp4", "ftp://h/x", "reference://x"]
)
def test_no_other_place_is_read(path: str) -> None:
    with pytest.raises(NoFileError, match="does not read from"):
        files.media(path)


def test_a_connection_is_not_shown() -> None:
    assert shown("s3://aws_conn@bucket/clips/a.mp4") == "s3://bucket/clips/a.mp4"
    assert shown("/disk/a.mp4") == "/disk/a.mp4"
    assert shown("//[disk]/a.mp4") == "//[disk]/a.mp4"
    assert shown("s3://aws_conn@[x/a.mp4") == "s3://[x/a.mp4"
    assert shown("s3://aws_conn@bucket/a#1/b?c.mp4") == "s3://bucket/a#1/b?c.mp4"


# --- what Airflow is told -------------------------------------------------------------------------------------------


def test_addresses_below_a_path_quote_what_they_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://host/air/flow/")

    assert pages.gallery_page() == "/air/flow/kling/"
    assert pages.task_page("d", "manual__2026-11-24T00:00:00+00:00", "g.t", 3) == (
        "/air/flow/kling/task/d/manual__2026-11-24T00%3A00%3A00%2B00%3A00/g.t/3"
    )


def test_airflow_is_told_of_an_entry_in_the_navigation_and_of_a_tab_where_it_can_be_scoped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from airflow_provider_kling.plugins import kling

    for version, destinations in {
        "3.0.6": [],
        "3.1.8": ["nav"],
        "3.3.2": ["nav"],
        "3.4.0b2": ["nav", "task_instance"],
    }.items():
        monkeypatch.setattr("airflow.__version__", version)
        views = kling._views()
        assert [view["destination"] for view in views] == destinations
        assert all("applies_to" in view for view in views if view["destination"] == "task_instance")
    assert kling.KlingPlugin.external_views is kling.KlingPlugin().external_views


def test_importing_the_plugin_brings_nothing_heavy() -> None:
    """What that takes is in benchmarks/RESULTS.md."""
    script = (
        "import json, sys, airflow.sdk, airflow.plugins_manager, airflow.providers.common.compat.sdk\n"
        "from airflow.providers.common.compat.sdk import conf\n"
        "before = set(sys.modules)\n"
        "import airflow_provider_kling.plugins.kling as plugin\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = json.loads(done.stdout.splitlines()[-1])
    assert not [
        name for name in modules if name.partition(".")[0] in ("fastapi", "starlette", "sqlalchemy", "pydantic")
    ]
    assert len(modules) <= 4
