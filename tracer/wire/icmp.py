"""ICMP of both families (RFC 792, RFC 4443): one message, and a table where they differ."""

from __future__ import annotations

from enum import StrEnum
from struct import Struct

import msgspec

from tracer.model import Address, Family, Icmp, Identity, Protocol, ReplyKind
from tracer.wire.checksum import checksum, pseudo_header
from tracer.wire.cursor import Cursor
from tracer.wire.ip import PROTOCOL_NUMBERS

_IPV4 = Family.IPV4

FIXED = Struct("!BBHI")
"""Type, code, checksum, and the four bytes whose meaning depends on the type."""

HEADER_LENGTH = FIXED.size
ECHO_REQUEST = {Family.IPV4: 8, Family.IPV6: 128}
ECHO_REPLY = {Family.IPV4: 0, Family.IPV6: 129}

REPLY_KINDS: dict[Family, dict[int, ReplyKind]] = {
    Family.IPV4: {
        0: ReplyKind.ECHO_REPLY,
        3: ReplyKind.UNREACHABLE,
        11: ReplyKind.TIME_EXCEEDED,
        12: ReplyKind.PARAMETER_PROBLEM,
    },
    Family.IPV6: {
        1: ReplyKind.UNREACHABLE,
        2: ReplyKind.PACKET_TOO_BIG,
        3: ReplyKind.TIME_EXCEEDED,
        4: ReplyKind.PARAMETER_PROBLEM,
        129: ReplyKind.ECHO_REPLY,
    },
}
"""What an ICMP type says about a probe; types that are not here answer none."""

_CODE_KINDS: dict[tuple[Family, int, int], ReplyKind] = {(Family.IPV4, 3, 4): ReplyKind.PACKET_TOO_BIG}
"""IPv4 has no type for it: it is a code of *destination unreachable* (RFC 1191 §4)."""


class IcmpError(StrEnum):
    """Why a packet was not delivered, in terms that hold for both families."""

    TIME_EXCEEDED = "time_exceeded"
    NET_UNREACHABLE = "net_unreachable"
    HOST_UNREACHABLE = "host_unreachable"
    PROTOCOL_UNREACHABLE = "protocol_unreachable"
    PORT_UNREACHABLE = "port_unreachable"
    ADMIN_PROHIBITED = "admin_prohibited"
    PACKET_TOO_BIG = "packet_too_big"
    PARAMETER_PROBLEM = "parameter_problem"


ICMP_ERRORS: dict[Family, dict[IcmpError, Icmp]] = {
    Family.IPV4: {
        IcmpError.TIME_EXCEEDED: Icmp(11, 0),
        IcmpError.NET_UNREACHABLE: Icmp(3, 0),
        IcmpError.HOST_UNREACHABLE: Icmp(3, 1),
        IcmpError.PROTOCOL_UNREACHABLE: Icmp(3, 2),
        IcmpError.PORT_UNREACHABLE: Icmp(3, 3),
        IcmpError.ADMIN_PROHIBITED: Icmp(3, 13),
        IcmpError.PACKET_TOO_BIG: Icmp(3, 4),
        IcmpError.PARAMETER_PROBLEM: Icmp(12, 0),
    },
    Family.IPV6: {
        IcmpError.TIME_EXCEEDED: Icmp(3, 0),
        IcmpError.NET_UNREACHABLE: Icmp(1, 0),
        IcmpError.HOST_UNREACHABLE: Icmp(1, 3),
        IcmpError.PROTOCOL_UNREACHABLE: Icmp(4, 1),
        IcmpError.PORT_UNREACHABLE: Icmp(1, 4),
        IcmpError.ADMIN_PROHIBITED: Icmp(1, 1),
        IcmpError.PACKET_TOO_BIG: Icmp(2, 0),
        IcmpError.PARAMETER_PROBLEM: Icmp(4, 0),
    },
}
"""The numbers each family has for an error (for *protocol unreachable* see RFC 7915 §4.2)."""


