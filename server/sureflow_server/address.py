"""Addresses of machines, as numbers rather than as text."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a text is; ``None`` if it is none.

    Without the zone of an IPv6 address, which may be any text, and an IPv4 address that is written
    as one of IPv6 as what it is.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def is_loopback(host: str) -> bool:
    """Return whether a host, named or by its address, is this machine and reached from it alone."""
    address = parsed(host)
    return host == "localhost" if address is None else address.is_loopback


def in_both_forms(network: IPv4Network | IPv6Network) -> list[str]:
    """Return a network as text; one of IPv4 also as sockets of IPv6 see it."""
    if isinstance(network, IPv6Network):
        return [str(network)]
    return [str(network), f"::ffff:{network.network_address}/{96 + network.prefixlen}"]
