"""A page of a real Chromium, logged in to the shared Airflow."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.airflow.fixtures import Stand

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No sandbox, for in a container there is none; and nothing that would call out of this machine.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the browser; CHROMIUM names one that is not on the PATH."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip(f"no Chromium: none of {', '.join(_NAMES)} is on the PATH (Debian: apt install chromium)")
    return found


@pytest.fixture
def page(chromium: str, local_airflow: Stand, tmp_path: Path) -> Iterator[Page]:
    """Open an empty page whose relative addresses are Airflow's; a failed test leaves a screenshot."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        page = browser.new_page(base_url=local_airflow.airflow.url, viewport={"width": 1200, "height": 900})
        page.set_default_timeout(20_000)
        try:
            yield page
        finally:
            page.screenshot(path=tmp_path / "last.png")
            browser.close()
