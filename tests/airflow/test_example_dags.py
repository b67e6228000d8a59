"""Every example DAG: it parses with nothing set up, and dag.test() runs it to its end."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import av
import pytest

from airflow_provider_kling.compat.versions import airflow_is_at_least
from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.execution.summary import KEY
from airflow_provider_kling.storage.manifest import KlingManifest
from dev.local_airflow import EXAMPLE_DAGS, SINCE_3_1, environment, write_config
from dev.processes import ROOT
from tests.airflow.dag_runner import DagRunner
from tests.airflow.fixtures import SPEED
from tests.rig import needs_store

pytestmark = pytest.mark.airflow

EXAMPLES = [
    path for path in sorted(EXAMPLE_DAGS.glob("*.py")) if airflow_is_at_least("3.1") or path.stem not in SINCE_3_1
]

# Parse every file with the network gone; the first import of Airflow is not the DAG's doing.
_PARSE = """
import json, socket, sys

def refuse(*_):
    raise AssertionError("a DAG file reached for the network")

socket.socket.connect = socket.getaddrinfo = refuse
from airflow.models import DagBag
from airflow.sdk import DAG, BaseSensorOperator, task

report = {}
for path in sys.argv[1:]:
    bag = DagBag(path, load_op_links=False)
    report[path] = {"errors": bag.import_errors, "dags": list(bag.dags)}
print("\\n@@" + json.dumps(report))
"""


@pytest.fixture(scope="module")
def emulator() -> Iterator[KlingEmulator]:
    with KlingEmulator(speed=SPEED, height=90) as running:
        yield running


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def dag_runner(
    emulator: KlingEmulator, videos: Path, migrated_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DagRunner]:
    home = tmp_path_factory.mktemp("dag-test")
    with DagRunner.over(migrated_home / "airflow.db", home, emulator.connection(), videos) as runner:
        yield runner


@pytest.fixture(scope="module")
def kling() -> Iterator[KlingEmulator]:
    """Kling's own API, whose pictures are large enough to go on from."""
    with KlingEmulator(speed=SPEED, height=300) as running:
        yield running


@pytest.fixture(scope="module")
def kling_runner(
    kling: KlingEmulator, videos: Path, migrated_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DagRunner]:
    home = tmp_path_factory.mktemp("dag-test-kling")
    with DagRunner.over(migrated_home / "airflow.db", home, kling.connection("kling-v3"), videos) as runner:
        yield runner


@pytest.fixture
def ledger(emulator: KlingEmulator) -> Iterator[KlingEmulator]:
    """Empty the emulator first; whatever the test does, no key may have reached the host of the videos."""
    emulator.reset()
    yield emulator
    assert not [entry for entry in emulator.journal if entry.leaked_authorization]
    assert not [entry for entry in emulator.journal if entry.status is None or entry.status >= 400]


def _bodies(emulator: KlingEmulator) -> list[dict[str, Any]]:
    return [dict(entry.body) for entry in emulator.journal_for("create")]


def test_landed(dag_runner: DagRunner, ledger: KlingEmulator, videos: Path) -> None:
    """One task from prompt to mp4."""
    run = dag_runner.run("example_kling_landed")
    assert run.state == "success"
    assert run.tasks == {("make_video", -1): "success"}
    (charge,) = ledger.ledger
    (body,) = _bodies(ledger)
    assert body == {
        "model": "kling-video-v1-6",
        "prompt": "Close-up of a paper boat on a rain-soaked street, soft light",
        "external_task_id": charge.external_task_id,
    }
    manifest = run.xcoms["make_video", -1, "return_value"]
    assert manifest["task_id"] == charge.task_id == run.xcoms["make_video", -1, "task_id"]
    assert manifest["external_task_id"] == charge.external_task_id == run.xcoms["make_video", -1, "external_task_id"]
    assert manifest["task_status"] == "succeed"
    assert manifest["videos"][0]["duration"] == 5
    link = run.xcoms["make_video", -1, "_link_KlingVideoLink"]
    if airflow_is_at_least("3.1"):
        assert link.startswith("/kling/task/example_kling_landed/")
        assert run.xcoms["make_video", -1, KEY]["clips"][0]["paths"] == manifest["output_paths"]
    else:
        assert link == manifest["videos"][0]["url"]
    landed = videos / f"{charge.external_task_id}.mp4"
    assert manifest["output_paths"] == [landed.as_uri()]
    assert manifest["estimate"] == {"units": 2.0, "usd": 0.28}
    assert run.rendered["make_video", -1]["estimated"] == "2 units (USD 0.28 list price)"
    assert landed.exists()
    _assert_plays(landed, 5.0, 16 / 9)
    assert not ledger.unfetched()


