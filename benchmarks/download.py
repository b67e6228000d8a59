"""
One download in a fresh process: ``python -m benchmarks.download land|copy URL PATH``.

``land`` is the provider's landing; ``copy`` is the plainest loop with the same client, without temporary name, length
or container check.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

CHUNK = 1 << 20


def land(url: str, path: str) -> None:
    """Land it as an operator does."""
    from airflow_provider_kling.api.task import KlingOutput, KlingTask, TaskStatus
    from airflow_provider_kling.lifecycle.paths import place_at
    from airflow_provider_kling.storage import landing

    task = KlingTask("task-1", TaskStatus.SUCCEED, videos=(KlingOutput(url),))
    landing.land(task, place_at(f"file://{path}", "video"), refresh=lambda: task)


def copy(url: str, path: str) -> None:
    """Copy it in the plainest way."""
    import requests

    with requests.get(url, stream=True, timeout=60) as answer, open(path, "wb") as file:
        for chunk in answer.iter_content(CHUNK):
            file.write(chunk)


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def main(way: str, url: str, path: str) -> None:
    """Import all that is needed, then measure time and the peak of memory above that."""
    import requests  # noqa: F401
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_kling.storage import landing

    # The first write through an ObjectStoragePath loads Airflow's plugins: about a second and 40 MB, once in a process.
    warm_up = ObjectStoragePath(f"file://{path}.warm-up")
    with warm_up.open("wb") as file:  # type: ignore[no-untyped-call]
        file.write(b"-")
    warm_up.unlink()
    landing.check_output_path(f"file://{path}")
    # Resets the peak (proc(5)).
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    before, begin = _status("VmRSS"), time.perf_counter()
    {"land": land, "copy": copy}[way](url, path)
    took = time.perf_counter() - begin
    print(json.dumps({"seconds": took, "memory": _status("VmHWM") - before, "bytes": Path(path).stat().st_size}))


if __name__ == "__main__":
    main(*sys.argv[1:])
