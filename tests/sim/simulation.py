"""Scenarios in a line, and packets built and read by Scapy: an opinion independent of tracer.wire."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.packet import Packet, Raw

from tracer.model import Address, Family
from tracer.sim.channel import SOURCE_ADDRESSES
from tracer.sim.internet import Internet
from tracer.sim.scenario import Change, Duration, Hop, Ports, Scenario, Target

MS = 1_000_000
S = 1_000_000_000

HOPS = tuple(
    Hop(addresses=(Address(f"198.18.{ttl}.1"),), rtt_ns=Duration(ttl * MS), initial_ttl=255)
    for ttl in (1, 2, 3)
)
TARGET = Target(
    addresses=(Address("203.0.113.9"),),
    rtt_ns=Duration(4 * MS),
    tcp=Ports(open=(80,), filtered=(25,)),
    udp=Ports(open=(53,), filtered=(514,)),
)
TARGET_TTL = 4


def scenario(
    changes: tuple[Change, ...] = (), target: dict[str, Any] | None = None, **hops: dict[str, Any]
) -> Scenario:
    """Three hops of 1, 2 and 3 ms, a target of 4 ms; ``hop2={...}`` gives the second other properties."""
    changed = tuple(
        msgspec.structs.replace(hop, **hops.get(f"hop{ttl}", {})) for ttl, hop in enumerate(HOPS, start=1)
    )
    aim = msgspec.structs.replace(TARGET, **(target or {}))
    return Scenario(name="three-hops", hops=changed, target=aim, changes=changes)


def internet(seed: int = 1, **properties: Any) -> Internet:
    """An internet of ``scenario``."""
    return Internet(scenario(**properties), seed)


def to(destination: str, ttl: int, *, tos: int = 0, df: bool = True) -> Packet:
    """The IP header of a probe from the simulated source."""
    if ":" in destination:
        return IPv6(src=SOURCE_ADDRESSES[Family.IPV6], dst=destination, hlim=ttl, tc=tos)
    flags = "DF" if df else 0
    return IP(src=SOURCE_ADDRESSES[Family.IPV4], dst=destination, ttl=ttl, tos=tos, flags=flags)


def udp(
    ttl: int, *, port: int = 33434, sport: int = 40000, payload: bytes = b"probe", **header: Any
) -> Packet:
    """A UDP probe to the target, IPv4."""
    return (
        to(header.pop("destination", "203.0.113.9"), ttl, **header)
        / UDP(sport=sport, dport=port)
        / Raw(payload)
    )


def syn(ttl: int, *, port: int = 80, sport: int = 40000, destination: str = "203.0.113.9") -> Packet:
    """A TCP probe to the target."""
    return to(destination, ttl) / TCP(sport=sport, dport=port, flags="S", seq=1000)


def ping(ttl: int, *, sequence: int = 1, destination: str = "203.0.113.9") -> Packet:
    """An echo probe to the target."""
    echo = ICMPv6EchoRequest if ":" in destination else ICMP
    return to(destination, ttl) / echo(id=77, seq=sequence) / Raw(b"probe")


def read(data: bytes) -> Packet:
    """A whole IP packet as Scapy sees it."""
    return (IPv6 if data[0] >> 4 == 6 else IP)(data)


def answers(net: Internet, packet: Packet, now_ns: int = 0) -> list[tuple[int, Packet]]:
    """What comes back, read by Scapy."""
    return [(delay_ns, read(data)) for delay_ns, data in net.respond(bytes(packet), now_ns)]


def answer(net: Internet, packet: Packet, now_ns: int = 0) -> Packet:
    """The one answer that comes back."""
    ((_, reply),) = answers(net, packet, now_ns)
    return reply


def heard(net: Internet, packet: Packet, times: int, now_ns: int = 0) -> int:
    """How many answers come to so many sends of the same packet."""
    data = bytes(packet)
    return sum(len(net.respond(data, now_ns)) for _ in range(times))


def within_five_sigma(count: int, trials: int, probability: float) -> bool:
    """Whether a count is what a binomial distribution gives."""
    sigma = math.sqrt(trials * probability * (1 - probability))
    return abs(count - trials * probability) <= 5 * sigma
