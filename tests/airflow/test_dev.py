"""make demo, make ui, and the promise that nothing is left running."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dev.demo import DemoError, describe
from dev.processes import ROOT, members, wait_until

pytestmark = pytest.mark.airflow


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)


def _at_home(home: Path) -> list[str]:
    """Return the commands of the processes that live in an AIRFLOW_HOME."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("AIRFLOW_HOME") == str(home):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


@pytest.fixture
def home(migrated_home: Path, tmp_path: Path) -> Path:
    """Return an AIRFLOW_HOME that was used before."""
    return Path(shutil.copytree(migrated_home, tmp_path / "home"))


def test_demo(home: Path) -> None:
    """One new video and one charge, each change of state told."""
    done = _run("dev.demo", "--home", str(home))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"\d s  (submitted|processing|succeed|downloaded) +task_", done.stdout) == [
        "submitted",
        "processing",
        "succeed",
        "downloaded",
    ]
    assert re.search(r"\.mp4 \(\d+ kB, h264, 5\.0 s, 640x360, ", done.stdout)
    assert "Ledger:  1 charge, 2 units" in done.stdout
    assert _at_home(home) == []


def test_a_broken_video_is_said(tmp_path: Path) -> None:
    """The demo does not call a file a video because it is there."""
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    with pytest.raises(DemoError, match="cannot be played"):
        describe(broken)


def test_ui(home: Path) -> None:
    """It starts, says where to look, and leaves nothing running."""
    done = _run("dev.ui", "--smoke", "--home", str(home))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Airflow +http://127\.0\.0\.1:\d+ ", done.stdout)
    assert re.search(r"Emulator +http://127\.0\.0\.1:\d+ ", done.stdout)
    assert _at_home(home) == []


def test_killed(tmp_path: Path) -> None:
    """What we started ends with us, even by kill -9, and so does what has left its process group."""
    script = f"""
import os, sys, time
from pathlib import Path
from dev.processes import Leashed
child = "import os, subprocess, time; os.setpgid(0, 0); time.sleep(600)"
parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {{child!r}}])"
one = Leashed([sys.executable, "-c", parent], env=os.environ, log=Path({str(tmp_path)!r}) / "log")
while len(one.members()) < 2:
    time.sleep(0.05)
print(one.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        session = int(starter.stdout.readline())
        assert len(members([session])) == 2
        starter.send_signal(signal.SIGKILL)
    wait_until(lambda: not members([session]), timeout=20, what="the end of what was started")
