"""
Read one field of an answer, or say that no API would send it.

Types drift between gateways (a number for an id, a string for a number: new-api#4130), so what is unambiguous is taken.
What identifies a task or is opened later must be right: a ``ValueError`` makes the whole answer one that is not the
API's, to be asked for again.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

from airflow_provider_kling.api.text import tidy

# The longest id seen has 36 characters; our own has 43, and a user's own is bounded by Kling, not here.
_LONGEST_ID = 1_000
_LONGEST_LINK = 8_192
_MOST_BITS = 64
# What neither UTF-8 nor a database's text column can carry, or no log line should.
_NO_ID = re.compile("[\x00-\x1f\ud800-\udfff]")
# The year 9999, in seconds.
_LATEST = 253_402_300_799


def identifier(value: object) -> str:
    """
    Return an id as text: some gateways send it as a number.

    :raises ValueError: for anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= _MOST_BITS:
        return str(value)
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and not _NO_ID.search(value):
        return value
    raise ValueError(f"{tidy(type(value).__name__)} is no id")


def own_identifier(value: object) -> str | None:
    """
    Return the id that the submitter chose, which comes back as the text that was sent, or ``None``.

    :raises ValueError: for anything but text.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and len(value) <= _LONGEST_ID and not _NO_ID.search(value):
        return value
    raise ValueError(f"an external id of type {type(value).__name__}")


def optional_text(value: object, limit: int = 500) -> str:
    """
    Return a text for people, shortened; empty where there is none.

    :raises ValueError: for an object or a list.
    """
    if value is None or value == "":
        return ""
    if isinstance(value, (str, int, float)):
        return tidy(value, limit) if not isinstance(value, int) or value.bit_length() <= _MOST_BITS else ""
    raise ValueError(f"a text of type {type(value).__name__}")


def is_link(value: object) -> bool:
    """Whether this can be downloaded: an absolute http(s) URL with a host."""
    if not isinstance(value, str) or len(value) > _LONGEST_LINK or not value.isprintable() or " " in value:
        return False
    try:
        url = urlsplit(value)
        # Port and host are looked at only now: "http://[bad" and "http://x:99999" raise here.
        return url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def link(value: object) -> str:
    """
    Return a link to a result.

    :raises ValueError: when it is none: landing it could only fail, and Kling may give a right one the next time.
    """
    if not is_link(value):
        raise ValueError("a result without a usable link")
    return str(value)


def timestamp(value: object) -> datetime | None:
    """
    Return an API timestamp as UTC, or ``None``.

    Kling documents milliseconds; the gateway xmsmartlink sends seconds, so the size decides.
    """
    seconds = number(value) if not isinstance(value, str) else None
    if seconds is None or seconds <= 0:
        return None
    if seconds > 1e11:
        seconds /= 1000
    return datetime.fromtimestamp(seconds, tz=UTC) if seconds <= _LATEST else None


def number(value: object) -> float | None:
    """Return a number of 0 or more that the API sends as a string (``"5.041"``) or as such, or ``None``."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and found >= 0 else None


def decimal(value: object) -> str | None:
    """Return a small decimal string such as ``"1.5"``, or ``None`` where it is no number."""
    if number(value) is None:
        return None
    text = str(value).strip()
    return text if len(text) <= 32 else None
