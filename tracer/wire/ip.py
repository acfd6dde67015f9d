"""IP packets without regard to their version: the one place where the families part and meet again."""

from __future__ import annotations

import msgspec

from tracer.model import Address, Family, Protocol
from tracer.wire.address import family_of
from tracer.wire.cursor import Cursor
from tracer.wire.ipv4 import Ipv4Header
from tracer.wire.ipv6 import Ipv6Header
from tracer.wire.outline import Outline, outline

PROTOCOLS: dict[Family, dict[int, Protocol]] = {
    Family.IPV4: {1: Protocol.ICMP, 6: Protocol.TCP, 17: Protocol.UDP},
    Family.IPV6: {58: Protocol.ICMP, 6: Protocol.TCP, 17: Protocol.UDP},
}
"""The IP protocol numbers that probes use."""

PROTOCOL_NUMBERS: dict[Family, dict[Protocol, int]] = {
    family: {protocol: number for number, protocol in table.items()} for family, table in PROTOCOLS.items()
}

HEADER_LENGTH = {Family.IPV4: 20, Family.IPV6: 40}
"""Bytes of the header that ``IpPacket.encode`` writes."""

MINIMUM_MTU = {Family.IPV4: 576, Family.IPV6: 1280}
"""Largest ICMP error in bytes, IP header included (RFC 1812 §4.3.2.3, RFC 4443 §2.4 c)."""


class IpPacket(msgspec.Struct, frozen=True, kw_only=True):
    """One IP packet; options and extension headers are not kept.

    ``decode(x.encode()) == x`` for packets that are no fragments; fragments are read, never written.
    """

    source: Address
    destination: Address
    ttl: int
    """Time to live or hop limit, 0..255."""
    protocol: int
    """What ``payload`` is: the protocol number behind any extension headers."""
    payload: bytes
    tos: int = 0
    """TOS or traffic class, 0..255."""
    dont_fragment: bool = True
    """Always true in IPv6, where routers never fragment."""
    identification: int = 0
    """Of the IPv4 header, or of the IPv6 fragment header."""
    flow_label: int = 0
    """IPv6 only."""
    fragment_offset: int = 0
    """In units of 8 bytes."""
    more_fragments: bool = False

    @property
    def family(self) -> Family:
        """Told by the addresses."""
        return family_of(self.destination)

    @property
    def probe_protocol(self) -> Protocol | None:
        """The protocol, if it is one that probes use."""
        return PROTOCOLS[self.family].get(self.protocol)

    @property
    def fragmented(self) -> bool:
        """Whether this is only a piece of what was sent."""
        return self.more_fragments or self.fragment_offset != 0

    @classmethod
    def decode(cls, data: bytes) -> IpPacket:
        """Read a whole packet; bytes beyond its length are padding. Raises ``DecodeError``."""
        return _packet(data, outline(data))

    @classmethod
    def decode_quoted(cls, data: bytes) -> IpPacket:
        """Read a packet that may be cut off, whatever length its header speaks of. Raises ``DecodeError``."""
        return _packet(data, outline(data, whole=False))

    def encode(self) -> bytes:
        """The packet as it goes to the network."""
        return _ENCODERS[self.family](self)


def _packet(data: bytes, header: Outline) -> IpPacket:
    return IpPacket(
        source=header.source,
        destination=header.destination,
        ttl=header.ttl,
        protocol=header.protocol,
        payload=data[header.start : header.end],
        tos=header.tos,
        dont_fragment=header.dont_fragment,
        identification=header.identification,
        flow_label=header.flow_label,
        fragment_offset=header.fragment_offset,
        more_fragments=header.more_fragments,
    )


def _encode_ipv4(packet: IpPacket) -> bytes:
    header = Ipv4Header(
        source=packet.source,
        destination=packet.destination,
        protocol=packet.protocol,
        ttl=packet.ttl,
        tos=packet.tos,
        identification=packet.identification,
        dont_fragment=packet.dont_fragment,
    )
    return header.encode(packet.payload)


def _encode_ipv6(packet: IpPacket) -> bytes:
    header = Ipv6Header(
        source=packet.source,
        destination=packet.destination,
        next_header=packet.protocol,
        hop_limit=packet.ttl,
        traffic_class=packet.tos,
        flow_label=packet.flow_label,
    )
    return header.encode(packet.payload)


def forwarded(packet: bytes, *, ttl: int, tos: int) -> bytes:
    """A packet as it looks where routers have set its TTL and its TOS; all else, options too, stays.

    Raises ``DecodeError``.
    """
    version = packet[0] >> 4 if packet else 0
    if version == 4:
        cursor = Cursor(packet, "ipv4")
        header = Ipv4Header.decode(cursor)
        return msgspec.structs.replace(header, ttl=ttl, tos=tos).encode(cursor.rest())
    cursor = Cursor(packet, "ipv6")
    header6 = Ipv6Header.decode(cursor)
    return msgspec.structs.replace(header6, hop_limit=ttl, traffic_class=tos).encode(cursor.rest())


_ENCODERS = {Family.IPV4: _encode_ipv4, Family.IPV6: _encode_ipv6}
