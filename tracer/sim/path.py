"""Which way a packet goes: the path of a moment, and the branch a flow takes among parallel routers."""

from __future__ import annotations

import zlib
from bisect import bisect_right

import msgspec

from tracer.model import Address, Family, Protocol
from tracer.sim.scenario import Bloat, Change, Hop, Scenario, Target
from tracer.wire.address import family_of, pack
from tracer.wire.ip import PROTOCOL_NUMBERS


class Path(msgspec.Struct, frozen=True):
    """The path between two changes. Position n is what a probe of TTL n meets; the target is the last one."""

    hops: tuple[Hop, ...]
    target: Target
    balancers: tuple[int, ...]
    """Per hop the TTL its diamond begins at: a run of hops alike in width and balancing is one diamond."""
    routers: dict[Family, tuple[tuple[Address, ...], ...]]
    """Per hop the addresses of its parallel routers."""
    positions: dict[Address, int]
    """Where each address of either family stands; the nearest place where it stands twice."""


class Phase(msgspec.Struct, frozen=True):
    """A path and the time, on the simulator's clock, from which it holds."""

    since_ns: int
    path: Path


class Timetable:
    """All paths of a scenario by time."""

    def __init__(self, scenario: Scenario) -> None:
        self.phases = phases(scenario)
        self._starts = [phase.since_ns for phase in self.phases]

    def at(self, now_ns: int) -> Path:
        """The path that holds at this time, 0 or later."""
        return self.phases[bisect_right(self._starts, now_ns) - 1].path


def phases(scenario: Scenario) -> tuple[Phase, ...]:
    """What the changes make of the path, one after the other; the first phase begins at 0."""
    hops, target = scenario.hops, scenario.target
    found = [Phase(0, _path(hops, target))]
    for change in scenario.changes:
        hops, target = _changed(hops, target, change)
        found.append(Phase(change.at_ns, _path(hops, target)))
    return tuple(found)


def flow_key(source: Address, destination: Address, protocol: Protocol, first: int, second: int) -> bytes:
    """What a load balancer hashes: the addresses, the protocol, and four bytes behind the IP header.

    ``first`` and ``second`` are the ports of UDP and TCP; for ICMP, as routers do it, type and code as one
    16-bit number, and the checksum.
    """
    number = PROTOCOL_NUMBERS[family_of(destination)][protocol]
    head = pack(source) + pack(destination) + bytes((number,))
    return head + first.to_bytes(2, "big") + second.to_bytes(2, "big")


def branch(key: bytes, balancer: int, width: int) -> int:
    """Which of ``width`` parallel routers a flow takes, 0..width-1, in the diamond beginning at ``balancer``.

    CRC-32 of the key, plus 0x9E3779B9 times the balancer, mixed by the finisher of MurmurHash3, scaled to
    the width: the same in every run and on every machine, and unrelated from one diamond to the next.
    """
    mixed = (zlib.crc32(key) + balancer * 0x9E3779B9) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    mixed ^= mixed >> 16
    return (mixed * width) >> 32


def router(path: Path, ttl: int, key: bytes) -> Address:
    """The address at this TTL that takes the flow of ``flow_key``, where balancing is per flow.

    The family is that of the key. Raises IndexError beyond the last hop.
    """
    family = Family.IPV4 if len(key) == 13 else Family.IPV6
    routers = path.routers[family][ttl - 1]
    return routers[branch(key, path.balancers[ttl - 1], len(routers))]


def bloat_ns(bloat: Bloat, now_ns: int) -> int:
    """What the queue adds now: 0 at the start of a period, the amplitude in its middle, linear between."""
    elapsed_ns = now_ns % bloat.period_ns
    return 2 * bloat.amplitude_ns * min(elapsed_ns, bloat.period_ns - elapsed_ns) // bloat.period_ns


def _changed(hops: tuple[Hop, ...], target: Target, change: Change) -> tuple[tuple[Hop, ...], Target]:
    last = len(hops) if change.to_ttl is None else change.to_ttl
    if change.target_rtt_ns is not None:
        target = msgspec.structs.replace(target, rtt_ns=change.target_rtt_ns)
    return hops[: change.from_ttl - 1] + change.hops + hops[last:], target


def _path(hops: tuple[Hop, ...], target: Target) -> Path:
    balancers: list[int] = []
    for index, hop in enumerate(hops):
        goes_on = index > 0 and _balancing(hop) == _balancing(hops[index - 1])
        balancers.append(balancers[-1] if goes_on else index + 1)
    positions: dict[Address, int] = {}
    routers = {family: tuple(hop.addresses_of(family) for hop in hops) for family in Family}
    for family in Family:
        for ttl, addresses in enumerate((*routers[family], target.addresses_of(family)), start=1):
            for address in addresses:
                positions.setdefault(address, ttl)
    return Path(hops=hops, target=target, balancers=tuple(balancers), routers=routers, positions=positions)


def _balancing(hop: Hop) -> tuple[int, str]:
    return (len(hop.addresses), hop.ecmp)
