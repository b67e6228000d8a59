"""From a status and a body to the raw bytes of an answer, framed as HTTP allows, or as it does not."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Callable
from urllib.parse import quote

from tests.fuzz.flaws import LINK, May
from tests.fuzz.host import KEY

Framed = tuple[bytes, bytes, May]
"""Header lines, the body as sent, and whether an answer may be made of it."""

_CRLF = b"\r\n"


def _length(body: bytes) -> bytes:
    return b"content-length: %d\r\n" % len(body)


def _chunks(rng: random.Random, body: bytes) -> list[bytes]:
    size = max(1, len(body) // rng.randint(1, 4))
    return [body[start : start + size] for start in range(0, len(body), size)]


def _chunked(rng: random.Random, body: bytes) -> Framed:
    sent = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in _chunks(rng, body))
    return b"transfer-encoding: chunked\r\n", sent + b"0\r\n\r\n", May.MUST


def _until_closed(rng: random.Random, body: bytes) -> Framed:
    return b"", body, May.MUST


def _gzipped(rng: random.Random, body: bytes) -> Framed:
    sent = gzip.compress(body, 1)
    return b"content-encoding: gzip\r\n" + _length(sent), sent, May.MUST


def _deflated(rng: random.Random, body: bytes) -> Framed:
    sent = zlib.compress(body)
    return b"content-encoding: deflate\r\n" + _length(sent), sent, May.MAY


def _bad_chunk(rng: random.Random, body: bytes) -> Framed:
    size = rng.choice([b"-5", b"-1", b"zz", b"", b"0x10", b"+5", b"1_0", b"f" * 40, b"\xc3\xa9", b" 5", b"-0"])
    sent = size + _CRLF + body + b"\r\n0\r\n\r\n"
    # A size that happens to be read as the end, or as some of the bytes, leaves no whole answer either.
    return b"transfer-encoding: chunked\r\n", sent, May.MAY


def _bad_second_chunk(rng: random.Random, body: bytes) -> Framed:
    sent = b"%x\r\n%s\r\n" % (len(body), body) + rng.choice([b"-1\r\n", b"zz\r\n", b"", b"5\r\nab"])
    return b"transfer-encoding: chunked\r\n", sent, May.MAY


def _too_short(rng: random.Random, body: bytes) -> Framed:
    return b"content-length: %d\r\n" % (len(body) + rng.choice([1, 100, 10**12])), body, May.NEVER


def _too_long(rng: random.Random, body: bytes) -> Framed:
    cut = rng.randint(0, max(0, len(body) - 1))
    return b"content-length: %d\r\n" % cut, body, May.NEVER


def _odd_length(rng: random.Random, body: bytes) -> Framed:
    value = rng.choice([b"-1", b"abc", b"", b"1e3", b"9" * 30, b"\xff", b"5, 5", b"+5", b"0x10", b"1_0"])
    return b"content-length: " + value + _CRLF, body, May.MAY


def _two_lengths(rng: random.Random, body: bytes) -> Framed:
    return _length(body) + b"content-length: 1\r\n", body, May.MAY


def _both(rng: random.Random, body: bytes) -> Framed:
    headers, sent, _ = _chunked(rng, body)
    return headers + _length(body), sent, May.MAY


def _gzip_garbage(rng: random.Random, body: bytes) -> Framed:
    whole = gzip.compress(body, 1)
    sent = rng.choice([body, whole[: len(whole) // 2], b"\x1f\x8b" + rng.randbytes(40), whole[:-8] + b"\0" * 8, b""])
    return rng.choice([b"content-encoding: gzip\r\n", b"content-encoding: deflate\r\n"]) + _length(sent), sent, May.MAY


def _odd_encoding(rng: random.Random, body: bytes) -> Framed:
    name = rng.choice([b"br", b"zstd", b"identity", b"\xff", b"gzip, gzip", b"x-unknown", b"", b"aws-chunked"])
    return b"content-encoding: " + name + _CRLF + _length(body), body, May.MAY


_BAD = (
    _bad_chunk,
    _bad_second_chunk,
    _too_short,
    _too_long,
    _odd_length,
    _two_lengths,
    _both,
    _gzip_garbage,
    _odd_encoding,
    _deflated,
)

_LOCATIONS = (
    b"https://elsewhere.example/",
    b"https://elsewhere.example/?token=" + quote(KEY, safe="").encode(),
    LINK.encode(),
    "https://\u00e9.example/\u00e9".encode(),
    b"\xff\xfe/\x80",
    b"http://[bad",
    b"",
    b"//",
    b"x" * 5000,
    b"ftp://x/",
)

_HEADERS = (
    b"content-type: text/html; charset=\xff\r\n",
    b"content-type: " + b"x" * 3000 + _CRLF,
    b"content-type: application/json; charset=utf-16\r\n",
    b"content-type: application/json; charset=no-such\r\n",
    b"content-type: " + KEY.encode() + _CRLF,
    b"x-request-id: " + KEY.encode() + _CRLF,
    b"x-request-id: " + quote(KEY, safe="").encode() + _CRLF,
    b"x-request-id: " + LINK.encode() + _CRLF,
    b"x-request-id: " + b"r" * 6000 + _CRLF,
    b"x-request-id: \xff\xe9\r\n",
    "x-request-id: \u00e9\u20ac\r\n".encode(),
    b"x-request-id: \r\n",
    b"retry-after: nan\r\n",
    b"retry-after: inf\r\n",
    b"retry-after: -1\r\n",
    b"retry-after: 1e400\r\n",
    b"retry-after: " + b"9" * 400 + _CRLF,
    b"retry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n",
    b"set-cookie: a=b; Expires=nonsense; Max-Age=" + b"9" * 40 + _CRLF,
    b"set-cookie: \xff=\xfe\r\n",
    b"connection: upgrade\r\nupgrade: h2c\r\n",
    b"link: <http://[bad>; rel=next\r\n",
    b"www-authenticate: Digest realm=\xff\r\n",
    b"trailer: x\r\n",
)
# What is no header at all may end an answer, or nothing.
_NO_HEADERS = (
    b"no colon\r\n",
    b": no name\r\n",
    b" folded\r\n",
    b"x-nul: \x00\r\n",
    b"x-bare: a\rb\r\n",
    b"x-long: " + b"x" * 70_000 + _CRLF,
    b"x-many: 1\r\n" * 150,
    b"name with space: 1\r\n",
    b"\xff\xff: 1\r\n",
)

_STATUS_LINES: tuple[Callable[[int], bytes], ...] = (
    lambda status: b"HTTP/1.0 %d OK\r\n" % status,
    lambda status: b"HTTP/1.1 %d\r\n" % status,
    lambda status: b"HTTP/1.1 %d %s\r\n" % (status, KEY.encode()),
    lambda status: b"HTTP/1.1 %d \xff\xfe\r\n" % status,
    lambda status: b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 %d OK\r\n" % status,
    lambda status: b"HTTP/9.9 %d OK\r\n" % status,
    lambda status: b"HTTP/1.1 200%d OK\r\n" % status,
    lambda status: b"HTTP/1.1 -%d OK\r\n" % status,
    lambda status: b"HTTP/1.1 abc OK\r\n",
    lambda status: b"ICY %d OK\r\n" % status,
    lambda status: b"\r\n",
    lambda status: b"",
    lambda status: b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 %d OK\r\n" % status,
    lambda status: b"x" * 70_000 + b"\r\n",
)
# Of the lines above, those that say the status plainly.
_PLAIN_LINES = 5


def raw(rng: random.Random, status: int, body: bytes, *, odds: float) -> tuple[bytes, May, bool]:
    """
    Return an answer in bytes, whether one may be made of it, and whether its status can be read.

    :param odds: of each oddity.
    """
    line, may, readable = b"HTTP/1.1 %d Fuzz\r\n" % status, May.MUST, True
    if rng.random() < odds / 3:
        chosen = rng.randrange(len(_STATUS_LINES))
        line, may, readable = _STATUS_LINES[chosen](status), May.MAY, chosen < _PLAIN_LINES
    if rng.random() < odds:
        framing, sent, framed = rng.choice(_BAD)(rng, body)
    else:
        framing, sent, framed = rng.choice([_plain, _plain, _plain, _chunked, _until_closed, _gzipped])(rng, body)
    may = min(may, framed)
    headers = b"content-type: application/json\r\n" if rng.random() < 0.8 else b""
    if 300 <= status < 400 and rng.random() < 0.9:
        headers += b"location: " + rng.choice(_LOCATIONS) + _CRLF
    if rng.random() < 2 * odds:
        headers += rng.choice(_HEADERS)
        may = min(may, May.MAY)
    if rng.random() < odds / 3:
        headers += rng.choice(_NO_HEADERS)
        # http.client forgets the headers after such a line, and the wrong length with them.
        may = May.MAY
    whole = line + headers + framing + b"connection: close\r\n\r\n" + sent
    if rng.random() < odds / 6:
        cut = rng.randrange(len(whole))
        whole = whole[:cut]
        may, readable = May.MAY, readable and cut >= len(b"HTTP/1.1 200")
    return whole, may, readable


def _plain(rng: random.Random, body: bytes) -> Framed:
    return _length(body), body, May.MUST
