"""Who sees which page, JSON and bytes; and that nobody gets a file by asking for one. On a real API server."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_kling.compat.versions import airflow_is_at_least
from airflow_provider_kling.execution.summary import KEY
from dev.gallery import GalleryServer

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(not airflow_is_at_least("3.1"), reason="Airflow 3.0 has no place for pages of plugins"),
]

READABLE, HIDDEN = "product_clips", "secret_launch"


def place(clip: dict[str, Any]) -> str:
    parts = (clip["dag_id"], clip["run_id"], clip["task_id"], str(clip["map_index"]))
    return "/".join(quote(part, safe="") for part in parts)


def clips(gallery: GalleryServer, user: str = "boss", **wanted: Any) -> list[dict[str, Any]]:
    answer = gallery.get("api/videos", user, params={"size": 100, **wanted})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["clips"])


def landed(gallery: GalleryServer, dag_id: str) -> dict[str, Any]:
    return next(clip for clip in clips(gallery, dag_id=dag_id, status="done") if clip["file"])


@pytest.mark.parametrize(
    "path", ["", "api/videos", "task/d/r/t/-1", "api/task/d/r/t/-1", "video/d/r/t/-1/0", "at-kling/d/r/t/-1/0"]
)
def test_who_is_not_logged_in_gets_nothing(gallery: GalleryServer, path: str) -> None:
    assert gallery.get(path, "").status_code == 401
    page = gallery.get(path, "", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (401, "text/html")
    assert gallery.get(path, "", headers={"Authorization": "Bearer made.up.token"}).status_code in (401, 403)


def test_the_tab_of_an_unmapped_task_leads_to_its_page(gallery: GalleryServer) -> None:
    clip = next(clip for clip in clips(gallery) if clip["map_index"] == -1)
    tab = place(clip).removesuffix("-1") + "%7BMAP_INDEX%7D"

    assert gallery.get(f"task/{tab}", "boss").status_code == 200
    assert gallery.get(f"api/task/{tab}", "boss").json() == gallery.get(f"api/task/{place(clip)}", "boss").json()
    assert gallery.get(f"task/{tab.replace('MAP', 'MAPPED')}", "boss").status_code == 422


def test_the_list_shows_what_the_user_may_read(gallery: GalleryServer) -> None:
    assert {clip["dag_id"] for clip in clips(gallery)} >= {READABLE, HIDDEN}
    assert {clip["dag_id"] for clip in clips(gallery, "viewer")} == {READABLE}
    assert clips(gallery, "viewer", dag_id=HIDDEN) == []
    assert clips(gallery, "nobody") == clips(gallery, "partial") == []
    for user, dag_ids in {"viewer": [READABLE], "nobody": [], "partial": []}.items():
        assert gallery.get("api/videos", user).json()["dag_ids"] == dag_ids
        assert gallery.get("", user).status_code == 200


@pytest.mark.parametrize("kind", ["task/{}", "api/task/{}", "video/{}/0", "at-kling/{}/0"])
def test_each_address_asks_for_its_dag(gallery: GalleryServer, kind: str) -> None:
    hidden, shown = landed(gallery, HIDDEN), landed(gallery, READABLE)
    # This one is landed, so there is nothing to lead to at Kling.
    allowed = 404 if kind.startswith("at-kling") else 200

    assert gallery.get(kind.format(place(hidden)), "boss").status_code == allowed
    assert gallery.get(kind.format(place(shown)), "viewer").status_code == allowed
    assert gallery.get(kind.format(place(hidden)), "viewer").status_code == 403
    assert gallery.get(kind.format(place(shown)), "nobody").status_code == 403
    # May read the DAG, and not what its tasks pushed.
    assert gallery.get(kind.format(place(shown)), "partial").status_code == 403
    # What the query says is not what is asked for.
    forged = gallery.get(kind.format(place(hidden)), "viewer", params={"dag_id": READABLE})
    assert forged.status_code == 403


@pytest.mark.parametrize(
    "number",
    ["1", "0-2", "-1", "00000000", "x", "0.mp4", "..%2F..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "film-0.mp4"],
)
def test_a_clip_is_a_number_and_never_a_path(gallery: GalleryServer, number: str) -> None:
    answer = gallery.get(f"video/{place(landed(gallery, READABLE))}/{number}", "boss")

    assert answer.status_code == 404
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "video/product_clips/%2E%2E/%2E%2E%2Fetc/passwd/0",
        "video/product_clips/no-such-run/make_video/-1/0",
        "video/no_such_dag/r/t/-1/0",
        "video/~/r/t/-1/0",
        "static/..%2Fapp.py",
        "static/gallery.html",
        "static/app.py",
        "nothing",
    ],
)
def test_forged_addresses_lead_nowhere(gallery: GalleryServer, path: str) -> None:
    answer = gallery.get(path, "boss")

    assert answer.status_code in (403, 404, 422)
    assert "root:" not in answer.text
    assert "import" not in answer.text


def forged(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "W10", "e30", "WzEsMiwzXQ", "é", "9" * 900),
        forged("2026-01-01T00:00:00+00:00", 10**30, "t", -1, 0),
        forged("2026-01-01T00:00:00+00:00", 1, "t", 2**63 - 1, 1),
        forged("2026-01-01T00:00:00+00:00", 1, "\ud800", -1, 0),
        forged("0001-01-01T00:00:00+14:00", 1, "t", -1, 0),
    ],
)
def test_a_forged_cursor_is_refused(gallery: GalleryServer, cursor: str) -> None:
    assert gallery.get("api/videos", "boss", params={"cursor": cursor}).status_code == 400


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("name", ["since", "until"])
def test_a_moment_out_of_all_years_is_refused(gallery: GalleryServer, name: str, moment: str) -> None:
    assert gallery.get("api/videos", "boss", params={name: moment}).status_code == 422


def rewrite(gallery: GalleryServer, clip: dict[str, Any], path: str) -> None:
    """Do as one who may write XComs and wants to read a file of the API server's."""

    def change(summary: dict[str, Any]) -> dict[str, Any]:
        summary["clips"][0]["paths"] = [path]
        return summary

    recorded(gallery, clip, change)


