"""A worker and a trigger against hosts that answer without end."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from dev.processes import ROOT
from tests.canary import slow_hosts, slow_worker

BOMBS = ["poll:bomb", "apoll:bomb", "create:bomb", "poll:bomb_twice", "apoll:bomb_twice", "land:bomb_video"]
TRICKLES = ["poll:trickle_body", "apoll:trickle_body", "poll:trickle_headers", "apoll:trickle_headers"]
LANDING = ["land:trickle_video"]
MEBIBYTES = 64


@pytest.fixture(scope="module")
def outcomes() -> dict[str, dict[str, Any]]:
    """Return what each case came to."""
    with slow_hosts.running() as base_url:
        # A bomb takes computing, and the time of a trickle is measured.
        groups = [",".join(BOMBS), ",".join(TRICKLES + LANDING)]
        command = [sys.executable, "-m", "tests.canary.slow_worker", base_url, *groups]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    told = [json.loads(line[2:]) for line in done.stdout.splitlines() if line.startswith("@@")]
    assert len(told) == len(BOMBS + TRICKLES + LANDING), done.stderr
    return {one["case"].replace(" ", ":"): one for one in told}


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_does_not_fill_the_memory(outcomes: dict[str, dict[str, Any]], case: str) -> None:
    assert outcomes[case]["mebibytes"] < MEBIBYTES, outcomes[case]


@pytest.mark.parametrize("case", [*BOMBS, *TRICKLES, *LANDING])
def test_it_ends_in_an_error_of_ours(outcomes: dict[str, dict[str, Any]], case: str) -> None:
    assert outcomes[case]["is_ours"], outcomes[case]


@pytest.mark.parametrize("case", TRICKLES)
def test_a_trickle_ends_in_time(outcomes: dict[str, dict[str, Any]], case: str) -> None:
    assert outcomes[case]["seconds"] < 1.5 * slow_worker.TIMEOUT, outcomes[case]
