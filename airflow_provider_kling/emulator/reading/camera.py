"""``camera_control``: the same on both vendors' pages, and on Kling's own sold with few models."""

from __future__ import annotations

from airflow_provider_kling.emulator.fields import Fields

CAMERA_TYPES = ("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward")
CAMERA_AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
Camera = tuple[str, tuple[tuple[str, float], ...]]


def read(given: Fields) -> Camera:
    """Type and non-zero axes of ``camera_control``; ("", ()) when it is not given."""
    control = given.object("camera_control", ("type", "config"))
    if control is None:
        return "", ()
    kind = control.choice("type", CAMERA_TYPES, "")
    config = control.object("config", CAMERA_AXES)
    if kind == "simple" and config is None:
        raise control.wrong("config", "is required when type is simple")
    if config is None:
        return kind, ()
    moves = [(axis, config.number(axis, -10, 10)) for axis in CAMERA_AXES]
    return kind, tuple((axis, value) for axis, value in moves if value)


def camera_of(given: Fields, model: str, mode: str, seconds: int) -> Camera:
    """The same under Kling's own rules."""
    kind, moves = read(given)
    if not kind:
        return kind, moves
    # Documented in the capability table: v1-5 takes "simple" in pro.
    if (model, mode, seconds) != ("kling-v1", "std", 5) and (model, mode, seconds, kind) != (
        "kling-v1-5", "pro", 5, "simple",
    ):  # fmt: skip
        # Seen live.
        raise given.wrong("camera_control", "is only supported in std mode with 5s duration and kling-v1")
    if kind == "simple" and len(moves) != 1:
        raise given.wrong("camera_control.config", f"must have exactly one value that is not 0, has {len(moves)}")
    return kind, moves