def recorded(gallery: GalleryServer, clip: dict[str, Any], change: Callable[[Any], Any]) -> Any:
    """Change what the task of a clip recorded, and return what it was."""
    with sqlite3.connect(gallery.airflow.home / "airflow.db") as database:
        where = "key=? AND dag_id=? AND run_id=? AND task_id=? AND map_index=?"
        key = (KEY, clip["dag_id"], clip["run_id"], clip["task_id"], clip["map_index"])
        ((value,),) = database.execute(f"SELECT value FROM xcom WHERE {where}", key).fetchall()
        database.execute(f"UPDATE xcom SET value=? WHERE {where}", (json.dumps(change(json.loads(value))), *key))
    database.close()
    return json.loads(value)


@pytest.mark.parametrize(
    "odd",
    [
        {"paths": ["s3://[x/y.mp4"]},
        {"paths": ["//[x]/y.mp4"]},
        {"key": "\ud800"},
        {"ended_at": "9999-12-31T23:59:59+00:00"},
        "[" * 100_000,
        {"request": {"a": "\ud800"}},
        {"request": json.loads('{"a":' * 300 + "1" + "}" * 300)},
        {"capability": "\ud800", "counts": {"\ud800": 99}},
    ],
    ids=["bracket", "host", "surrogate", "date", "deep text", "request", "deep request", "others"],
)
def test_what_one_task_wrote_takes_the_page_from_nobody(gallery: GalleryServer, odd: Any) -> None:
    clip = landed(gallery, "daily_teaser")
    others = len(clips(gallery))

    def change(summary: Any) -> Any:
        if isinstance(odd, dict):
            return {**summary, **odd, "clips": [{**summary["clips"][0], **odd}]}
        return odd

    before = recorded(gallery, clip, change)
    try:
        assert len(clips(gallery)) >= others - 1
        assert gallery.get(f"api/task/{place(clip)}", "boss").status_code in (200, 404)
    finally:
        recorded(gallery, clip, lambda _: before)


