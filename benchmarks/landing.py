"""Landing a large video, against the plainest copy loop with the same client."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import environment
from benchmarks.numbers import times
from benchmarks.places import ROOT, SCRATCH
from benchmarks.report import Section, Table, Target

GIB = 1 << 30
MIB = 1 << 20
WAYS = {"land": "`storage.land`", "copy": "plain copy loop"}


def run(quick: bool) -> Section:
    """Download in turn, each time in a fresh process."""
    size, rounds = (GIB // 8, 3) if quick else (GIB, 7)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    memory: dict[str, list[int]] = {way: [] for way in WAYS}
    command = [str(environment.PYTHON), "-m", "benchmarks.file_server", str(size)]
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment.variables()) as server,
        tempfile.TemporaryDirectory(dir=SCRATCH) as folder,
    ):
        try:
            assert server.stdout is not None
            port = json.loads(server.stdout.readline())
            # The first round warms up.
            for number in range(rounds + 1):
                for way in WAYS:
                    done = _download(way, port, Path(folder) / "video.mp4", size)
                    if number:
                        seconds[way].append(done["seconds"])
                        memory[way].append(done["memory"])
        finally:
            server.kill()
    rate = {way: size / median(values) / MIB for way, values in seconds.items()}
    peak = {way: max(values) / MIB for way, values in memory.items()}
    more = peak["land"] - peak["copy"]
    rows = [
        [label, f"{rate[way]:.0f} MiB/s", f"{size / min(seconds[way]) / MIB:.0f} MiB/s", f"{peak[way]:.1f} MiB"]
        for way, label in WAYS.items()
    ]
    return Section(
        title="Landing",
        method=(
            f"A valid mp4 of {size // MIB:,} MiB over plain HTTP from a process on the same machine to a local file, "
            f"{rounds} rounds in turn, each in a fresh process. Without TLS the client is the bottleneck, so the "
            "checks weigh more here than in life. Memory is the peak above what was resident before the download. What "
            "Airflow itself loads at the first write of a process (about 1 s and 40 MB) is done before."
        ),
        targets=[
            Target(
                "throughput", "at least 0.9 of a plain copy loop", times(rate["land"], rate["copy"]),
                rate["land"] >= 0.9 * rate["copy"],
            ),
            Target(
                "more memory", "under 32 MiB",
                f"{peak['land']:.1f} MiB over the start, {more:+.1f} MiB over the copy loop", peak["land"] < 32,
            ),
        ],
        parts=[Table(["way", "throughput, median", "best", "peak of memory, at most"], rows)],
    )  # fmt: skip


def _download(way: str, port: int, path: Path, size: int) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}/video.mp4"
    done = subprocess.run(
        [environment.PYTHON, "-m", "benchmarks.download", way, url, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment.variables(),
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if result["bytes"] != size:
        raise RuntimeError(f"{way} made a file of {result['bytes']} bytes, not {size}")
    path.unlink()
    return result
