"""
The two transports: ``requests`` for workers, ``aiohttp`` for the triggerer.

They carry a :class:`Request` there and a :class:`Response` back, and know nothing of Kling. Neither follows a
redirect (a POST would become a GET) nor reads ``.netrc`` (which would replace the key), and both end in time, whatever
the host sends.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_kling import __version__
from airflow_provider_kling.api.http import ENCODINGS, LARGEST_ANSWER, Request, Response
from airflow_provider_kling.exceptions import KlingConnectionError, TaskState
from airflow_provider_kling.network.environment import proxy_for, tls_context

USER_AGENT = f"airflow-provider-kling/{__version__}"
_HEADERS = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": ENCODINGS}

# A host that does not even accept a connection within this time will not do so in thirty seconds.
CONNECT_TIMEOUT = 10.0

_CHUNK = 64 << 10
_URLS = 4096


class SyncTransport:
    """One ``requests`` session for the life of a hook."""

    def __init__(self, base_url: str, timeout: float) -> None:
        from airflow_provider_kling.network.sessions import Session

        self._base_url = base_url
        self._timeout = timeout
        self._session = Session(base_url)
        self._session.requests.headers.update(_HEADERS)

    def send(self, request: Request, token: str) -> Response:
        """
        Send one request and read the whole answer.

        :raises KlingConnectionError: when there is no answer; ``task_state`` says whether anything was sent.
        """
        from airflow_provider_kling.network.sessions import Watchdog

        ends = time.monotonic() + self._timeout
        with Watchdog(self._session, lambda: ends) as watchdog:
            try:
                with self._session.requests.request(
                    request.method,
                    self._base_url + request.path,
                    params=dict(request.query),
                    json=request.json,
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=(min(CONNECT_TIMEOUT, self._timeout), self._timeout),
                    allow_redirects=False,
                    stream=True,
                ) as answer:
                    body = _up_to_limit(answer.raw.stream(_CHUNK, decode_content=False))
                    return Response.received(answer.status_code, _lower(answer.headers.items()), body)
            except Exception as error:
                # Not only its own errors come out of requests: a negative chunk length is a ValueError.
                what = f" within {self._timeout:g} s" if watchdog.fired else ""
                raise _no_answer(self._base_url, error, sent=not _never_connected(error), what=what) from error

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class AsyncTransport:
    """One ``aiohttp`` session for the life of a hook."""

    def __init__(self, base_url: str, timeout: float, max_connections: int) -> None:
        import aiohttp
        from yarl import URL

        self._base_url = base_url
        # Kept, as taking a URL apart costs as much as reading an answer, and the same tasks are polled again and again.
        self._url = lru_cache(_URLS)(partial(URL, encoded=True))
        self._proxy = proxy_for(base_url)
        uses_tls = "https:" in f"{base_url} {self._proxy}"
        self._session = aiohttp.ClientSession(
            headers=_HEADERS,
            connector=aiohttp.TCPConnector(limit=max_connections, ssl=tls_context() if uses_tls else True),
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(CONNECT_TIMEOUT, timeout)),
            # The API sets none; a gateway's would only be carried from poll to poll.
            cookie_jar=aiohttp.DummyCookieJar(),
            # A quoted slash in an external id must reach the server as it is.
            requote_redirect_url=False,
            # Response.received() does it, within limits.
            auto_decompress=False,
        )

    async def send(self, request: Request, token: str) -> Response:
        """Send one request and read the whole answer; errors as in :meth:`SyncTransport.send`."""
        import aiohttp

        try:
            async with self._session.request(
                request.method,
                self._url(self._base_url + request.path),
                params=dict(request.query) or None,
                json=request.json,
                headers={"Authorization": f"Bearer {token}"},
                allow_redirects=False,
                proxy=self._proxy,
            ) as answer:
                body = bytearray(await answer.content.readany())
                while not answer.content.at_eof() and len(body) <= LARGEST_ANSWER:
                    body += await answer.content.readany()
                return Response.received(answer.status, _lower(answer.headers.items()), bytes(body))
        except Exception as error:
            never = isinstance(error, aiohttp.ClientConnectorError)
            raise _no_answer(self._base_url, error, sent=not never) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def _up_to_limit(chunks: Iterable[bytes]) -> bytes:
    """Return what arrives, or a little more of it than is read."""
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > LARGEST_ANSWER:
            break
    return bytes(body)


def _lower(headers: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers}


def _never_connected(error: Exception) -> bool:
    """Whether the connection itself failed, so that no byte of the request left."""
    import requests
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    if isinstance(error, (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError)):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    return isinstance(reason, NewConnectionError) or "CERTIFICATE_VERIFY_FAILED" in str(error)


def _no_answer(base_url: str, error: Exception, *, sent: bool, what: str = "") -> KlingConnectionError:
    host = urlsplit(base_url).netloc
    # The exceptions' own texts carry whole URLs and object addresses; the class says enough.
    root = error.__cause__ or error.__context__ or error
    what = f"gave no answer{what}" if sent else "could not be reached"
    detail = "" if root is error else f": {type(root).__name__}"
    return KlingConnectionError(
        f"{host} {what} ({type(error).__name__}{detail}).",
        task_state=TaskState.MAY_EXIST if sent else TaskState.NOT_CREATED,
        retryable=True,
        next_step=_advice(error, sent=sent),
    )


def _advice(error: Exception, *, sent: bool) -> str:
    if "SSL" in type(error).__name__:
        return (
            "TLS failed. Begin the host of the connection with http:// if it has none; else check the proxy, and the "
            "certificate authorities that this machine trusts."
        )
    return "" if sent else "Check host and port of the connection (Kling has one host per region), and the network."
