"""The UDP header (RFC 768)."""

from __future__ import annotations

from struct import Struct
from typing import Self

import msgspec

from tracer.model import Address, Port
from tracer.wire.checksum import checksum, pseudo_header
from tracer.wire.cursor import Cursor

_FIXED = Struct("!HHHH")
_NUMBER = 17

HEADER_LENGTH = _FIXED.size
CHECKSUM_AT = 6
"""Where the checksum begins."""


class UdpHeader(msgspec.Struct, frozen=True, kw_only=True):
    """One UDP header."""

    source_port: Port
    target_port: Port
    length: int = 0
    """Header and payload in bytes, as received."""
    checksum: int = 0
    """As received; 0 means that none was sent, which only IPv4 allows."""

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        """Read one header. Raises ``DecodeError``."""
        source_port, target_port, length, check = cursor.unpack(_FIXED)
        return cls(source_port=source_port, target_port=target_port, length=length, checksum=check)

    def encode(self, payload: bytes, source: Address, destination: Address) -> bytes:
        """Header and payload, with length and checksum worked out."""
        length = _FIXED.size + len(payload)
        bare = _FIXED.pack(self.source_port, self.target_port, length, 0) + payload
        # RFC 768: a sum of zero is sent as all ones, since zero says that there is none.
        check = checksum(pseudo_header(source, destination, _NUMBER, length) + bare) or 0xFFFF
        return _FIXED.pack(self.source_port, self.target_port, length, check) + payload
