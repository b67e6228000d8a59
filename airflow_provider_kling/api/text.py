"""What a host says, made fit for an error or a log line: one line, short, and no signed link."""

from __future__ import annotations

import re

# Names are bounded, so that a text of megabytes is read once and not anew from each place where a query may begin.
# From "?" on a link holds its signature: whoever reads it can fetch the video.
_QUERY = re.compile(r"(?<=\S)\?[^\s\"'<>=]{0,200}=[^\s\"'<>]*")
_QUOTED_QUERY = re.compile(r"%3F[^\s\"'<>=]{0,200}?%3D[^\s\"'<>]*", re.IGNORECASE)
# A link may come broken in two. So CloudFront, S3 and Alibaba's OSS, at which videos lie, name what they sign with.
_SIGNED = re.compile(
    r"(?:signature|x-amz-[\w-]{1,40}|security-token|ossaccesskeyid|key-pair-id)(?:=|%3D)[^\s\"'<>&]+", re.IGNORECASE
)


def without_queries(text: str) -> str:
    """Return a text with the links in it cut before their query, and without what is left of a signature."""
    if "?" in text:
        text = _QUERY.sub("?…", text)
    if "%3" in text:
        text = _QUOTED_QUERY.sub("%3F…", text)
    return _SIGNED.sub("…", text) if "=" in text or "%3" in text else text


def tidy(text: object, limit: int = 500) -> str:
    """
    Return a host's text for a message.

    :param text: what it sent; an answer may hold 16 MiB of it.
    :param limit: characters at most.
    """
    raw = str(text)[: 8 * limit]
    if len(raw) <= limit and raw.isalnum():
        # A status, an id: most of what is read.
        return raw
    if not raw.isprintable() or "  " in raw:
        raw = " ".join("".join(character if character.isprintable() else " " for character in raw).split())
    line = without_queries(raw)
    return line if len(line) <= limit else line[: limit - 1] + "…"
