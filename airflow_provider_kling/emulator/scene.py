"""Paints the frames of a clip: sky, sun, three drifting ridges, sparks, the prompt and a progress bar.

Everything costly is painted once; a frame is then a handful of pastes, so that a clip is made while a test waits.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from airflow_provider_kling.emulator.palette import Colour, Palette, dice, palette_for

if TYPE_CHECKING:
    from airflow_provider_kling.emulator.spec import VideoSpec

# What one unit of the camera's [-10, 10] does over the whole clip; the real service documents no physical unit.
_SHIFT_PER_UNIT = 0.03
_DEGREES_PER_UNIT = 1.2
_ZOOM_PER_UNIT = 0.035

# The preset moves of the API in terms of its six axes; documented as names only, so the amounts are ours.
PRESETS: dict[str, dict[str, float]] = {
    "down_back": {"vertical": -5, "zoom": -5},
    "forward_up": {"vertical": 5, "zoom": 5},
    "right_turn_forward": {"pan": 5, "zoom": 5},
    "left_turn_forward": {"pan": -5, "zoom": 5},
}


class Spark(NamedTuple):
    """A drifting point of light: place and speed in widths and heights per clip."""

    x: float
    y: float
    rise: float
    sway: float
    phase: float
    sprite: int


class Layer(NamedTuple):
    """A painted picture and where its upper left corner goes."""

    image: Image.Image
    place: tuple[int, int]


class Scene:
    """All frames of one clip. ``frame(t)`` with ``t`` from 0 to 1 gives an RGB image of the clip's size."""

    def __init__(self, spec: VideoSpec) -> None:
        self.spec = spec
        self.size = (spec.width, spec.height)
        self.random = dice(spec.prompt, spec.seed)
        self.palette = palette_for(spec.prompt, spec.seed)
        self.camera = dict(PRESETS.get(spec.camera_type, {})) or dict(spec.camera)
        self.direction = self.random.choice((-1, 1))
        self._sky = _sky(self.size, self.palette)
        self._sun = _sun(round(min(self.size) * 0.9), round(min(self.size) * 0.19))
        self._ridges = [_ridge(self.size, level, self.random) for level in range(3)]
        self._sprites = [_disc(max(3, round(min(self.size) * share))) for share in (0.01, 0.014, 0.02)]
        self._sparks = [_spark(self.random) for _ in range(26)]
        self._label = _label(self.size, spec.label)
        self._caption = _caption(self.size, spec.prompt)

    def frame(self, t: float) -> Image.Image:
        image = self._landscape(t)
        if self.camera.get("zoom") or self.camera.get("roll"):
            image = self._turned_and_zoomed(image, t)
        self._overlay(image, t)
        return image

    def _landscape(self, t: float) -> Image.Image:
        """The layers, each shifted by its own share of the camera's move: what is near moves more."""
        width, height = self.size
        right, down = self._shift(t, "horizontal", "pan"), self._shift(t, "vertical", "tilt")
        drift = t if self.direction > 0 else 1 - t
        image = self._sky.crop(_window(self._sky, drift + right, width, height))
        x = round(width * (0.22 + 0.5 * drift - right))
        y = round(height * (0.40 - 0.16 * math.sin(math.pi * t) + 0.4 * down))
        image.paste(self.palette.glow, (x - self._sun.width // 2, y - self._sun.height // 2), self._sun)
        for level, ridge in enumerate(self._ridges):
            colour, top = self.palette.hills[level], ridge.place[1] + round(height * down * (0.6 + 0.3 * level))
            crests = ridge.image.crop(_window(ridge.image, drift + right, width, ridge.image.height))
            image.paste(colour, (0, top), crests)
            # Pasting without a mask is many times cheaper, and below the crests none is needed.
            image.paste(colour, (0, min(height, top + crests.height), width, height))
        self._draw_sparks(image, t)
        return image

    def _shift(self, t: float, *axes: str) -> float:
        return sum(self.camera.get(axis, 0.0) for axis in axes) * _SHIFT_PER_UNIT * (t - 0.5)

    def _draw_sparks(self, image: Image.Image, t: float) -> None:
        width, height = self.size
        for spark in self._sparks:
            sprite = self._sprites[spark.sprite]
            x = (spark.x + spark.sway * math.sin(2 * math.pi * (t + spark.phase))) % 1.0
            y = (spark.y - spark.rise * t) % 1.0
            image.paste(self.palette.sparks, (round(x * width), round(y * height * 0.8)), sprite)

    def _turned_and_zoomed(self, image: Image.Image, t: float) -> Image.Image:
        """The picture as a camera sees it that rolls or zooms. It starts a quarter closer, so that no edge shows."""
        width, height = self.size
        image = image.rotate(self.camera.get("roll", 0.0) * _DEGREES_PER_UNIT * (t - 0.5), Image.Resampling.BILINEAR)
        zoom = 1.25 * (1 + self.camera.get("zoom", 0.0) * _ZOOM_PER_UNIT * (t - 0.5))
        left, top = (width - width / zoom) / 2, (height - height / zoom) / 2
        return image.resize(self.size, Image.Resampling.BILINEAR, box=(left, top, width - left, height - top))

    def _overlay(self, image: Image.Image, t: float) -> None:
        width, height = self.size
        for layer in (self._label, self._caption):
            image.paste(layer.image, layer.place, layer.image)
        bar = max(2, height // 120)
        image.paste(self.palette.glow, (0, height - bar, max(1, round(width * t)), height))


def _window(image: Image.Image, drift: float, width: int, height: int) -> tuple[int, int, int, int]:
    left = round((image.width - width) * min(1.0, max(0.0, drift)))
    return left, 0, left + width, height


def _sky(size: tuple[int, int], palette: Palette) -> Image.Image:
    """A sky half as wide again as the frame, its colours running aslant so that its drift is seen."""
    width, height = round(size[0] * 1.5), size[1]
    small = Image.new("RGB", (24, 16))
    for x in range(24):
        for y in range(16):
            share = min(1.0, max(0.0, y / 15 * 1.15 + 0.22 * math.sin(x / 23 * math.pi * 2) - 0.05))
            small.putpixel((x, y), _mix(palette.sky_top, palette.sky_bottom, share))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _sun(glow: int, disc: int) -> Image.Image:
    """A mask of a disc in a glow that fades outwards; both sizes in pixels."""
    radial = Image.radial_gradient("L").resize((glow, glow), Image.Resampling.BILINEAR)
    mask = radial.point([round(150 * max(0.0, 1 - level / 180) ** 2) for level in range(256)])
    middle = (glow - disc) // 2
    mask.paste(235, (middle, middle), _disc(disc))
    return mask


def _disc(size: int) -> Image.Image:
    """A mask of a smooth round disc."""
    big = Image.new("L", (size * 4, size * 4))
    ImageDraw.Draw(big).ellipse((2, 2, size * 4 - 3, size * 4 - 3), fill=235)
    return big.resize((size, size), Image.Resampling.LANCZOS)


def _ridge(size: tuple[int, int], level: int, source: random.Random) -> Layer:
    """The mask of the crests of one chain of hills. Near chains are wider, so they drift faster: parallax."""
    width, height = round(size[0] * (1.2 + 0.35 * level)), size[1]
    crest, amplitude = 0.14 * height, 0.075 * min(size)
    top = round(height * (0.52 + 0.15 * level) - crest)
    waves = [(source.uniform(1.5, 3.5) * k, source.uniform(0, 6.3), amplitude / k) for k in (1, 2, 4)]
    # Painted at double size for smooth edges.
    double = Image.new("L", (width * 2, round(crest + amplitude * 1.75) * 2))
    line = [
        (x, 2 * (crest + sum(a * math.sin(f * x / width * math.pi + p) for f, p, a in waves)))
        for x in range(0, width * 2 + 8, 8)
    ]
    ImageDraw.Draw(double).polygon([(0, double.height), *line, (double.width, double.height)], fill=255)
    return Layer(double.reduce(2), (0, top))


def _spark(source: random.Random) -> Spark:
    return Spark(
        x=source.random(), y=source.random(), rise=source.uniform(0.15, 0.5), sway=source.uniform(0.005, 0.03),
        phase=source.random(), sprite=source.randrange(3),
    )  # fmt: skip


def _label(size: tuple[int, int], text: str) -> Layer:
    """The model, length and mode, small in the upper left corner."""
    unit = min(size)
    font = ImageFont.load_default(size=max(7, round(unit * 0.036)))
    image = Image.new("RGBA", (max(1, round(font.getlength(text))), round(unit * 0.06)))
    ImageDraw.Draw(image).text((0, 0), text, font=font, fill=(255, 255, 255, 215))
    return Layer(image, (round(unit * 0.05), round(unit * 0.04)))


def _caption(size: tuple[int, int], prompt: str) -> Layer:
    """The prompt in a dark panel at the foot of the frame."""
    width, height = size
    unit = min(size)
    margin, step = round(unit * 0.05), round(unit * 0.068)
    font = ImageFont.load_default(size=max(8, round(unit * 0.052)))
    lines = wrap(prompt, lambda text: font.getlength(text) <= width - 4 * margin, limit=3)
    image = Image.new("RGBA", (width - 2 * margin, step * len(lines) + margin))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, image.width - 1, image.height - 1), radius=margin // 2, fill=(10, 12, 24, 150))
    for number, line in enumerate(lines):
        draw.text((margin, margin // 2 + step * number), line, font=font, fill=(255, 255, 255, 240))
    return Layer(image, (margin, height - margin - image.height))


def wrap(text: str, fits: Callable[[str], bool], limit: int) -> list[str]:
    """``text`` in at most ``limit`` lines that ``fits`` allows; what does not fit ends in an ellipsis."""
    lines: list[str] = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and not fits(longer):
            lines.append(word)
        else:
            lines[-1] = longer
    if len(lines) <= limit:
        return lines
    last = lines[limit - 1]
    while last and not fits(f"{last}..."):
        last = last[:-1]
    return [*lines[: limit - 1], f"{last.rstrip()}..."]
