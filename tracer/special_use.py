"""Addresses that the public internet does not route, told from the address alone.

The tables are the IANA special-purpose address registries (RFC 6890) as far as their entries are not
globally reachable, multicast, and 6to4, whose addresses hold an IPv4 address. An address of theirs on a path
across the internet is a router that answers from a private or a forged (bogon) address.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

import msgspec

from tracer.model import Address


class SpecialUse(msgspec.Struct, frozen=True):
    """What a range of addresses is set aside for."""

    name: str
    """A few words."""
    reference: str
    """The document that says so."""


_RANGES: tuple[tuple[str, str, str], ...] = (
    ("0.0.0.0/8", "this network", "RFC 791"),
    ("10.0.0.0/8", "private", "RFC 1918"),
    ("100.64.0.0/10", "carrier NAT", "RFC 6598"),
    ("127.0.0.0/8", "loopback", "RFC 1122"),
    ("169.254.0.0/16", "link-local", "RFC 3927"),
    ("172.16.0.0/12", "private", "RFC 1918"),
    ("192.0.0.0/24", "protocol assignments", "RFC 6890"),
    ("192.0.2.0/24", "documentation", "RFC 5737"),
    ("192.168.0.0/16", "private", "RFC 1918"),
    ("198.18.0.0/15", "benchmarking", "RFC 2544"),
    ("198.51.100.0/24", "documentation", "RFC 5737"),
    ("203.0.113.0/24", "documentation", "RFC 5737"),
    ("224.0.0.0/4", "multicast", "RFC 5771"),
    ("240.0.0.0/4", "reserved", "RFC 1112"),
    ("255.255.255.255/32", "broadcast", "RFC 919"),
    ("::/128", "unspecified", "RFC 4291"),
    ("::1/128", "loopback", "RFC 4291"),
    ("::ffff:0:0/96", "mapped IPv4", "RFC 4291"),
    ("64:ff9b:1::/48", "local translation", "RFC 8215"),
    ("100::/64", "discard", "RFC 6666"),
    ("2001::/23", "protocol assignments", "RFC 2928"),
    ("2001::/32", "Teredo", "RFC 4380"),
    ("2001:2::/48", "benchmarking", "RFC 5180"),
    ("2001:10::/28", "ORCHID", "RFC 4843"),
    ("2001:db8::/32", "documentation", "RFC 3849"),
    ("2002::/16", "6to4", "RFC 3056"),
    ("3fff::/20", "documentation", "RFC 9637"),
    ("5f00::/16", "segment routing", "RFC 9602"),
    ("fc00::/7", "unique local", "RFC 4193"),
    ("fe80::/10", "link-local", "RFC 4291"),
    ("fec0::/10", "site-local", "RFC 3879"),
    ("ff00::/8", "multicast", "RFC 4291"),
)

_EXCEPTIONS = (
    "192.0.0.9/32", "192.0.0.10/32", "2001:1::1/128", "2001:1::2/128", "2001:3::/32", "2001:4:112::/48",
    "2001:20::/28", "2001:30::/28",
)  # fmt: skip
"""Inside a range, and yet globally reachable (RFC 7723, 8155, 7450, 7535, 7343, 9374)."""


def _networks() -> tuple[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, SpecialUse | None], ...]:
    told = [(ipaddress.ip_network(text), SpecialUse(name, reference)) for text, name, reference in _RANGES]
    spared = [(ipaddress.ip_network(text), None) for text in _EXCEPTIONS]
    return tuple(sorted([*told, *spared], key=lambda entry: -entry[0].prefixlen))


_BY_LENGTH = _networks()
"""The longest prefix first: it decides."""


@lru_cache(maxsize=4096)
def special_use(address: Address) -> SpecialUse | None:
    """What an address is set aside for; None for an ordinary one, and for what is no address."""
    try:
        number = ipaddress.ip_address(address)
    except ValueError:
        return None
    return next((use for network, use in _BY_LENGTH if number in network), None)
