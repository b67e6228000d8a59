"""Makes the png of a task: one moment of the clip that its prompt would give."""

from __future__ import annotations

import functools
import io

from airflow_provider_kling.emulator.spec import MissingExtraError, VideoSpec


@functools.lru_cache(maxsize=64)
def png(spec: VideoSpec, number: int) -> bytes:
    """Picture ``number`` of ``spec``, from 0 to 8, each of another seed."""
    try:
        from airflow_provider_kling.emulator.scene import Scene
    except ImportError as missing:
        raise MissingExtraError(missing.name or "PIL") from missing
    out = io.BytesIO()
    Scene(spec._replace(seed=spec.seed + number)).frame(0.5).save(out, "PNG")
    return out.getvalue()
