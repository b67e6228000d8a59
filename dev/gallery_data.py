"""
Videos that nobody has made, in Airflow's own tables, to look at the gallery with and to measure it.

Run with ``AIRFLOW_HOME`` set, after ``airflow db migrate``: ``python -m dev.gallery_data --videos 200 --output DIR``
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from airflow_provider_kling.emulator.spec import VideoSpec, frame_size
from airflow_provider_kling.emulator.video import render
from airflow_provider_kling.execution.summary import KEY

PROMPTS = (
    "A lighthouse in a storm at dusk, waves breaking over the rocks, slow dolly in",
    "Ceramic mug on a walnut table, steam rising, soft morning light from the left",
    "Paper boats drift down a rain-soaked street at night, neon reflections",
    "Trail running shoe on wet granite, water droplets, product turntable",
    "A fox crosses a snowy clearing and looks back at the camera",
    "Linen curtains moving in the wind, an empty chair, late summer",
    "Macro shot of a mechanical watch, gears turning, shallow depth of field",
    "Timelapse of fog rolling over pine hills at sunrise",
)
# What would run if any of it were taken for markup.
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> 'quoted' & \"more\""
HOSTILE_KEY = "<b onmouseover=alert(1)>sku</b>"
MODELS = ("kling-v2-6", "kling-v2-5-turbo", "kling-video-v1-6", "kling-v3")
MODERATED = "Kling ended the task as failed: Failure to pass the risk control system."
DAGS = ("product_clips", "daily_teaser", "secret_launch")
BATCH_DAG = "catalogue"
MAPPED = 25


class Seed:
    """
    Makes rows for so many task instances of one video, and so many batches.

    :param output: where the videos are landed; each is one of a few.
    :param now: the newest is a little older than this.
    """

    def __init__(self, output: Path, now: datetime) -> None:
        self.output = output
        self.now = now
        self.rows: dict[str, list[dict[str, Any]]] = {"dag": [], "dag_run": [], "task_instance": [], "xcom": []}
        self._runs: dict[tuple[str, str], int] = {}
        self._files: list[Path] = []

    def films(self, height: int = 360) -> None:
        """Render the few videos that all rows share."""
        self.output.mkdir(parents=True, exist_ok=True)
        for number, prompt in enumerate(PROMPTS):
            path = self.output / f"film-{number}.mp4"
            if not path.exists():
                path.write_bytes(render(VideoSpec(prompt, MODELS[number % 4], 5, *frame_size("16:9", height), number)))
            self._files.append(path)

    def singles(self, count: int) -> None:
        """Add task instances of one video each, every few of a mapped task of one run."""
        for number in range(count):
            self._single(number)

    def _single(self, number: int) -> None:
        dag_id = DAGS[number // MAPPED % 2] if number % 50 != 7 else DAGS[2]
        run_id = f"scheduled__{(self.now - timedelta(minutes=9 * (number // MAPPED))).isoformat(timespec='seconds')}"
        ended = self.now - timedelta(minutes=3 + 4 * number)
        clip = self._clip(number, ended)
        state = {"failed": "failed", "running": "deferred", "moderated": "skipped"}.get(clip["status"], "success")
        self._instance(dag_id, run_id, "make_video", number % MAPPED, state, ended)
        body = {name: clip[name] for name in ("prompt", "model")} | {"duration": "5", "aspect_ratio": "16:9"}
        summary = {
            "version": 1,
            "capability": "text2video",
            "is_batch": False,
            "started_at": clip["submitted_at"],
            "counts": {clip["status"]: 1},
            "clips": [clip],
            "request": body,
        }
        if number in (15, 16):
            self._waited_for(summary, clip, ended, fails=number == 16)
        elif number == 12:
            # As it was before there was a summary.
            self._xcom("return_value", ended, self._manifest(clip))
            self._xcom("_link_KlingVideoLink", ended, "https://example.invalid/old")
        else:
            self._xcom(KEY, ended, summary)
            if number == 9:
                self._xcom("return_value", ended, self._manifest(clip))

    def _waited_for(self, summary: dict[str, Any], clip: dict[str, Any], ended: datetime, *, fails: bool) -> None:
        """As the operator that only submits, and the sensor that waits for it, write it down."""
        submitted = {name: clip[name] for name in clip.keys() - {"paths", "landed_at", "ended_at", "units"}}
        at = ended - timedelta(seconds=100)
        self._xcom(KEY, at, {**summary, "clips": [submitted | {"status": "submitted"}], "counts": {"submitted": 1}})
        self._xcom("task_id", at, clip["task_id"])
        one = self.rows["task_instance"][-1]
        state = "failed" if fails else "success"
        self._instance(one["dag_id"], one["run_id"], "wait", one["map_index"], state, ended)
        if fails:
            told = {"position": 0, "status": "moderated", "task_id": clip["task_id"], "error": MODERATED}
            self._xcom(KEY, ended, {"version": 1, "clips": [told], "counts": {"moderated": 1}, "waited": True})
        else:
            self._xcom("return_value", ended, {**self._manifest(clip), "output_paths": []})
        self._xcom("_link_KlingVideoLink", ended, "/kling/task/of/the/sensor")

    def _clip(self, number: int, ended: datetime) -> dict[str, Any]:
        file = self._files[number % len(self._files)]
        clip: dict[str, Any] = {
            "position": 0,
            "status": "done",
            "key": f"sku-{4000 + number}" if number % 3 else None,
            "prompt": PROMPTS[number % len(PROMPTS)],
            "model": MODELS[number % len(MODELS)],
            "seconds": 5.0,
            "task_id": f"7634{number:014d}",
            "external_task_id": f"af-{number:032x}",
            "submitted_at": (ended - timedelta(seconds=96 + number % 40)).isoformat(),
            "usual_seconds": 105.0,
            "ended_at": ended.isoformat(),
            "landed_at": (ended + timedelta(seconds=3)).isoformat(),
            "paths": [str(file)],
            "units": "2",
            "estimate": {"units": 2.0, "usd": 0.28},
        }
        if number == 30:
            clip |= {"prompt": HOSTILE, "key": HOSTILE_KEY}
        elif number in (4,) or number % 23 == 19:
            clip |= {"status": "failed", "error": MODERATED, "paths": [], "units": None}
        elif number == 27:
            clip |= {"status": "moderated", "error": MODERATED, "paths": [], "units": None}
        elif number < 2:
            clip |= {"status": "running", "paths": [], "ended_at": None, "landed_at": None, "units": None}
            clip["submitted_at"] = (self.now - timedelta(seconds=2 + 25 * number)).isoformat()
        elif number == 9:
            clip |= {"paths": [], "landed_at": None}
        return {name: value for name, value in clip.items() if value not in (None, [])}

    def _manifest(self, clip: dict[str, Any]) -> dict[str, Any]:
        return {
            "task_id": clip["task_id"],
            "external_task_id": clip["external_task_id"],
            "capability": "text2video",
            "task_status": "succeed",
            "videos": [{"id": "v", "url": "https://example.invalid/signed.mp4?sig=secret", "duration": 5.0}],
            "output_paths": clip.get("paths", []),
            "created_at": clip["submitted_at"],
            "updated_at": clip["ended_at"],
            "units": "2",
        }

    def batches(self, count: int, size: int) -> None:
        """Add batches with their manifests."""
        for number in range(count):
            ended = self.now - timedelta(hours=5 + 7 * number)
            path = self.output / f"batch-{number}.jsonl"
            path.write_text("".join(f"{json.dumps(line)}\n" for line in self._lines(number, size, ended)))
            summary = {
                "version": 1,
                "capability": "text2video",
                "is_batch": True,
                "model": MODELS[0],
                "counts": {"done": size},
                "clips": [],
                "manifest_path": str(path),
            }
            self._instance(
                BATCH_DAG, f"manual__{ended.isoformat(timespec='seconds')}", "make_videos", -1, "success", ended
            )
            self._xcom(KEY, ended, summary)

    def _lines(self, batch: int, size: int, ended: datetime) -> Iterator[dict[str, Any]]:
        for position in range(size):
            clip = {**self._clip(100 + position, ended), "paths": [str(self._files[position % len(self._files)])]}
            clip["task_id"] = f"88{batch:04d}{position:012d}"
            row = {"position": position, "key": f"cat-{batch}-{position}", "prompt": clip["prompt"], "error": None}
            yield {**row, **self._manifest(clip)}

    def _instance(self, dag_id: str, run_id: str, task_id: str, index: int, state: str, ended: datetime) -> None:
        if not any(row["dag_id"] == dag_id for row in self.rows["dag"]):
            facts = {"is_paused": False, "is_stale": False, "bundle_name": "seeded", "max_active_tasks": 16}
            facts |= {"max_consecutive_failed_dag_runs": 0, "has_task_concurrency_limits": False}
            self.rows["dag"].append({"dag_id": dag_id, **facts})
        if (dag_id, run_id) not in self._runs:
            self._runs[dag_id, run_id] = 1000 + len(self._runs)
            facts = {"run_type": run_id.partition("__")[0], "state": "success", "run_after": ended, "clear_number": 0}
            self.rows["dag_run"].append({"id": self._runs[dag_id, run_id], "dag_id": dag_id, "run_id": run_id, **facts})
        self.rows["task_instance"].append(
            {
                "id": uuid4(),
                "dag_id": dag_id,
                "run_id": run_id,
                "task_id": task_id,
                "map_index": index,
                "state": state,
                "try_number": 1,
                "max_tries": 2,
                "pool": "default_pool",
                "pool_slots": 1,
                "operator": "KlingText2VideoOperator",
                "start_date": ended - timedelta(minutes=2),
                "end_date": ended,
            }
        )

    def _xcom(self, key: str, at: datetime, value: Any) -> None:
        instance = self.rows["task_instance"][-1]
        place = {name: instance[name] for name in ("dag_id", "run_id", "task_id", "map_index")}
        place |= {"dag_run_id": self._runs[instance["dag_id"], instance["run_id"]], "task_instance_id": instance["id"]}
        self.rows["xcom"].append({**place, "key": key, "value": value, "timestamp": at})

    def write(self) -> None:
        """Write all to the database of ``AIRFLOW_HOME``."""
        from airflow.models.dag import DagModel
        from airflow.models.dagbundle import DagBundleModel
        from airflow.models.dagrun import DagRun
        from airflow.models.taskinstance import TaskInstance
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import insert

        try:
            # Airflow 3.4 keeps an XCom of each attempt, and shows those of the last as it did before.
            from airflow.models.xcom import XComModelV2 as XComTable
        except ImportError:
            XComTable = XComModel
        models: dict[str, Any] = {"dag": DagModel, "dag_run": DagRun, "task_instance": TaskInstance, "xcom": XComTable}
        with create_session() as session:
            session.execute(insert(DagBundleModel.__table__), [{"name": "seeded"}])
            for name, rows in self.rows.items():
                table = models[name].__table__
                session.execute(insert(table), [_row_of(table, row) for row in rows])


def _row_of(table: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a table has of a row, as it has it: in Airflow 3.4 a region's index, in 3.1 a text for an id."""
    renamed = {**row, "region_index": row.get("map_index", -1)}
    known = {name: value for name, value in renamed.items() if name in table.columns}
    return {name: str(value) if _is_text(table, name, value) else value for name, value in known.items()}


def _is_text(table: Any, name: str, value: Any) -> bool:
    return isinstance(value, UUID) and table.columns[name].type.python_type is str


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and seed."""
    parser = argparse.ArgumentParser(prog="python -m dev.gallery_data", description=__doc__)
    parser.add_argument("--videos", type=int, default=200, help="task instances of one video each")
    parser.add_argument("--batches", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=500)
    parser.add_argument("--output", type=Path, required=True, help="where the videos are")
    options = parser.parse_args(arguments)
    seed = Seed(options.output.resolve(), datetime.now(UTC))
    seed.films()
    seed.singles(options.videos)
    seed.batches(options.batches, options.batch_size)
    seed.write()


if __name__ == "__main__":
    main()
