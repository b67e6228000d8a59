"""
The normal form of a request: one spelling of each setting, whatever the dialect.

It is flat, in Kling's spelling of the ``/v1`` paths, and holds only what the user set, plus the model. It is what is
fingerprinted; a dialect makes its wire of it. Kling's new standard has other words for two settings, which operators
accept as well, and the lists of shots and the watermark have one form here for the two on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from airflow_provider_kling.api.plain import shorten

Faults = list[tuple[str, str]]

MODES = {"720p": "std", "1080p": "pro", "4k": "4k"}
RESOLUTIONS = {mode: resolution for resolution, mode in MODES.items()}
_SOUNDS = {"native": "on", "off": "off"}
# What YAML and people make of on and off.
_SWITCH = {True: "on", False: "off"}

MOST_SHOTS, LONGEST_SHOT = 6, 512


class _Alias(NamedTuple):
    """Another name of a setting, and what its words are there."""

    name: str
    words: Mapping[str, str]

    def read(self, value: Any) -> str | None:
        if isinstance(value, bool):
            return _SWITCH[value] if self.words is _SOUNDS else None
        return self.words.get(value.lower()) if isinstance(value, str) else None


_ALIASES = {"mode": _Alias("resolution", MODES), "sound": _Alias("audio", _SOUNDS)}


def normal_form(fields: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[dict[str, Any], Faults]:
    """
    Return request fields in their normal form, and what is wrong with how they were said.

    :param fields: those that the user set, without templates in them.
    :param known: the properties of the capability's schema; an alias that is a field of its own there is left alone.
    """
    body, faults = dict(fields), Faults()
    if isinstance(body.get("sound"), bool) and "sound" in known:
        body["sound"] = _SWITCH[body["sound"]]
    for name, alias in _ALIASES.items():
        if alias.name not in body or alias.name in known or name not in known:
            continue
        given = body.pop(alias.name)
        meant = alias.read(given)
        if meant is None:
            faults.append((alias.name, f"{shorten(given)} is not one of {', '.join(map(repr, alias.words))}"))
        elif body.setdefault(name, meant) != meant:
            what = f"is {shorten(given)}, and {name} is {shorten(body[name])}: two names of one setting; set one"
            faults.append((alias.name, what))
    if isinstance(body.get("shots"), (list, tuple)):
        body["shots"] = [_shot(shot) for shot in body["shots"]]
    return body, faults


def as_named(found: Iterable[tuple[str, str]], fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield findings about a normal form under the names that the user gave its fields."""
    aliases = {name: alias.name for name, alias in _ALIASES.items() if alias.name in fields and name not in fields}
    for field, message in found:
        yield (aliases[field], f"(that is, {field}) {message}") if field in aliases else (field, message)


def _shot(shot: Any) -> Any:
    """Return a shot with its seconds as text, as the duration of the whole is."""
    seconds = shot.get("duration") if isinstance(shot, Mapping) else None
    whole = isinstance(seconds, int) and not isinstance(seconds, bool) and seconds.bit_length() < 64
    return {**shot, "duration": str(seconds)} if whole else shot


def shot_faults(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a list of shots that its schema accepts (Kling's pages, both standards)."""
    shots = body.get("shots")
    if not shots:
        return
    if body.get("prompt"):
        yield "prompt", "is not used when shots is set: say all in the prompts of the shots"
    if body.get("multi_shot") is False:
        yield "multi_shot", "is False, and shots is set: several shots need it"
    total, whole = sum(int(shot["duration"]) for shot in shots), str(body.get("duration") or "5")
    if str(total) != whole:
        said = f"duration is {whole}" if body.get("duration") else "duration is not set, and 5 by default"
        yield "shots", f"the durations add up to {total}, and {said}"


def for_legacy(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body as the ``/v1`` paths have it: what has another form there, in that form."""
    renamed: dict[str, Callable[[Any], dict[str, Any]]] = {"shots": _multi_prompt, "watermark": _watermark}
    wire: dict[str, Any] = {}
    for name, value in body.items():
        wire.update(renamed[name](value) if name in renamed else {name: value})
    return wire


def _multi_prompt(shots: list[Mapping[str, Any]]) -> dict[str, Any]:
    # There, unlike in the new standard, one shot is the default, and who cuts is to be said.
    listed = [{"index": index, **shot} for index, shot in enumerate(shots, 1)]
    return {"multi_shot": True, "shot_type": "customize", "multi_prompt": listed}


def _watermark(enabled: bool) -> dict[str, Any]:
    return {"watermark_info": {"enabled": enabled}}
