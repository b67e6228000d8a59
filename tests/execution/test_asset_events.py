"""What Airflow is given to announce when a task succeeds: an event for each landed file, and never a second one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.execution_time import task_runner

from airflow_provider_kling.compat import assets, clock
from airflow_provider_kling.compat.versions import airflow_is_at_least
from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.exceptions import KlingError, KlingValidationError
from airflow_provider_kling.execution import manifest
from airflow_provider_kling.execution.summary import KEY
from airflow_provider_kling.operators.kling import KlingText2VideoOperator
from airflow_provider_kling.storage.manifest import KlingManifest
from airflow_provider_kling.storage.uris import dataset_of, uri_of
from tests.fixtures import Make
from tests.rig import Instance

CLIPS = Asset("clips", uri="s3://bucket/clips")
ALIAS = AssetAlias("kling_clips")
has_partitions = pytest.mark.skipif(not airflow_is_at_least("3.3"), reason="partition keys came with Airflow 3.3")


class Events(list[dict[str, Any]]):
    """
    Airflow's table of events: what a try sends with its success, as Airflow's own code puts it.

    Which of it Airflow keeps is its API server's doing, and is seen in ``tests/airflow``.
    """

    fails = False

    def run(self, instance: Instance) -> list[dict[str, Any]]:
        """Run a try, and return what it announced, the events that Airflow makes by itself among it."""
        instance.run()
        raw: list[Any] = list(task_runner._serialize_outlet_events(instance.latest["outlet_events"]))
        outlets = {profile.name for profile in task_runner._build_asset_profiles(instance.latest["ti"].task.outlets)}
        sent = [
            {"asset": event["dest_asset_key"]["name"], "alias": event.get("source_alias_name"), **event}
            for event in raw
        ]
        if not airflow_is_at_least("3.1"):
            # So Airflow 3.0 does, and fails the task where it cannot.
            assert all(hash(frozenset(event["extra"].items())) for event in sent if event["alias"])
        sent = [event for event in sent if (event["alias"] or event["asset"]) in outlets]
        told = {event["asset"] for event in sent} | {event["alias"] for event in sent}
        sent += [{"asset": name, "alias": None, "extra": {}} for name in outlets - told - {ALIAS.name}]
        now = datetime.fromtimestamp(clock.now(), tz=UTC)
        self.extend({**event, "timestamp": now} for event in json.loads(json.dumps(sent)))
        return [{**event, "extra": clip} for event in sent for clip in event["extra"].get("clips", [event["extra"]])]

    def before(self, context: Any, outlet: Any, *source: Any) -> list[Any]:
        """Stand in for what Airflow tells of earlier tries."""
        if self.fails:
            raise RuntimeError("the API server is away")
        assert source == ("clips", "scheduled__2026-11-01", context["task"].task_id, context["ti"].map_index)
        return [
            SimpleNamespace(
                extra=event["extra"], partition_key=event.get("partition_key"), timestamp=event["timestamp"]
            )
            for event in self
            if outlet.name in (event["asset"], event["alias"])
        ]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    table = Events()
    monkeypatch.setattr(assets, "events_before", table.before)
    return table


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("outlet", [CLIPS, ALIAS], ids=["asset", "alias"])
def test_a_video_is_announced_with_what_it_is(
    emulator: KlingEmulator, instance: Make, events: Events, tmp_path: Path, outlet: Any, deferrable: bool
) -> None:
    clip = instance(outlets=[outlet], deferrable=deferrable, key="4711", meta={"shelf": "top"})

    (event,) = events.run(clip)

    (charge,) = emulator.ledger
    uri = f"file://{tmp_path}/out/{charge.external_task_id}.mp4"
    assert event["asset"] == (uri if outlet is ALIAS else "clips")
    landed = tmp_path / "out" / f"{charge.external_task_id}.mp4"
    expected = {
        "uri": uri,
        "path": uri.removeprefix("file://"),
        "capability": "text2video",
        "seconds": 5.0,
        "bytes": landed.stat().st_size,
        "task_id": charge.task_id,
        "external_task_id": charge.external_task_id,
        "dag_id": "clips",
        "run_id": "scheduled__2026-11-01",
        "key": "4711",
        "meta": {"shelf": "top"},
    }
    if outlet is ALIAS and not airflow_is_at_least("3.1"):
        expected["meta"] = '{"shelf": "top"}'
    assert {name: event["extra"].get(name) for name in expected} == expected
    assert event["extra"]["model"].startswith("kling")
    assert "http" not in json.dumps(event)


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("with_store", [False, True])
@pytest.mark.parametrize("outlet", [CLIPS, ALIAS], ids=["asset", "alias"])
def test_each_video_of_a_batch_is_announced_once(
    emulator: KlingEmulator, batch: Make, events: Events, outlet: Any, with_store: bool, deferrable: bool
) -> None:
    items: list[Any] = ["A cat", "A dog", "A bird"]
    clips = batch(items, outlets=[outlet, "other"], deferrable=deferrable, max_active=2, with_store=with_store)

    announced = events.run(clips)

    charged = {charge.external_task_id for charge in emulator.ledger}
    assert len(charged) == len(announced) == 3
    # Airflow gives a DAG the first of several events of one asset, and the rest with the next run.
    assert len(events) == (1 if outlet is CLIPS else 3)
    assert {event["extra"]["external_task_id"] for event in announced} == charged
    assert len({event["extra"]["uri"] for event in announced}) == 3
    assert all(event["extra"]["seconds"] == 5.0 for event in announced)

    # Rows moved, a key given: nothing is bought, and nothing announced. A row more: that one.
    clips.clear()
    items[:] = ["A bird", {"key": "4711", "prompt": "A cat"}, "A dog"]
    assert events.run(clips) == []
    assert len(emulator.ledger) == 3
    clips.clear()
    items.insert(0, "A fish")
    (event,) = events.run(clips)
    assert event["extra"]["external_task_id"] not in charged
    assert event["asset"] == ("clips" if outlet is CLIPS else event["extra"]["uri"])
    assert len(emulator.ledger) == 4


@pytest.mark.parametrize("dialect", ["llmprovider"])
@pytest.mark.parametrize("outlet", [CLIPS, ALIAS], ids=["asset", "alias"])
def test_the_try_that_succeeds_announces_what_a_failed_one_landed(
    emulator: KlingEmulator, batch: Make, events: Events, outlet: Any
) -> None:
    items = ["A cat", "risk-control please"]
    clips = batch(items, outlets=[outlet])
    with pytest.raises((AirflowFailException, KlingError)):
        events.run(clips)
    assert events == []

    items[:] = ["A cat"]
    clips.clear()
    (event,) = events.run(clips)

    assert event["extra"]["external_task_id"] == next(iter(emulator.ledger)).external_task_id


@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_what_fails_among_the_rest_is_not_announced(emulator: KlingEmulator, batch: Make, events: Events) -> None:
    clips = batch(["A cat", "risk-control please"], outlets=[CLIPS], on_item_failure="continue")

    (event,) = events.run(clips)

    assert event["extra"]["external_task_id"] == next(iter(emulator.ledger)).external_task_id


@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_another_take_is_another_event(emulator: KlingEmulator, instance: Make, events: Events) -> None:
    clip = instance(outlets=[CLIPS], on_clear="new")
    first = events.run(clip)
    clip.clear()

    second = events.run(clip)

    assert len(emulator.ledger) == 2
    assert first[0]["extra"]["external_task_id"] != second[0]["extra"]["external_task_id"]


@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_a_landed_video_is_announced_though_kling_does_not_answer_in_the_end(
    emulator: KlingEmulator, batch: Make, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no store keeps the manifest over a deferral, it is asked for again."""

    class Unanswered:
        poll_task = staticmethod(lambda *_: KlingError("HTTP 503"))

    ask = manifest._manifest
    monkeypatch.setattr(manifest, "_manifest", lambda item, job, _: ask(item, job, Unanswered()))  # type: ignore[arg-type]
    clips = batch(["A cat", "A dog"], outlets=[CLIPS], deferrable=True, with_store=False, max_active=1)

    announced = events.run(clips)

    charged = {charge.external_task_id for charge in emulator.ledger}
    assert {event["extra"]["external_task_id"] for event in announced} == charged
    rows = list(KlingManifest.read(clips.xcom[KEY]["manifest_path"]))
    assert [row["output_paths"] for row in rows] == [[event["extra"]["path"]] for event in announced]
    assert all(Path(row["output_paths"][0]).exists() for row in rows)


