"""The cases of the downloads: what a host sends for a link, where it sends people, and what may come of it."""

from __future__ import annotations

import random
from typing import NamedTuple

from tests.fuzz.flaws import May
from tests.fuzz.verdicts import chance
from tests.fuzz.wire import raw

MAX_BYTES = 60_000
SIGNED = "?Expires=1&Signature=secretsignature"
PUBLIC_HOST = "93.184.216.34"
"""A host outside; whoever asks for it is answered by the proxy, which is the fuzzer's own."""

# Each is this machine, or what hosts keep for themselves; none may be asked by who may only go outside.
INSIDE = (
    "127.0.0.1:{port}",
    "127.0.0.2:{second}",
    "127.1:{port}",
    "2130706433:{port}",
    "0x7f000001:{port}",
    "0177.0.0.1:{port}",
    "localhost:{port}",
    "0.0.0.0:{port}",
    "[::1]:{port}",
    "[::]:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "[::ffff:7f00:1]:{port}",
    "[64:ff9b::7f00:1]:{port}",
    "[2002:7f00:1::]:{port}",
    "user:pass@127.0.0.1:{port}",
)
# Of a network that is not the fuzzer's own: played only where it must not be asked.
NEAR = ("10.0.0.1", "192.168.1.1:8080", "172.16.0.1", "100.64.0.1", "[fd00::1]", "0.0.0.0:1", "224.0.0.1")
LINK_LOCAL = ("169.254.169.254", "169.254.169.254:80", "[fe80::1]", "[::ffff:169.254.169.254]", "2852039166")
_NO_LINKS = (
    "http://[bad",
    "ftp://127.0.0.1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "",
    "//",
    "http://",
    "https:///x",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:port/",
    "data:video/mp4;base64,AAAA",
    "javascript:1",
    "http://\u00e9\ud800",
    "http://" + "a" * 300 + "/",
    "http://a..b/",
    "https://127.0.0.1:{port}/case-{number}.mp4",
    "/" + "x" * 9_000,
)


class Places(NamedTuple):
    """Where the hosts of a run listen."""

    port: int
    second: int


class Download(NamedTuple):
    """
    One case.

    :param url: the link.
    :param answers: of the first host and of the second.
    :param body: what is landed, if anything may be.
    :param may: whether it may be landed, or must.
    :param reach: ``outside``, ``inside`` (all but link-local) or ``anywhere``.
    :param proxied: whether the first host is asked as a proxy.
    :param forbidden: whether the way leads to where it must not go.
    """

    number: int
    url: str
    answers: tuple[bytes, bytes]
    body: bytes
    may: May
    reach: str
    proxied: bool
    forbidden: bool
    notes: str


def _box(kind: bytes, payload: bytes) -> bytes:
    return (8 + len(payload)).to_bytes(4, "big") + kind + payload


def _movie(rng: random.Random, size: int) -> bytes:
    head = _box(b"ftyp", b"isom") + _box(b"free", b"") * rng.randint(0, 2) + _box(b"moov", rng.randbytes(40))
    data = rng.randbytes(size)
    return head + rng.choice([_box(b"mdat", data), b"\0\0\0\1mdat" + (16 + size).to_bytes(8, "big") + data])


def box_ends(body: bytes) -> set[int]:
    """Return where the boxes of a whole mp4 end: one that is cut there cannot be told from a whole one."""
    ends, position = set(), 0
    while 0 <= position < len(body) - 8:
        size = int.from_bytes(body[position : position + 4], "big")
        position += int.from_bytes(body[position + 8 : position + 16], "big") if size == 1 else size
        ends.add(position)
    return ends


def _no_movie(rng: random.Random) -> tuple[bytes, str]:
    whole = _movie(rng, 400)
    bad = [
        (b"<html>Sign in</html>", "html"),
        (b"", "nothing"),
        (whole[: rng.randrange(1, 8)], "a header cut"),
        (whole[: len(whole) - rng.randint(1, 380)], "cut in the last box"),
        (_box(b"ftyp", b"isom") + _box(b"mdat", b"x" * 90), "no moov"),
        (_box(b"moov", b"x") + _box(b"ftyp", b"isom"), "ftyp not first"),
        (whole + b"\0\0\0", "three bytes more"),
        (whole + b"\0\0\0\3free", "a box smaller than its header"),
        (whole + b"\0\0\0\1free" + (3).to_bytes(8, "big"), "a long box smaller than its header"),
        (whole + b"\0\0\0\1fr", "a long header cut"),
        (whole + b"\xff\xff\xff\xfffree", "a box of 4 GiB"),
        (rng.randbytes(500), "noise"),
    ]
    return rng.choice(bad)


