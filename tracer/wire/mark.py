"""Where a probe carries its mark: what tells it from other probes of the same ports. One table.

A load balancer that keeps flows together hashes addresses, protocol and the first four bytes behind the IP
header: the ports, or type, code and checksum of ICMP. A mark stands outside of these, and inside of what
every ICMP error quotes: the IP header and eight bytes (RFC 792).

Not in the table: classic UDP, whose ports tell its probes apart, and ICMP of every strategy, whose echo
sequence does. ICMP paris begins its payload with the sequence's one's complement, so that the checksum is the
same for all probes of an identifier.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tracer.errors import DecodeError
from tracer.model import Family, Protocol, Strategy
from tracer.wire.ip import HEADER_LENGTH, MINIMUM_MTU, IpPacket

COMPENSATION = 2
"""Bytes at the start of a paris payload that make the checksum what it is to be."""

WORD_LENGTH = 4
"""Bytes that nobody can guess, at the start of a payload or behind its compensation. Within what every quote
holds, the checksum depends on them, except for paris, whose checksum is as hard to guess itself."""

_LARGEST_PAYLOAD = MINIMUM_MTU[Family.IPV6] - HEADER_LENGTH[Family.IPV6]
"""Every IPv6 link carries so much (RFC 8200 §5), so no mark is too big for a path."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a place in the packet."""

    place: str
    """In words."""
    low: int
    high: int
    step: int = 1
    """From one mark to the next; it has no divisor in common with the number of marks. A NAT shifts every
    checksum by the same amount: far apart, one probe's mark does not become the next one's."""
    read: Callable[[IpPacket], int]
    """From a packet of which at least eight bytes behind the IP header are there."""
    is_length: bool = False
    """It is the packet's payload length, so the shape of a trace bounds it, and small ones come first."""

    def values(self, size: int) -> range:
        """All marks of probes of this size, the whole IP packet in bytes; a length only grows from there."""
        shortest = size - HEADER_LENGTH[Family.IPV6] if self.is_length else 0
        return range(max(self.low, shortest), self.high + 1)


def _checksum_of_udp(packet: IpPacket) -> int:
    return int.from_bytes(packet.payload[6:8], "big")


def _length_of_udp(packet: IpPacket) -> int:
    return int.from_bytes(packet.payload[4:6], "big")


def _sequence_of_tcp(packet: IpPacket) -> int:
    return int.from_bytes(packet.payload[4:8], "big")


def _identification(packet: IpPacket) -> int:
    return packet.identification


_SEQUENCE_NUMBER = Mark(
    place="TCP sequence number", low=0, high=2**32 - 1, step=40_503, read=_sequence_of_tcp
)
# 0 says that there is no checksum, and 0xFFFF is what a sum of 0 is sent as (RFC 768).
_UDP_CHECKSUM = Mark(place="UDP checksum", low=1, high=0xFFFE, step=40_503, read=_checksum_of_udp)
# Linux fills in an identification of 0 by itself (raw(7)).
_IP_ID = Mark(place="IPv4 identification", low=1, high=0xFFFF, read=_identification)
# Behind the header without extensions stands nothing but the datagram: the UDP length is the same number.
_PAYLOAD_LENGTH = Mark(
    place="IPv6 payload length",
    low=8,
    high=_LARGEST_PAYLOAD,
    read=_length_of_udp,
    is_length=True,
)

MARKS: dict[tuple[Strategy, Protocol, Family], Mark] = {
    (Strategy.CLASSIC, Protocol.TCP, Family.IPV4): _SEQUENCE_NUMBER,
    (Strategy.CLASSIC, Protocol.TCP, Family.IPV6): _SEQUENCE_NUMBER,
    (Strategy.PARIS, Protocol.TCP, Family.IPV4): _SEQUENCE_NUMBER,
    (Strategy.PARIS, Protocol.TCP, Family.IPV6): _SEQUENCE_NUMBER,
    (Strategy.PARIS, Protocol.UDP, Family.IPV4): _UDP_CHECKSUM,
    (Strategy.PARIS, Protocol.UDP, Family.IPV6): _UDP_CHECKSUM,
    (Strategy.DUBLIN, Protocol.UDP, Family.IPV4): _IP_ID,
    (Strategy.DUBLIN, Protocol.UDP, Family.IPV6): _PAYLOAD_LENGTH,
}


def read_mark(strategy: Strategy, packet: bytes) -> int | None:
    """The mark of a sent or a quoted packet, from its IP header on; None where it carries none.

    A quote may be cut off after eight bytes behind the IP header. Never raises.
    """
    try:
        ip = IpPacket.decode_quoted(packet)
    except DecodeError:
        return None
    protocol = ip.probe_protocol
    row = MARKS.get((strategy, protocol, ip.family)) if protocol is not None else None
    if row is None or ip.fragment_offset or len(ip.payload) < 8:
        return None
    return row.read(ip)
