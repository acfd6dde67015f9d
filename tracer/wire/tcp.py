"""The TCP header (RFC 9293 §3.1)."""

from __future__ import annotations

from enum import IntFlag
from struct import Struct
from typing import Self

import msgspec

from tracer.model import Address, Port
from tracer.wire.checksum import checksum, pseudo_header
from tracer.wire.cursor import Cursor

_FIXED = Struct("!HHIIHHHH")
_NUMBER = 6
_CHECKSUM = slice(16, 18)


class TcpFlags(IntFlag):
    """The control bits (RFC 9293 §3.1); the four above them are reserved and have no name here."""

    FIN = 0x001
    SYN = 0x002
    RST = 0x004
    PSH = 0x008
    ACK = 0x010
    URG = 0x020
    ECE = 0x040
    CWR = 0x080


class TcpHeader(msgspec.Struct, frozen=True, kw_only=True):
    """One TCP header."""

    source_port: Port
    target_port: Port
    sequence: int
    """Sequence number, 0..2**32-1."""
    acknowledgement: int = 0
    flags: int
    """The twelve bits behind the data offset, see ``TcpFlags``; 0..4095."""
    window: int = 0
    urgent: int = 0
    options: bytes = b""
    """A multiple of 4 bytes, at most 40."""
    checksum: int = 0
    """As received."""

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        """Read one header. Raises ``DecodeError``."""
        source_port, target_port, sequence, acknowledgement, word, window, check, urgent = cursor.unpack(
            _FIXED
        )
        return cls(
            source_port=source_port,
            target_port=target_port,
            sequence=sequence,
            acknowledgement=acknowledgement,
            flags=word & 0xFFF,
            window=window,
            urgent=urgent,
            options=cursor.take((word >> 12) * 4 - _FIXED.size),
            checksum=check,
        )

    def encode(self, payload: bytes, source: Address, destination: Address) -> bytes:
        """Header and payload, with data offset and checksum worked out."""
        length = _FIXED.size + len(self.options)
        segment = bytearray(
            _FIXED.pack(
                self.source_port,
                self.target_port,
                self.sequence,
                self.acknowledgement,
                length // 4 << 12 | self.flags,
                self.window,
                0,
                self.urgent,
            )
        )
        segment += self.options
        segment += payload
        pseudo = pseudo_header(source, destination, _NUMBER, len(segment))
        segment[_CHECKSUM] = checksum(pseudo + segment).to_bytes(2, "big")
        return bytes(segment)


def maximum_segment_size(value: int) -> bytes:
    """The option that tells the largest segment one takes, in bytes (RFC 9293 §3.7.1)."""
    return b"\x02\x04" + value.to_bytes(2, "big")