@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_where_airflow_does_not_tell_what_was_announced_all_is(
    emulator: KlingEmulator, instance: Make, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    clip = instance(outlets=[CLIPS])
    events.run(clip)
    clip.clear()
    events.fails = True

    (event,) = events.run(clip)

    assert event["extra"]
    assert "perhaps once more" in caplog.text


@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_without_an_output_path_the_outlets_are_left_to_airflow(
    emulator: KlingEmulator, instance: Make, events: Events
) -> None:
    clip = instance(outlets=[CLIPS], output_path=None)

    assert events.run(clip) == [{"asset": "clips", "alias": None, "extra": {}}]


@has_partitions
@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_a_partition_for_each_video(emulator: KlingEmulator, batch: Make, events: Events, tmp_path: Path) -> None:
    items = [{"key": "4711", "prompt": "A cat"}, "A dog"]
    clips = batch(items, outlets=[CLIPS], partition_by_key=True)

    announced = events.run(clips)

    assert {event["partition_key"] for event in announced} == {"4711", list(emulator.ledger)[1].external_task_id}
    (extra,) = {json.dumps(event["extra"]) for event in announced}
    assert Path(json.loads(extra)["manifest_path"].removeprefix("file://")).parent == tmp_path / "out"
    assert "external_task_id" not in json.loads(extra)
    clips.clear()
    items.append("A bird")
    (event,) = events.run(clips)
    assert event["partition_key"] == list(emulator.ledger)[-1].external_task_id


@has_partitions
@pytest.mark.parametrize("dialect", ["llmprovider"])
@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("change", ["take", "prompt"])
def test_another_video_of_a_key_is_announced_to_its_partition_again(
    emulator: KlingEmulator, batch: Make, events: Events, change: str, deferrable: bool
) -> None:
    items = [{"key": "4711", "prompt": "A cat"}, {"key": "4712", "prompt": "A dog"}]
    on_clear = "new" if change == "take" else "reuse"
    clips = batch(items, outlets=[CLIPS], partition_by_key=True, on_clear=on_clear, deferrable=deferrable)
    assert len(events.run(clips)) == 2

    emulator.advance(60)
    clips.clear()
    if change == "prompt":
        items[0] = {"key": "4711", "prompt": "A better cat"}
    again = events.run(clips)

    assert {event["partition_key"] for event in again} == ({"4711"} if change == "prompt" else {"4711", "4712"})
    emulator.advance(60)
    if change == "prompt":
        clips.clear()
        assert events.run(clips) == []


@has_partitions
@pytest.mark.parametrize("dialect", ["llmprovider"])
def test_a_blank_key_takes_no_other_clip_its_partition(emulator: KlingEmulator, batch: Make, events: Events) -> None:
    clips = batch([{"key": " ", "prompt": "A cat"}, {"key": "b", "prompt": "A dog"}], outlets=[CLIPS])
    partitioned = batch([{"key": " ", "prompt": "A cat"}, "A dog"], outlets=[CLIPS], partition_by_key=True)

    assert [event["extra"]["key"] for event in events.run(clips)] == [" ", "b"]
    assert {event["partition_key"] for event in events.run(partitioned)} == {
        charge.external_task_id for charge in emulator.ledger
    }


def test_another_mapped_task_has_announced_nothing_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    source = {"source_dag_id": "d", "source_run_id": "r", "source_task_id": "t"}
    told = [SimpleNamespace(source_map_index=index, **source) for index in (0, 1)]

    class Accessors:
        """No dict: before Airflow 3.2 an asset cannot be hashed."""

        def __init__(self, outlets: Any) -> None:
            pass

        def __getitem__(self, outlet: Any) -> Any:
            return told

    monkeypatch.setattr("airflow.sdk.execution_time.context.InletEventsAccessors", Accessors)

    found = assets.events_before({"dag_run": None}, CLIPS, "d", "r", "t", 1)  # type: ignore[typeddict-item]

    assert found == [told[1]]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"outlets": [ALIAS]}, "an AssetAlias"),
        ({"outlets": []}, "an Asset among the outlets"),
        ({"outlets": [CLIPS], "output_path": None}, "output_path"),
    ],
)
def test_partitions_that_cannot_be_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], fault: str) -> None:
    if not airflow_is_at_least("3.3"):
        fault = "Airflow 3.3"
    given = {"output_path": "s3://bucket/", "wait_for_completion": True, "partition_by_key": True, **arguments}

    with pytest.raises(KlingValidationError, match=f"partition_by_key: needs.*{fault}"):
        KlingText2VideoOperator(task_id="clip", prompt="A cat", **given)


