"""Packets, ready to send: the probes of a trace, and the answers a simulated network gives."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Several
from functools import lru_cache

from tracer.model import (
    Address,
    Extension,
    Family,
    FlowId,
    Icmp,
    PacketShape,
    Port,
    Probe,
    Protocol,
    ReplyKind,
    RoundId,
    Sequence,
    Strategy,
    TraceId,
    Ttl,
)
from tracer.wire import extensions as icmp_extensions
from tracer.wire import icmp, udp
from tracer.wire.address import family_of
from tracer.wire.checksum import checksum, pseudo_header
from tracer.wire.cursor import Cursor
from tracer.wire.form import Head, Transport, head_of, transport_of
from tracer.wire.icmp import ECHO_REPLY, ECHO_REQUEST, ICMP_ERRORS, IcmpError, IcmpMessage
from tracer.wire.ip import HEADER_LENGTH, MINIMUM_MTU, PROTOCOL_NUMBERS, IpPacket
from tracer.wire.mark import COMPENSATION
from tracer.wire.tcp import TcpFlags, TcpHeader, maximum_segment_size
from tracer.wire.udp import UdpHeader

_UNSPECIFIED = Address("::")
_WINDOW = 65535
_SEGMENT_SIZE = {Family.IPV4: 1460, Family.IPV6: 1440}
"""What fits Ethernet; some firewalls drop a SYN that does not tell."""

_FIXED_LENGTH = {Protocol.UDP: udp.HEADER_LENGTH, Protocol.ICMP: icmp.HEADER_LENGTH}


def probe_packet(probe: Probe, source: Address) -> bytes:
    """The whole IP packet of a probe, its mark and its checksums included.

    The IPv4 identification names the probe a second time, so that a quote is recognised where a NAT rewrote
    its ports: it is dublin's mark, and the probe's sequence elsewhere.
    """
    if (probe.strategy, probe.protocol) in _WRITTEN_ANEW:
        return _written(probe, source)
    head, transport = _form(probe.protocol, probe.strategy, probe.target, source, probe.shape)
    return head(probe.ttl, _identification(probe)) + transport(probe)


_WRITTEN_ANEW = {
    (Strategy.PARIS, Protocol.UDP),
    (Strategy.PARIS, Protocol.ICMP),
    (Strategy.DUBLIN, Protocol.UDP),
}
"""Where a mark changes the payload or its length, each packet is written from its beginning."""

_FORMS = 4096
"""Remembered; a target has one, or as many as sizes are tried."""


@lru_cache(_FORMS)
def _form(
    protocol: Protocol, strategy: Strategy, target: Address, source: Address, shape: PacketShape
) -> tuple[Head, Transport]:
    """What all probes of a trace have in common."""
    blank = Probe(
        trace=TraceId(0),
        target=target,
        protocol=protocol,
        round=RoundId(0),
        ttl=Ttl(1),
        flow=FlowId(0),
        sequence=Sequence(0),
        source_port=Port(0),
        target_port=Port(0),
        shape=shape,
        strategy=strategy,
    )
    packet, family = _written(blank, source), family_of(target)
    length = len(packet) - HEADER_LENGTH[family]
    bare = protocol is Protocol.ICMP and family is Family.IPV4
    pseudo = b"" if bare else pseudo_header(source, target, PROTOCOL_NUMBERS[family][protocol], length)
    return head_of(packet, family), transport_of(packet, family, protocol, pseudo)


def _identification(probe: Probe) -> int:
    return probe.mark if probe.strategy is Strategy.DUBLIN else probe.sequence


def _written(probe: Probe, source: Address) -> bytes:
    family = family_of(probe.target)
    packet = IpPacket(
        source=source,
        destination=probe.target,
        ttl=probe.ttl,
        tos=probe.shape.tos,
        dont_fragment=probe.shape.dont_fragment,
        identification=_identification(probe),
        flow_label=probe.shape.flow_label,
        protocol=PROTOCOL_NUMBERS[family][probe.protocol],
        payload=_TRANSPORTS[probe.protocol](probe, source),
    )
    return packet.encode()


def payload_of(probe: Probe) -> bytes:
    """What stands behind the UDP or echo header: the trace's word, then pattern bytes to the packet's size.

    A paris payload begins with the two bytes that compensate its mark; those of UDP depend on the source
    address, and are 0 here. A TCP SYN carries nothing.
    """
    if probe.protocol is Protocol.TCP:
        return b""
    if probe.strategy is Strategy.CLASSIC:
        return _plain_payload(probe.protocol, family_of(probe.target), probe.shape)
    head = probe.shape.word
    if probe.strategy is Strategy.PARIS:
        opposite = 0xFFFF - probe.sequence if probe.protocol is Protocol.ICMP else 0
        head = opposite.to_bytes(COMPENSATION, "big") + head
    length = _payload_length(probe)
    return head[:length] + bytes((probe.shape.pattern,)) * (length - len(head))


@lru_cache(_FORMS)
def _plain_payload(protocol: Protocol, family: Family, shape: PacketShape) -> bytes:
    """What all probes of a trace carry where no mark changes it."""
    length = max(shape.size - HEADER_LENGTH[family] - _FIXED_LENGTH[protocol], 0)
    return shape.word[:length] + bytes((shape.pattern,)) * (length - len(shape.word))


def _payload_length(probe: Probe) -> int:
    family = family_of(probe.target)
    if probe.strategy is Strategy.DUBLIN and family is Family.IPV6:
        return probe.mark - udp.HEADER_LENGTH
    least = COMPENSATION if probe.strategy is Strategy.PARIS else 0
    return max(probe.shape.size - HEADER_LENGTH[family] - _FIXED_LENGTH[probe.protocol], least)


def echo_request(probe: Probe, source: Address = _UNSPECIFIED) -> bytes:
    """The ICMP message of an echo probe: what a ping socket is given.

    The IPv6 checksum is right only with the ``source`` it leaves from; a socket works it out by itself.
    """
    family = family_of(probe.target)
    message = IcmpMessage(
        family=family,
        type=ECHO_REQUEST[family],
        code=0,
        rest=probe.source_port << 16 | probe.sequence,
        body=payload_of(probe),
    )
    return message.encode(source, probe.target)


def _udp(probe: Probe, source: Address) -> bytes:
    header = UdpHeader(source_port=probe.source_port, target_port=probe.target_port)
    datagram = header.encode(payload_of(probe), source, probe.target)
    if probe.strategy is not Strategy.PARIS:
        return datagram
    return _compensated(datagram, probe, source)


def _compensated(datagram: bytes, probe: Probe, source: Address) -> bytes:
    """The datagram with the mark as its checksum, made right by the first two bytes of its payload, 0 so far.

    Checksums are sums modulo 2**16 - 1: what a word adds to the data it takes from the checksum (RFC 1624).
    """
    number = PROTOCOL_NUMBERS[family_of(source)][Protocol.UDP]
    head, payload = datagram[: udp.CHECKSUM_AT], datagram[udp.HEADER_LENGTH + COMPENSATION :]
    covered = pseudo_header(source, probe.target, number, len(datagram)) + head + payload
    word = (checksum(covered) - probe.mark) % 0xFFFF
    return head + probe.mark.to_bytes(2, "big") + word.to_bytes(COMPENSATION, "big") + payload


def _tcp_syn(probe: Probe, source: Address) -> bytes:
    header = TcpHeader(
        source_port=probe.source_port,
        target_port=probe.target_port,
        sequence=probe.mark,
        flags=TcpFlags.SYN,
        window=_WINDOW,
        options=maximum_segment_size(_SEGMENT_SIZE[family_of(probe.target)]),
    )
    return header.encode(payload_of(probe), source, probe.target)


_TRANSPORTS: dict[Protocol, Callable[[Probe, Address], bytes]] = {
    Protocol.ICMP: echo_request,
    Protocol.UDP: _udp,
    Protocol.TCP: _tcp_syn,
}


def icmp_error(  # noqa: PLR0913 - each argument is one thing a router decides
    error: IcmpError | Icmp,
    router: Address,
    to: Address,
    quoted_packet: bytes,
    *,
    quote_length: int | None = 8,
    extensions: Several[Extension] = (),
    mtu: int = 0,
    ttl: int = 64,
    tos: int = 0,
) -> bytes:
    """The ICMP error ``router`` sends ``to`` the source of ``quoted_packet``, as a whole IP packet.

    ``quote_length`` counts the bytes quoted behind the IP header; None quotes as much as an ICMP error may
    hold. With extensions the quote is padded and its length told (RFC 4884 §4). ``mtu`` counts in *packet
    too big* only. Raises ``DecodeError`` when ``quoted_packet`` is no IP packet, and ``ValueError`` for
    extensions on a type that cannot carry them.
    """
    family = family_of(router)
    numbers = ICMP_ERRORS[family][error] if isinstance(error, IcmpError) else error
    trailer = icmp_extensions.encode(extensions) if extensions else b""
    room = MINIMUM_MTU[family] - HEADER_LENGTH[family] - icmp.HEADER_LENGTH - len(trailer)
    quote = _quote(quoted_packet, quote_length, room - room % icmp.length_unit(family))
    too_big = icmp.reply_kind(family, numbers.type, numbers.code) is ReplyKind.PACKET_TOO_BIG
    rest = mtu if too_big else 0
    if trailer:
        quote = _padded(family, quote)
        rest |= icmp.length_attribute(family, numbers.type, len(quote))
    message = IcmpMessage(
        family=family, type=numbers.type, code=numbers.code, rest=rest, body=quote + trailer
    )
    return _from_router(message, router, to, ttl, tos)


def _quote(packet: bytes, quote_length: int | None, room: int) -> bytes:
    header_length = len(packet) - len(IpPacket.decode_quoted(packet).payload)
    wanted = len(packet) if quote_length is None else header_length + quote_length
    return packet[: min(wanted, room)]


def _padded(family: Family, quote: bytes) -> bytes:
    unit = icmp.length_unit(family)
    length = max(len(quote), icmp_extensions.QUOTE_LENGTH)
    return quote.ljust(-(-length // unit) * unit, b"\0")


def _from_router(message: IcmpMessage, router: Address, to: Address, ttl: int, tos: int) -> bytes:
    packet = IpPacket(
        source=router,
        destination=to,
        ttl=ttl,
        tos=tos,
        protocol=PROTOCOL_NUMBERS[message.family][Protocol.ICMP],
        payload=message.encode(router, to),
    )
    return packet.encode()


def echo_reply(request_packet: bytes, ttl: int) -> bytes:
    """The answer of the pinged host: the same identity, payload and TOS. Raises ``DecodeError``."""
    packet = IpPacket.decode(request_packet)
    request = IcmpMessage.decode(Cursor(packet.payload, "icmp"), packet.family)
    reply = IcmpMessage(
        family=packet.family,
        type=ECHO_REPLY[packet.family],
        code=0,
        rest=request.rest,
        body=request.body,
    )
    return _answer(packet, reply.encode(packet.destination, packet.source), ttl)


def tcp_answer(syn_packet: bytes, flags: int, ttl: int) -> bytes:
    """What a host answers to a SYN, such as SYN and ACK, or RST and ACK; it acknowledges the SYN.

    Raises ``DecodeError``.
    """
    packet = IpPacket.decode(syn_packet)
    syn = TcpHeader.decode(Cursor(packet.payload, "tcp"))
    opens = bool(flags & TcpFlags.SYN)
    header = TcpHeader(
        source_port=syn.target_port,
        target_port=syn.source_port,
        sequence=0,
        acknowledgement=(syn.sequence + 1) % 2**32,
        flags=flags,
        window=_WINDOW if opens else 0,
        options=maximum_segment_size(_SEGMENT_SIZE[packet.family]) if opens else b"",
    )
    return _answer(packet, header.encode(b"", packet.destination, packet.source), ttl)


def udp_answer(packet: bytes, data: bytes, ttl: int) -> bytes:
    """What a host answers to a UDP probe whose port is open. Raises ``DecodeError``."""
    received = IpPacket.decode(packet)
    asked = UdpHeader.decode(Cursor(received.payload, "udp"))
    header = UdpHeader(source_port=asked.target_port, target_port=asked.source_port)
    return _answer(received, header.encode(data, received.destination, received.source), ttl)


def _answer(packet: IpPacket, payload: bytes, ttl: int) -> bytes:
    answer = IpPacket(
        source=packet.destination,
        destination=packet.source,
        ttl=ttl,
        tos=packet.tos,
        protocol=packet.protocol,
        payload=payload,
    )
    return answer.encode()
