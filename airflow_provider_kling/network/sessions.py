"""
A ``requests`` session whose connections can be cut from outside, and go only to addresses that are checked.

The time-outs of ``requests`` are between two bytes: a host that sends one now and then holds a worker for ever. A
:class:`Watchdog` cuts the connections when the time of the whole exchange is over.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.client import HTTPResponse
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet, finalize

from airflow_provider_kling.network.environment import authorities, proxy_for

if TYPE_CHECKING:
    import requests

# Given a host and a port, return the addresses to try, or raise.
Resolver = Callable[[str, int], Iterable[str]]


class Cuttable(Protocol):
    """An open connection."""

    def cut(self) -> None:
        """End it, whatever thread waits for it."""

    def release(self) -> None:
        """Let go of it where it is closed."""


class Session:
    """
    A ``requests`` session for one thread at a time.

    :param url: decides on the proxy.
    :param resolver: gives the addresses to connect to; by default all that the host has. Not asked for a proxy, which
        looks the host up itself.
    """

    def __init__(self, url: str, resolver: Resolver | None = None) -> None:
        self._open: WeakSet[Cuttable] = WeakSet()
        self.requests = _plain_session()
        proxy = proxy_for(url)
        if proxy:
            self.requests.proxies = {"http": proxy, "https": proxy}
        self.requests.verify = authorities()
        adapter = _adapter(self._open, resolver)
        for scheme in ("https://", "http://"):
            self.requests.mount(scheme, adapter)

    def cut(self) -> None:
        """End all connections, whatever thread waits for them."""
        for connection in list(self._open):
            connection.cut()

    def release(self) -> None:
        """Let go of the connections that are closed, so that the host sees it; called after each exchange."""
        for connection in list(self._open):
            connection.release()

    def close(self) -> None:
        """Close the connections."""
        # The pool holds them alone.
        connections = list(self._open)
        self.requests.close()
        for connection in connections:
            connection.release()


class Watchdog:
    """
    Cut the connections of a session when its time is over.

    :param session: whose.
    :param deadline: gives the end of its time on the monotonic clock; it may move on while data arrives.
    :ivar fired: whether it did.
    """

    def __init__(self, session: Session, deadline: Callable[[], float]) -> None:
        self._session = session
        self._deadline = deadline
        self._over = Event()
        self._lock = Lock()
        self.fired = False

    def __enter__(self) -> Watchdog:
        Thread(target=self._watch, name="kling-watchdog", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # A connection that goes back to the pool must not be cut any more.
        with self._lock:
            self._over.set()
        self._session.release()

    def _watch(self) -> None:
        while (left := self._deadline() - time.monotonic()) > 0:
            if self._over.wait(left):
                return
        with self._lock:
            if not self._over.is_set():
                self.fired = True
                self._session.cut()


def _plain_session() -> requests.Session:
    """Return a session that reads nothing of the environment (``.netrc`` would replace the key) and follows nothing."""
    import requests

    class Plain(requests.Session):
        def get_redirect_target(self, resp: requests.Response) -> str | None:
            # requests looks at the target of a redirect even where it must not follow, and chokes on odd ones.
            return None

    session = Plain()
    session.trust_env = False
    session.headers.clear()
    return session


def _adapter(opened: WeakSet[Cuttable], resolver: Resolver | None) -> Any:
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

    def pools(resolver: Resolver | None) -> dict[str, Any]:
        kinds = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}
        return {scheme: _pool(kind, opened, resolver) for scheme, kind in kinds.items()}

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = pools(resolver)

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(*args, **kwargs)
            manager.pool_classes_by_scheme = pools(None)
            return manager

    return Adapter()


def _pool(kind: Any, opened: WeakSet[Cuttable], resolver: Resolver | None) -> Any:
    bases = (_CuttableConnection, kind.ConnectionCls)
    connection = type("Connection", bases, {"opened": opened, "resolver": staticmethod(resolver) if resolver else None})
    return type("Pool", (kind,), {"ConnectionCls": connection})


class _CuttableConnection:
    """Over a connection class of urllib3, whose ``_new_conn`` is what its own SOCKS support replaces too."""

    opened: WeakSet[Any]
    sock: Any
    resolver: Resolver | None
    port: int
    response_class: Any
    _dns_host: str
    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock = self._checked_conn(self.resolver) if self.resolver else self._plain_conn()
        # TLS takes the socket over, and with "Connection: close" the answer does; a handle of our own stays.
        self._handle = sock.dup()
        finalize(self, self._handle.close)
        self.opened.add(self)
        return sock

    def _plain_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        return sock

    def _checked_conn(self, resolver: Resolver) -> socket.socket:
        """Connect to an address that was looked at, not to a name that may mean another one by now."""
        name = self._dns_host
        error: Exception = OSError(f"{name} has no address")
        for address in resolver(name, self.port):
            try:
                self._dns_host = address
                return self._plain_conn()
            except Exception as failure:
                error = failure
            finally:
                self._dns_host = name
        raise error

    def getresponse(self) -> Any:
        """Close an answer that urllib3 gives up on (two lengths): it has the socket to itself, and nobody has it."""
        made = []

        def make(*args: Any, **kwargs: Any) -> HTTPResponse:
            made.append(HTTPResponse(*args, **kwargs))
            return made[-1]

        self.response_class = make
        try:
            return super().getresponse()  # type: ignore[misc]
        except BaseException:
            for answer in made:
                answer.close()
            raise

    def cut(self) -> None:
        if self._handle is not None:
            # The host may have been faster.
            with suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        if self._handle is not None and self.sock is None:
            self._handle.close()
            self._handle = None
