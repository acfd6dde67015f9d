"""IP packets without regard to their version: the one place where the families part and meet again."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tracer.errors import DecodeError
from tracer.model import Address, Family, Protocol
from tracer.wire.address import family_of
from tracer.wire.cursor import Cursor
from tracer.wire.ipv4 import Ipv4Header
from tracer.wire.ipv6 import Ipv6Header, skip_extension_headers

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
        return _decode(data, Cursor.trim)

    @classmethod
    def decode_quoted(cls, data: bytes) -> IpPacket:
        """Read a packet that may be cut off, whatever length its header speaks of. Raises ``DecodeError``."""
        return _decode(data, _keep_all)

    def encode(self) -> bytes:
        """The packet as it goes to the network."""
        return _ENCODERS[self.family](self)


Bound = Callable[[Cursor, int], None]


def _keep_all(cursor: Cursor, payload_length: int) -> None:
    """Leave the cursor as it is."""


def _decode(data: bytes, bound: Bound) -> IpPacket:
    version = data[0] >> 4 if data else 0
    decoder = _DECODERS.get(version)
    if decoder is None:
        raise DecodeError("ip", 0, f"version {version}" if data else "no bytes")
    return decoder(data, bound)


def _decode_ipv4(data: bytes, bound: Bound) -> IpPacket:
    cursor = Cursor(data, "ipv4")
    header = Ipv4Header.decode(cursor)
    bound(cursor, header.payload_length)
    return IpPacket(
        source=header.source,
        destination=header.destination,
        ttl=header.ttl,
        protocol=header.protocol,
        payload=cursor.rest(),
        tos=header.tos,
        dont_fragment=header.dont_fragment,
        identification=header.identification,
        fragment_offset=header.fragment_offset,
        more_fragments=header.more_fragments,
    )


def _decode_ipv6(data: bytes, bound: Bound) -> IpPacket:
    cursor = Cursor(data, "ipv6")
    header = Ipv6Header.decode(cursor)
    bound(cursor, header.payload_length)
    upper = skip_extension_headers(cursor, header.next_header)
    return IpPacket(
        source=header.source,
        destination=header.destination,
        ttl=header.hop_limit,
        protocol=upper.protocol,
        payload=cursor.rest(),
        tos=header.traffic_class,
        identification=upper.identification,
        flow_label=header.flow_label,
        fragment_offset=upper.fragment_offset,
        more_fragments=upper.more_fragments,
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


_DECODERS = {4: _decode_ipv4, 6: _decode_ipv6}
_ENCODERS = {Family.IPV4: _encode_ipv4, Family.IPV6: _encode_ipv6}
