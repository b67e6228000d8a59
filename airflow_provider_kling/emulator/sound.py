"""Makes sounds: a few notes that the prompt picks, as wav, as mp3, and as the track of a video."""

from __future__ import annotations

import array
import functools
import io
import math
import sys
import wave
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.emulator.palette import dice
from airflow_provider_kling.emulator.spec import MissingExtraError, VideoSpec

if TYPE_CHECKING:
    import av

SAMPLES_PER_SECOND = 44100
_NOTE_SECONDS = 0.5
_LOUDNESS = 6000
# A pentatonic scale, in which no two notes clash.
_SCALE = (220.0, 246.9, 277.2, 329.6, 370.0, 440.0)
_FRAME = 1152


@functools.lru_cache(maxsize=16)
def samples(prompt: str, seed: int, seconds: float) -> bytes:
    """16 bit mono samples, little endian."""
    source = dice(prompt, seed)
    per_note = round(SAMPLES_PER_SECOND * _NOTE_SECONDS)
    notes: dict[float, array.array[int]] = {}
    made = array.array("h")
    total = round(seconds * SAMPLES_PER_SECOND)
    while len(made) < total:
        pitch = source.choice(_SCALE)
        made.extend(notes.setdefault(pitch, _note(pitch, per_note)))
    del made[total:]
    if sys.byteorder == "big":
        made.byteswap()
    return made.tobytes()


def _note(pitch: float, length: int) -> array.array[int]:
    step = 2 * math.pi * pitch / SAMPLES_PER_SECOND
    return array.array("h", (round(_LOUDNESS * math.sin(step * n) * (1 - n / length)) for n in range(length)))


def wav(spec: VideoSpec) -> bytes:
    """The sound of ``spec`` as PCM."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLES_PER_SECOND)
        file.writeframes(samples(spec.prompt, spec.seed, spec.seconds))
    return out.getvalue()


@functools.lru_cache(maxsize=16)
def mp3(spec: VideoSpec) -> bytes:
    """The sound of ``spec`` as mp3."""
    try:
        import av
    except ImportError as missing:
        raise MissingExtraError("av") from missing
    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as container:
        add_track(container, container.add_stream("libmp3lame", rate=SAMPLES_PER_SECOND), spec)
    return out.getvalue()


def add_track(container: Any, stream: Any, spec: VideoSpec) -> None:
    """Encode the sound of ``spec`` into ``stream``."""
    for frame in _frames(spec):
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _frames(spec: VideoSpec) -> Iterator[av.AudioFrame]:
    import av

    data = samples(spec.prompt, spec.seed, spec.seconds)
    for start in range(0, len(data), 2 * _FRAME):
        part = data[start : start + 2 * _FRAME]
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(part) // 2)
        frame.planes[0].update(part.ljust(frame.planes[0].buffer_size, b"\x00"))
        frame.sample_rate = SAMPLES_PER_SECOND
        frame.pts = start // 2
        yield frame
