"""The gallery with 200 videos in a headless Chromium, on a real API server served below a path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from airflow_provider_kling.compat.versions import airflow_is_at_least
from dev.gallery import GalleryServer
from dev.gallery_data import HOSTILE, HOSTILE_KEY
from tests.browser.conftest import ARGUMENTS

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.browser,
    pytest.mark.skipif(not airflow_is_at_least("3.1"), reason="Airflow 3.0 has no place for pages of plugins"),
]


@dataclass
class Watched:
    """A page, and what must not happen on it."""

    page: Page
    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def gallery_page(chromium: str, gallery: GalleryServer, tmp_path: Path) -> Iterator[Page]:
    """Open an empty page of the administrator; it may load from nowhere else and complain of nothing."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        context = browser.new_context(base_url=f"{gallery.url}/", viewport={"width": 1280, "height": 900})
        host = urlsplit(gallery.url).netloc
        context.add_cookies([{"name": "_token", "value": gallery.token("boss"), "url": gallery.url}])
        watched = Watched(context.new_page())
        page = watched.page
        page.set_default_timeout(20_000)
        page.on("request", lambda request: watched.hosts.add(urlsplit(request.url).netloc))
        page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        page.on("console", lambda line: watched.complaints.append(line.text) if line.type == "error" else None)
        try:
            yield page
            assert watched.hosts <= {host, ""}
            assert watched.complaints == []
        finally:
            page.screenshot(path=tmp_path / "last.png")
            browser.close()


def cards(page: Page) -> Locator:
    return page.locator("#grid .card")


def opened(page: Page, query: str = "") -> Page:
    page.goto(f"kling/{query}")
    expect(page.locator("#grid")).to_have_attribute("aria-busy", "false")
    expect(cards(page).first).to_be_visible()
    return page


def playing(card: Locator) -> None:
    """Return once a video's time goes on."""
    card.page.wait_for_function(
        "video => video.currentTime > 0.4 && !video.paused", arg=card.locator("video").element_handle()
    )


def test_plays_and_seeks_in_place(gallery_page: Page) -> None:
    page = opened(gallery_page)
    assert page.title() == "Kling videos"
    expect(cards(page)).to_have_count(24)
    first = page.locator('.card[data-status="done"]:has(video)').first

    first.get_by_role("button", name="Play").click()

    playing(first)
    sought = first.locator("video").evaluate(
        "video => new Promise(done => { video.onseeked = () => done(video.currentTime); video.currentTime = 3.5; })"
    )
    assert sought == pytest.approx(3.5, abs=0.2)
    # Another one takes its place: one sound at a time.
    second = page.locator('.card[data-status="done"]:has(video)').nth(1)
    second.get_by_role("button", name="Play").click()
    playing(second)
    assert first.locator("video").evaluate("video => video.paused")


def test_what_is_done_is_never_said_to_come(gallery_page: Page) -> None:
    """The clock of Kling's stand-in runs ahead where it is a fast one."""
    page = opened(gallery_page)

    told = page.evaluate(
        """async () => {
            const { ago } = await import("./static/common.js");
            return [-7200, -90, 0, 90, 7200].map((seconds) => ago(new Date(Date.now() + seconds * 1000).toISOString()));
        }"""
    )

    assert told == ["2 hours ago", "1 minute ago", "just now", "just now", "just now"]