def test_a_path_that_somebody_wrote_into_xcom_gives_out_no_file_but_a_video(
    gallery: GalleryServer, tmp_path: Path
) -> None:
    clip = clips(gallery, dag_id="daily_teaser", status="done")[-1]
    address = f"video/{place(clip)}/0"
    (tmp_path / "secret.mp4").write_text("not a video")
    told = "127.0.0.1:1/x.mp4"
    for path in (
        "/etc/passwd",
        str(tmp_path),
        str(tmp_path / "secret.mp4"),
        f"http://{told}",
        f"zip://x::http://{told}",
    ):
        rewrite(gallery, clip, path)
        answer = gallery.get(address, "boss")
        assert (answer.status_code, "root:" in answer.text) == (404, False), path
    rewrite(gallery, clip, clip["file"])
    assert gallery.get(address, "boss").status_code == 200


def test_a_file_is_streamed_whole_in_part_and_not_at_all(gallery: GalleryServer) -> None:
    clip = landed(gallery, READABLE)
    address, content = f"video/{place(clip)}/0", Path(clip["file"]).read_bytes()

    def ask(method: str = "GET", **headers: str) -> Any:
        return gallery.get(address, "viewer", method=method, headers={"Accept-Encoding": "gzip", **headers})

    whole = ask()
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["content-type"] == "video/mp4"
    assert int(whole.headers["content-length"]) == len(content)
    assert whole.headers["accept-ranges"] == "bytes"
    for header, part in {
        "bytes=0-99": content[:100],
        f"bytes={len(content) - 7}-": content[-7:],
        "bytes=-11": content[-11:],
        f"bytes=5-{len(content) + 1000}": content[5:],
    }.items():
        answer = ask(Range=header)
        assert (answer.status_code, answer.content) == (206, part), header
        assert int(answer.headers["content-length"]) == len(part)
        start = content.rindex(part)
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{len(content)}"
    beyond = ask(Range=f"bytes={len(content)}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(content)}")
    head = ask("HEAD")
    assert (head.status_code, head.content, int(head.headers["content-length"])) == (200, b"", len(content))
    etag = whole.headers["etag"]
    assert ask(**{"If-None-Match": etag}).status_code == 304
    assert ask(Range="bytes=0-9", **{"If-Range": etag}).status_code == 206
    assert ask(Range="bytes=0-9", **{"If-Range": '"another"'}).status_code == 200


def test_nothing_is_loaded_from_elsewhere_and_no_link_is_told(gallery: GalleryServer) -> None:
    for path in ("", "api/videos", "static/gallery.js", f"video/{place(landed(gallery, READABLE))}/0"):
        headers = gallery.get(path, "boss").headers
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert "private" in gallery.get("api/videos", "boss").headers["cache-control"]
    told = gallery.get("api/videos", "boss", params={"size": 100}).text
    assert "example.invalid" not in told


def test_what_is_only_at_kling_is_a_link_to_follow(gallery: GalleryServer) -> None:
    (clip,) = clips(gallery, words="af-" + f"{9:032x}")
    assert (clip["at_kling"], clip["file"]) == (True, None)

    answer = gallery.get(f"at-kling/{place(clip)}/0", "boss")

    assert (answer.status_code, answer.headers["cache-control"]) == (307, "no-store")
    assert answer.headers["location"].startswith("https://example.invalid/signed.mp4")
    assert gallery.get(f"video/{place(clip)}/0", "boss").status_code == 404


