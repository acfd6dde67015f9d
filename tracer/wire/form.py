"""Probe packets as forms: what the probes of a trace have in common is encoded and summed up once.

The Internet checksum is a sum modulo 2**16 - 1 (RFC 1071), so the sum of what stays is kept and the numbers
that change are added to it (RFC 1624). A number of 32 bits may be added whole: 2**16 leaves remainder 1.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from tracer.model import Family, Probe, Protocol
from tracer.wire.ip import HEADER_LENGTH

_IPV4 = Struct("!4sH2sBBH8s")
_IPV6 = Struct("!7sB32s")
_UDP = Struct("!IHH")
_TCP = Struct("!II8sH")
_ICMP = Struct("!2sHI")
_TCP_TAIL, _UDP_TAIL, _ICMP_TAIL = 18, 8, 8

Head = Callable[[int, int], bytes]
"""TTL and identification to the IP header."""
Transport = Callable[[Probe], bytes]
"""A probe to what stands behind the IP header."""


def word_sum(data: bytes) -> int:
    """The sum of the 16-bit words of ``data`` modulo 2**16 - 1; an odd last byte is padded on the right."""
    return (int.from_bytes(data, "big") << 8 * (len(data) % 2)) % 0xFFFF


def _checksum(total: int) -> int:
    """The checksum of data whose words sum up to ``total``, which are not all 0."""
    return -total % 0xFFFF


def head_of(packet: bytes, family: Family) -> Head:
    """Writes the IP header of ``packet`` with another TTL and identification."""
    return _head4(packet) if family is Family.IPV4 else _head6(packet)


def _head4(packet: bytes) -> Head:
    begin, flags, protocol, addresses = packet[:4], packet[6:8], packet[9], packet[12:20]
    kept = word_sum(_IPV4.pack(begin, 0, flags, 0, protocol, 0, addresses))

    def head(ttl: int, identification: int) -> bytes:
        check = _checksum(kept + identification + (ttl << 8))
        return _IPV4.pack(begin, identification, flags, ttl, protocol, check, addresses)

    return head


def _head6(packet: bytes) -> Head:
    begin, addresses = packet[:7], packet[8:40]

    def head(ttl: int, identification: int) -> bytes:  # noqa: ARG001 - the header has no place for one
        return _IPV6.pack(begin, ttl, addresses)

    return head


def _udp(segment: bytes, pseudo: bytes) -> Transport:
    length, payload = len(segment), segment[_UDP_TAIL:]
    kept = word_sum(pseudo + _UDP.pack(0, length, 0) + payload)

    def udp(probe: Probe) -> bytes:
        ports = probe.source_port << 16 | probe.target_port
        return _UDP.pack(ports, length, _checksum(kept + ports) or 0xFFFF) + payload

    return udp


def _tcp(segment: bytes, pseudo: bytes) -> Transport:
    middle, tail = segment[8:16], segment[_TCP_TAIL:]
    kept = word_sum(pseudo + _TCP.pack(0, 0, middle, 0) + tail)

    def tcp(probe: Probe) -> bytes:
        ports = probe.source_port << 16 | probe.target_port
        return _TCP.pack(ports, probe.mark, middle, _checksum(kept + ports + probe.mark)) + tail

    return tcp


def _icmp(message: bytes, pseudo: bytes) -> Transport:
    kind, body = message[:2], message[_ICMP_TAIL:]
    kept = word_sum(pseudo + _ICMP.pack(kind, 0, 0) + body)

    def icmp(probe: Probe) -> bytes:
        rest = probe.source_port << 16 | probe.sequence
        return _ICMP.pack(kind, _checksum(kept + rest), rest) + body

    return icmp


_TRANSPORTS = {Protocol.UDP: _udp, Protocol.TCP: _tcp, Protocol.ICMP: _icmp}


def transport_of(packet: bytes, family: Family, protocol: Protocol, pseudo: bytes) -> Transport:
    """Writes what stands behind the IP header of ``packet`` with the numbers of another probe.

    ``pseudo`` is the pseudo header that the checksum covers; empty where it covers none.
    """
    return _TRANSPORTS[protocol](packet[HEADER_LENGTH[family] :], pseudo)