def make(seed: int, number: int, places: Places) -> Download:
    """Return a case."""
    rng = chance(seed, number)
    proxied = rng.random() < 0.25
    reach = "outside" if proxied else rng.choices(["outside", "inside", "anywhere"], [2, 6, 2])[0]
    port = places.port
    host = PUBLIC_HOST if proxied else f"127.0.0.1:{port}"
    forbidden, may = False, May.MUST
    if reach == "outside" and not proxied:
        host, forbidden = rng.choice([*INSIDE, *NEAR]).format(**places._asdict()), True
    url = f"http://{host}/case-{number:06d}.mp4{SIGNED}"
    body, notes, content = _content(rng)
    may = min(may, content)
    if rng.random() < 0.45:
        status, location, may_go, led = _redirect(rng, number, places, reach, proxied=proxied)
        first, _, _ = raw(rng, status, b"moved", odds=0.0)
        first = first.replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        lines = first.split(b"\r\n")
        lines = [line for line in lines if not line.lower().startswith(b"location")]
        first = b"\r\n".join([lines[0], b"location: " + location, *lines[1:]])
        notes += f", {status} to {location[:80]!r}"
        second, framed, _ = raw(rng, 200, body, odds=0.1)
        return Download(
            number, url, (first, second), body, min(may, may_go, framed), reach, proxied, forbidden or led, notes
        )
    status = 200 if rng.random() < 0.9 else rng.choice([201, 204, 206, 304, 401, 403, 404, 410, 416, 500, 503, 999])
    answer, framed, _ = raw(rng, status, body, odds=0.25)
    if status != 200:
        notes, may = f"{notes}, status {status}", May.NEVER
    return Download(number, url, (answer, answer), body, min(may, framed), reach, proxied, forbidden, notes)


def _content(rng: random.Random) -> tuple[bytes, str, May]:
    drawn = rng.random()
    if drawn < 0.25:
        return (*_no_movie(rng), May.NEVER)
    if drawn < 0.32:
        return _movie(rng, rng.choice([MAX_BYTES, MAX_BYTES * 2, 3 << 20])), "too large", May.NEVER
    return _movie(rng, rng.choice([0, 1, 300, 20_000, 50_000])), "a movie", May.MUST


def _redirect(
    rng: random.Random, number: int, places: Places, reach: str, *, proxied: bool
) -> tuple[int, bytes, May, bool]:
    """Return a status, a location, whether a video may be found there, and whether it is forbidden."""
    status, name = rng.choice([301, 302, 303, 307, 308]), f"/case-{number:06d}.mp4{SIGNED}"
    kind = rng.choice(["second", "inside", "link-local", "loop", "none", "status"])
    if kind == "second" and not proxied:
        return status, f"http://127.0.0.2:{places.second}{name}".encode(), May.MUST, False
    if kind == "inside":
        where = rng.choice([*INSIDE, *NEAR] if reach == "outside" else INSIDE[:7]).format(**places._asdict())
        return (
            status,
            f"http://{where}{name}".encode(),
            May.NEVER if reach == "outside" else May.MAY,
            reach == "outside",
        )
    if kind == "link-local" and reach != "anywhere":
        return status, f"http://{rng.choice(LINK_LOCAL)}{name}".encode(), May.NEVER, True
    if kind == "none":
        location = rng.choice(_NO_LINKS).replace("{port}", str(places.port)).replace("{number}", f"{number:06d}")
        return status, location.encode("utf-8", "surrogatepass"), May.NEVER, False
    if kind == "status":
        return rng.choice([300, 304, 305, 306, 310]), name.encode(), May.NEVER, False
    # To itself, for ever.
    return status, name.encode(), May.NEVER, False