def test_two_steps(dag_runner: DagRunner, ledger: KlingEmulator) -> None:
    """Submit in one task, wait in another."""
    run = dag_runner.run("example_kling_two_steps")
    assert run.state == "success"
    assert run.tasks == {("submit", -1): "success", ("wait", -1): "success"}
    (charge,) = ledger.ledger
    (body,) = _bodies(ledger)
    assert body["prompt"].startswith("Slow aerial shot of a lighthouse at dusk, 20")
    assert {name: body[name] for name in ("negative_prompt", "aspect_ratio", "duration")} == {
        "negative_prompt": "text, watermark",
        "aspect_ratio": "16:9",
        "duration": "5",
    }
    assert run.xcoms["submit", -1, "return_value"] == charge.task_id
    manifest = run.xcoms["wait", -1, "return_value"]
    assert manifest["task_id"] == charge.task_id
    assert manifest["external_task_id"] == charge.external_task_id


def test_mapped(dag_runner: DagRunner, ledger: KlingEmulator) -> None:
    """A video per row of a table."""
    run = dag_runner.run("example_kling_mapped")
    assert run.state == "success"
    assert set(run.tasks.values()) == {"success"}
    assert len(ledger.ledger) == 3
    assert all(len(charges) == 1 for charges in ledger.ledger.by_external_id().values())
    assert sorted(body["aspect_ratio"] for body in _bodies(ledger)) == ["16:9", "1:1", "9:16"]
    prompts = {charge.task_id: charge.prompt for charge in ledger.ledger}
    for index, row in enumerate(run.xcoms["products", -1, "return_value"]):
        assert run.rendered["make_video", index]["estimated"] == "2 units (USD 0.28 list price)"
        assert prompts[run.xcoms["make_video", index, "return_value"]["task_id"]] == row["prompt"]


# dag.test() loses what a deferral carries; without a store, each item is then looked for at Kling for two minutes.
@needs_store
def test_batch(dag_runner: DagRunner, ledger: KlingEmulator) -> None:
    """A catalogue in one task."""
    run = dag_runner.run("example_kling_batch")
    assert run.state == "success"
    assert len(ledger.ledger) == 6
    result = run.xcoms["make_videos", -1, "return_value"]
    assert (result["succeeded"], result["failed"], result["not_submitted"]) == (6, 0, 0)
    lines = Path(unquote(urlsplit(result["manifest_path"]).path)).read_text("utf-8").splitlines()
    manifests = [json.loads(line) for line in lines]
    assert [manifest["position"] for manifest in manifests] == list(range(6))
    for manifest in manifests:
        _assert_plays(Path(urlsplit(manifest["output_paths"][0]).path), 5.0, 1.0)
    assert not ledger.unfetched()


def test_image_to_video(kling_runner: DagRunner, kling: KlingEmulator) -> None:
    """A picture from words, and a video from the picture."""
    run = kling_runner.run("example_kling_image_to_video")
    assert run.state == "success"
    drawn, animated = (run.xcoms[task, -1, "return_value"] for task in ("draw", "animate"))
    assert [charge.task_id for charge in kling.ledger] == [drawn["task_id"], animated["task_id"]]
    picture = Path(unquote(urlsplit(drawn["output_paths"][0]).path))
    assert picture.suffix == ".png"
    link = run.xcoms["draw", -1, "_link_KlingVideoLink"]
    if airflow_is_at_least("3.1"):
        assert link.startswith("/kling/task/example_kling_image_to_video/")
    else:
        assert link == drawn["images"][0]["url"]
    (entry,) = (entry for entry in kling.journal_for("create") if "contents" in entry.body)
    frames = {item["type"]: item for item in dict(entry.body)["contents"]}
    sent = base64.b64encode(picture.read_bytes())
    # The emulator's journal keeps the digest of what is long.
    assert frames["first_frame"]["url"].endswith(f"sha256:{sha256(sent).hexdigest()[:12]})")
    _assert_plays(Path(unquote(urlsplit(animated["output_paths"][0]).path)), 5.0, 16 / 9)
    assert not kling.unfetched()


