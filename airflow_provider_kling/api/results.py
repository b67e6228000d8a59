"""What a finished task made: one entry of a list of videos, images or sounds, in any dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_kling.api.fields import identifier, link, number
from airflow_provider_kling.api.task import KlingOutput

_IMAGES = {"png": "png", "jpg": "jpg", "jpeg": "jpg", "webp": "webp"}


def outputs_of(kind: str, item: Mapping[str, Any]) -> Iterator[KlingOutput]:
    """
    Yield what there is of one result: nothing without a link, a sound as mp3 and as wav.

    :param kind: ``video``, ``image`` or ``audio``.
    :raises ValueError: for a field that no API would send.
    """
    if kind == "audio":
        yield from _sounds(item)
    elif item.get("url"):
        url, seconds = link(item["url"]), number(item.get("duration"))
        suffix = _image_suffix(url) if kind == "image" else "mp4"
        yield KlingOutput(url, _identifier(item), seconds, kind, suffix)


def _sounds(item: Mapping[str, Any]) -> Iterator[KlingOutput]:
    # As the /v1 paths, the new standard, and text to speech name them.
    links = {"mp3": item.get("url_mp3") or item.get("mp3_url") or item.get("url")}
    links["wav"] = item.get("url_wav") or item.get("wav_url")
    for suffix, url in links.items():
        if url:
            told = item.get(f"duration_{suffix}") or item.get(f"{suffix}_duration") or item.get("duration")
            yield KlingOutput(link(url), _identifier(item), number(told), "audio", suffix)


def _image_suffix(url: str) -> str:
    """Return how an image ends: that stands in its link alone."""
    return _IMAGES.get(urlsplit(url).path.rpartition(".")[2].lower(), "png")


def _identifier(item: Mapping[str, Any]) -> str | None:
    given = item.get("id")
    return None if given in (None, "") else identifier(given)
