"""A slice of the fuzzers; ``make fuzz`` plays all of it."""

from __future__ import annotations

from tests.fuzz import answers, arguments, downloads, replies, videos
from tests.fuzz.verdicts import Tally

SEED = 9
ARGUMENTS, ANSWERS, DOWNLOADS = 500, 400, 150


def said(tally: Tally) -> str:
    return "\n".join(str(finding) for finding in tally.findings[:20])


def test_odd_arguments_are_refused_by_name_or_are_strict_json() -> None:
    tally = arguments.run(SEED, ARGUMENTS)

    assert not tally.findings, said(tally)
    # Neither is all refused, nor is all accepted.
    assert min(tally.outcomes["accepted"], tally.outcomes["KlingValidationError"]) > ARGUMENTS / 20


def test_no_answer_is_taken_for_what_it_does_not_say() -> None:
    tally = answers.run(SEED, ANSWERS)

    assert not tally.findings, said(tally)
    assert min(tally.outcomes[f"{way} KlingTask"] for way in ("create", "get", "aget", "poll")) > 5


def test_a_video_is_landed_as_it_is_or_not_at_all() -> None:
    tally = downloads.run(SEED, DOWNLOADS)

    assert not tally.findings, said(tally)
    assert min(tally.outcomes["tuple"], tally.outcomes["KlingDownloadError"]) > DOWNLOADS / 20


def test_a_case_is_known_by_its_seed_and_its_number() -> None:
    """A finding keeps no more of it."""
    places = videos.Places(1, 2)

    assert replies.make(SEED, 7) == replies.make(SEED, 7) != replies.make(SEED + 1, 7)
    assert videos.make(SEED, 7, places) == videos.make(SEED, 7, places)