def test_filters_and_pages(gallery_page: Page) -> None:
    page = opened(gallery_page)
    newest = cards(page).first.get_attribute("data-id")
    page.get_by_role("button", name="Older →").click()
    expect(page.locator("#page")).to_have_text("Page 2")
    assert cards(page).first.get_attribute("data-id") != newest
    page.get_by_role("button", name="← Newer").click()
    expect(page.locator("#page")).to_have_text("Page 1")
    expect(cards(page).first).to_have_attribute("data-id", str(newest))

    page.get_by_label("DAG").select_option("secret_launch")
    expect(cards(page)).to_have_count(4)
    page.get_by_role("button", name="Clear").click()
    expect(cards(page)).to_have_count(24)
    page.get_by_label("Status").select_option("failed")
    expect(page.locator('.card:not([data-status="failed"])')).to_have_count(0)
    expect(cards(page).first).to_contain_text("Failure to pass the risk control system")
    page.get_by_label("Status").select_option("moderated")
    expect(cards(page)).to_have_count(2)
    expect(cards(page).first).to_contain_text("Moderated")
    expect(cards(page).first).to_contain_text("Failure to pass the risk control system")
    page.get_by_role("button", name="Clear").click()
    expect(cards(page)).to_have_count(24)
    page.get_by_label("Search").fill("sku-4031")
    expect(cards(page)).to_have_count(1)
    # What is asked for is in the address: a reload shows the same.
    page.reload()
    expect(cards(page)).to_have_count(1)
    page.get_by_label("Search").fill("no such thing")
    expect(page.get_by_text("No video matches.")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("textbox", name="To").fill("2020-01-01")
    expect(page.get_by_text("No video matches.")).to_be_visible()


def test_keyboard(gallery_page: Page) -> None:
    page = opened(gallery_page)
    viewer = page.get_by_role("dialog")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('card')"):
            break
    focused = page.locator(".card:focus")
    expect(focused).to_have_count(1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(cards(page).nth(2)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(cards(page).nth(6)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    playing(cards(page).nth(2))
    page.keyboard.press("Space")
    assert cards(page).nth(2).locator("video").evaluate("video => video.paused")
    page.keyboard.press("Enter")
    expect(viewer).to_be_visible()
    page.wait_for_function("() => document.querySelector('dialog video').currentTime > 0.3")
    page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("Trail running shoe")
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(cards(page).nth(3)).to_be_focused()


def test_markup_stays_text(gallery_page: Page) -> None:
    page = opened(gallery_page, "?words=onerror")
    card = cards(page).first
    expect(card.locator(".prompt")).to_have_text(HOSTILE)
    expect(card.locator("h2")).to_have_text(HOSTILE_KEY)
    card.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(HOSTILE)
    page.keyboard.press("Escape")
    card.locator("a.task").click()
    expect(page.locator("#facts")).to_contain_text(HOSTILE)
    assert page.locator("b, #grid img, script:not([src])").count() == 0
    assert "owned" not in page.title()


def test_a_running_one_tells_how_long(gallery_page: Page) -> None:
    page = opened(gallery_page, "?status=running")
    elapsed = cards(page).first.locator(".elapsed")
    before = elapsed.text_content()
    expect(elapsed).not_to_have_text(str(before))
    expect(cards(page).first.locator(".usual")).to_contain_text("1 min 45 s")


def test_the_page_of_a_task_instance(gallery_page: Page) -> None:
    page = opened(gallery_page, "?words=sku-4031")
    cards(page).first.locator("a.task").click()
    timeline = page.locator("#timeline")
    for step in ("Submitted", "Processing", "Done", "Landed"):
        expect(timeline).to_contain_text(step)
    expect(page.locator("#facts")).to_contain_text("aspect_ratio")
    cards(page).first.get_by_role("button", name="Play").click()
    playing(cards(page).first)
    page.get_by_role("link", name="Kling videos").click()
    expect(cards(page)).to_have_count(24)


def test_dark_and_narrow(gallery_page: Page, tmp_path: Path) -> None:
    page = opened(gallery_page)

    def background() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = background()
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
    assert background() != light
    page.emulate_media(color_scheme="light")
    page.wait_for_function("() => document.documentElement.dataset.theme === 'light'")
    # As Airflow keeps what is chosen in it.
    page.evaluate("localStorage.setItem('theme', 'dark')")
    opened(page)
    assert background() != light
    page.screenshot(path=tmp_path / "dark.png")
    page.set_viewport_size({"width": 360, "height": 740})
    for path in ("kling/", str(cards(page).nth(3).locator("a.task").get_attribute("href"))):
        page.goto(path)
        expect(cards(page).first).to_be_visible()
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
    page.screenshot(path=tmp_path / "narrow.png")


def test_in_airflows_own_frame(chromium: str, gallery: GalleryServer, tmp_path: Path) -> None:
    """The entry in the navigation, and a way out of the frame."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        context = browser.new_context(base_url=f"{gallery.url}/", viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": "_token", "value": gallery.token("boss"), "url": gallery.url}])
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto("")
        page.get_by_role("link", name="Kling videos").click()
        frame = page.frame_locator("iframe[title='Kling videos']")
        expect(frame.locator(".card").first).to_be_visible()
        page.screenshot(path=tmp_path / "frame.png")
        run = frame.locator("a.run").nth(3)
        where = urlsplit(str(run.get_attribute("href"))).path
        run.click()
        page.wait_for_url(f"**{where}")
        browser.close()
