"""Approve, change the prompt, reject, and review, in Airflow's own form in a headless Chromium; each to the end."""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.airflow.fixtures import Stand
from tests.approvals import needs_forms
from tests.rig import needs_store

pytestmark = [pytest.mark.airflow, pytest.mark.browser, needs_forms]

DAG_ID = "example_kling_review"
PROMPT = "Close-up of a paper boat on a rain-soaked street, soft light"
HOSTILE = '<img src=x onerror="document.title=1"> **bold** ```` [link](https://example.com) `'
# An answer that comes before the scheduler knows that the worker has ended may make Airflow retry or fail the task
# (apache/airflow#71580).
PAUSE = 4.0


class Run:
    """A run of the example, seen through the browser."""

    def __init__(self, page: Page, stand: Stand, **conf: str) -> None:
        stand.emulator.reset()
        self.page = page
        self.airflow = stand.airflow
        self.api = stand.airflow.api
        self.emulator = stand.emulator
        self.run_id = self.api.trigger(DAG_ID, dict(conf))
        page.goto("/")
        page.wait_for_load_state("networkidle")

    def open(self, task_id: str) -> None:
        """Open the form of a task once it waits for people."""
        until = time.monotonic() + 90
        while not self._waits(task_id):
            assert time.monotonic() < until, self.api.states(DAG_ID, self.run_id)
            time.sleep(0.3)
        time.sleep(PAUSE)
        self.page.goto(f"/dags/{DAG_ID}/runs/{quote(self.run_id)}/tasks/{task_id}/required_actions")
        expect(self.page.get_by_role("button", name="Approve")).to_be_visible(timeout=30_000)

    def _waits(self, task_id: str) -> bool:
        is_deferred = self.state(task_id) in ("awaiting_input", "deferred") and self._is_open(task_id)
        return is_deferred and not self.airflow.pids()["tasks"]

    def _is_open(self, task_id: str) -> bool:
        try:
            return not self.api.form(DAG_ID, self.run_id, task_id)["response_received"]
        except OSError:
            return False

    def state(self, task_id: str) -> str | None:
        return self.api.states(DAG_ID, self.run_id)[task_id, -1]

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def reaches(self, task_id: str, *states: str) -> None:
        until = time.monotonic() + 90
        while self.state(task_id) not in states:
            assert time.monotonic() < until, self.api.states(DAG_ID, self.run_id)
            time.sleep(0.3)

    @property
    def prompts(self) -> list[str | None]:
        return [charge.prompt for charge in self.emulator.ledger]


def test_approve_watch_publish(page: Page, local_airflow: Stand, tmp_path: Path) -> None:
    run = Run(page, local_airflow)
    run.open("make_video")
    body = page.get_by_role("main") if page.get_by_role("main").count() else page.locator("body")
    expect(body).to_contain_text("Estimate: 2 units (USD 0.28 list price).")
    expect(body).to_contain_text("make_video: text2video, 2 units")
    page.set_viewport_size({"width": 1200, "height": 960})
    page.screenshot(path=tmp_path / "approval.png")
    assert run.prompts == []

    run.press("Approve")

    run.open("review")
    assert run.prompts == [PROMPT]
    # The link of the review leads to the clip, which plays.
    watch = page.get_by_role("link", name="Watch it")
    page.screenshot(path=tmp_path / "review.png")
    address = str(watch.get_attribute("href"))
    page.goto(address)
    page.locator(".card").first.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.3")
    run.open("review")
    run.press("Approve")
    assert run.api.wait(DAG_ID, run.run_id) == "success"
    assert run.state("publish") == "success"
    assert run.prompts == [PROMPT]


def test_change_the_prompt(page: Page, local_airflow: Stand, tmp_path: Path) -> None:
    run = Run(page, local_airflow)
    run.open("make_video")
    field = page.locator("textarea").first
    expect(field).to_have_value(PROMPT)
    field.fill("Close-up of a red kite over dunes")
    page.screenshot(path=tmp_path / "edited.png")
    # The gallery says what it waits for.
    page.goto(f"/kling/?run={quote(run.run_id, safe='')}")
    expect(page.locator(".card").first).to_contain_text("Waits for somebody to approve it")
    run.open("make_video")
    page.locator("textarea").first.fill("Close-up of a red kite over dunes")

    run.press("Approve")

    run.open("review")
    assert run.prompts == ["Close-up of a red kite over dunes"]
    # What was changed is what is shown, and what a clear of the task would find.
    page.goto(f"/kling/?run={quote(run.run_id, safe='')}")
    expect(page.locator(".card").first).to_contain_text("Close-up of a red kite over dunes")


def test_reject(page: Page, local_airflow: Stand) -> None:
    run = Run(page, local_airflow)
    run.open("make_video")
    run.press("Reject")
    run.api.wait(DAG_ID, run.run_id)
    assert [run.state(task) for task in ("make_video", "review", "publish")] == ["skipped"] * 3
    assert run.prompts == []


# Without a store, what an earlier try may have submitted is looked for for two minutes first.
@needs_store
def test_take_two(page: Page, local_airflow: Stand, tmp_path: Path) -> None:
    """The reviewer clears the task in the page; the second take is asked for, paid for once, and published."""
    run = Run(page, local_airflow)
    run.open("make_video")
    run.press("Approve")
    run.open("review")
    assert len(run.prompts) == 1

    page.goto(f"/dags/{DAG_ID}/runs/{quote(run.run_id)}/tasks/make_video")
    page.get_by_role("button", name=re.compile("clear", re.IGNORECASE)).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.screenshot(path=tmp_path / "clear.png")
    dialog.get_by_role("button", name="Confirm").click()

    run.open("make_video")
    assert len(run.prompts) == 1
    run.press("Approve")
    run.open("review")
    assert len(run.prompts) == 2
    run.press("Approve")
    assert run.api.wait(DAG_ID, run.run_id) == "success"
    assert run.state("publish") == "success"
    assert run.prompts == [PROMPT] * 2
    assert len({charge.external_task_id for charge in run.emulator.ledger}) == 2


def test_a_prompt_stays_text(page: Page, local_airflow: Stand, tmp_path: Path) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    run = Run(page, local_airflow, subject=HOSTILE)
    run.open("make_video")
    # Wrapped, for a line of code is not wrapped by the page.
    shown = " ".join(str(page.locator("code").first.text_content()).split())
    assert shown == f"Close-up of {HOSTILE}, soft light"
    expect(page.locator("textarea").first).to_have_value(f"Close-up of {HOSTILE}, soft light")
    page.screenshot(path=tmp_path / "hostile.png")
    assert page.locator("img[src='x']").count() == 0
    assert page.get_by_role("link", name="link", exact=True).count() == 0
    assert not [url for url in requests if "example.com" in url or url.endswith("/x")]
    run.press("Reject")
    run.reaches("make_video", "skipped")
    assert run.prompts == []
