"""
Which addresses a download may go to.

A link comes from the host of the connection, and redirects from hosts that it names: both may point into the network of
the worker (a metadata service at 169.254.169.254 was reached like this), whose answer would then be landed for all to
read.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_NAT64 = ip_network("64:ff9b::/96")


class Reach(StrEnum):
    """From where an address can be reached."""

    PUBLIC = "public"
    PRIVATE = "private"
    LINK_LOCAL = "link-local"


EVERYWHERE = frozenset(Reach)


def reach_of(address: str) -> Reach:
    """Return the reach of an IP address; loopback, shared and reserved ones count as private."""
    ip = _embedded(ip_address(address.partition("%")[0]))
    if ip.is_link_local:
        return Reach.LINK_LOCAL
    return Reach.PUBLIC if ip.is_global and not ip.is_multicast else Reach.PRIVATE


def _embedded(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(ip, IPv6Address):
        if inner := ip.ipv4_mapped or ip.sixtofour:
            return inner
        if ip in _NAT64:
            return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def resolve(host: str, port: int) -> list[str]:
    """
    Return the addresses of a host, which may be an address itself.

    :raises OSError: when it has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        # A label of more than 63 characters.
        raise OSError(f"{type(error).__name__} in the name of the host") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def allowed_beside(host: str, port: int = 443) -> frozenset[Reach]:
    """
    Return where downloads may go when the API is at this host: outside, and to where the host itself is.

    :param host: of the connection; one that has no address now allows nothing more.
    """
    try:
        return frozenset({Reach.PUBLIC, *map(reach_of, resolve(host, port))})
    except OSError:
        return frozenset({Reach.PUBLIC})


def first_refused(addresses: Iterable[str], allowed: frozenset[Reach]) -> Reach | None:
    """Return the reach of the first address that is not allowed, or ``None``."""
    return next((reach for address in addresses if (reach := reach_of(address)) not in allowed), None)
