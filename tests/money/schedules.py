"""Crashes, faults and clears drawn from one seed: a whole life of one wish, the same each time it is replayed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.compat import clock
from airflow_provider_kling.emulator import Fault, KlingEmulator
from airflow_provider_kling.exceptions import KlingError
from tests.money.conftest import Make
from tests.money.outside import Outside
from tests.rig import WorkerCrash

# Everything that can happen to a request without anybody's help being needed afterwards.
FAULTS = (
    Fault("lost_before", on="any"),
    Fault("lost_after", on="any"),
    Fault("error_before", on="any", status=500),
    Fault("error_before", on="any", status=503),
    Fault("error_after", on="any", status=502),
    Fault("error_after", on="any", status=504),
    Fault("html", on="any", status=502),
    Fault("html", on="create", status=200, commit=True),
    Fault("truncated_json", on="any"),
    Fault("invisible", seconds=8),
    Fault("duplicate"),
    Fault("rate_limited", on="any"),
    Fault("busy"),
    Fault("busy", retry_after=20),
    Fault("not_found"),
    Fault("unknown_status"),
    Fault("truncated_mp4"),
    Fault("truncated_mp4_chunked"),
    Fault("expired_url"),
)


# Held longer than the client waits: the answer is lost, and the request may have been carried out.
STALLS = (Fault("stall", on="create", seconds=0.5), Fault("stall", on="get", seconds=0.5, commit=False))
# They cost real time, so only some lives have them.
STALLED_LIFE = 25


def live(seed: int, emulator: KlingEmulator, outside: Outside, instance: Make, connect: Any) -> str:
    """
    Live one life; return what went wrong with the money, or an empty string.

    The last try has neither crashes nor faults, as every trouble passes at some time.
    """
    dice = random.Random(seed)
    emulator.reset()
    stalled = seed % STALLED_LIFE == 0
    connect(dice.choice(["llmprovider", "kling", "kling-v3"]), auth="key", **({"timeout": 0.2} if stalled else {}))
    emulator.settings.duplicates = dice.choice(["reject", "accept"])
    emulator.settings.generation_seconds = dice.choice([70, 100, 300])
    emulator.faults.seeded(seed, rate=dice.choice([0.1, 0.25, 0.5]), kinds=FAULTS + STALLS * stalled)
    clip = instance(f"seed-{seed}", with_store=dice.random() < 0.5, deferrable=dice.random() < 0.5)
    for last in [False] * 8 + [True]:
        if last:
            emulator.faults.clear()
        outside.arm(None if last else dice.randrange(40))
        try:
            manifest = clip.run()
            break
        except (WorkerCrash, KlingError, AirflowFailException):
            clock.sleep(dice.choice([0, 5, 60, 300]))
        if dice.random() < 0.2:
            clip.clear(discard_store=dice.random() < 0.5)
    charges = len(emulator.ledger)
    landed = Path(manifest["output_paths"][0])
    if charges != 1:
        return f"{charges} charges: {[charge.external_task_id for charge in emulator.ledger.charges]}"
    if not landed.exists() or emulator.unfetched():
        return "the video is lost"
    return ""
