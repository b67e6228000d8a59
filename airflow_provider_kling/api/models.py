"""Kling's model names: two spellings of one model, and what each model is known to refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The llmprovider page says kling-video-v1, Kling's own reference kling-v1, for the same model. Only these two
# differ: kling-video-o1 is Kling's own name of another model, so a rule on the prefix would be wrong.
LLMPROVIDER_NAMES = {"kling-v1": "kling-video-v1", "kling-v1-6": "kling-video-v1-6"}
_CANONICAL = {spelling: name for name, spelling in LLMPROVIDER_NAMES.items()}

DEFAULT_MODEL = "kling-video-v1-6"

# Half of the 5 s clips took less than this, all of them 83 to 253 s (measured by dev.to/ofox in 2026).
USUAL_SECONDS = 105.0
# The middle of what a gateway documents (apixo.ai on kling-2-5-turbo-pro: 30 to 45 s, 45 to 60 s). For other models and
# for mode no rule is known: single runs on fal.ai took 79 s (3.0 std), 83 s (2.6 pro), 149 s (1.6 std), 151 s (3 pro).
_TYPICAL_SECONDS = {("kling-v2-5-turbo", "5"): 38.0, ("kling-v2-5-turbo", "10"): 53.0}


def typical_seconds(body: Mapping[str, Any]) -> float:
    """
    Return how long the generation of a request usually takes.

    :param body: the request; a wrong guess costs a few polls or a few seconds, nothing else.
    """
    model = canonical_model(str(body.get("model")))
    return _TYPICAL_SECONDS.get((model, str(body.get("duration") or "5")), USUAL_SECONDS)


def canonical_model(name: str) -> str:
    """Return Kling's own spelling of a model name; a name that is not known is returned as it is."""
    return _CANONICAL.get(name, name)


def rule_violations(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """
    Return what a request asks of its model that the model is known to refuse, as (field, message).

    :param body: the request, with the model in Kling's own spelling.

    The llmprovider page states none of this. Sources: Kling's reference of the ``/v1/videos`` paths; for camera
    control KlingAIResearch/ComfyUI-KLingAI-API#14, where the API's own answer was recorded.
    """
    return [*_camera_violations(body), *_field_violations(body)]


def _camera_violations(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    camera = body.get("camera_control")
    if not isinstance(camera, Mapping):
        return []
    found = []
    config = camera.get("config")
    if camera.get("type") == "simple" and isinstance(config, Mapping):
        moved = [axis for axis, value in config.items() if value]
        if len(moved) != 1:
            what = f"{len(moved)} are ({', '.join(moved)})" if moved else "none is"
            found.append(("camera_control.config", f"exactly one value must be non-zero; {what}"))
    supported = (body.get("model"), body.get("mode", "std"), body.get("duration", "5")) == ("kling-v1", "std", "5")
    if not supported:
        found.append(("camera_control", "is supported only by kling-v1 in mode std with duration 5"))
    return found


def _field_violations(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    model = str(body.get("model"))
    v3 = model.startswith("kling-v3")
    found = []
    if "cfg_scale" in body and model.startswith("kling-v2"):
        found.append(("cfg_scale", f"is not supported by {model} (nor by any other kling-v2 model)"))
    if body.get("duration", "5") not in ("5", "10") and not v3:
        found.append(("duration", f"{model} makes videos of 5 or 10 seconds; others need kling-v3"))
    if body.get("mode") == "4k" and not v3:
        found.append(("mode", "4k needs kling-v3"))
    return found
