"""Makes the mp4 of a task: h264, yuv420p, moov at the front, so that browsers play it while it loads."""

from __future__ import annotations

import functools
import tempfile
from fractions import Fraction
from pathlib import Path

from airflow_provider_kling.emulator.sound import SAMPLES_PER_SECOND, add_track
from airflow_provider_kling.emulator.spec import MissingExtraError, VideoSpec

# Enough for a slow drift; every frame more costs the waiting test five milliseconds.
FRAMES_PER_SECOND = 15


@functools.lru_cache(maxsize=64)
def render(spec: VideoSpec) -> bytes:
    """The mp4 of ``spec``. Takes about half a second for five seconds of 640x360; call it in a thread."""
    try:
        import av
        from PIL import Image  # noqa: F401
    except ImportError as missing:
        raise MissingExtraError(missing.name or "av") from missing
    from airflow_provider_kling.emulator.scene import Scene

    scene = Scene(spec)
    count = max(2, round(spec.seconds * FRAMES_PER_SECOND))
    # ffmpeg moves the moov atom to the front by reopening the file, so it must be a real one.
    with tempfile.TemporaryDirectory(prefix="kling-emulator-") as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream(
                "libx264", rate=FRAMES_PER_SECOND, options={"preset": "superfast", "crf": "23", "threads": "2"}
            )
            stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "yuv420p"
            track = container.add_stream("aac", rate=SAMPLES_PER_SECOND) if spec.sound else None
            for number in range(count):
                # PyAV ships types, but not for this one.
                frame = av.VideoFrame.from_image(scene.frame(number / (count - 1)))  # type: ignore[no-untyped-call]
                frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
            if spec.sound:
                add_track(container, track, spec)
        return path.read_bytes()
