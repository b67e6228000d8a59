"""
The two transports: ``requests`` for workers, ``aiohttp`` for the triggerer.

They carry a :class:`Request` there and a :class:`Response` back, and know nothing of Kling. Neither follows a
redirect (a POST would become a GET) nor reads ``.netrc`` (which would replace the key).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_kling import __version__
from airflow_provider_kling.api.http import Request, Response
from airflow_provider_kling.exceptions import KlingConnectionError, TaskState

if TYPE_CHECKING:
    import ssl

    import requests

USER_AGENT = f"airflow-provider-kling/{__version__}"

# A host that does not even accept a connection within this time will not do so in thirty seconds.
CONNECT_TIMEOUT = 10.0


class SyncTransport:
    """One ``requests`` session for the life of a hook."""

    def __init__(self, base_url: str, timeout: float) -> None:
        import requests

        self._base_url = base_url
        self._timeouts = (min(CONNECT_TIMEOUT, timeout), timeout)
        self._session = requests.Session()
        self._session.headers["User-Agent"] = USER_AGENT
        # Any auth object keeps requests from looking into .netrc.
        self._session.auth = _keep_as_is

    def send(self, request: Request, token: str) -> Response:
        """
        Send one request and read the whole answer.

        :raises KlingConnectionError: when there is no answer; ``task_state`` says whether anything was sent.
        """
        import requests

        try:
            answer = self._session.request(
                request.method,
                self._base_url + request.path,
                params=dict(request.query),
                json=request.json,
                headers={"Authorization": f"Bearer {token}"},
                timeout=self._timeouts,
                allow_redirects=False,
            )
        except requests.exceptions.RequestException as error:
            raise _no_answer(self._base_url, error, sent=not _never_connected(error)) from error
        return Response(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class AsyncTransport:
    """One ``aiohttp`` session for the life of a hook."""

    def __init__(self, base_url: str, timeout: float, max_connections: int) -> None:
        import aiohttp

        self._base_url = base_url
        self._proxy = _environment_proxy(base_url)
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": USER_AGENT},
            connector=aiohttp.TCPConnector(limit=max_connections, ssl=_environment_authorities()),
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(CONNECT_TIMEOUT, timeout)),
            # A quoted slash in an external id must reach the server as it is.
            requote_redirect_url=False,
        )

    async def send(self, request: Request, token: str) -> Response:
        """Send one request and read the whole answer; errors as in :meth:`SyncTransport.send`."""
        import aiohttp
        from yarl import URL

        try:
            async with self._session.request(
                request.method,
                URL(self._base_url + request.path, encoded=True),
                params=dict(request.query) or None,
                json=request.json,
                headers={"Authorization": f"Bearer {token}"},
                allow_redirects=False,
                proxy=self._proxy,
            ) as answer:
                body = await answer.read()
                return Response(answer.status, {k.lower(): v for k, v in answer.headers.items()}, body)
        except (TimeoutError, aiohttp.ClientError) as error:
            raise _no_answer(self._base_url, error, sent=not isinstance(error, aiohttp.ClientConnectorError)) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def _keep_as_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _never_connected(error: Exception) -> bool:
    """Whether the connection itself failed, so that no byte of the request left."""
    import requests
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    if isinstance(error, (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError)):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    return isinstance(reason, NewConnectionError) or "CERTIFICATE_VERIFY_FAILED" in str(error)


def _no_answer(base_url: str, error: Exception, *, sent: bool) -> KlingConnectionError:
    host = urlsplit(base_url).netloc
    # The exceptions' own texts carry whole URLs and object addresses; the class says enough.
    root = error.__cause__ or error.__context__ or error
    what = "gave no answer" if sent else "could not be reached"
    detail = "" if root is error else f": {type(root).__name__}"
    return KlingConnectionError(
        f"{host} {what} ({type(error).__name__}{detail}).",
        task_state=TaskState.MAY_EXIST if sent else TaskState.NOT_CREATED,
        retryable=True,
        next_step=""
        if sent
        else "Check host and port of the connection (Kling has one host per region), and the network.",
    )


def _environment_authorities() -> ssl.SSLContext | bool:
    """Trust whom ``requests`` trusts: behind a proxy that opens TLS, only the workers could poll otherwise."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if not bundle:
        return True
    import ssl

    if os.path.isdir(bundle):
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)


def _environment_proxy(base_url: str) -> str | None:
    """
    Return the proxy that the environment sets for this host.

    aiohttp's own ``trust_env`` would read ``.netrc`` and ask two threads for every request.
    """
    from urllib.request import getproxies, proxy_bypass

    url = urlsplit(base_url)
    if not url.hostname or proxy_bypass(url.hostname):
        return None
    return getproxies().get(url.scheme)
