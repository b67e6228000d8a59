"""Would the fuzzers notice? Take one guard away at a time, and the slice must turn red."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from airflow_provider_kling.api import errors, http, plain, results, validation
from airflow_provider_kling.api.dialects import base
from airflow_provider_kling.api.http import Response
from airflow_provider_kling.api.task import KlingTask
from airflow_provider_kling.hooks import transport
from airflow_provider_kling.hooks.bearer import Bearer
from airflow_provider_kling.network.addresses import first_refused
from airflow_provider_kling.operators import base as operators_base
from airflow_provider_kling.operators import checks as operators_checks
from airflow_provider_kling.storage import download, landing
from airflow_provider_kling.storage.mp4 import Mp4Check
from tests.fuzz import answers, arguments, downloads
from tests.fuzz.test_slice import ANSWERS, ARGUMENTS, DOWNLOADS, SEED
from tests.fuzz.verdicts import ESCAPED, FALSE_NOT_CREATED, FALSE_SUCCESS, KINDS, OTHER, Tally

STEP = 60

Patches = list[tuple[Any, str, Any]]


def turns_red(
    run: Callable[..., Tally], most: int, kinds: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, patches: Patches
) -> bool:
    """Whether the mutant breaks a promise in some case in which the code as it is keeps it."""
    for first in range(0, most, STEP):
        with monkeypatch.context() as patch:
            for place, name, mutant in patches:
                patch.setattr(place, name, mutant)
            broken = broken_by(run(SEED, STEP, first=first), kinds)
        if broken and broken - broken_by(run(SEED, STEP, first=first), KINDS):
            return True
    return False


def broken_by(tally: Tally, kinds: tuple[str, ...]) -> set[int]:
    return {finding.number for finding in tally.findings if finding.kind in kinds}


def nothing(*_: Any, **__: Any) -> Iterator[Any]:
    return iter(())


def without_the_id(self: base.Dialect, response: Response, *, asked_for: str) -> KlingTask:
    answer = self.read(response)
    if not isinstance(answer.data, dict) or not answer.data.get("task_status"):
        raise base.not_the_api(response, "carries no task_status", creating=False)
    return self._task({"task_id": asked_for, **answer.data}, response, answer.request_id)


def as_it_is(*arguments: Any, **_: Any) -> Any:
    return arguments[-1]


ANSWER_GUARDS: dict[str, tuple[Patches, str]] = {
    "the id": ([(base.Dialect, "read_task", without_the_id)], FALSE_SUCCESS),
    "the link": ([(results, "link", as_it_is)], FALSE_SUCCESS),
    "types of ids": ([(base, "own_identifier", as_it_is)], OTHER),
    "what never arrived": (
        [(base, "NEVER_ARRIVED", frozenset(range(300, 500))), (errors, "NEVER_ARRIVED", frozenset(range(300, 500)))],
        FALSE_NOT_CREATED,
    ),
    "an open 5xx": (
        [(base, "NEVER_ARRIVED", frozenset(range(300, 600))), (errors, "_OTHER_SERVER", errors._OTHER_CLIENT)],
        FALSE_NOT_CREATED,
    ),
    "the size": ([(http, "LARGEST_ANSWER", 1 << 40), (transport, "LARGEST_ANSWER", 1 << 40)], FALSE_SUCCESS),
    "the depth": ([(Response, "json", lambda self: json.loads(self.body))], ESCAPED),
    "the key": ([(Bearer, "scrubbed", as_it_is)], OTHER),
    "the length of a text": ([(errors, "tidy", lambda text, limit=0: str(text))], OTHER),
}


@pytest.mark.parametrize("guard", ANSWER_GUARDS)
def test_an_answer_without(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patches, kind = ANSWER_GUARDS[guard]

    assert turns_red(answers.run, 4 * ANSWERS, (kind,), monkeypatch, patches)


ARGUMENT_GUARDS: dict[str, tuple[Patches, str]] = {
    "what JSON carries": ([(validation, "faults_of", nothing)], ESCAPED),
    "the depth": ([(plain, "DEEPEST", 10**6)], ESCAPED),
    "the length of the list": ([(validation, "_LONGEST", 10**6)], OTHER),
    "the type of a dict": (
        [(module, "mapping", lambda name, value: (value or {}, ())) for module in (operators_base, operators_checks)],
        ESCAPED,
    ),
}


@pytest.mark.parametrize("guard", ARGUMENT_GUARDS)
def test_an_argument_without(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patches, kind = ARGUMENT_GUARDS[guard]

    assert turns_red(arguments.run, 4 * ARGUMENTS, (kind,), monkeypatch, patches)


def home_is_anywhere(addresses: Iterable[str], allowed: Any) -> Any:
    """Let a link lead to this machine; farther away no mutant goes either."""
    return first_refused([address for address in addresses if not address.startswith("127.")], allowed)


_fetch = landing._fetch


def as_if_ours(file: Any, target: Any, limits: Any, ours: bool, stopped: Any) -> Any:
    return _fetch(file, target, limits, True, stopped)


DOWNLOAD_GUARDS: dict[str, Patches] = {
    "where it may go": [(download, "first_refused", home_is_anywhere)],
    "the look at the boxes": [(Mp4Check, "flaw", lambda self: None)],
    "the size": [(downloads, "MAX_BYTES", 1 << 40)],
    "whose file it is": [(landing, "_fetch", as_if_ours)],
}


@pytest.mark.parametrize("guard", DOWNLOAD_GUARDS)
def test_a_download_without(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert turns_red(downloads.run, 2 * DOWNLOADS, KINDS, monkeypatch, DOWNLOAD_GUARDS[guard])
