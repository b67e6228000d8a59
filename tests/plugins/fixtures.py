"""An API server with 200 videos in its database, served below a path, for four users."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dev.gallery import GalleryServer

USERS = {"boss": "admin", "viewer": "viewer", "partial": "viewer", "nobody": "viewer"}
SETTINGS = {
    "core": {
        "auth_manager": "tests.plugins.auth.PerDagAuthManager",
        "simple_auth_manager_users": ",".join(f"{name}:{role}" for name, role in USERS.items()),
    }
}
SEED = ("--videos", "200", "--batches", "1", "--batch-size", "60")


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GalleryServer]:
    """Start an API server alone, once for all tests."""
    home = tmp_path_factory.mktemp("gallery")
    passwords = dict.fromkeys(USERS, "a password")
    with GalleryServer(home, *SEED, settings=SETTINGS, passwords=passwords, path="/af") as server:
        yield server
