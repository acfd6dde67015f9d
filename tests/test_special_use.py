"""Marks from the address alone; the standard library's own tables are the oracle."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.model import Address
from tracer.special_use import _RANGES, special_use

UNSURE = [ip_network(text) for text in ("192.0.0.0/24", "2001::/23", "2002::/16", "fec0::/10")]
"""Where Python's versions differ, and what is routed in principle."""
YOUNGER = [ip_network(text) for text in ("64:ff9b:1::/48", "3fff::/20", "5f00::/16")]


def edges(text: str) -> list[str]:
    network = ip_network(text)
    around = [int(network[0]) - 1, int(network[0]), int(network[-1]), int(network[-1]) + 1]
    kind = IPv4Address if network.version == 4 else IPv6Address
    return [str(kind(number)) for number in around if 0 <= number < 2**network.max_prefixlen]


EDGES = [address for text, _, _ in _RANGES for address in edges(text)]


def expected(address: str) -> bool | None:
    about = ip_address(address)
    if any(about in network for network in [*UNSURE, *YOUNGER] if network.version == about.version):
        return None
    if isinstance(about, IPv6Address) and about.ipv4_mapped is not None:
        return True
    return about.is_multicast or not about.is_global


@given(st.sampled_from(EDGES) | st.ip_addresses().map(str))
def test_an_address_is_marked_where_it_is_not_global(address: str) -> None:
    wanted = expected(address)
    if wanted is not None:
        assert (special_use(Address(address)) is not None) == wanted


@pytest.mark.parametrize(
    ("address", "name", "reference"),
    [
        ("10.1.2.3", "private", "RFC 1918"),
        ("172.31.255.255", "private", "RFC 1918"),
        ("100.127.0.1", "carrier NAT", "RFC 6598"),
        ("198.19.0.1", "benchmarking", "RFC 2544"),
        ("169.254.1.1", "link-local", "RFC 3927"),
        ("255.255.255.255", "broadcast", "RFC 919"),
        ("fd00::1", "unique local", "RFC 4193"),
        ("fe80::1", "link-local", "RFC 4291"),
        ("2001:db8::1", "documentation", "RFC 3849"),
        ("2001:0:1::1", "Teredo", "RFC 4380"),
        ("2002:c000:201::1", "6to4", "RFC 3056"),
        ("3fff::1", "documentation", "RFC 9637"),
    ],
)
def test_the_mark_names_its_document(address: str, name: str, reference: str) -> None:
    use = special_use(Address(address))
    assert use is not None
    assert (use.name, use.reference) == (name, reference)


@pytest.mark.parametrize("text", ["8.8.8.8", "192.0.0.9", "2001:4:112::1", "2606:4700::1", "hidden", "", "x"])
def test_ordinary_addresses_and_what_is_none_have_no_mark(text: str) -> None:
    assert special_use(Address(text)) is None
