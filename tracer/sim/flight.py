"""A packet on its way, as the routers it has passed left it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import msgspec

from tracer.model import Address, Family, Protocol
from tracer.sim.path import flow_key
from tracer.sim.scenario import Hop, Nat, derived
from tracer.sim.tables import Dnat
from tracer.wire.checksum import pseudo_header, verifies
from tracer.wire.cursor import Cursor
from tracer.wire.decode import SentPacket
from tracer.wire.icmp import IcmpMessage, covered
from tracer.wire.ip import IpPacket, forwarded
from tracer.wire.tcp import TcpHeader
from tracer.wire.udp import UdpHeader

_ECN_BITS = 2
_ECN_MASK = 0b11


class Flight:
    """One packet between its source and the place where its way ends.

    Routers change the TTL, and some the TOS and more of the IP header; a NAT changes an address too. The
    bytes are made only when somebody quotes them.
    """

    def __init__(self, packet: bytes, probe: SentPacket) -> None:
        """``probe`` is what ``packet`` says."""
        self.probe = probe
        self.ttl = probe.ttl
        self.tos = probe.tos
        self._sent = packet
        self._here = packet

    @cached_property
    def ip(self) -> IpPacket:
        """Its headers as the last NAT left them; its TTL and TOS are those it was sent with."""
        return IpPacket.decode(self._here)

    @property
    def family(self) -> Family:
        """Its IP version."""
        return self.probe.family

    @property
    def may_be_fragmented(self) -> bool:
        """IPv4 without *don't fragment*."""
        return not self.ip.dont_fragment

    @cached_property
    def flow(self) -> bytes:
        """What a load balancer hashes here; a NAT before it changes it."""
        first, second = self.ip.payload[:2], self.ip.payload[2:4]
        return flow_key(
            self.ip.source,
            self.ip.destination,
            self.probe.protocol,
            int.from_bytes(first, "big"),
            int.from_bytes(second, "big"),
        )

    @property
    def bytes_here(self) -> bytes:
        """The packet as it arrives here: what an ICMP error quotes."""
        return forwarded(self._here, ttl=self.ttl, tos=self.tos)

    @property
    def bytes_for_answer(self) -> bytes:
        """The packet as it arrives here, but for the NATs, which translate the answer back."""
        return forwarded(self._sent, ttl=self.ttl, tos=self.tos)

    @property
    def intact(self) -> bool:
        """Its transport checksum verifies; a UDP checksum of 0 over IPv4 says that there is none."""
        return _VERIFIERS[self.probe.protocol](self.ip)

    def leave(self, hop: Hop) -> None:
        """Be forwarded by this hop."""
        self.ttl -= 1
        if hop.set_dscp is not None:
            self.tos = hop.set_dscp << _ECN_BITS | self.tos & _ECN_MASK
        if hop.set_ecn is not None:
            self.tos = self.tos & ~_ECN_MASK | hop.set_ecn
        changes = _header_changes(hop, self.family)
        if hop.nat is not None or hop.dnat is not None or changes:
            self._rewrite(hop.nat, hop.dnat, changes)

    def _rewrite(self, nat: Nat | None, dnat: Dnat | None, changes: dict[str, Any]) -> None:
        ip = self.ip
        ends = {
            "source": ip.source if nat is None else _translated(nat, self.family),
            "destination": ip.destination if dnat is None else _translated(dnat, self.family),
        }
        moved = msgspec.structs.replace(ip, **ends, **changes)
        if nat is not None or dnat is not None:
            payload = _SHIFTS[self.probe.protocol](moved, 0 if nat is None else nat.port_shift)
            moved = msgspec.structs.replace(moved, payload=payload)
        self._here = moved.encode()
        for stale in ("ip", "flow"):
            self.__dict__.pop(stale, None)


def _translated(where: Nat | Dnat, family: Family) -> Address:
    return where.address if family is Family.IPV4 else where.address6 or derived(where.address)


def _header_changes(hop: Hop, family: Family) -> dict[str, Any]:
    """What the hop gives to the IP header beside TTL and TOS."""
    if family is Family.IPV6:
        return {} if hop.set_flow_label is None else {"flow_label": hop.set_flow_label}
    changes: dict[str, Any] = {} if hop.clear_df is None else {"dont_fragment": False}
    return (
        changes if hop.set_identification is None else {**changes, "identification": hop.set_identification}
    )


def _shift_udp(packet: IpPacket, shift: int) -> bytes:
    cursor = Cursor(packet.payload, "udp")
    header = UdpHeader.decode(cursor)
    moved = msgspec.structs.replace(header, source_port=(header.source_port + shift) % 65536)
    return moved.encode(cursor.rest(), packet.source, packet.destination)


def _shift_tcp(packet: IpPacket, shift: int) -> bytes:
    cursor = Cursor(packet.payload, "tcp")
    header = TcpHeader.decode(cursor)
    moved = msgspec.structs.replace(header, source_port=(header.source_port + shift) % 65536)
    return moved.encode(cursor.rest(), packet.source, packet.destination)


def _shift_icmp(packet: IpPacket, shift: int) -> bytes:
    message = IcmpMessage.decode(Cursor(packet.payload, "icmp"), packet.family)
    moved = msgspec.structs.replace(message, rest=(message.rest + (shift << 16)) % 2**32)
    return moved.encode(packet.source, packet.destination)


_SHIFTS: dict[Protocol, Callable[[IpPacket, int], bytes]] = {
    Protocol.ICMP: _shift_icmp,
    Protocol.TCP: _shift_tcp,
    Protocol.UDP: _shift_udp,
}


def _verify_icmp(packet: IpPacket) -> bool:
    return verifies(covered(packet.family, packet.source, packet.destination, packet.payload))


def _verify_tcp(packet: IpPacket) -> bool:
    pseudo = pseudo_header(packet.source, packet.destination, packet.protocol, len(packet.payload))
    return verifies(pseudo + packet.payload)


def _verify_udp(packet: IpPacket) -> bool:
    header = UdpHeader.decode(Cursor(packet.payload, "udp"))
    return (packet.family is Family.IPV4 and not header.checksum) or _verify_tcp(packet)


_VERIFIERS: dict[Protocol, Callable[[IpPacket], bool]] = {
    Protocol.ICMP: _verify_icmp,
    Protocol.TCP: _verify_tcp,
    Protocol.UDP: _verify_udp,
}
