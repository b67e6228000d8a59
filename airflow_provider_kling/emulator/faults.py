"""Faults: what goes wrong, on which request, how often; by script or by seed."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

OPERATIONS = ("create", "get", "list", "identify", "costs", "download")
_API = ("create", "get", "list", "identify", "costs")


class _Rule(NamedTuple):
    """Where a kind makes sense, and where it applies unless said otherwise."""

    operations: tuple[str, ...]
    default: str


KINDS: dict[str, _Rule] = {
    "lost_before": _Rule(OPERATIONS, "create"),
    "lost_after": _Rule(OPERATIONS, "create"),
    "error_before": _Rule(OPERATIONS, "create"),
    "error_after": _Rule(OPERATIONS, "create"),
    "html": _Rule(OPERATIONS, "create"),
    "truncated_json": _Rule(_API, "create"),
    "stall": _Rule(OPERATIONS, "create"),
    "invisible": _Rule(("create",), "create"),
    "duplicate": _Rule(("create",), "create"),
    "rate_limited": _Rule(_API, "create"),
    "busy": _Rule(("create",), "create"),
    "no_balance": _Rule(("create",), "create"),
    "unauthorized": _Rule(_API, "any"),
    "generation_failed": _Rule(("create",), "create"),
    "no_videos": _Rule(("create", "get"), "any"),
    "unknown_status": _Rule(_API, "get"),
    "not_found": _Rule(("get",), "get"),
    "truncated_mp4": _Rule(("download",), "download"),
    "truncated_mp4_chunked": _Rule(("download",), "download"),
    "expired_url": _Rule(("download",), "download"),
}
# Faults that a client can survive without anybody's help.
SURVIVABLE = (
    "lost_before", "lost_after", "error_before", "error_after", "html", "truncated_json", "invisible", "duplicate",
    "rate_limited", "busy", "not_found", "unknown_status", "truncated_mp4", "expired_url",
)  # fmt: skip
_ERROR_STATUSES = (500, 502, 503, 504)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: one of ``KINDS``.
        on: ``create``, ``get``, ``list``, ``identify``, ``costs``, ``download``, or ``any`` of those where the kind
            makes sense; by default where it matters most (``create`` for lost answers, ``download`` for broken videos).
        times: how many matching requests it affects.
        skip: how many matching requests pass unharmed first.
        status: HTTP status of ``error_before`` and ``error_after`` (500, 502, 503, 504; default 500) and of ``html``
            (any; default 502).
        commit: is the request carried out although the answer is spoiled? For ``html`` (default no), ``truncated_json``
            and ``stall`` (default yes).
        seconds: real seconds a ``stall`` holds the answer (default 30); emulator seconds a task is ``invisible``
            (default 10).
        retry_after: ``Retry-After`` of ``rate_limited`` and ``busy``, seconds; None leaves it to the settings.
        fraction: share of the bytes that a truncated answer still carries (default half).
        value: the status word of ``unknown_status``.
    """

    kind: str
    on: str = ""
    times: int = 1
    skip: int = 0
    status: int | None = None
    commit: bool | None = None
    seconds: float | None = None
    retry_after: float | None = None
    fraction: float = 0.5
    value: str = "queued_v2"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind!r}; there are {', '.join(KINDS)}")
        rule = KINDS[self.kind]
        object.__setattr__(self, "on", self.on or rule.default)
        if self.on != "any" and self.on not in rule.operations:
            raise ValueError(f"{self.kind} applies to {', '.join(rule.operations)} or any, not to {self.on!r}")
        if self.times < 1 or self.skip < 0:
            raise ValueError("times must be at least 1 and skip at least 0")
        if self.kind.startswith("error_") and self.status not in (None, *_ERROR_STATUSES):
            raise ValueError(f"{self.kind} answers {', '.join(map(str, _ERROR_STATUSES))}, not {self.status!r}")
        if not 0 <= self.fraction < 1:
            raise ValueError("fraction must be at least 0 and below 1")

    def applies_to(self, operation: str) -> bool:
        """Whether it can affect a request of this operation."""
        return operation in KINDS[self.kind].operations and self.on in (operation, "any")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fault:
        """The fault of a ``POST /_kling/faults``; an unknown key is a ``ValueError``."""
        unknown = set(data) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"no such fault parameter: {', '.join(sorted(unknown))}")
        if "kind" not in data:
            raise ValueError("kind is missing")
        return cls(**data)


