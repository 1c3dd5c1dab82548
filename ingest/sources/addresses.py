"""Which IP addresses a fetch may connect to: those on the public internet, and no others.

`ipaddress.is_global` alone would let through multicast, site-local, 6to4 and NAT64 addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_GLOBAL_UNICAST = IPv6Network("2000::/3")  # RFC 4291: all that is handed out comes from here
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: how IPv6-only networks reach IPv4
_NEVER: tuple[Network, ...] = (
    IPv4Network("168.63.129.16/32"),  # Azure's platform service, inside of a public block
    IPv4Network("192.0.0.0/24"),  # protocol assignments; Oracle's metadata is at 192.0.0.192
    IPv4Network("192.88.99.0/24"),  # 6to4 relays, withdrawn by RFC 7526
    IPv6Network("2002::/16"),  # 6to4: any IPv4 address can stand inside
    IPv6Network("3fff::/20"),  # documentation; Python 3.11 does not know it
)


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks from their CIDR notation. Raises ValueError for what is none."""
    return tuple(ip_network(text) for text in texts)


def parse_address(text: str) -> Address | None:
    """The address, or None for a host name. An IPv4 address mapped into IPv6 is the IPv4 one."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def is_admitted(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether a fetch may connect there: it is public, or in a network that is allowed."""
    return is_public(address) or any(address in network for network in allowed)


def is_public(address: Address) -> bool:
    """Whether the address is that of one host on the public internet."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(IPv4Address(address.packed[-4:]))
        if address not in _GLOBAL_UNICAST:
            return False
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in _NEVER)
    )
