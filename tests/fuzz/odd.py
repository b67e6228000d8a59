"""Values that nobody means: for arguments of any Python type, for answers of any JSON type."""

from __future__ import annotations

import json
import random
from collections import UserDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any


class Unshowable:
    """Has no text of itself, as objects have whose ``__init__`` did not end."""

    def __repr__(self) -> str:
        raise AttributeError("not ready")


class Undecided:
    """Has no truth, as numpy's arrays and pandas' frames have none."""

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous")

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = None  # type: ignore[assignment]


class Word(StrEnum):
    """A text that is more than a text."""

    PRO = "pro"


class Count(IntEnum):
    """A number that is more than a number."""

    FIVE = 5


def itself() -> dict[str, Any]:
    """Return a dict that holds itself."""
    value: dict[str, Any] = {"a": 1}
    value["self"] = value
    return value


def itself_in_a_list() -> list[Any]:
    """Return a list that holds itself."""
    value: list[Any] = [1]
    value.append(value)
    return value


def nested(levels: int, *, in_list: bool = False) -> Any:
    """Return a value that many levels deep."""
    value: Any = 1
    for _ in range(levels):
        value = [value] if in_list else {"a": value}
    return value


_ODD: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: True,
    lambda: 0,
    lambda: -1,
    lambda: 5,
    lambda: 10**30,
    lambda: 10**400,
    lambda: 10**5000,
    lambda: 0.5,
    lambda: float("nan"),
    lambda: float("inf"),
    lambda: 1e308,
    lambda: Decimal("0.5"),
    lambda: Decimal("NaN"),
    lambda: 1j,
    lambda: "",
    lambda: "x",
    lambda: "None",
    lambda: "a cat",
    lambda: "x" * 2500,
    lambda: "é" * 3000,
    lambda: "x" * 100_000,
    lambda: "half \ud800 a character",
    lambda: "\udfff",
    lambda: "nul \x00 and \x1b[31m",
    lambda: "1" * 5000,
    lambda: "1e999",
    lambda: "-0",
    lambda: "٣",
    lambda: "²",
    lambda: "{'prompt': 'x'}",
    lambda: '{"multi_shot": true}',
    lambda: "{{ params.x }}",
    lambda: "{% if x %}",
    lambda: "{{ unclosed",
    lambda: b"bytes",
    lambda: bytearray(b"more"),
    lambda: [],
    lambda: ["a cat"],
    lambda: ["{{ x }}", float("nan")],
    lambda: [None, 1, "x", {}],
    lambda: (1, 2),
    lambda: {},
    lambda: {"a": 1},
    lambda: {1: 2},
    lambda: {None: "x"},
    lambda: {("a", 1): "x"},
    lambda: {"\ud800": 1},
    lambda: {"x" * 5000: "y" * 5000},
    lambda: {f"name{number}": number for number in range(500)},
    lambda: {"prompt": float("nan")},
    lambda: UserDict(a=1),
    lambda: MappingProxyType({"a": 1}),
    lambda: {1, 2},
    lambda: frozenset({"a"}),
    lambda: range(3),
    lambda: (letter for letter in "abc"),
    itself,
    itself_in_a_list,
    lambda: nested(40),
    lambda: nested(5_000),
    lambda: nested(5_000, in_list=True),
    lambda: datetime(2026, 1, 1, tzinfo=UTC),
    lambda: timedelta(hours=1),
    lambda: timedelta.max,
    lambda: object(),
    lambda: object,
    Unshowable,
    Undecided,
    lambda: [Unshowable()],
    lambda: {"a": Undecided()},
    lambda: Word.PRO,
    lambda: Count.FIVE,
    lambda: ValueError("no"),
)


def odd(chance: random.Random, depth: int = 0) -> Any:
    """Return a value of any type, sometimes inside another."""
    value = chance.choice(_ODD)()
    wrap = chance.random()
    if depth > 2 or wrap > 0.25:
        return value
    if wrap < 0.15:
        return {chance.choice(["type", "config", "pan", "multi_prompt", "sound", "prompt"]): odd(chance, depth + 1)}
    return [value, odd(chance, depth + 1)]


# What ``json.loads`` of Python can yield; kept as JSON text, since NaN and half characters have no other form.
_ODD_JSON = (
    "null",
    "true",
    "false",
    "0",
    "-1",
    "42",
    "1.5",
    "1e308",
    "1e400",
    "-1e400",
    "NaN",
    "Infinity",
    "-Infinity",
    "9" * 25,
    "9" * 400,
    "9" * 5000,
    '""',
    '" "',
    '"x"',
    '"None"',
    '"SUCCEED"',
    '"\\ud800"',
    '"\\u0000"',
    '"nan"',
    '"1e999"',
    '"-5"',
    '"5.041"',
    '"' + "y" * 5000 + '"',
    "[]",
    "[1]",
    '["succeed"]',
    "[[[]]]",
    "{}",
    '{"a":1}',
    '{"videos":1}',
    '{"external_task_id":["x"]}',
    '{"videos":[null]}',
    '{"videos":["x"]}',
    '{"videos":{"url":"x"}}',
)


class Raw(str):
    """JSON text that stands for itself."""

    __slots__ = ()


def odd_json(chance: random.Random) -> Raw:
    """Return a JSON value of any type."""
    if chance.random() < 0.02:
        deep = chance.choice([200, 3_000, 60_000])
        return Raw(chance.choice(["[" * deep + "]" * deep, '{"a":' * deep + "1" + "}" * deep]))
    return Raw(chance.choice(_ODD_JSON))


def dumped(value: Any) -> str:
    """Return the JSON of a value that holds raw JSON here and there."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{dumped(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dumped(item) for item in value) + "]"
    return json.dumps(value)
