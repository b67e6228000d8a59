"""The colours of a clip: picked by a word of the prompt where one fits, else by the prompt's hash."""

from __future__ import annotations

import hashlib
import random
from typing import NamedTuple

Colour = tuple[int, int, int]


class Palette(NamedTuple):
    """Colours from far to near. ``glow`` is the sun or moon, ``hills`` run from the horizon to the foreground."""

    sky_top: Colour
    sky_bottom: Colour
    glow: Colour
    hills: tuple[Colour, Colour, Colour]
    sparks: Colour


SUNSET = Palette(
    (58, 28, 96), (255, 148, 94), (255, 226, 160), ((170, 76, 110), (106, 44, 96), (48, 20, 60)), (255, 214, 170)
)
NIGHT = Palette(
    (8, 12, 40), (44, 62, 120), (226, 234, 255), ((38, 52, 104), (22, 32, 74), (8, 12, 34)), (220, 230, 255)
)
OCEAN = Palette(
    (24, 88, 150), (156, 222, 232), (255, 246, 214), ((52, 140, 178), (22, 98, 146), (8, 50, 92)), (236, 255, 255)
)
FOREST = Palette(
    (86, 150, 140), (232, 236, 190), (255, 250, 214), ((108, 158, 116), (52, 108, 82), (18, 54, 48)), (250, 255, 200)
)
SNOW = Palette(
    (112, 150, 200),
    (236, 240, 250),
    (255, 252, 240),
    ((196, 212, 234), (150, 176, 212), (92, 120, 168)),
    (255, 255, 255),
)
DESERT = Palette(
    (70, 130, 180), (252, 214, 156), (255, 244, 204), ((222, 160, 102), (186, 112, 68), (110, 60, 46)), (255, 236, 200)
)
BLOOM = Palette(
    (96, 84, 180), (255, 190, 210), (255, 240, 230), ((198, 120, 176), (132, 74, 150), (62, 34, 92)), (255, 224, 240)
)

_WORDS: dict[str, Palette] = {
    "sunset": SUNSET, "dusk": SUNSET, "evening": SUNSET, "fire": SUNSET,
    "night": NIGHT, "moon": NIGHT, "star": NIGHT, "space": NIGHT, "neon": NIGHT,
    "ocean": OCEAN, "sea": OCEAN, "wave": OCEAN, "beach": OCEAN, "rain": OCEAN,
    "forest": FOREST, "jungle": FOREST, "tree": FOREST, "garden": FOREST, "rabbit": FOREST,
    "snow": SNOW, "winter": SNOW, "ice": SNOW, "mountain": SNOW,
    "desert": DESERT, "sand": DESERT, "dune": DESERT, "lion": DESERT,
    "flower": BLOOM, "spring": BLOOM, "love": BLOOM, "dream": BLOOM,
}  # fmt: skip
_ALL = (SUNSET, NIGHT, OCEAN, FOREST, SNOW, DESERT, BLOOM)


def dice(prompt: str, seed: int) -> random.Random:
    """A generator that is the same for the same prompt and seed on every machine (``hash()`` is not)."""
    return random.Random(hashlib.sha256(f"{seed}\x00{prompt}".encode()).digest())


def palette_for(prompt: str, seed: int) -> Palette:
    """The palette of the word that comes first in ``prompt``, else one drawn by hash."""
    words = [word.strip(".,;:!?'\"()").removesuffix("s") for word in prompt.lower().split()]
    return next((_WORDS[word] for word in words if word in _WORDS), dice(prompt, seed).choice(_ALL))