def test_taskflow(dag_runner: DagRunner, ledger: KlingEmulator) -> None:
    """A function per video, whose words are not rendered."""
    run = dag_runner.run("example_kling_taskflow")
    assert run.state == "success"
    assert sorted(body["prompt"].rpartition(": ")[2] for body in _bodies(ledger)) == [
        "Fresh every morning",
        "Save {{ 20 }} percent",
    ]
    assert len(ledger.ledger) == 2
    assert not ledger.unfetched()


# As above.
@needs_store
def test_capped(dag_runner: DagRunner, ledger: KlingEmulator) -> None:
    """A price cap stops in time; what it will cost stands among the rendered templates."""
    run = dag_runner.run("example_kling_capped")
    assert run.state == "success"
    assert ledger.ledger.total_units == 6
    result = run.xcoms["make_videos", -1, "return_value"]
    assert (result["succeeded"], result["failed"], result["not_submitted"]) == (2, 0, 2)
    assert [line["position"] for line in result["items"] if "max_units=7" in (line["error"] or "")] == [2, 3]
    assert run.rendered["make_videos", -1]["estimated"] == "10 units (USD 1.40 list price)"


# As above.
@needs_store
def test_moderated(dag_runner: DagRunner, ledger: KlingEmulator) -> None:
    """What moderation refuses is returned, or skipped with what comes after it; and what was asked for is shown."""
    run = dag_runner.run("example_kling_moderated")
    assert run.state == "success"
    assert {task: state for (task, _), state in run.tasks.items()} == {
        "make_clips": "success",
        "to_rewrite": "success",
        "make_teaser": "skipped",
        "publish": "skipped",
    }
    result = run.xcoms["make_clips", -1, "return_value"]
    assert (result["succeeded"], result["failed"], result["moderated"]) == (2, 0, 1)
    assert run.xcoms["to_rewrite", -1, "return_value"] == ["A risk-control room at night, its screens glowing"]
    (told,) = run.xcoms["make_teaser", -1, KEY]["clips"]
    assert (told["status"], "risk control" in told["error"]) == ("moderated", True)
    assert len(ledger.ledger) == 4
    assert not ledger.unfetched()


def test_parse_alone(tmp_path: Path) -> None:
    """No network, no connection, no database: the DAG processor may have none of them."""
    write_config(tmp_path)
    command = [sys.executable, "-c", _PARSE, *map(str, EXAMPLES)]
    done = subprocess.run(command, env=environment(tmp_path), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.rpartition("@@")[2])
    assert {path: found["errors"] for path, found in report.items()} == {str(path): {} for path in EXAMPLES}
    assert [found["dags"] for found in report.values()] == [[path.stem] for path in EXAMPLES]


def _assert_plays(path: Path, seconds: float, ratio: float) -> None:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (container.duration or 0) / 1_000_000 == pytest.approx(seconds, abs=0.1)
        assert stream.width / stream.height == pytest.approx(ratio, rel=0.05)
        assert sum(1 for _ in container.decode(stream)) > 10


# As above.
@needs_store
def test_catalogue(dag_runner: DagRunner, ledger: KlingEmulator, videos: Path) -> None:
    """A CSV beside the DAG becomes a file per product."""
    run = dag_runner.run("example_kling_catalogue")
    assert run.state == "success"
    assert len(ledger.ledger) == 3
    result = run.xcoms["make_clips", -1, "return_value"]
    (directory,) = (videos / "clips").iterdir()
    assert {path.name for path in directory.glob("*.mp4")} == {"4711.mp4", "4712.mp4", "WATCH%2F9.mp4"}
    assert Path(unquote(urlsplit(result["manifest_path"]).path)).parent == directory
    assert run.xcoms["publish", -1, "return_value"]["WATCH/9"].endswith("/WATCH%2F9.mp4")
    row = KlingManifest.read(result).by_key(4711)
    assert (row["meta"], row["prompt"]) == (
        {"name": "Mug", "price": "14.50"},
        "A ceramic mug turning slowly on a wooden table",
    )
    _assert_plays(directory / "4711.mp4", 5.0, 1.0)
