"""The fuzzer of downloads: the very bytes are landed or nothing is, and nobody is asked who must not be."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from airflow_provider_kling.api.task import KlingOutput, KlingTask, TaskStatus
from airflow_provider_kling.compat import clock
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.lifecycle.paths import place_at
from airflow_provider_kling.network.addresses import EVERYWHERE, Reach
from airflow_provider_kling.storage.download import DownloadLimits
from airflow_provider_kling.storage.landing import Landed, land
from tests.fuzz.flaws import May
from tests.fuzz.host import Host
from tests.fuzz.verdicts import (
    FALSE_SUCCESS,
    OTHER,
    Finding,
    Tally,
    chance,
    escaped,
    faults_of_text,
    quiet,
    show,
)
from tests.fuzz.videos import MAX_BYTES, PUBLIC_HOST, Download, Places, box_ends, make

_REACHES = {
    "outside": frozenset({Reach.PUBLIC}),
    "inside": frozenset({Reach.PUBLIC, Reach.PRIVATE}),
    "anywhere": EVERYWHERE,
}
# A host that must not be asked is refused at once; one that is asked and not there takes this long to be given up.
_AT_ONCE = 5.0
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@contextlib.contextmanager
def proxied(proxy: str | None) -> Iterator[None]:
    """Set the proxy of this process, or none, whatever the environment has."""
    names = [*_PROXIES, *(name.upper() for name in _PROXIES)]
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    if proxy:
        os.environ["http_proxy"] = proxy
    try:
        yield
    finally:
        os.environ.pop("http_proxy", None)
        os.environ.update(before)


@contextlib.contextmanager
def no_pauses() -> Iterator[None]:
    """Let the pauses between the attempts pass at once."""
    before, clock.sleep = clock.sleep, lambda seconds: None
    try:
        yield
    finally:
        clock.sleep = before


def _play(case: Download, target: str) -> Landed | Exception:
    task = KlingTask("task-1", TaskStatus.SUCCEED, videos=(KlingOutput(case.url),))
    limits = DownloadLimits(MAX_BYTES, _REACHES[case.reach])
    try:
        return land(task, place_at(target, "clip"), refresh=lambda: task, limits=limits)
    except Exception as error:
        return error


def _target(seed: int, case: Download, directory: Path) -> tuple[str, Path, bytes | None]:
    """Return the output path, the file that it stands for, and what was there before."""
    rng = chance(seed + 1, case.number)
    if rng.random() < 0.5:
        return f"{directory}/", directory / "clip.mp4", None
    file = directory / "mine.mp4"
    if rng.random() < 0.3:
        return str(file), file, None
    # Another video at the same path, of the same length.
    file.write_bytes(bytes(len(case.body)))
    return str(file), file, bytes(len(case.body))


def _faults_of_landed(case: Download, landed: Landed, file: Path) -> Iterable[tuple[str, str]]:
    data = file.read_bytes() if file.exists() else None
    if data is None or len(landed) != 1:
        yield FALSE_SUCCESS, f"landed {show(landed, 100)}, and there is no such file"
    elif data != case.body:
        cut = case.may is not May.MUST and case.body.startswith(data) and len(data) in box_ends(case.body)
        if not cut:
            yield FALSE_SUCCESS, f"the file has {len(data)} bytes that are not those of the video"
    elif case.may is May.NEVER:
        yield FALSE_SUCCESS, "landed what must not be"


def _faults_of_refusal(
    case: Download, error: KlingError, file: Path, before: bytes | None
) -> Iterable[tuple[str, str]]:
    yield from ((OTHER, fault) for fault in faults_of_text(error, ("Signature=",)))
    if case.may is May.MUST and not case.forbidden:
        yield OTHER, f"a plain video was refused: {show(str(error), 200)}"
    now = file.read_bytes() if file.exists() else None
    if now != before:
        yield FALSE_SUCCESS, "it was refused, and what lies at the path has changed"


def judge(case: Download, outcome: Landed | Exception, file: Path, before: bytes | None) -> list[Finding]:
    """Return the promises about the file that were not kept."""
    shown = f"{case.url} may go {case.reach}{' by proxy' if case.proxied else ''}: {case.notes}; {case.may.name}"
    shown += f"; {show(case.answers[0][:300], 350)}"
    if isinstance(outcome, KlingError):
        found = list(_faults_of_refusal(case, outcome, file, before))
    elif isinstance(outcome, Exception):
        return [escaped(case.number, outcome, shown)]
    else:
        found = list(_faults_of_landed(case, outcome, file))
    left = sorted(path.name for path in file.parent.iterdir() if path != file)
    if left:
        found.append((OTHER, f"left behind: {left}"))
    return [Finding(kind, case.number, what, shown) for kind, what in found]


def _trespasses(case: Download, first: Host, second: Host, seconds: float) -> list[str]:
    """Return who was asked and must not have been."""
    if not case.forbidden:
        return []
    lines = [line for host in (first, second) for line in host.asked.get(case.number, ())]
    outside = [line for line in lines if case.proxied and f"http://{PUBLIC_HOST}/".encode() in line]
    inside = [line for line in lines if line not in outside]
    # Where everything inside may be asked, it is the last hop that may not.
    found = [f"asked {show(line, 100)}" for line in inside if case.reach == "outside" or b"169.254" in line]
    return found + ([f"took {seconds:.0f} s to be refused"] if seconds > _AT_ONCE else [])


def run(seed: int, cases: int, *, first: int = 0) -> Tally:
    """Play that many cases."""
    tally, began = Tally("downloads", seed), time.perf_counter()
    with ExitStack() as stack:
        for context in (quiet(), no_pauses()):
            stack.enter_context(context)
        host, other = stack.enter_context(Host()), stack.enter_context(Host("127.0.0.2"))
        tmp = stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-"))
        for number in range(first, first + cases):
            case = make(seed, number, Places(host.port, other.port))
            host.answers, other.answers = {number: case.answers[0]}, {number: case.answers[1]}
            directory = Path(tmp, str(number))
            directory.mkdir()
            target, file, before = _target(seed, case, directory)
            with proxied(host.url if case.proxied else None):
                started = time.perf_counter()
                outcome = _play(case, target)
                seconds = time.perf_counter() - started
            tally.outcomes[type(outcome).__name__] += 1
            tally.findings += judge(case, outcome, file, before)
            for fault in _trespasses(case, host, other, seconds):
                tally.findings.append(Finding(OTHER, number, fault, f"{case.url} {case.notes}"))
            host.asked.clear()
            other.asked.clear()
            tally.cases += 1
    tally.seconds = time.perf_counter() - began
    return tally
