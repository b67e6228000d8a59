"""What is known of one model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

LONGEST_PROMPT = 2_500


class Model(NamedTuple):
    """
    One model.

    :param name: Kling's spelling on the ``/v1`` paths, or the only one there is.
    :param title: as Kling's pages call it.
    :param source: where the row is from.
    :param capabilities: what it can be asked for, and in which dialects.
    :param spellings: by dialect, where it is not ``name``.
    :param durations: seconds that it makes, as the request says them. Empty: the request has no duration.
    :param alone: those of them that it makes without a reference image, element or video; empty: all.
    :param modes: ``std`` (720p), ``pro`` (1080p), ``4k``. Empty: the request has no mode.
    :param aspect_ratios: of what is made from text alone.
    :param sound: modes in which it makes sound when it is told to; ``("always",)``: in all, untold.
    :param shots: shots in one video at most; 0: it takes no list of shots.
    :param end_frame: modes in which image2video takes an end frame beside the first one.
    :param prompt: characters at most; by dialect where they differ.
    :param refuses: fields that it is known to refuse.
    :param ignores: fields that it is known not to use, and does not refuse.
    :param typical: seconds that a generation usually takes, by duration, where something is known.
    :param retired_on: the day on which Kling stopped serving it.
    :param successor: what to use instead.
    :param units: what a second costs, by what is made ("" silent, "sound", "voice", "motion", "video" for a video as
        input) and mode; images: by image, under the resolution.
    :param clips: what a whole video costs, by mode and duration: retired models.
    """

    name: str
    title: str
    source: str
    capabilities: Mapping[str, tuple[str, ...]]
    spellings: Mapping[str, str] = {}
    durations: tuple[str, ...] = ("5", "10")
    alone: tuple[str, ...] = ()
    modes: tuple[str, ...] = ("std", "pro")
    aspect_ratios: tuple[str, ...] = ("16:9", "9:16", "1:1")
    sound: tuple[str, ...] = ()
    shots: int = 0
    end_frame: tuple[str, ...] = ()
    prompt: Mapping[str, int] = {}
    refuses: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    typical: Mapping[str, float] = {}
    retired_on: str = ""
    successor: str = ""
    units: Mapping[str, Mapping[str, float]] = {}
    clips: Mapping[tuple[str, str], float] = {}

    def spelled(self, dialect: str) -> str:
        """Return its name as a dialect writes it."""
        return self.spellings.get(dialect, self.name)

    def longest_prompt(self, dialect: str) -> int:
        """Return how many characters a prompt may have."""
        return self.prompt.get(dialect, LONGEST_PROMPT)
