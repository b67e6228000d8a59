"""Take secrets out of what a host sends: a gateway may quote the key; errors, logs and manifests quote the answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote, quote_plus

from airflow_provider_kling.api.http import Response

_MASK = "***"
# What is shorter is no key of Kling's (32 characters and more) and may be part of any word.
_SHORTEST = 8


class Scrubber:
    """
    Knows the forms in which a secret can come back: as it is, as JSON escapes it, and as a URL does.

    :param secrets: keys and tokens.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
        # A form that holds another goes first, so that nothing of it is left.
        self._forms = [(form, form.encode()) for form in sorted(forms, key=len, reverse=True)]

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        for form, _ in self._forms:
            if form in text:
                text = text.replace(form, _MASK)
        return text

    def response(self, response: Response) -> Response:
        """Return an answer whose body and header values are without the secrets."""
        body = response.body
        for _, form in self._forms:
            if form in body:
                body = body.replace(form, _MASK.encode())
        headers = {name: self.text(value) for name, value in response.headers.items()}
        return replace(response, headers=headers, body=body)


def _forms(secret: str) -> Iterable[str]:
    in_json = json.dumps(secret)[1:-1]
    yield from (secret, in_json, in_json.replace("/", "\\/"), json.dumps(secret, ensure_ascii=False)[1:-1])
    for in_url in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield from (in_url, in_url.lower() if in_url != secret else in_url)
