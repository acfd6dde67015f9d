"""Which routes a message of rtnetlink is about: the kernel's own messages, and what is none."""

from __future__ import annotations

import ipaddress
import struct

import pytest

from tracer.model import Address, Family, Protocol
from tracer.net.network_watch import NetworkWatch
from tracer.net.rtnetlink import Prefix, changed_route

from tests.net.loopback import route  # isort: skip

NEW_ADDRESS, NEW_ROUTE, DEL_ROUTE = 20, 24, 25
TABLE, DESTINATION, GATEWAY = 15, 1, 5
UNICAST, LOCAL, UNREACHABLE = 1, 2, 7


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def message(prefix: str, number: int = NEW_ROUTE, kind: int = UNICAST, table: int = 254) -> bytes:
    """As the kernel writes it (net/ipv4/fib_semantics.c, fib_dump_info)."""
    network = ipaddress.ip_network(prefix)
    family = 2 if network.version == 4 else 10
    body = struct.pack("=BBBBBBBBI", family, network.prefixlen, 0, 0, table, 3, 0, kind, 0)
    body += attribute(TABLE, struct.pack("=I", table))
    if network.prefixlen:
        body += attribute(DESTINATION, network.network_address.packed)
    body += attribute(GATEWAY, network.network_address.packed)
    return struct.pack("=IHHII", 16 + len(body), number, 0, 0, 0) + body


PREFIXES = [
    "0.0.0.0/0",
    "128.0.0.0/1",
    "198.18.0.0/15",
    "192.0.2.1/32",
    "::/0",
    "2000::/3",
    "2001:db8::1/128",
]


@pytest.mark.parametrize("number", [NEW_ROUTE, DEL_ROUTE])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_destinations_of_a_route_are_read(prefix: str, number: int) -> None:
    network = ipaddress.ip_network(prefix)
    found = changed_route(message(prefix, number))
    assert found == Prefix(network.max_prefixlen, int(network.network_address), network.prefixlen)
    for text in ("192.0.2.1", "198.19.255.255", "1.2.3.4", "2001:db8::1", "2001:db8::2", "fe80::1"):
        address = ipaddress.ip_address(text)
        inside = address.version == network.version and address in network
        assert found.covers(address.max_prefixlen, int(address)) is inside


def test_what_leads_nowhere_else_is_passed_over() -> None:
    assert changed_route(message("192.0.2.1/32", kind=LOCAL)) is None
    assert changed_route(message("0.0.0.0/0", number=NEW_ADDRESS)) is None
    assert changed_route(message("0.0.0.0/0", kind=UNREACHABLE)) is not None


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_message_cut_off_anywhere_is_survived(prefix: str) -> None:
    whole = message(prefix)
    for length in range(len(whole)):
        changed_route(whole[:length])
        changed_route(whole[:length] + b"\0" * 40)
        changed_route(whole[:length] + b"\xff" * 40)


def test_only_targets_that_the_route_leads_to_are_told() -> None:
    watch = NetworkWatch()
    targets = ["192.0.2.1", "198.18.0.1", "2001:db8::1"]
    for number, target in enumerate(targets):
        family = Family.IPV6 if ":" in target else Family.IPV4
        watch.watch(route(family, Protocol.ICMP, trace=number, target=Address(target)))
    assert watch.rerouted() == []
    watch._note(message("198.18.0.0/15"))
    assert [moved.destination for moved in watch.rerouted()] == ["198.18.0.1"]
    watch._note(message("0.0.0.0/0"))
    watch._note(message("0.0.0.0/1"))
    assert sorted(moved.destination for moved in watch.rerouted()) == targets[:2]
    watch._note(message("::/0"))
    watch.forget(2)  # type: ignore[arg-type]
    assert watch.rerouted() == []
    watch.close()
