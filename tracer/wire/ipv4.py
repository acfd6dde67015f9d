"""The IPv4 header (RFC 791)."""

from __future__ import annotations

from struct import Struct
from typing import Self

import msgspec

from tracer.model import Address, Family
from tracer.wire import address
from tracer.wire.checksum import checksum
from tracer.wire.cursor import Cursor

_FIXED = Struct("!BBHHHBBH4s4s")
_CHECKSUM = slice(10, 12)


class Ipv4Header(msgspec.Struct, frozen=True, kw_only=True):
    """One IPv4 header.

    ``decode`` checks neither ``checksum`` nor ``total_length`` against what follows: a header quoted in an
    ICMP error often has both wrong.
    """

    source: Address
    destination: Address
    protocol: int
    ttl: int
    tos: int = 0
    """DSCP and ECN, 0..255 (RFC 2474, RFC 3168)."""
    identification: int = 0
    dont_fragment: bool = False
    more_fragments: bool = False
    reserved_flag: bool = False
    fragment_offset: int = 0
    """In units of 8 bytes, 0..8191."""
    options: bytes = b""
    """A multiple of 4 bytes, at most 40."""
    total_length: int = 0
    """Header and payload in bytes, as received."""
    checksum: int = 0
    """As received."""

    @property
    def header_length(self) -> int:
        """Bytes of this header, 20..60."""
        return _FIXED.size + len(self.options)

    @property
    def payload_length(self) -> int:
        """Bytes that should follow; negative where ``total_length`` is nonsense."""
        return self.total_length - self.header_length

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        """Read one header. Raises ``DecodeError``."""
        version_ihl, tos, length, identification, fragment, ttl, protocol, check, source, destination = (
            cursor.unpack(_FIXED)
        )
        if version_ihl >> 4 != 4:
            raise cursor.error(f"version {version_ihl >> 4}")
        options = cursor.take((version_ihl & 0xF) * 4 - _FIXED.size)
        return cls(
            source=address.unpack(Family.IPV4, source),
            destination=address.unpack(Family.IPV4, destination),
            protocol=protocol,
            ttl=ttl,
            tos=tos,
            identification=identification,
            reserved_flag=bool(fragment & 0x8000),
            dont_fragment=bool(fragment & 0x4000),
            more_fragments=bool(fragment & 0x2000),
            fragment_offset=fragment & 0x1FFF,
            options=options,
            total_length=length,
            checksum=check,
        )

    def encode(self, payload: bytes) -> bytes:
        """Header and payload, with total length and checksum worked out."""
        length = self.header_length
        fragment = self.fragment_offset
        fragment |= self.reserved_flag << 15 | self.dont_fragment << 14 | self.more_fragments << 13
        head = bytearray(
            _FIXED.pack(
                0x40 | length // 4,
                self.tos,
                length + len(payload),
                self.identification,
                fragment,
                self.ttl,
                self.protocol,
                0,
                address.pack(self.source),
                address.pack(self.destination),
            )
        )
        head += self.options
        head[_CHECKSUM] = checksum(head).to_bytes(2, "big")
        return bytes(head) + payload
