"""An HTTP exchange as data: what a dialect builds and reads, and what a transport carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from airflow_provider_kling.api.text import tidy

# A page of 500 tasks has less than 1 MiB.
LARGEST_ANSWER = 16 << 20
TOO_LARGE = f"is larger than {LARGEST_ANSWER >> 20} MiB"

# What a transport asks for, and decoded() reads.
ENCODINGS = "gzip, deflate"


@dataclass(frozen=True, slots=True)
class Request:
    """
    A request without host and credentials.

    :param method: HTTP method.
    :param path: path below the connection's base URL, already quoted.
    :param query: query parameters.
    :param json: body, or ``None``.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """
    An answer, read to its end.

    :param status: HTTP status.
    :param headers: header fields, names in lower case.
    :param body: the body, decoded.
    :param flaw: why the body is not what the host sent, for a message; empty where it is.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    flaw: str = ""

    @classmethod
    def received(cls, status: int, headers: Mapping[str, str], body: bytes) -> Response:
        """
        Return the answer that arrived with this body, as it was encoded.

        :param body: all of it, or more than :data:`LARGEST_ANSWER` bytes of it.
        """
        try:
            return cls(status, headers, decoded(body, headers.get("content-encoding", "")))
        except ValueError as error:
            return cls(status, headers, b"", flaw=str(error))

    def json(self) -> Any:
        """Return the parsed body; raises ``ValueError`` when it is not strict JSON."""
        try:
            return _DECODER.decode(self.body.decode(json.detect_encoding(self.body), "surrogatepass"))
        except RecursionError:
            raise ValueError("nested too deep") from None

    def excerpt(self, length: int = 120) -> str:
        """Return the start of the body on one line, for an error message."""
        return tidy(self.body[: 4 * length].decode("utf-8", "replace").strip(), length)

    @property
    def retry_after(self) -> float | None:
        """Seconds asked for by ``Retry-After``; the date form is rare on APIs and ignored."""
        try:
            return max(0.0, float(self.headers.get("retry-after", "")))
        except ValueError:
            return None


def decoded(body: bytes, encoding: str) -> bytes:
    """
    Return a body without its content encoding.

    The HTTP libraries decode as much as there is: 0.6 MB of gzip became 1.2 GB of memory. This stops at the limit.

    :param encoding: the ``Content-Encoding``.
    :raises ValueError: naming the flaw, when the body is too large or not encoded as it says.
    """
    if len(body) > LARGEST_ANSWER:
        raise ValueError(TOO_LARGE)
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip" | "deflate":
            return _inflated(body)
    raise ValueError(f"has the encoding {tidy(encoding, 40)!r}, which was not asked for")


def _inflated(body: bytes) -> bytes:
    import zlib

    # 32: gzip or zlib, whichever the header says.
    inflater = zlib.decompressobj(32 + zlib.MAX_WBITS)
    try:
        plain = inflater.decompress(body, LARGEST_ANSWER + 1)
    except zlib.error as error:
        raise ValueError(f"is not encoded as it says ({error})") from None
    if len(plain) > LARGEST_ANSWER:
        raise ValueError(TOO_LARGE)
    if not inflater.eof:
        raise ValueError("ends inside its encoding")
    return plain


def _no_constant(name: str) -> NoReturn:
    # Python reads NaN and Infinity; JSON has neither, and what is written of them cannot be read elsewhere.
    raise ValueError(f"{name} is not JSON")


# json.loads makes one anew for each answer; each poll pays for it.
_DECODER = json.JSONDecoder(parse_constant=_no_constant)