def test_a_relative_path_has_no_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert uri_of("clips/1.mp4") == f"file://{tmp_path}/clips/1.mp4"
    assert dataset_of("clips/1.mp4") == ("file", f"{tmp_path}/clips/1.mp4")


@pytest.mark.parametrize(
    ("path", "uri", "dataset"),
    [
        ("s3://aws_default@bucket/k/1.mp4", "s3://bucket/k/1.mp4", ("s3://bucket", "k/1.mp4")),
        ("abfs://conn@container/a@b/1.mp4", "abfs://container/a@b/1.mp4", ("abfs://container", "a@b/1.mp4")),
        (
            "gs://bucket/a b/Möbel?#1.mp4",
            "gs://bucket/a%20b/M%C3%B6bel%3F%231.mp4",
            ("gs://bucket", "a b/Möbel?#1.mp4"),
        ),
        ("gs://bucket/SHOES%2F42.mp4", "gs://bucket/SHOES%252F42.mp4", ("gs://bucket", "SHOES%2F42.mp4")),
        ("file:///tmp/1.mp4", "file:///tmp/1.mp4", ("file", "/tmp/1.mp4")),
        ("/tmp/1.mp4", "file:///tmp/1.mp4", ("file", "/tmp/1.mp4")),
    ],
)
def test_what_a_file_is_called_names_no_connection(path: str, uri: str, dataset: tuple[str, str]) -> None:
    assert uri_of(path) == uri
    assert Asset(uri=uri_of(path)).uri == uri
    assert dataset_of(path) == dataset
