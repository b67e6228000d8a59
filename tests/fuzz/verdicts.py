"""What a case can go wrong by, and the count of it."""

from __future__ import annotations

import contextlib
import logging
import random
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from airflow_provider_kling.exceptions import KlingError

ESCAPED = "outside the error tree"
FALSE_SUCCESS = "false success"
FALSE_NOT_CREATED = "false not created"
OTHER = "other"
KINDS = (ESCAPED, FALSE_SUCCESS, FALSE_NOT_CREATED, OTHER)

LONGEST_MESSAGE = 2_000
_LONGEST_SHOWN = 400


class Finding(NamedTuple):
    """
    One promise that was not kept.

    :param kind: one of ``KINDS``.
    :param number: of the case; with the seed it gives the case again.
    :param what: what was seen.
    :param case: what was played.
    """

    kind: str
    number: int
    what: str
    case: str

    def __str__(self) -> str:
        return f"case {self.number}: {self.kind}: {self.what}\n    {self.case}"


@dataclass
class Tally:
    """Of one run of one fuzzer."""

    name: str
    seed: int
    cases: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def count(self, kind: str) -> int:
        """Return how many findings of a kind there are."""
        return sum(finding.kind == kind for finding in self.findings)


def chance(seed: int, number: int) -> random.Random:
    """Return the chance of one case."""
    return random.Random(f"{seed}-{number}")


def escaped(number: int, error: BaseException, case: str) -> Finding:
    """Return the finding of an error that is not the provider's."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "airflow_provider_kling" in frame.filename] or frames
    where = f"{ours[-1].filename.rpartition('/')[2]}:{ours[-1].lineno}" if ours else "?"
    return Finding(ESCAPED, number, f"{type(error).__name__} at {where}: {show(error)}", case)


def faults_of_text(error: KlingError, secrets: tuple[str, ...]) -> list[str]:
    """Return what is wrong with what an error says."""
    text = str(error)
    faults = [f"the message has {len(text):,} characters"] if len(text) > LONGEST_MESSAGE else []
    faults += [f"the message holds {secret!r}" for secret in secrets if secret in text]
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        faults.append("the message is not UTF-8")
    return faults


def show(value: object, length: int = _LONGEST_SHOWN) -> str:
    """Return what can be shown of anything."""
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    text = text.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= length else f"{text[:length]}… ({len(text):,} characters)"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the logs of thousands of refusals to themselves."""
    before = structlog.get_config()
    level = logging.root.manager.disable
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(level)
        structlog.configure(**before)
