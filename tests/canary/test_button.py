"""What the Test button of a connection shows of a hostile host: it is an answer to whoever may press it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_kling.hooks.kling import KlingHook
from tests.canary.cells import Canaries, Cell
from tests.canary.hosts import Hosts
from tests.canary.search import Place, Search
from tests.canary.servers import SERVERS

CANARIES = Canaries("button")


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with Hosts(CANARIES).running() as running:
        yield running


@pytest.mark.parametrize("variant", ["flat_create", "envelope_create"])
@pytest.mark.parametrize("server", SERVERS)
def test_no_key_and_no_signature(hosts: Hosts, monkeypatch: pytest.MonkeyPatch, server: str, variant: str) -> None:
    cell = Cell(variant, server, "button")
    for name, value in CANARIES.environment([cell], hosts.base_url).items():
        monkeypatch.setenv(name, value)

    with KlingHook(cell.conn_id) as hook:
        _, message = hook.test_connection()

    assert hosts.quoted[cell]
    assert Search(CANARIES.index([cell]), hosts.tokens).run([Place("button", message)]) == []
