"""A chain of real Linux routers: source, r1 ... rn, target, joined by veth pairs, IPv4 and IPv6 alike.

Link k joins node k and node k + 1 (node 0 is the source): 198.18.k.0/24 and 2001:db8:1kk::/64 (kk is k in
hexadecimal), ``.1`` and ``::1`` on the source's side. So router k answers from 198.18.(k-1).2. There is no
uplink and no default route.
"""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import Namespace, link, namespaces

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE_DEVICE = "eth0"
NEAR, FAR = "near", "far"
TCP_PORT = 80
BACKLOG = 4096
"""Connections nobody accepts; the lab's traces stay far below."""

QUIET = {
    # The lab must not limit itself. No ICMP type is limited per destination; icmp_ratelimit = 0 would do
    # that too, but empties the peer's token bucket, from which unreachable routes pay their answers as well.
    "net.ipv4.icmp_ratemask": "0",
    "net.ipv6.icmp.ratemask": "",
    # These limit the whole namespace.
    "net.ipv4.icmp_msgs_per_sec": "1000000",
    "net.ipv4.icmp_msgs_burst": "1000000",
    # Addresses are ours alone: usable at once, nothing solicited.
    "net.ipv6.conf.all.accept_dad": "0",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.default.dad_transmits": "0",
    "net.ipv6.conf.default.accept_ra": "0",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
}
ROUTER = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}


def near_address(family: Family, number: int) -> str:
    """The end of link ``number`` on the source's side."""
    return {Family.IPV4: f"198.18.{number}.1", Family.IPV6: f"2001:db8:1{number:02x}::1"}[family]


def far_address(family: Family, number: int) -> str:
    """The end of link ``number`` on the target's side."""
    return {Family.IPV4: f"198.18.{number}.2", Family.IPV6: f"2001:db8:1{number:02x}::2"}[family]


@dataclass(frozen=True)
class Chain:
    """A chain that stands."""

    source: Namespace
    routers: list[Namespace]
    target: Namespace
    built_in_s: float
    """How long it took until both families answered."""

    def source_address(self, family: Family) -> str:
        """Where probes leave from."""
        return near_address(family, 0)

    def target_address(self, family: Family) -> str:
        """Where the path ends."""
        return far_address(family, len(self.routers))

    def responders(self, family: Family) -> list[str]:
        """Who answers at TTL 1, 2, ... up to the target."""
        return [far_address(family, number) for number in range(len(self.routers) + 1)]

    def unreachable_address(self, family: Family) -> str:
        """An address that the second router says it cannot reach."""
        return {Family.IPV4: "198.18.250.1", Family.IPV6: "2001:db8:fa::1"}[family]

    def silent_address(self, family: Family) -> str:
        """An address that the second router drops packets to, without a word."""
        return {Family.IPV4: "198.18.251.1", Family.IPV6: "2001:db8:fb::1"}[family]


@contextlib.contextmanager
def chain(routers: int) -> Iterator[Chain]:
    """Build a chain of at least two routers with a TCP server on port 80 of its target."""
    begun = time.monotonic()
    roles = ["source", *(f"r{number}" for number in range(1, routers + 1)), "target"]
    with namespaces(*roles) as nodes, contextlib.ExitStack() as servers:
        for node in nodes:
            node.write_sysctls(QUIET)
        for node in nodes[1:-1]:
            node.write_sysctls(ROUTER)
        devices = [SOURCE_DEVICE, *(FAR for _ in range(routers))]
        pairs = zip(itertools.pairwise(nodes), devices, strict=True)
        link((one, device, other, NEAR) for (one, other), device in pairs)
        for number, node in enumerate(nodes):
            node.ip(*_node_lines(number, routers))
        with nodes[-1].entered():
            for family in Family:
                servers.enter_context(_listener(family, far_address(family, routers)))
        _wait_until_answering(nodes[0], far_address(Family.IPV4, routers), Family.IPV4)
        _wait_until_answering(nodes[0], far_address(Family.IPV6, routers), Family.IPV6)
        yield Chain(nodes[0], nodes[1:-1], nodes[-1], time.monotonic() - begun)


def _node_lines(number: int, routers: int) -> list[str]:
    lines = ["link set lo up"]
    if number > 0:
        lines += _device_lines(
            NEAR, far_address(Family.IPV4, number - 1), far_address(Family.IPV6, number - 1)
        )
    if number <= routers:
        device = FAR if number else SOURCE_DEVICE
        lines += _device_lines(device, near_address(Family.IPV4, number), near_address(Family.IPV6, number))
        lines += [
            f"route add 198.18.0.0/15 via {far_address(Family.IPV4, number)}",
            f"route add 2001:db8::/33 via {far_address(Family.IPV6, number)}",
        ]
    if number > 1:
        lines += [
            f"route add 198.18.0.0/24 via {near_address(Family.IPV4, number - 1)}",
            f"route add 2001:db8:100::/64 via {near_address(Family.IPV6, number - 1)}",
        ]
    if number == 2:
        lines += [
            "route add unreachable 198.18.250.0/24",
            "route add unreachable 2001:db8:fa::/64",
            "route add blackhole 198.18.251.0/24",
            "route add blackhole 2001:db8:fb::/64",
        ]
    return lines


def _device_lines(device: str, ipv4: str, ipv6: str) -> list[str]:
    return [
        f"link set {device} up",
        f"address add {ipv4}/24 dev {device}",
        f"address add {ipv6}/64 dev {device} nodad",
    ]


def _listener(family: Family, address: str) -> socket.socket:
    return socket.create_server((address, TCP_PORT), family=family.af, backlog=BACKLOG)


def _wait_until_answering(source: Namespace, address: str, family: Family) -> None:
    """Resend to a closed port until its refusal comes back: every neighbour on the way is known then."""
    with source.entered(), socket.socket(family.af, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 33434))
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                probe.send(b"")
                if select.select([probe], [], [], 0.05)[0]:
                    probe.recv(1)
            except ConnectionRefusedError:
                return
            except OSError:  # a link that is not up yet, or the refusal of a router
                continue
    raise TimeoutError(f"{address} does not answer")
