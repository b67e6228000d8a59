"""
The tables of ``docs/models.md``, from the registry of models.

``python -m dev.models`` writes them anew; a test says when that is due.
"""

from __future__ import annotations

from pathlib import Path

from airflow_provider_kling.api.capabilities import CAPABILITIES
from airflow_provider_kling.api.dialects import DIALECTS
from airflow_provider_kling.api.model import Model
from airflow_provider_kling.api.models import default_model, model_of
from airflow_provider_kling.api.normal import RESOLUTIONS
from airflow_provider_kling.api.prices import BY_CALL, USD_PER_UNIT
from airflow_provider_kling.api.registry import IMAGE_MODELS, MODELS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "models.md"
_BEGIN, _END = "<!-- written by python -m dev.models -->", "<!-- end -->"
_MADE = {"": "silent", "sound": "with sound", "voice": "with a voice", "motion": "motion", "video": "from a video"}


def tables() -> str:
    """Return all that stands between the marks."""
    parts = [_cells(), _takes(), _retired(), _prices()]
    return "\n\n".join(parts)


def page() -> str:
    """Return the page with its tables as they are now."""
    before, _, rest = PAGE.read_text("utf-8").partition(_BEGIN)
    return f"{before}{_BEGIN}\n\n{tables()}\n\n{_END}{rest.partition(_END)[2]}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _rows() -> list[Model]:
    """Return what can be asked for; the registry knows models besides, of capabilities without an operator."""
    return [row for row in (*MODELS, *IMAGE_MODELS) if CAPABILITIES.keys() & row.capabilities.keys()]


def _cells() -> str:
    rows = [
        [f"`{capability}`", row.title, *(_cell(row, capability, dialect) for dialect in DIALECTS)]
        for capability in CAPABILITIES
        for row in _rows()
        if capability in row.capabilities
    ]
    defaults = [
        [f"`{capability}`", *(_default(capability, dialect) for dialect in DIALECTS)]
        for capability in CAPABILITIES
        if any(capability in row.capabilities for row in _rows())
    ]
    heads = [f"`{dialect}`" for dialect in DIALECTS]
    return (
        "## Capability, model, dialect\n\nThe name to give as `model`; the spelling of any dialect will do in all.\n\n"
        + _table(["capability", "model", *heads], rows)
        + "\n\nWithout `model`:\n\n"
        + _table(["capability", *heads], defaults)
    )


def _default(capability: str, dialect: str) -> str:
    row = model_of(capability, default_model(capability, dialect))
    return "-" if row is None or dialect not in row.capabilities[capability] else f"`{row.spelled(dialect)}`"


def _cell(row: Model, capability: str, dialect: str) -> str:
    if dialect not in row.capabilities[capability]:
        return "-"
    if row.retired_on:
        return f"`{row.spelled(dialect)}`" + (" (retired)" if DIALECTS[dialect].is_kling else "")
    return f"`{row.spelled(dialect)}`"


def _takes() -> str:
    rows = [
        [
            row.title,
            _seconds(row),
            ", ".join(map(_mode, row.modes)) or "-",
            ", ".join(row.aspect_ratios),
            _sound(row),
            str(row.shots or 1),
            _end_frame(row),
            _prompt(row),
        ]
        for row in _rows()
        if not row.retired_on
    ]
    head = ["model", "seconds", "mode (resolution)", "aspect ratios", "sound in", "shots", "end frame in", "prompt"]
    return "## What each takes\n\n" + _table(head, rows)


def _mode(mode: str) -> str:
    resolution = RESOLUTIONS.get(mode, mode)
    return mode if mode == resolution else f"{mode} ({resolution})"


def _seconds(row: Model) -> str:
    if not row.alone:
        return _range(row.durations)
    return f"{_range(row.alone)}; {_range(row.durations)} with references"


def _range(durations: tuple[str, ...]) -> str:
    return f"{durations[0]} to {durations[-1]}" if len(durations) > 3 else ", ".join(durations) or "-"


def _sound(row: Model) -> str:
    return "always" if row.sound == ("always",) else ", ".join(row.sound) or "-"


def _end_frame(row: Model) -> str:
    silent = " (silent)" if row.end_frame and row.sound and row.sound != row.modes else ""
    return ", ".join(row.end_frame) + silent or "-"


def _prompt(row: Model) -> str:
    lengths = {row.longest_prompt(dialect) for dialects in row.capabilities.values() for dialect in dialects}
    return " / ".join(f"{length:,}" for length in sorted(lengths))


def _retired() -> str:
    rows = [
        [row.title, f"`{row.name}`", row.retired_on, f"`{row.successor}`", _clips(row)]
        for row in _rows()
        if row.retired_on
    ]
    return (
        "## Retired\n\nRefused before paying on `kling` and `kling-v3`, unless the connection's `models` names it; on "
        "`llmprovider` it is sent,\nwith a line in the log.\n\n"
        + _table(["model", "name", "since", "use instead", "units a clip, 5 s / 10 s"], rows)
    )


def _clips(row: Model) -> str:
    modes = dict.fromkeys(mode for mode, _ in row.clips)
    return ", ".join(f"{mode} {row.clips[mode, '5']:g} / {row.clips[mode, '10']:g}" for mode in modes) or "-"


def _prices() -> str:
    rows = [
        [row.title, _MADE[made], *(f"{units[mode]:g}" if mode in units else "-" for mode in RESOLUTIONS)]
        for row in MODELS
        for made, units in row.units.items()
    ]
    images = [
        [row.title, made or "text", f"{units['1k']:g}"]
        for row in _rows()
        if row in IMAGE_MODELS
        for made, units in row.units.items()
        if made != "images" or "multi-image2image" in CAPABILITIES
    ]
    calls = ", ".join(
        f"`{name}` {units:g}" for name, units in BY_CALL.items() if name in CAPABILITIES or name == "identify-face"
    )
    return (
        f"## Prices\n\nUnits per second of video; a unit lists at USD {USD_PER_UNIT:g}.\n\n"
        + _table(["model", "video", *map(_mode, RESOLUTIONS)], rows)
        + "\n\nUnits per image (1k and 2k); an image unit lists at USD 0.0035.\n\n"
        + _table(["model", "from", "units"], images)
        + f"\n\nUnits per call: {calls}.\n\n"
        "The length of the input decides what these cost, so there is no estimate: `avatar` 0.4 (std) or 0.8 (pro) a "
        "second, `lip-sync` 0.5\nfor each 5 s, `motion-control` as above."
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
