"""Take secrets out of what a host sends: a gateway may quote the key; errors, logs and manifests quote the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace

from airflow_provider_kling.api.http import Response

_MASK = "***"
# What is shorter is no key of Kling's (32 characters and more) and may be part of any word.
_SHORTEST = 8


class Scrubber:
    """
    Knows a secret however often it was escaped on its way: a key in a URL in a JSON text in a page of HTML.

    :param secrets: keys and tokens.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted((secret for secret in secrets if len(secret) >= _SHORTEST), key=len, reverse=True)
        pattern = "|".join("".join(map(_char, secret)) for secret in known)
        self._text = re.compile(pattern) if pattern else None
        self._bytes = re.compile(pattern.encode()) if pattern else None

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        return self._text.sub(_MASK, text) if self._text else text

    def response(self, response: Response) -> Response:
        """Return an answer whose body and header values are without the secrets."""
        body, headers = _unescaped(_in_utf8(response.body)), response.headers
        if self._bytes:
            body = self._bytes.sub(_MASK.encode(), body)
        # One search for all of them: each poll pays for it.
        if self._text and self._text.search("\n".join(headers.values())):
            headers = {name: self.text(value) for name, value in headers.items()}
        if body is response.body and headers is response.headers:
            return response
        return replace(response, headers=headers, body=body)


_NAMED = {'"': "quot", "&": "amp", "<": "lt", ">": "gt", "'": "apos"}


def _char(character: str) -> str:
    """Match a character as it is, and as JSON, a URL or HTML escapes it, however often."""
    if character.isalnum() or character in "-_.~":
        return re.escape(character)
    code = ord(character)
    digits = "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in f"{code:02x}")
    named = f"|{_NAMED[character]};?" if character in _NAMED else ""
    entity = f"&(?:amp;)*(?:#0*{code};?|#[xX]0*{digits};?{named})"
    return f"(?:%(?:25)*{digits}|\\\\+u00{digits}|{entity}|\\\\*{re.escape(character)})"


def _in_utf8(body: bytes) -> bytes:
    """Return a JSON body as UTF-8: in UTF-16 or UTF-32, which JSON is read from as well, no key would be seen."""
    encoding = json.detect_encoding(body)
    if encoding.startswith("utf-8"):
        return body
    try:
        return body.decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass")
    except UnicodeError:
        return body


def _unescaped(body: bytes) -> bytes:
    r"""
    Return a JSON body with its ``\u`` escapes written out, so that no key hides behind them.

    Half a character (a lone surrogate), which UTF-8 cannot carry, stays escaped.
    """
    if b"\\u" not in body:
        return body
    try:
        return json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8", "backslashreplace")
    except (ValueError, RecursionError):
        return body
