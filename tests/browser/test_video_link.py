"""The "Kling video" button of a finished task instance."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.airflow.fixtures import Stand

pytestmark = [pytest.mark.airflow, pytest.mark.browser]


def test_button(page: Page, local_airflow: Stand, tmp_path: Path) -> None:
    """It leads to the video, which Chromium can play."""
    api, dag_id = local_airflow.airflow.api, "example_kling_landed"
    run_id = api.trigger(dag_id)
    assert api.wait(dag_id, run_id) == "success"
    # The login of Airflow 3.1 forgets where one wanted to go.
    page.goto("/")
    page.wait_for_load_state("networkidle")
    page.goto(f"/dags/{dag_id}/runs/{run_id}/tasks/make_video/details")
    button = page.get_by_role("link", name="Kling video")
    expect(button).to_be_visible()
    page.screenshot(path=tmp_path / "button.png")
    url = api.xcom(dag_id, run_id, "make_video")["videos"][0]["url"]
    assert button.get_attribute("href") == url

    page.goto(url)
    playable = "() => { const v = document.querySelector('video'); return v && v.readyState >= 2 && v.duration }"
    assert page.wait_for_function(playable).json_value() == pytest.approx(5, abs=0.1)
