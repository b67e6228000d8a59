"""
The environment's proxy and certificate authorities: one reading for workers and triggerer.

``requests`` and ``aiohttp`` each read other variables and disagree on the rest, so that a video could be submitted and
then not be polled. Here ``requests`` reads (``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY`` with networks in it) for both.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_kling.exceptions import KlingConfigurationError

if TYPE_CHECKING:
    import ssl

_AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


def proxy_for(url: str) -> str | None:
    """
    Return the proxy that the environment sets for a URL, or ``None``.

    :raises KlingConfigurationError: when it cannot be used by both HTTP libraries.
    """
    from requests.utils import get_environ_proxies, select_proxy

    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return None
    if "://" not in proxy:
        # As curl has it: proxy:3128 is a proxy that speaks HTTP.
        proxy = f"http://{proxy}"
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        # Not quoted: it may hold a password.
        raise KlingConfigurationError(
            f"The environment's proxy for {urlsplit(url).hostname} is no http:// or https:// URL; nothing was sent.",
            next_step="Set HTTPS_PROXY to such a proxy (it goes before ALL_PROXY), or name the host in NO_PROXY.",
        )
    return proxy


def authorities() -> str:
    """
    Return the file or directory of the certificate authorities to trust.

    :raises KlingConfigurationError: when a variable names none.
    """
    for name in _AUTHORITIES:
        if path := os.environ.get(name):
            if not os.path.exists(path):
                raise KlingConfigurationError(f"{name} names {path!r}, which does not exist; nothing was sent.")
            return path
    import certifi

    return certifi.where()


def tls_context() -> ssl.SSLContext:
    """Return the authorities as the standard library wants them."""
    path = authorities()
    return _context(path, os.stat(path).st_mtime_ns)


@lru_cache(maxsize=4)
def _context(path: str, version: int) -> ssl.SSLContext:
    """Reading some 120 certificates holds an event loop for 20 ms and more: once for all pollers, until they change."""
    import ssl

    if os.path.isdir(path):
        return ssl.create_default_context(capath=path)
    return ssl.create_default_context(cafile=path)
