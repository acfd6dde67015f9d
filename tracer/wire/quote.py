"""What the datagram quoted in an ICMP error tells about the probe."""

from __future__ import annotations

from struct import Struct

from tracer.model import Family, Identity, Protocol, Quoted
from tracer.wire import extensions
from tracer.wire.cursor import too_short
from tracer.wire.icmp import ECHO_REQUEST
from tracer.wire.ip import HEADER_LENGTH, PROTOCOLS, IpPacket
from tracer.wire.outline import Outline, outline

_ICMP, _TCP = Protocol.ICMP, Protocol.TCP
_FIRST_EIGHT_BYTES = Struct("!HHHH")
"""All that a router must quote of the transport (RFC 792); it holds the identity of every probe."""


def find_quote(family: Family, body: bytes, quote_length: int = 0) -> Quoted | None:
    """Read the probe's identity from the body of an ICMP error; None where what it quotes is no probe.

    ``quote_length`` is what the length attribute tells in bytes, 0 when it tells nothing (RFC 4884 §4).
    Needs the IP header and 8 bytes; raises ``DecodeError`` when there is less.
    """
    header = outline(body, whole=False)
    found = identify(header, body, header.start)
    if header.family is not family or found is None:
        return None
    protocol, identity = found
    return Quoted(
        protocol=protocol,
        destination=header.destination,
        identity=identity,
        mark=_sequence_number(body, header.start) if protocol is _TCP else None,
        ttl=header.ttl,
        tos=header.tos,
        packet=quoted_datagram(body, quote_length),
    )


def _sequence_number(body: bytes, start: int) -> int:
    return int.from_bytes(body[start + 4 : start + 8], "big")


def quoted_datagram(body: bytes, quote_length: int) -> bytes:
    """The quoted datagram without the extension structure behind it and the padding between. Never raises.

    Padding exists only where extensions do (RFC 4884 §4): there the length in the quoted IP header says where
    it begins, unless that is nonsense. A router that quoted less than the datagram and padded that leaves
    zeros nobody can tell from the datagram's own.
    """
    structure = extensions.locate(body, quote_length)
    if not structure and not quote_length:
        return body
    end = len(body) - len(structure)
    least, datagram = _lengths(body)
    if end < least:
        return body
    return body[: datagram if least <= datagram < end else end]


def _lengths(body: bytes) -> tuple[int, int]:
    """Bytes that every quote has, and bytes of the datagram by its own header."""
    if body[:1] and body[0] >> 4 == 4:
        return (body[0] & 0xF) * 4 + _FIRST_EIGHT_BYTES.size, int.from_bytes(body[2:4], "big")
    header = HEADER_LENGTH[Family.IPV6]
    return header + _FIRST_EIGHT_BYTES.size, header + int.from_bytes(body[4:6], "big")


def identify(header: Outline | IpPacket, data: bytes, start: int = 0) -> tuple[Protocol, Identity] | None:
    """The protocol and identity of a probe, from the 8 bytes behind its IP header, at ``start`` of ``data``.

    None for packets that are no UDP, TCP or echo request, or that start in their middle. Raises
    ``DecodeError`` when there are fewer than 8 bytes.
    """
    protocol = PROTOCOLS[header.family].get(header.protocol)
    if protocol is None or header.fragment_offset:
        return None
    there = len(data) - start
    if there < _FIRST_EIGHT_BYTES.size:
        raise too_short("quote", 0, _FIRST_EIGHT_BYTES.size, there)
    first, second, third, fourth = _FIRST_EIGHT_BYTES.unpack_from(data, start)
    if protocol is not _ICMP:
        return protocol, (first, second)
    return (protocol, (third, fourth)) if first >> 8 == ECHO_REQUEST[header.family] else None