def test_an_operator_and_the_sensor_that_waits_for_it_are_one_clip(gallery: GalleryServer) -> None:
    (clip,) = clips(gallery, words="af-" + f"{15:032x}", status="done")

    assert (clip["task_id"], clip["kling_task_id"], clip["units"]) == ("make_video", f"7634{15:014d}", 2.0)
    assert clip["prompt"]
    assert clip["model"]
    assert clip["submitted_at"] < clip["ended_at"]
    answer = gallery.get(f"at-kling/{place(clip)}/0", "boss")
    assert answer.headers["location"].startswith("https://example.invalid/signed.mp4")
    assert [one["status"] for one in gallery.get(f"api/task/{place(clip)}", "boss").json()["clips"]] == ["done"]
    # The button of the sensor leads to a page of its own.
    sensor = gallery.get(f"api/task/{place({**clip, 'task_id': 'wait'})}", "boss").json()
    assert [one["kling_task_id"] for one in sensor["clips"]] == [clip["kling_task_id"]]


def test_why_a_sensor_failed_is_told_by_the_clip_of_the_operator(gallery: GalleryServer) -> None:
    (clip,) = clips(gallery, words=f"7634{16:014d}")

    assert (clip["task_id"], clip["status"], clip["state"]) == ("make_video", "moderated", "success")
    assert "risk control" in clip["error"]
    assert clip["prompt"]
    (told,) = gallery.get(f"api/task/{place({**clip, 'task_id': 'wait'})}", "boss").json()["clips"]
    assert (told["status"], told["error"]) == ("moderated", clip["error"])


def test_what_ran_before_there_was_a_summary_shows_from_its_result(gallery: GalleryServer) -> None:
    (clip,) = clips(gallery, words="af-" + f"{12:032x}")

    assert (clip["status"], clip["kling_task_id"], clip["units"], clip["key"]) == ("done", f"7634{12:014d}", 2.0, None)
    assert gallery.get(f"video/{place(clip)}/0", "boss").status_code == 200
    assert gallery.get(f"api/task/{place(clip)}", "boss").json()["total"] == 1


def test_pages_hold_every_clip_once_newest_first(gallery: GalleryServer) -> None:
    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = gallery.get("api/videos", "boss", params={"size": 37, "cursor": cursor}).json()
        seen += page["clips"]
        cursor = page["next"]
        if not cursor:
            break
        assert len(page["clips"]) == 37
    assert len(seen) == len({(place(clip), clip["number"]) for clip in seen}) == 260
    times = [clip["reported_at"] for clip in seen]
    assert times == sorted(times, reverse=True)


def test_filters(gallery: GalleryServer) -> None:
    everything = [*clips(gallery), *clips(gallery, dag_id="catalogue")]
    one = everything[30]
    assert {clip["status"] for clip in clips(gallery, status="failed")} == {"failed"}
    assert all("risk control" in clip["error"] for clip in clips(gallery, status="failed"))
    assert {clip["status"] for clip in clips(gallery, status="running")} == {"running"}
    assert {clip["run_id"] for clip in clips(gallery, run_id=one["run_id"])} == {one["run_id"]}
    assert [clip["key"] for clip in clips(gallery, words="SKU-4031")] == ["sku-4031"]
    assert [clip["key"] for clip in clips(gallery, words="cat-0-17")] == ["cat-0-17"]
    late = clips(gallery, since=one["reported_at"])
    assert one["reported_at"] == min(clip["reported_at"] for clip in late)
    assert all(clip["reported_at"] < one["reported_at"] for clip in clips(gallery, until=one["reported_at"]))


def test_a_batch_has_one_page_with_all_of_its_clips(gallery: GalleryServer) -> None:
    clip = clips(gallery, dag_id="catalogue")[0]

    told = gallery.get(f"api/task/{place(clip)}", "boss").json()

    assert (told["total"], told["is_batch"], told["counts"]["done"], told["units"]) == (60, True, 60, 120.0)
    assert [one["position"] for one in told["clips"]] == list(range(60))
    assert {one["model"] for one in told["clips"]} == {"kling-v2-6"}
    assert gallery.get(f"video/{place(clip)}/59", "boss").status_code == 200
    assert gallery.get(f"video/{place(clip)}/60", "boss").status_code == 404
