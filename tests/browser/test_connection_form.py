"""Admin > Connections, as a user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version
from playwright.sync_api import Locator, Page, expect

from dev.local_airflow import airflow_version
from tests.airflow.fixtures import Stand

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.browser,
    pytest.mark.skipif(
        Version(airflow_version()) < Version("3.2"),
        reason="the page differs in Airflow 3.0 and 3.1; test_connection_form of tests/airflow covers its fields",
    ),
]

CONN_ID = "kling_by_hand"


def test_fill_in_and_test(page: Page, local_airflow: Stand, tmp_path: Path) -> None:
    """Fill in the form, save, press Test; then again with a wrong key."""
    emulator = local_airflow.emulator
    emulator.reset()
    page.goto("/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.locator("input[name=connection_id]").fill(CONN_ID)
    _choose(page, form.get_by_role("combobox"), "Kling")
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    _choose(page, form.get_by_label("Dialect"), "kling")
    expect(form.get_by_label("Timeout (seconds)")).to_be_visible()
    # Airflow gives this field an id that its label does not know.
    expect(form.locator("input[name=element_models]")).to_be_visible()
    form.get_by_role("button", name="Standard Fields").click()
    form.get_by_label("Base URL").fill(emulator.base_url("kling"))
    form.get_by_label("API key or secret key").fill(emulator.api_key)
    # Airflow 3.3.1 and 3.3.2 refuse to test a connection without a port (apache/airflow#73298).
    form.get_by_label("Port").fill("443")
    expect(form.locator("input[name=schema]")).to_have_count(0)
    # The section unfolds slowly.
    page.wait_for_timeout(500)
    page.screenshot(path=tmp_path / "form.png")
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden()

    stored = local_airflow.airflow.api.call("GET", f"/connections/{CONN_ID}")
    assert stored["host"] == emulator.base_url("kling")
    assert '"dialect": "kling"' in stored["extra"]
    assert emulator.api_key not in str(stored)

    assert _test(page) == (f"{emulator.base_url('kling')} answered in dialect kling and accepts the API key.")

    _row(page).get_by_role("button", name="Edit Connection").click()
    form.get_by_label("API key or secret key").fill("not-the-key")
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden()
    refused = _test(page)
    page.screenshot(path=tmp_path / "wrong-key.png")
    assert "401" in refused
    assert "Check the key" in refused
    assert "not-the-key" not in refused
    assert len(emulator.ledger) == 0


def _row(page: Page) -> Locator:
    return page.get_by_role("row").filter(has_text=CONN_ID)


def _choose(page: Page, box: Locator, option: str) -> None:
    box.click()
    box.fill(option)
    page.get_by_role("option", name=option, exact=True).click()


def _test(page: Page) -> str:
    """Press Test and return what the user is told."""
    with page.expect_response("**/api/v2/connections/test") as answered:
        _row(page).get_by_role("button", name="Test Connection").click()
    assert answered.value.ok, answered.value.text()
    message = str(answered.value.json()["message"])
    expect(page.get_by_text(message).first).to_be_visible()
    return message
