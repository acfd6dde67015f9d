"""Whole IP packets → what they say about a probe."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tracer.errors import DecodeError
from tracer.icmp_names import type_name
from tracer.model import (
    Address,
    Extension,
    Family,
    Icmp,
    Identity,
    Protocol,
    Quoted,
    Reply,
    ReplyKind,
    Stamp,
)
from tracer.wire import extensions, icmp, udp
from tracer.wire.checksum import pseudo_header, unfinished, verifies
from tracer.wire.cursor import Cursor, too_short
from tracer.wire.icmp import IcmpMessage
from tracer.wire.ip import PROTOCOLS, IpPacket
from tracer.wire.outline import Outline, outline
from tracer.wire.quote import find_quote, identify
from tracer.wire.tcp import TcpFlags, TcpHeader
from tracer.wire.udp import UdpHeader

_ICMP, _TCP, _UDP = Protocol.ICMP, Protocol.TCP, Protocol.UDP
_ECHO_REPLY, _PACKET_TOO_BIG = ReplyKind.ECHO_REPLY, ReplyKind.PACKET_TOO_BIG


class Irrelevant(msgspec.Struct, frozen=True):
    """A well-formed packet that has nothing to do with probes."""

    reason: str


class SentPacket(msgspec.Struct, frozen=True, kw_only=True):
    """A probe as it was sent, read back from its packet."""

    protocol: Protocol
    family: Family
    source: Address
    destination: Address
    identity: Identity
    ttl: int
    tos: int
    size: int
    """The whole IP packet in bytes."""
    payload: bytes
    """What stands behind the transport header."""


def decode_reply(packet: bytes, rx: Stamp) -> Reply | Irrelevant:
    """Read an answer from the whole IP packet that was received at ``rx``.

    Checksums are verified. Extensions that cannot be read do not make the answer worthless: they are left
    out. Raises ``DecodeError`` and nothing else, whatever the bytes are.
    """
    header = outline(packet)
    if header.more_fragments or header.fragment_offset:
        return Irrelevant("a fragment")
    answer = _ANSWERS.get(PROTOCOLS[header.family].get(header.protocol))
    return answer(header, packet, rx) if answer is not None else Irrelevant(f"IP protocol {header.protocol}")


def _direct(
    kind: ReplyKind,
    protocol: Protocol,
    identity: Identity,
    header: Outline,
    packet: bytes,
    rx: Stamp,
    *,
    numbers: Icmp | None = None,
    mark: int | None = None,
) -> Reply:
    """An answer of the target itself, which quotes nothing: it came from where the probe went."""
    return Reply(
        kind=kind,
        responder=header.source,
        quoted=Quoted(protocol=protocol, destination=header.source, identity=identity, mark=mark),
        rx=rx,
        icmp=numbers,
        reply_ttl=header.ttl,
        reply_tos=header.tos,
        raw=packet,
    )


def _icmp_answer(header: Outline, packet: bytes, rx: Stamp) -> Reply | Irrelevant:
    family = header.family
    message = packet[header.start : header.end]
    if len(message) < icmp.HEADER_LENGTH:
        raise too_short("icmp", 0, icmp.HEADER_LENGTH, len(message))
    icmp_type, code, _, rest = icmp.FIXED.unpack_from(message)
    if not verifies(icmp.covered(family, header.source, header.destination, message)):
        raise DecodeError("icmp", len(message), "wrong checksum")
    kind = icmp.reply_kind(family, icmp_type, code)
    if kind is None:
        return Irrelevant(f"ICMP {type_name(family, icmp_type)}")
    numbers = Icmp(icmp_type, code)
    if kind is _ECHO_REPLY:
        return _direct(kind, _ICMP, (rest >> 16, rest & 0xFFFF), header, packet, rx, numbers=numbers)
    body, quote_length = message[icmp.HEADER_LENGTH :], icmp.quote_length(family, icmp_type, rest)
    quoted = find_quote(family, body, quote_length)
    if quoted is None:
        return Irrelevant("an ICMP error about a packet that is no probe")
    structure = extensions.locate(body, quote_length)
    return Reply(
        kind=kind,
        responder=header.source,
        quoted=quoted,
        rx=rx,
        icmp=numbers,
        reply_ttl=header.ttl,
        reply_tos=header.tos,
        mtu=icmp.next_hop_mtu(family, rest) if kind is _PACKET_TOO_BIG else None,
        extensions=_readable(structure) if structure else (),
        raw=packet,
    )


def _readable(structure: bytes) -> tuple[Extension, ...]:
    try:
        return extensions.decode(structure)
    except DecodeError:
        return ()


def _tcp_answer(header: Outline, packet: bytes, rx: Stamp) -> Reply | Irrelevant:
    segment = packet[header.start : header.end]
    cursor = Cursor(segment, "tcp")
    tcp = TcpHeader.decode(cursor)
    _verify(header, segment, tcp.checksum, cursor)
    # Whatever answers a SYN acknowledges it (RFC 9293 §3.10.7.1); a reset that does not answers no probe.
    kind = _TCP_KINDS.get(tcp.flags & _TELLING)
    if kind is None:
        return Irrelevant("a TCP segment that answers no SYN")
    identity = (tcp.target_port, tcp.source_port)
    mark = (tcp.acknowledgement - 1) % 2**32
    return _direct(kind, _TCP, identity, header, packet, rx, mark=mark)


_TELLING = int(TcpFlags.SYN | TcpFlags.ACK | TcpFlags.RST)
_TCP_KINDS: dict[int, ReplyKind] = {
    int(TcpFlags.SYN | TcpFlags.ACK): ReplyKind.SYN_ACK,
    int(TcpFlags.RST | TcpFlags.ACK): ReplyKind.RST,
}


def _udp_answer(header: Outline, packet: bytes, rx: Stamp) -> Reply | Irrelevant:
    datagram = packet[header.start : header.end]
    cursor = Cursor(datagram, "udp")
    udp_header = UdpHeader.decode(cursor)
    cursor.trim(udp_header.length - udp.HEADER_LENGTH)
    if udp_header.checksum or header.family is Family.IPV6:
        _verify(header, datagram[: udp_header.length], udp_header.checksum, cursor)
    identity = (udp_header.target_port, udp_header.source_port)
    return _direct(ReplyKind.UDP_DATA, _UDP, identity, header, packet, rx)


def _verify(header: Outline, segment: bytes, check: int, cursor: Cursor) -> None:
    pseudo = pseudo_header(header.source, header.destination, header.protocol, len(segment))
    if not verifies(pseudo + segment) and check != unfinished(pseudo):
        raise cursor.error("wrong checksum")


_ANSWERS: dict[Protocol | None, Callable[[Outline, bytes, Stamp], Reply | Irrelevant]] = {
    Protocol.ICMP: _icmp_answer,
    Protocol.TCP: _tcp_answer,
    Protocol.UDP: _udp_answer,
}


def decode_probe(packet: bytes) -> SentPacket | Irrelevant:
    """Read a probe back from its whole IP packet: a transmit-stamp frame, or what the simulator is given.

    Checksums are not verified: a frame on its way out may not have them yet. Raises ``DecodeError`` and
    nothing else, whatever the bytes are.
    """
    ip = IpPacket.decode(packet)
    if ip.fragmented:
        return Irrelevant("a fragment")
    found = identify(ip, ip.payload)
    if found is None:
        return Irrelevant("neither UDP, TCP nor an echo request")
    protocol, identity = found
    payload = _PAYLOADS[protocol](ip)
    if isinstance(payload, Irrelevant):
        return payload
    return SentPacket(
        protocol=protocol,
        family=ip.family,
        source=ip.source,
        destination=ip.destination,
        identity=identity,
        ttl=ip.ttl,
        tos=ip.tos,
        size=len(packet),
        payload=payload,
    )


def _echo_payload(packet: IpPacket) -> bytes | Irrelevant:
    return IcmpMessage.decode(Cursor(packet.payload, "icmp"), packet.family).body


def _syn_payload(packet: IpPacket) -> bytes | Irrelevant:
    cursor = Cursor(packet.payload, "tcp")
    header = TcpHeader.decode(cursor)
    if header.flags & (TcpFlags.SYN | TcpFlags.ACK | TcpFlags.RST) != TcpFlags.SYN:
        return Irrelevant("a TCP segment that is no SYN")
    return cursor.rest()


def _udp_payload(packet: IpPacket) -> bytes | Irrelevant:
    cursor = Cursor(packet.payload, "udp")
    header = UdpHeader.decode(cursor)
    return cursor.take(header.length - udp.HEADER_LENGTH)


_PAYLOADS: dict[Protocol, Callable[[IpPacket], bytes | Irrelevant]] = {
    Protocol.ICMP: _echo_payload,
    Protocol.TCP: _syn_payload,
    Protocol.UDP: _udp_payload,
}