@dataclass
class _Pending:
    fault: Fault
    skip: int
    times: int


@dataclass
class _Seeded:
    seed: int
    rate: float
    faults: tuple[Fault, ...]
    requests: int = 0

    def take(self, operation: str) -> Fault | None:
        dice = random.Random(f"{self.seed}:{self.requests}")
        self.requests += 1
        matching = [fault for fault in self.faults if fault.applies_to(operation)]
        return dice.choice(matching) if matching and dice.random() < self.rate else None


class FaultPlan:
    """The faults still to come. Scripted ones go first, in the order they were added. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[_Pending] = []
        self._seeded: _Seeded | None = None

    def add(self, *faults: Fault) -> None:
        """Add faults. The first one that matches a request is applied; a request is affected by one fault at most."""
        with self._lock:
            self._pending.extend(_Pending(fault, fault.skip, fault.times) for fault in faults)

    def seeded(self, seed: int, rate: float = 0.2, kinds: Sequence[str | Fault] = SURVIVABLE) -> None:
        """Strike a share ``rate`` of the requests, chosen by ``seed`` and the order of the requests alone.

        ``kinds`` holds names (applied wherever the kind makes sense) or faults, whose ``times`` and ``skip`` do not
        count here. The default leaves out what a client cannot survive by itself: wrong keys, an empty balance, lost
        videos, stalls.
        """
        if not 0 <= rate <= 1:
            raise ValueError(f"rate must be from 0 to 1, not {rate!r}")
        faults = tuple(kind if isinstance(kind, Fault) else Fault(kind, on="any") for kind in kinds)
        with self._lock:
            self._seeded = _Seeded(seed, rate, faults)

    def clear(self) -> None:
        """Drop every fault, scripted and seeded."""
        with self._lock:
            self._pending.clear()
            self._seeded = None

    def take(self, operation: str) -> Fault | None:
        """The fault that applies to the request at hand, if one does. Uses it up."""
        with self._lock:
            scripted = self._take_scripted(operation)
            if self._seeded is None:
                return scripted
            # Asked even when a scripted fault applies, so that the seeded order hangs on the requests alone.
            drawn = self._seeded.take(operation)
            return scripted or drawn

    def _take_scripted(self, operation: str) -> Fault | None:
        for pending in self._pending:
            if not pending.fault.applies_to(operation):
                continue
            if pending.skip:
                pending.skip -= 1
                continue
            pending.times -= 1
            if not pending.times:
                self._pending.remove(pending)
            return pending.fault
        return None

    @property
    def pending(self) -> list[dict[str, object]]:
        """The scripted faults still to come, with what is left of ``times`` and ``skip``."""
        with self._lock:
            return [{**vars(one.fault), "times": one.times, "skip": one.skip} for one in self._pending]

    def add_json(self, data: Any) -> None:
        """Take the body of ``POST /_kling/faults``: a fault, a list of them, or ``{"seeded": {seed, rate, kinds}}``."""
        if isinstance(data, Mapping) and "seeded" in data:
            options = dict(data["seeded"])
            if "kinds" in options:
                options["kinds"] = [_kind(kind) for kind in options["kinds"]]
            self.seeded(**options)
            return
        items: Iterable[Any] = data if isinstance(data, list) else [data]
        self.add(*[Fault.from_json(item) for item in items])


def _kind(data: Any) -> str | Fault:
    return data if isinstance(data, str) else Fault.from_json(data)
