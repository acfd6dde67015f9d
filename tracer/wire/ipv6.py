"""The IPv6 header and the chain of extension headers behind it (RFC 8200)."""

from __future__ import annotations

from struct import Struct
from typing import Self

import msgspec

from tracer.model import Address, Family
from tracer.wire import address
from tracer.wire.cursor import Cursor

_FIXED = Struct("!IHBB16s16s")

HOP_BY_HOP = 0
ROUTING = 43
FRAGMENT = 44
DESTINATION_OPTIONS = 60

_OPTION_HEADERS = frozenset({HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS})
EXTENSION_HEADERS = _OPTION_HEADERS | {FRAGMENT}
"""What ``skip_extension_headers`` steps over."""
_MOST_EXTENSION_HEADERS = 8
"""Longer chains are an attack, not a path: RFC 8200 §4.1 knows no reason for more than six."""


class Ipv6Header(msgspec.Struct, frozen=True, kw_only=True):
    """One fixed IPv6 header."""

    source: Address
    destination: Address
    next_header: int
    hop_limit: int
    traffic_class: int = 0
    """DSCP and ECN, 0..255."""
    flow_label: int = 0
    """0..1048575 (RFC 6437)."""
    payload_length: int = 0
    """Bytes that should follow, as received."""

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        """Read one header. Raises ``DecodeError``."""
        first, payload_length, next_header, hop_limit, source, destination = cursor.unpack(_FIXED)
        if first >> 28 != 6:
            raise cursor.error(f"version {first >> 28}")
        return cls(
            source=address.unpack(Family.IPV6, source),
            destination=address.unpack(Family.IPV6, destination),
            next_header=next_header,
            hop_limit=hop_limit,
            traffic_class=first >> 20 & 0xFF,
            flow_label=first & 0xFFFFF,
            payload_length=payload_length,
        )

    def encode(self, payload: bytes) -> bytes:
        """Header and payload, with the payload length worked out."""
        head = _FIXED.pack(
            6 << 28 | self.traffic_class << 20 | self.flow_label,
            len(payload),
            self.next_header,
            self.hop_limit,
            address.pack(self.source),
            address.pack(self.destination),
        )
        return head + payload


class Upper(msgspec.Struct, frozen=True):
    """What stands behind the extension headers."""

    protocol: int
    fragment_offset: int = 0
    """In units of 8 bytes."""
    more_fragments: bool = False
    identification: int = 0


def skip_extension_headers(cursor: Cursor, next_header: int) -> Upper:
    """Step over hop-by-hop, routing, destination option and fragment headers.

    Raises ``DecodeError`` where the chain is cut off or has no end. Behind a later fragment's header stands
    no header at all, so the chain ends there.
    """
    upper = Upper(next_header)
    for _ in range(_MOST_EXTENSION_HEADERS):
        if upper.protocol == FRAGMENT:
            upper = _fragment(cursor)
        elif upper.protocol in _OPTION_HEADERS and not upper.fragment_offset:
            following = cursor.u8()
            cursor.take(cursor.u8() * 8 + 6)
            upper = msgspec.structs.replace(upper, protocol=following)
        else:
            return upper
    raise cursor.error(f"more than {_MOST_EXTENSION_HEADERS - 1} extension headers")


def _fragment(cursor: Cursor) -> Upper:
    following = cursor.u8()
    cursor.u8()
    position = cursor.u16()
    return Upper(following, position >> 3, bool(position & 1), cursor.u32())
