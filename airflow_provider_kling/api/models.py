"""What the registry of models says of a name or a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_kling.api.model import Model
from airflow_provider_kling.api.registry import IMAGE_MODELS, MODELS

# The llmprovider page says kling-video-v1, Kling's own reference kling-v1, for the same model. Only these two
# differ: kling-video-o1 is Kling's own name of another model, so a rule on the prefix would be wrong.
LLMPROVIDER_NAMES = {"kling-v1": "kling-video-v1", "kling-v1-6": "kling-video-v1-6"}
_CANONICAL = {spelling: name for name, spelling in LLMPROVIDER_NAMES.items()}

# What every dialect was given until each had a default of its own: records of that time are of this model.
FORMER_DEFAULT_MODEL = "kling-video-v1-6"
FORMER_DIALECTS = ("llmprovider", "kling")
_DEFAULTS = {
    "llmprovider": {"text2video": "kling-video-v1-6", "image2video": "kling-video-v1-6"},
    # kling-v2-6 is the cheapest that makes sound; Kling names no default that is still sold for video.
    "kling": {
        "text2video": "kling-v2-6",
        "image2video": "kling-v2-6",
        "motion-control": "kling-v2-6",
        "omni-video": "kling-video-o1",
        "images": "kling-v3",
        "omni-image": "kling-image-o1",
        "multi-image2image": "kling-v2-1",
        "multi-image2video": "kling-v1-6",
    },
}
_DEFAULTS["kling-v3"] = _DEFAULTS["kling"]

# Half of the 5 s clips took less than this, all of them 83 to 253 s (measured by dev.to/ofox in 2026). For mode no rule
# is known: single runs on fal.ai took 79 s (3.0 std), 83 s (2.6 pro), 149 s (1.6 std), 151 s (3 pro).
USUAL_SECONDS = 105.0

_BY_CAPABILITY: dict[str, dict[str, Model]] = {}
for _row in (*MODELS, *IMAGE_MODELS):
    for _capability in _row.capabilities:
        for _name in (_row.name, *_row.spellings.values()):
            _BY_CAPABILITY.setdefault(_capability, {})[_name] = _row


def canonical_model(name: str) -> str:
    """
    Return the name that a request is identified by: Kling's of the two that llmprovider spells otherwise.

    Not of the new standard's names: in a connection's ``models`` they were accepted before they had a row, and what
    was paid for under such a name must keep its identity.
    """
    return _CANONICAL.get(name, name)


def default_model(capability: str, dialect: str) -> str | None:
    """Return the model of a request that names none, or ``None`` where there is no model to name."""
    return _DEFAULTS[dialect].get(capability)


def model_of(capability: str, name: object) -> Model | None:
    """Return the row of a model by any of its spellings, or ``None``: one of tomorrow, or of another capability."""
    return _BY_CAPABILITY.get(capability, {}).get(name) if isinstance(name, str) else None


def models_of(capability: str, dialect: str) -> list[Model]:
    """Return the rows of the models that a dialect knows for a capability, those that are retired too."""
    return [row for row in (*MODELS, *IMAGE_MODELS) if dialect in row.capabilities.get(capability, ())]


def capabilities_of(name: object) -> list[str]:
    """Return what a model can be asked for, whatever the dialect."""
    return [capability for capability, rows in _BY_CAPABILITY.items() if isinstance(name, str) and name in rows]


def resolved_model(capability: str, name: str, allowed: Iterable[str] = ()) -> str:
    """
    Return the name that a request goes on with: the registry's own, unless the connection or llmprovider says it so.

    :param name: as given, in any dialect's spelling.
    :param allowed: names of the connection's ``models``: they are sent as they stand there.
    """
    row = model_of(capability, name)
    return name if row is None or name in allowed or name in _CANONICAL else row.name


def typical_seconds(body: Mapping[str, Any], capability: str = "text2video") -> float:
    """
    Return how long the generation of a request usually takes.

    :param body: the request; a wrong guess costs a few polls or a few seconds, nothing else.
    """
    row = model_of(capability, body.get("model"))
    return USUAL_SECONDS if row is None else row.typical.get(str(body.get("duration") or "5"), USUAL_SECONDS)


def successor_of(name: str) -> str:
    """Return what to use instead of a retired model, or nothing where that is not known."""
    return next((row.successor for row in MODELS if name in (row.name, *row.spellings.values())), "")
