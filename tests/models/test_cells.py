"""Every sold cell of capability x model x dialect is bought from the emulator, at the price of the registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from airflow_provider_kling.api.capabilities import CAPABILITIES, Capability
from airflow_provider_kling.api.dialects import DIALECTS
from airflow_provider_kling.api.limits import limits
from airflow_provider_kling.api.model import Model
from airflow_provider_kling.api.models import models_of
from airflow_provider_kling.api.prices import estimate
from airflow_provider_kling.api.requests import prepared
from airflow_provider_kling.api.validation import check_request
from airflow_provider_kling.emulator import KlingEmulator
from airflow_provider_kling.hooks.kling import KlingHook

IMAGE = "https://pictures.test/cat.png"
VIDEO = "https://pictures.test/dance.mp4"
# What a request needs beside its model. A capability that is added is added here.
NEEDS: dict[str, dict[str, Any]] = {
    "text2video": {"prompt": "A cat on a fence"},
    "image2video": {"prompt": "It jumps", "image": IMAGE},
    "multi-image2video": {"prompt": "Both play", "image_list": [{"image": IMAGE}, {"image": IMAGE}]},
    "omni-video": {"prompt": "Make <<<image_1>>> wave", "image_list": [{"image_url": IMAGE}], "aspect_ratio": "16:9"},
    "motion-control": {"image_url": IMAGE, "video_url": VIDEO, "character_orientation": "image", "mode": "std"},
    "images": {"prompt": "A cat on a fence"},
}


def sold() -> Iterator[Any]:
    """Yield (capability, model, dialect) for each cell of the table."""
    for capability, dialect in product(CAPABILITIES.values(), DIALECTS):
        for row in models_of(capability.name, dialect):
            if not row.retired_on or not DIALECTS[dialect].is_kling:
                yield pytest.param(capability, row, dialect, id=f"{capability.name}-{row.spelled(dialect)}-{dialect}")


def requests(capability: Capability, row: Model, dialect: str) -> Iterator[dict[str, Any]]:
    """Yield what is to be bought of a cell: each value of each setting, and each price."""
    needed = {"model": row.spelled(dialect), **NEEDS[capability.name]}
    known = capability.schema["properties"]
    yield needed
    for field, values in (("duration", row.durations), ("aspect_ratio", row.aspect_ratios), ("mode", row.modes)):
        accepted = known.get(field, {}).get("enum", values)
        yield from ({**needed, field: value} for value in values if field in known and value in accepted)
    for mode in row.sound if "sound" in known else ():
        yield {**needed, "sound": "on", **({} if mode == "always" else {"mode": mode})}
    if row.shots and "shots" in known:
        shots = [{"prompt": f"Shot {number}", "duration": 1} for number in range(row.shots)]
        without = {name: value for name, value in needed.items() if name != "prompt"}
        yield {**without, "shots": shots, "duration": str(row.shots)}
    if "image_tail" in known:
        yield from ({**needed, "image_tail": IMAGE, "mode": mode} for mode in row.end_frame)


@pytest.fixture
def kling(shared_emulator: KlingEmulator) -> KlingEmulator:
    shared_emulator.reset()
    return shared_emulator


@pytest.mark.parametrize(("capability", "row", "dialect"), list(sold()))
def test_what_is_sold_is_bought_at_its_price(
    kling: KlingEmulator, monkeypatch: pytest.MonkeyPatch, capability: Capability, row: Model, dialect: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(kling.connection(dialect)))
    with KlingHook() as hook:
        for wanted in requests(capability, row, dialect):
            body, wrong = prepared(capability, wanted, dialect=dialect)
            findings = check_request(capability, body, {}, dialect=hook.settings.dialect)
            assert (wrong, findings.faults) == ([], ()), wanted

            task = hook.create_task(body, capability)

            charge = kling.ledger.charges[-1]
            assert charge.task_id == task.task_id
            price = estimate(capability, body, dialect)
            if price is not None and DIALECTS[dialect].is_kling:
                assert float(charge.units) == pytest.approx(price.units), wanted


@pytest.mark.parametrize(("capability", "row", "dialect"), list(sold()))
def test_what_the_row_excludes_is_refused_by_the_emulator_too(
    kling: KlingEmulator, monkeypatch: pytest.MonkeyPatch, capability: Capability, row: Model, dialect: str
) -> None:
    """The emulator has its own reading of Kling's pages: where the two differ, one of them is wrong."""
    from airflow_provider_kling.exceptions import KlingInvalidRequestError

    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(kling.connection(dialect)))
    needed = {"model": row.name, **NEEDS[capability.name]}
    known = capability.schema["properties"]
    excluded = [{"mode": mode} for mode in ("std", "pro", "4k") if "mode" in known]
    excluded += [{"duration": str(seconds)} for seconds in range(3, 16) if "duration" in known]
    if "sound" in known and DIALECTS[dialect].is_kling and row.sound != ("always",):
        excluded += [{"sound": "on", "mode": mode} for mode in row.modes]
    with KlingHook() as hook:
        for setting in excluded:
            body = {**needed, **setting}
            if list(limits(capability.name, body, row, dialect)):
                with pytest.raises(KlingInvalidRequestError):
                    hook.create_task(body, capability)
    assert len(kling.ledger) == 0


FRAME = {"image_list": [{"image_url": IMAGE, "type": "first_frame"}]}


@pytest.mark.parametrize("dialect", ["kling", "kling-v3"])
@pytest.mark.parametrize("beside", [{}, FRAME], ids=["words", "frame"])
def test_some_lengths_need_a_reference(
    kling: KlingEmulator, monkeypatch: pytest.MonkeyPatch, dialect: str, beside: dict[str, Any]
) -> None:
    """Kling's capability map: O1 makes 5 or 10 s from words or frames alone, 3 to 10 s with references."""
    from airflow_provider_kling.exceptions import KlingInvalidRequestError

    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(kling.connection(dialect)))
    capability = CAPABILITIES["omni-video"]
    with KlingHook() as hook:
        for seconds in map(str, range(3, 11)):
            wanted = {"model": "kling-video-o1", "prompt": "A cat", "duration": seconds, **beside}
            faults = check_request(capability, wanted, {}, dialect=DIALECTS[dialect]).faults
            if seconds in ("5", "10"):
                assert faults == ()
                hook.create_task(wanted, capability)
            else:
                assert [field for field, _ in faults] == ["duration"]
                assert "without references" in faults[0][1]
                with pytest.raises(KlingInvalidRequestError):
                    hook.create_task(wanted, capability)
    assert len(kling.ledger) == 2


@pytest.mark.parametrize(
    ("capability", "dialect", "words"),
    [
        ("multi-image2video", "kling", "; no other model makes multi-image2video."),
        ("multi-image2video", "kling-v3", "; no other model makes multi-image2video."),
        ("image2video", "kling", "; use 'kling-v2-6'."),
    ],
)
def test_a_retired_model_names_a_successor_that_does_the_same(capability: str, dialect: str, words: str) -> None:
    wanted = {"model": "kling-v1-6", **NEEDS[capability]}

    ((field, message),) = check_request(CAPABILITIES[capability], wanted, {}, dialect=DIALECTS[dialect]).faults

    assert field == "model"
    assert "was retired by Kling on 2026-09-15" in message
    assert words in message
