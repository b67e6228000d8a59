"""The "Kling video" button of a finished task instance."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from airflow_provider_kling.compat.versions import airflow_is_at_least
from tests.airflow.fixtures import Stand

pytestmark = [pytest.mark.airflow, pytest.mark.browser]


def test_button(page: Page, local_airflow: Stand, tmp_path: Path) -> None:
    """It leads to the page of the task instance, or on Airflow 3.0 to the video itself; Chromium plays it."""
    api, dag_id = local_airflow.airflow.api, "example_kling_landed"
    run_id = api.trigger(dag_id)
    assert api.wait(dag_id, run_id) == "success"
    # The login of Airflow 3.1 forgets where one wanted to go.
    page.goto("/")
    page.wait_for_load_state("networkidle")
    page.goto(f"/dags/{dag_id}/runs/{run_id}/tasks/make_video/details")
    # In 3.4 there is a tab of the same name, before it.
    button = page.get_by_role("link", name="Kling video", exact=True).last
    # A busy machine takes its time to draw the page.
    expect(button).to_be_visible(timeout=30_000)
    page.screenshot(path=tmp_path / "button.png")
    if airflow_is_at_least("3.1"):
        assert button.get_attribute("href") == f"/kling/task/{dag_id}/{quote(run_id, safe='')}/make_video/-1"
        page = _after_click(page, button)
        expect(page.locator("#timeline")).to_contain_text("Landed")
        page.screenshot(path=tmp_path / "page.png")
        page.locator(".card").get_by_role("button", name="Play").click()
    else:
        url = api.xcom(dag_id, run_id, "make_video")["videos"][0]["url"]
        assert button.get_attribute("href") == url
        page.goto(url)
    playable = "() => { const v = document.querySelector('video'); return v && v.readyState >= 2 && v.duration }"
    assert page.wait_for_function(playable).json_value() == pytest.approx(5, abs=0.1)


def _after_click(page: Page, button: Locator) -> Page:
    """Return where a click leads; Airflow 3.1 opens another tab."""
    if button.get_attribute("target") != "_blank":
        button.click()
        return page
    with page.context.expect_page() as opened:
        button.click()
    return opened.value


@pytest.mark.skipif(not airflow_is_at_least("3.4.0b1"), reason="before 3.4 a tab shows on every task of every DAG")
def test_tab(page: Page, local_airflow: Stand, tmp_path: Path) -> None:
    """The page of the task instance is a tab of its own, in Airflow's frame, for our operators alone."""
    api, dag_id = local_airflow.airflow.api, "example_kling_landed"
    run_id = api.trigger(dag_id)
    assert api.wait(dag_id, run_id) == "success"
    page.goto("/")
    page.wait_for_load_state("networkidle")
    page.goto(f"/dags/{dag_id}/runs/{run_id}/tasks/make_video")
    page.get_by_role("link", name="Kling video", exact=True).first.click()
    expect(page.frame_locator("iframe").locator("#timeline")).to_contain_text("Landed", timeout=30_000)
    page.screenshot(path=tmp_path / "tab.png")
