"""The emulator as a Python object, as a program, and as a pytest plugin."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.emulator.cli import main

PACK = "Trial-Video-100Units-5Con-1Months"


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout


def test_it_starts_and_stops_twice() -> None:
    emulator = KlingEmulator()
    for _ in range(2):
        emulator.start()
        assert requests.get(emulator.url, timeout=10).ok
        emulator.stop()
    emulator.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url


def test_a_taken_port_is_an_error(kling_emulator: KlingEmulator, capsys: pytest.CaptureFixture[str]) -> None:
    port = int(kling_emulator.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        KlingEmulator(port=port).start()
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert main(["--port", str(port)]) == 1
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), handlers, strict=True):
        signal.signal(number, handler)
    assert "cannot listen" in capsys.readouterr().err


def test_connections(kling_emulator: KlingEmulator) -> None:
    assert kling_emulator.connection("llmprovider", timeout=5) == {
        "conn_type": "kling",
        "host": f"{kling_emulator.url}/llmprovider",
        "password": "emulator-api-key",
        "extra": {"dialect": "llmprovider", "timeout": 5},
    }
    signed = kling_emulator.connection("kling", auth="jwt")
    assert signed["login"] == "emulator-access-key"
    assert len(signed["password"]) >= 32
    with pytest.raises(ValueError, match="no such dialect"):
        kling_emulator.base_url("klong")


@pytest.mark.parametrize(
    "wrong",
    [{"clock": "sundial"}, {"speed": 0}, {"concurrency": 1.5}, {"duplicates": "maybe"}, {"balance_units": "much"}],
)
def test_wrong_options(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        KlingEmulator(**wrong)  # type: ignore[arg-type]


def test_the_program(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "airflow_provider_kling.emulator", "--port", "0", "--ready-file", str(ready)]
    started = time.monotonic()
    with subprocess.Popen(
        [*command, "--speed", "60", "--pack", PACK, "--retired", "sell", "--charge-on", "completion"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not ready.exists():
            assert process.poll() is None
            assert time.monotonic() - started < 20
            time.sleep(0.02)
        told = json.loads(ready.read_text())
        assert requests.get(f"{told['url']}/_kling/clock", timeout=10).json()["speed"] == 60
        settings = requests.get(f"{told['url']}/_kling/settings", timeout=10).json()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert err == ""
    assert told["url"] in out
    assert f"export AIRFLOW_CONN_KLING_DEFAULT='{json.dumps(told['connections']['kling'])}'" in out
    assert (settings["packs"], settings["retired"], settings["charge_on"]) == ([PACK], "sell", "completion")
    assert told["connections"]["kling-v3"]["extra"] == {"dialect": "kling-v3"}
    assert told["connections"]["llmprovider"]["extra"] == {"dialect": "llmprovider"}


def test_it_knows_nothing_of_the_provider() -> None:
    loaded = python(
        "import sys, json, pkgutil, importlib, airflow_provider_kling.emulator as package\n"
        "for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    module.name.endswith('__main__') or importlib.import_module(module.name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    modules = json.loads(loaded)
    allowed = ("airflow_provider_kling", "airflow_provider_kling.emulator")
    ours = [name for name in modules if name.startswith("airflow_provider_kling")]
    assert [name for name in ours if name not in allowed and not name.startswith(allowed[1] + ".")] == []
    assert [name for name in modules if name == "airflow" or name.startswith("airflow.")] == []


def test_the_plugin_is_cheap_to_import() -> None:
    loaded = python(
        "import pytest, sys, json\nbefore = set(sys.modules)\n"
        "import airflow_provider_kling.emulator.pytest_plugin\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    heavy = {
        "starlette",
        "uvicorn",
        "jwt",
        "av",
        "PIL",
        "asyncio",
        "airflow",
        "airflow_provider_kling.emulator.emulator",
    }
    assert heavy.isdisjoint(json.loads(loaded))


def test_a_port_is_given_back() -> None:
    with KlingEmulator() as emulator:
        port = int(emulator.url.rpartition(":")[2])
        requests.get(emulator.url, timeout=10)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.kling_emulator(clock="manual", concurrency=3, seed=9)
def test_the_marker_makes_an_emulator_of_its_own(kling_emulator: KlingEmulator) -> None:
    assert kling_emulator.clock.kind == "manual"
    assert kling_emulator.settings.concurrency == 3


def test_the_fixture_is_shared(kling_emulator: KlingEmulator, kling_emulator_session: KlingEmulator) -> None:
    assert kling_emulator is kling_emulator_session
