"""The Internet checksum (RFC 1071) and the pseudo headers it runs over (RFC 9293 §3.1, RFC 8200 §8.1)."""

from __future__ import annotations

from struct import Struct

from tracer.model import Address, Family
from tracer.wire.address import family_of, pack

_TAIL = {Family.IPV4: Struct("!xBH"), Family.IPV6: Struct("!I3xB")}


def checksum(data: bytes | bytearray) -> int:
    """The one's complement of the one's complement sum of ``data``'s 16-bit words, 0..0xFFFF.

    An odd last byte is padded with zero on the right.
    """
    # 2**16 leaves remainder 1 when divided by 0xFFFF, so the remainder of the whole number is the folded sum.
    number = int.from_bytes(data, "big") << 8 * (len(data) % 2)
    folded = number % 0xFFFF
    if number and not folded:
        folded = 0xFFFF
    return 0xFFFF - folded


def verifies(data: bytes) -> bool:
    """Whether ``data``, its checksum field included, sums up as it should."""
    # Zero has a checksum too, all ones; an odd last byte changes nothing, as 256 and 0xFFFF share no divisor.
    number = int.from_bytes(data, "big")
    return number % 0xFFFF == 0 and number != 0


def pseudo_header(source: Address, destination: Address, protocol: int, length: int) -> bytes:
    """What a UDP, TCP or ICMPv6 checksum covers beside the message; ``length`` is the message's in bytes."""
    family = family_of(destination)
    numbers = (protocol, length) if family is Family.IPV4 else (length, protocol)
    return pack(source) + pack(destination) + _TAIL[family].pack(*numbers)


def unfinished(pseudo: bytes) -> int:
    """What stands in the checksum field of a packet whose sum the network card was to finish.

    Linux hands packets that never left the host (loopback, veth) to raw sockets in this state.
    """
    return 0xFFFF - checksum(pseudo)
