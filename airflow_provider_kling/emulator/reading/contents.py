"""``contents`` of the new standard: a list of things of a type, each with fields of its own (documented)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_kling.emulator.fields import Fields
from airflow_provider_kling.emulator.reading import inputs
from airflow_provider_kling.emulator.reading.offers import Offer
from airflow_provider_kling.emulator.reading.references import References
from airflow_provider_kling.emulator.reading.shop import Shop
from airflow_provider_kling.emulator.task import Parent

_MOST = 20
PICTURES = ("first_frame", "last_frame", "refer_image", "image")
VIDEOS = {"feature_video": "feature", "base_video": "base", "video": "motion"}
# Type -> the fields that must be there, beside ``type``.
_NEEDED = {
    "prompt": ("text",),
    "element": ("element_id", "id"),
    "voice": ("voice_id", "id"),
    **dict.fromkeys((*PICTURES, *VIDEOS), ("url",)),
}
_LIMITS = {"prompt": 1, "first_frame": 1, "last_frame": 1, "image": 1, "voice": 2}


@dataclass
class Contents:
    """What was found: the prompt, how many of each type, the first picture's shape, and the video referred to."""

    prompt: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    shape: str = ""
    parent: Parent | None = None

    @property
    def video(self) -> str:
        """``feature``, ``base``, ``motion``, or "" without a video."""
        return next((word for kind, word in VIDEOS.items() if self.counts[kind]), "")

    def references(self) -> References:
        """The same in the words that the rules of omni video are made of."""
        counts = self.counts
        return References(
            counts["refer_image"], counts["element"], bool(counts["first_frame"]), bool(counts["last_frame"]),
            self.video, self.parent,
        )  # fmt: skip


def read(given: Fields, offer: Offer, shop: Shop) -> Contents:
    """Read the list, or refuse it naming the item."""
    items = given.body.get("contents")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise given.wrong("contents", "is required, as a list of objects")
    if len(items) > _MOST:
        raise given.wrong("contents", f"must have at most {_MOST} items, has {len(items)}")
    found, ids = Contents(), set[str]()
    for number, item in enumerate(items):
        thing = _thing(item, f"contents[{number}].", offer)
        _count(found, thing, offer)
        _take(found, thing, offer, shop)
        _check_id(thing, ids)
    for kind in offer.needs:
        if not found.counts[kind]:
            raise given.wrong("contents", f"must have an item of type {kind}")
    return found


def _thing(item: Mapping[str, Any], prefix: str, offer: Offer) -> Fields:
    kind = Fields({"type": item.get("type")}, ("type",), prefix).choice("type", offer.contents, "")
    needed = _NEEDED[kind]
    thing = Fields(item, ("type", "id", *needed) if kind != "prompt" else ("type", *needed), prefix)
    for name in needed:
        if name != "id" and isinstance(item.get(name), int) and name.endswith("_id"):
            continue  # element ids are numbers where Kling lists elements
        thing.required(name, offer.prompt if name == "text" else None)
    return thing


def _count(found: Contents, thing: Fields, offer: Offer) -> None:
    kind = thing.text("type")
    found.counts[kind] += 1
    most = offer.elements if kind == "element" else _LIMITS.get(kind)
    if most is not None and found.counts[kind] > most:
        raise thing.wrong("type", f"{kind} can be given {most} times at most")
    if sum(found.counts[name] for name in VIDEOS) > 1:
        raise thing.wrong("type", f"{kind} is a second video; there can be one")


def _take(found: Contents, thing: Fields, offer: Offer, shop: Shop) -> None:
    kind = thing.text("type")
    if kind == "prompt":
        found.prompt = thing.text("text")
    elif kind in PICTURES:
        shape = inputs.required_picture(thing, "url", inputs.NEW_LIMIT).aspect_ratio
        if kind in ("first_frame", "image"):
            found.shape = shape
    elif kind in VIDEOS:
        found.parent = shop.linked(thing.url("url"))


def _check_id(thing: Fields, ids: set[str]) -> None:
    name = thing.text("id")
    if name and name in ids:
        raise thing.wrong("id", f"must be unique, {name!r} was given before")
    ids.add(name)