class _Length(msgspec.Struct, frozen=True):
    """Where RFC 4884 §4 puts the length of the quote."""

    types: frozenset[int]
    shift: int
    unit: int


_LENGTH = {
    Family.IPV4: _Length(types=frozenset({3, 11, 12}), shift=16, unit=4),
    Family.IPV6: _Length(types=frozenset({1, 3}), shift=24, unit=8),
}
_MTU_MASK = {Family.IPV4: 0xFFFF, Family.IPV6: 0xFFFFFFFF}


class IcmpMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One ICMP message."""

    family: Family
    type: int
    code: int
    rest: int = 0
    """The second four bytes, whose meaning depends on the type."""
    body: bytes = b""
    checksum: int = 0
    """As received."""

    @classmethod
    def decode(cls, cursor: Cursor, family: Family) -> IcmpMessage:
        """Read one message to its end; the checksum is not verified here. Raises ``DecodeError``."""
        icmp_type, code, check, rest = cursor.unpack(FIXED)
        return cls(family=family, type=icmp_type, code=code, checksum=check, rest=rest, body=cursor.rest())

    def encode(self, source: Address, destination: Address) -> bytes:
        """The message with its checksum worked out; the addresses count in IPv6 only."""
        bare = FIXED.pack(self.type, self.code, 0, self.rest) + self.body
        check = checksum(covered(self.family, source, destination, bare))
        return FIXED.pack(self.type, self.code, check, self.rest) + self.body

    @property
    def kind(self) -> ReplyKind | None:
        """What the message says about a probe; None when it answers none."""
        return reply_kind(self.family, self.type, self.code)

    @property
    def identity(self) -> Identity:
        """Identifier and sequence; means something in echo messages only."""
        return (self.rest >> 16, self.rest & 0xFFFF)

    @property
    def quote_length(self) -> int:
        """Bytes of ``body`` that quote the probe, by the length attribute (RFC 4884 §4); 0 when not told."""
        return quote_length(self.family, self.type, self.rest)

    @property
    def mtu(self) -> int | None:
        """Next-hop MTU in bytes (RFC 1191 §4, RFC 4443 §3.2); None when not told."""
        return next_hop_mtu(self.family, self.rest) if self.kind is ReplyKind.PACKET_TOO_BIG else None


def covered(family: Family, source: Address, destination: Address, message: bytes) -> bytes:
    """The bytes an ICMP checksum runs over: in IPv6 with a pseudo header (RFC 4443 §2.3), in IPv4 without."""
    if family is _IPV4:
        return message
    number = PROTOCOL_NUMBERS[family][Protocol.ICMP]
    return pseudo_header(source, destination, number, len(message)) + message


def reply_kind(family: Family, icmp_type: int, code: int) -> ReplyKind | None:
    """What an ICMP message says about a probe; None when it answers none."""
    return _CODE_KINDS.get((family, icmp_type, code)) or REPLY_KINDS[family].get(icmp_type)


def quote_length(family: Family, icmp_type: int, rest: int) -> int:
    """Bytes of a message's body that quote the probe (RFC 4884 §4); 0 when that is not told."""
    field = _LENGTH[family]
    return (rest >> field.shift & 0xFF) * field.unit if icmp_type in field.types else 0


def next_hop_mtu(family: Family, rest: int) -> int | None:
    """Bytes that the link takes to which a packet was too big; None when that is not told."""
    return rest & _MTU_MASK[family] or None


def length_attribute(family: Family, icmp_type: int, quote_length: int) -> int:
    """``rest`` saying that the quote has so many bytes (RFC 4884 §4).

    Raises ``ValueError`` for types without the field and for lengths that it cannot tell.
    """
    field = _LENGTH[family]
    units, over = divmod(quote_length, field.unit)
    if icmp_type not in field.types or over or units > 0xFF:
        raise ValueError(f"ICMP type {icmp_type} of {family} cannot tell a quote of {quote_length} bytes")
    return units << field.shift


def length_unit(family: Family) -> int:
    """Bytes counted by one step of the length attribute: a quote is padded to a multiple of it."""
    return _LENGTH[family].unit
