"""What the datagram quoted in an ICMP error tells about the probe."""

from __future__ import annotations

from struct import Struct

from tracer.errors import DecodeError
from tracer.model import Family, Identity, Protocol, Quoted
from tracer.wire.cursor import Cursor
from tracer.wire.icmp import ECHO_REQUEST
from tracer.wire.ip import IpPacket

_FIRST_EIGHT_BYTES = Struct("!HHHH")
"""All that a router must quote of the transport (RFC 792); it holds the identity of every probe."""


def decode_quote(family: Family, body: bytes) -> Quoted:
    """Read the probe's identity from the body of an ICMP error.

    Needs the IP header and 8 bytes. Raises ``DecodeError`` when there is less, or when the quoted datagram
    cannot have been a probe.
    """
    packet = IpPacket.decode_quoted(body)
    if packet.family is not family:
        raise DecodeError("quote", 0, f"a datagram of {packet.family} in ICMP of {family}")
    return quoted(packet)


def quoted(packet: IpPacket) -> Quoted:
    """What a packet, whole or cut off, tells about the probe that it is.

    Raises ``DecodeError`` when it cannot have been a probe.
    """
    protocol, identity = identify(packet)
    return Quoted(
        protocol=protocol,
        destination=packet.destination,
        identity=identity,
        ttl=packet.ttl,
        tos=packet.tos,
    )


def identify(packet: IpPacket) -> tuple[Protocol, Identity]:
    """The protocol and the identity of a probe, read from the first 8 bytes behind its IP header.

    Raises ``DecodeError`` for packets that are no UDP, TCP or echo request, or that start in their middle.
    """
    protocol = packet.probe_protocol
    if protocol is None:
        raise DecodeError("quote", 0, f"protocol {packet.protocol} is none that probes use")
    if packet.fragment_offset:
        raise DecodeError("quote", 0, "a later fragment")
    first, second, third, fourth = Cursor(packet.payload, "quote").unpack(_FIRST_EIGHT_BYTES)
    if protocol is not Protocol.ICMP:
        return protocol, (first, second)
    if first >> 8 != ECHO_REQUEST[packet.family]:
        raise DecodeError("quote", 0, f"ICMP type {first >> 8} is no echo request")
    return protocol, (third, fourth)
