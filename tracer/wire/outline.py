"""The IP header of either version, read in one pass: what it says, and where in the packet the rest lies.

Every answer has two, its own and the one it quotes. Nothing is copied but the addresses, whose text is
remembered; ``IpPacket`` is the same as a value that stands for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

import msgspec

from tracer.errors import DecodeError
from tracer.model import Address, Family
from tracer.wire.address import unpack
from tracer.wire.cursor import Cursor, too_short
from tracer.wire.ipv6 import EXTENSION_HEADERS, skip_extension_headers

_IPV4 = Struct("!BBHHHBBH4s4s")
_IPV6 = Struct("!IHBB16s16s")
# Reading a member of an enumeration through its class costs as much as reading the whole header.
_FAMILY4, _FAMILY6 = Family.IPV4, Family.IPV6


class Outline(msgspec.Struct, frozen=True, gc=False):
    """What an IP header says; options and extension headers are passed over."""

    family: Family
    source: Address
    destination: Address
    ttl: int
    """Time to live or hop limit, 0..255."""
    tos: int
    """TOS or traffic class, 0..255."""
    protocol: int
    """What the payload is: the protocol number behind any extension headers."""
    start: int
    """Where the payload begins, in bytes from the beginning of the packet."""
    end: int
    """Where it ends."""
    identification: int
    """Of the IPv4 header, or of the IPv6 fragment header."""
    dont_fragment: bool
    """Always true in IPv6, where routers never fragment."""
    more_fragments: bool
    fragment_offset: int
    """In units of 8 bytes."""
    flow_label: int
    """IPv6 only."""


def outline(packet: bytes, *, whole: bool = True) -> Outline:
    """Read the header of a packet; bytes beyond its length are padding. Raises ``DecodeError``.

    One that is not ``whole``, such as a quote, may be cut off, whatever length its header speaks of.
    """
    version = packet[0] >> 4 if packet else 0
    reader = _READERS.get(version)
    if reader is None:
        raise DecodeError("ip", 0, f"version {version}" if packet else "no bytes")
    return reader(packet, whole)


def _ipv4(packet: bytes, whole: bool) -> Outline:  # noqa: FBT001 - as the table's functions are called
    size = len(packet)
    if size < 20:
        raise too_short("ipv4", 0, 20, size)
    first, tos, length, identification, fragment, ttl, protocol, _, source, destination = _IPV4.unpack_from(
        packet
    )
    start, end = (first & 0xF) * 4, size
    if not 20 <= start <= size:
        raise too_short("ipv4", 20, start - 20, size - 20)
    if whole:
        if not start <= length <= size:
            raise too_short("ipv4", start, length - start, size - start)
        end = length
    return Outline(
        _FAMILY4,
        unpack(_FAMILY4, source),
        unpack(_FAMILY4, destination),
        ttl,
        tos,
        protocol,
        start,
        end,
        identification,
        dont_fragment=fragment & 0x4000 != 0,
        more_fragments=fragment & 0x2000 != 0,
        fragment_offset=fragment & 0x1FFF,
        flow_label=0,
    )


def _ipv6(packet: bytes, whole: bool) -> Outline:  # noqa: FBT001 - as the table's functions are called
    end = len(packet)
    if end < 40:
        raise too_short("ipv6", 0, 40, end)
    first, length, protocol, ttl, source, destination = _IPV6.unpack_from(packet)
    start = 40
    if whole:
        if length > end - start:
            raise too_short("ipv6", start, length, end - start)
        end = start + length
    identification = fragment_offset = 0
    more_fragments = False
    if protocol in EXTENSION_HEADERS:
        cursor = Cursor(packet, "ipv6", start)
        cursor.trim(end - start)
        upper = skip_extension_headers(cursor, protocol)
        start, protocol, identification = cursor.offset, upper.protocol, upper.identification
        fragment_offset, more_fragments = upper.fragment_offset, upper.more_fragments
    return Outline(
        _FAMILY6,
        unpack(_FAMILY6, source),
        unpack(_FAMILY6, destination),
        ttl,
        first >> 20 & 0xFF,
        protocol,
        start,
        end,
        identification,
        dont_fragment=True,
        more_fragments=more_fragments,
        fragment_offset=fragment_offset,
        flow_label=first & 0xFFFFF,
    )


_READERS: dict[int, Callable[[bytes, bool], Outline]] = {4: _ipv4, 6: _ipv6}
"""By IP version."""
