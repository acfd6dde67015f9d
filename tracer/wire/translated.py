"""Recognises a probe in a quote whose addresses or source port a NAT rewrote.

A NAT replaces an address and the source port (the identifier of an echo) and corrects the transport checksum
by the difference (RFC 1624, RFC 3022 §4.2). Some translate the quote in an ICMP error back, some only in
part, some not at all. What all of them leave alone is the sum of the checksum and the words it was corrected
for: whoever rewrites a port and does not correct the checksum breaks the packet. That alone is no proof: all
that the checksum covers can be worked out but the word at the start of the payload (tracer.wire.mark).
"""

from __future__ import annotations

import msgspec

from tracer.errors import DecodeError
from tracer.model import Address, Family, Identity, Protocol
from tracer.wire.address import pack
from tracer.wire.checksum import checksum
from tracer.wire.ip import IpPacket
from tracer.wire.mark import COMPENSATION, WORD_LENGTH
from tracer.wire.quote import identify

_HEADER = 8
"""Bytes of a UDP or echo header, and all of TCP that is sure to be quoted."""

_COMPARED = 16
"""So many bytes of the payload are compared at most."""

_WITNESS = COMPENSATION + WORD_LENGTH
"""So many bytes of the payload hold the trace's word, whatever the strategy."""


class Imprint(msgspec.Struct, frozen=True, kw_only=True):
    """What a packet is recognised by."""

    protocol: Protocol
    source: Address
    identity: Identity
    unchanged: int
    """What no NAT changes: the TCP sequence number, else the checksum plus all it is corrected for, modulo
    2**16 - 1."""
    identification: int | None
    """Of IPv4; None where there is none."""
    payload: bytes
    """How it begins, as far as it is there."""

    def is_of(self, sent: Imprint) -> bool:
        """Whether this quote is what translation makes of the packet that was sent.

        What somebody can work out who knows neither the packet nor what chance chose for it proves nothing
        (SECURITY.md has the numbers). Where addresses and ports are as they were sent, one witness beside the
        ports is enough, as a NAT may have left the checksum shifted that it translated back otherwise; where
        they are not, the checksum has to fit and another one with it.
        """
        if self.protocol is not sent.protocol or self.identity[1] != sent.identity[1]:
            return False
        fits = self.unchanged == sent.unchanged
        if self.source == sent.source:
            # The same address with other ports is no NAT's work: it is another program on this host.
            same = self.identity == sent.identity
            return same and (fits or (self.protocol is not Protocol.TCP and self.names(sent)))
        return fits and (self.protocol is Protocol.TCP or self.names(sent))

    def names(self, sent: Imprint) -> bool:
        """It holds something of the packet that neither ports nor checksum tell."""
        return self.same_packet(sent) or (
            len(self.payload) >= _WITNESS and sent.payload.startswith(self.payload)
        )

    def same_packet(self, sent: Imprint) -> bool:
        """The identification is the same."""
        return self.identification is not None and self.identification == sent.identification

    def contradicts(self, sent: Imprint) -> bool:
        """The payload, as far as it is quoted, is not the one that was sent."""
        return not sent.payload.startswith(self.payload)


def imprint(packet: bytes) -> Imprint | None:
    """Read it from a packet's IP header on; None where that is no probe. Never raises."""
    try:
        ip = IpPacket.decode_quoted(packet)
        found = identify(ip, ip.payload)
    except DecodeError:
        return None
    if found is None:
        return None
    protocol, identity = found
    return Imprint(
        protocol=protocol,
        source=ip.source,
        identity=identity,
        unchanged=_unchanged(ip, protocol),
        identification=ip.identification if ip.family is Family.IPV4 else None,
        payload=ip.payload[_HEADER : _HEADER + _COMPARED] if protocol is not Protocol.TCP else b"",
    )


def _unchanged(ip: IpPacket, protocol: Protocol) -> int:
    if protocol is Protocol.TCP:
        return int.from_bytes(ip.payload[4:8], "big")
    if protocol is Protocol.UDP:
        return _sum(ip.payload[6:8] + ip.payload[:2] + pack(ip.source) + pack(ip.destination))
    # The checksum of ICMP covers the addresses in IPv6 only (RFC 4443 §2.3).
    covered = pack(ip.source) + pack(ip.destination) if ip.family is Family.IPV6 else b""
    return _sum(ip.payload[2:6] + covered)


def _sum(words: bytes) -> int:
    return (0xFFFF - checksum(words)) % 0xFFFF
