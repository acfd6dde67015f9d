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
from tracer.wire.cursor import Cursor
from tracer.wire.icmp import IcmpMessage
from tracer.wire.ip import IpPacket
from tracer.wire.quote import find_quote, identify
from tracer.wire.tcp import TcpFlags, TcpHeader
from tracer.wire.udp import UdpHeader


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
    return reply_in(IpPacket.decode(packet), rx, packet)


def reply_in(packet: IpPacket, rx: Stamp, raw: bytes) -> Reply | Irrelevant:
    """As ``decode_reply``, for sockets that show the IP header only in pieces.

    ``raw`` is what was received. Raises ``DecodeError``.
    """
    if packet.fragmented:
        return Irrelevant("a fragment")
    protocol = packet.probe_protocol
    if protocol is None:
        return Irrelevant(f"IP protocol {packet.protocol}")
    answer = _ANSWERS[protocol](packet)
    if isinstance(answer, Irrelevant):
        return answer
    return Reply(
        kind=answer.kind,
        responder=packet.source,
        quoted=answer.quoted,
        rx=rx,
        icmp=answer.icmp,
        reply_ttl=packet.ttl,
        reply_tos=packet.tos,
        mtu=answer.mtu,
        extensions=answer.extensions,
        raw=raw,
    )


class _Answer(msgspec.Struct, frozen=True):
    kind: ReplyKind
    quoted: Quoted
    icmp: Icmp | None = None
    mtu: int | None = None
    extensions: tuple[Extension, ...] = ()


def _direct(
    kind: ReplyKind,
    protocol: Protocol,
    packet: IpPacket,
    identity: Identity,
    *,
    numbers: Icmp | None = None,
    mark: int | None = None,
) -> _Answer:
    """An answer of the target itself, which quotes nothing: it came from where the probe went."""
    quoted = Quoted(protocol=protocol, destination=packet.source, identity=identity, mark=mark)
    return _Answer(kind, quoted, numbers)


def _icmp_answer(packet: IpPacket) -> _Answer | Irrelevant:
    cursor = Cursor(packet.payload, "icmp")
    message = IcmpMessage.decode(cursor, packet.family)
    if not verifies(icmp.covered(packet.family, packet.source, packet.destination, packet.payload)):
        raise cursor.error("wrong checksum")
    kind = message.kind
    if kind is None:
        return Irrelevant(f"ICMP {type_name(message.family, message.type)}")
    numbers = Icmp(message.type, message.code)
    if kind is ReplyKind.ECHO_REPLY:
        return _direct(kind, Protocol.ICMP, packet, message.identity, numbers=numbers)
    quoted = find_quote(packet.family, message.body, message.quote_length)
    if quoted is None:
        return Irrelevant("an ICMP error about a packet that is no probe")
    return _Answer(kind, quoted, numbers, message.mtu, _extensions(message))


def _extensions(message: IcmpMessage) -> tuple[Extension, ...]:
    try:
        return extensions.decode(extensions.locate(message.body, message.quote_length))
    except DecodeError:
        return ()


def _tcp_answer(packet: IpPacket) -> _Answer | Irrelevant:
    cursor = Cursor(packet.payload, "tcp")
    header = TcpHeader.decode(cursor)
    _verify(packet, packet.payload, header.checksum, cursor)
    # Whatever answers a SYN acknowledges it (RFC 9293 §3.10.7.1); a reset that does not answers no probe.
    kind = _TCP_KINDS.get(header.flags & _TELLING)
    if kind is None:
        return Irrelevant("a TCP segment that answers no SYN")
    identity = (header.target_port, header.source_port)
    mark = (header.acknowledgement - 1) % 2**32
    return _direct(kind, Protocol.TCP, packet, identity, mark=mark)


_TELLING = TcpFlags.SYN | TcpFlags.ACK | TcpFlags.RST
_TCP_KINDS: dict[int, ReplyKind] = {
    TcpFlags.SYN | TcpFlags.ACK: ReplyKind.SYN_ACK,
    TcpFlags.RST | TcpFlags.ACK: ReplyKind.RST,
}


def _udp_answer(packet: IpPacket) -> _Answer | Irrelevant:
    cursor = Cursor(packet.payload, "udp")
    header = UdpHeader.decode(cursor)
    cursor.trim(header.length - udp.HEADER_LENGTH)
    if header.checksum or packet.family is Family.IPV6:
        _verify(packet, packet.payload[: header.length], header.checksum, cursor)
    identity = (header.target_port, header.source_port)
    return _direct(ReplyKind.UDP_DATA, Protocol.UDP, packet, identity)


def _verify(packet: IpPacket, segment: bytes, check: int, cursor: Cursor) -> None:
    pseudo = pseudo_header(packet.source, packet.destination, packet.protocol, len(segment))
    if not verifies(pseudo + segment) and check != unfinished(pseudo):
        raise cursor.error("wrong checksum")


_ANSWERS: dict[Protocol, Callable[[IpPacket], _Answer | Irrelevant]] = {
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
    found = identify(ip)
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
