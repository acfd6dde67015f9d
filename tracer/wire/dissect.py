"""A packet taken apart layer by layer for people to read, by the same records that decode it for the engine.

``dissect`` never raises: what does not decode becomes a ``malformed`` layer that says why, and what stands
before and behind it is still shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum

import msgspec

from tracer.errors import DecodeError
from tracer.model import Family, Protocol
from tracer.wire import extensions, icmp, udp
from tracer.wire.checksum import checksum, pseudo_header, unfinished, verifies
from tracer.wire.cursor import Cursor
from tracer.wire.dissect_extensions import extension_fields
from tracer.wire.dissect_fields import (
    CHECKSUM_RIGHT,
    IPV4,
    IPV6,
    TCP,
    UDP,
    Field,
    fields_of,
    hex_text,
    icmp_specs,
)
from tracer.wire.icmp import IcmpMessage
from tracer.wire.ip import IpPacket
from tracer.wire.ipv4 import Ipv4Header
from tracer.wire.ipv6 import Ipv6Header, skip_extension_headers
from tracer.wire.layers import Dissection, Layer, LayerKind
from tracer.wire.quote import quoted_datagram
from tracer.wire.tcp import TcpHeader
from tracer.wire.udp import UdpHeader


class Begins(StrEnum):
    """What the first byte of some bytes belongs to."""

    IP = "ip"
    """A whole packet."""
    ICMPV4 = "icmpv4"
    """What an IPv4 ping socket shows."""
    ICMPV6 = "icmpv6"
    """What an IPv6 ping socket shows."""
    PAYLOAD = "payload"
    """What the error queue of a UDP socket shows: the bytes behind the quoted header."""


class FieldDiff(msgspec.Struct, frozen=True):
    """One field that was quoted otherwise than it was sent."""

    field: str
    """Layer and field, such as ``ip.ttl``."""
    sent: str
    quoted: str
    expected: str = ""
    """Why any path changes this field; empty where something on this path meddled."""


class _Region(msgspec.Struct, frozen=True):
    """Bytes still to be taken apart: ``data[at:end]``."""

    data: bytes
    at: int
    end: int
    quoted: bool = False
    cut: bool = False
    """Bytes are missing at the end."""

    def cursor(self, layer: str) -> Cursor:
        return Cursor(self.data[: self.end], layer, self.at)

    def content(self) -> bytes:
        return self.data[self.at : self.end]

    def part(self, at: int, end: int) -> _Region:
        return _Region(self.data, at, max(at, min(end, self.end)), self.quoted, self.cut)

    def layer(self, kind: LayerKind, title: str, end: int, fields: tuple[Field, ...]) -> Layer:
        return Layer(
            kind=kind,
            title=f"quoted {title}" if self.quoted else title,
            offset=self.at,
            length=end - self.at,
            fields=fields,
            quoted=self.quoted,
        )


Dissector = Callable[[_Region], Iterator[Layer]]
Transport = Callable[[_Region, IpPacket], Iterator[Layer]]


def dissect(packet: bytes, begins: Begins | None = None) -> Dissection:
    """Take ``packet`` apart. Never raises.

    ``begins`` says what the bytes start with; without it ``begins_with`` decides, so that the partial bytes
    a socket shows of a reply can be handed in as they are.
    """
    start = begins or begins_with(packet)
    return Dissection(tuple(_guarded(_STARTS[start], _Region(packet, 0, len(packet)))))


def begins_with(data: bytes) -> Begins:
    """Tell what ``data`` most likely starts with.

    A packet has a header whose length or checksum is right, an IPv4 echo message a checksum that is; an IPv6
    echo message cannot be checked without its addresses and is taken by its type.
    """
    if _looks_like_ip(data):
        return Begins.IP
    if len(data) >= icmp.HEADER_LENGTH:
        if data[0] in (0, 8) and data[1] == 0 and verifies(data):
            return Begins.ICMPV4
        if data[0] in (128, 129) and data[1] == 0:
            return Begins.ICMPV6
    return Begins.PAYLOAD


def quoted_packet(reply: bytes) -> bytes:
    """The packet that an ICMP error quotes, as far as it does; empty for anything else. Never raises."""
    try:
        packet = IpPacket.decode(reply)
        if packet.probe_protocol is not Protocol.ICMP:
            return b""
        message = IcmpMessage.decode(Cursor(packet.payload, "icmp"), packet.family)
    except DecodeError:
        return b""
    return quoted_datagram(message.body, message.quote_length) if _is_error(message) else b""


def differences(sent: bytes, quoted: bytes) -> tuple[FieldDiff, ...]:
    """What an ICMP error quotes otherwise than it was sent; both are IP packets, the quote may be cut off.

    Only fields that both show are compared. The TTL and the IPv4 header checksum are changed by every router
    and marked as expected, and so is a checksum that the network card had yet to finish. Never raises.
    """
    ours = {(layer.kind, field.name): field for layer, field in _fields(sent)}
    found = []
    for layer, field in _fields(quoted):
        before = ours.get((layer.kind, field.name))
        if before is None or layer.kind is LayerKind.PAYLOAD or before.text == field.text:
            continue
        name = f"{layer.kind}.{field.name}"
        expected = _EXPECTED.get(name) or _EXPECTED_NOTES.get(before.note, "")
        found.append(FieldDiff(name, before.text, field.text, expected))
    return (*found, *_payload_difference(sent, quoted))


_EXPECTED = {
    "ip.ttl": "every router lowers it",
    "ip.hop limit": "every router lowers it",
    "ip.header checksum": "every router computes it anew",
}
_NOT_FINISHED = "left for the network card to finish"
_EXPECTED_NOTES = {_NOT_FINISHED: "the network card finished it"}


def _fields(packet: bytes) -> Iterator[tuple[Layer, Field]]:
    for layer in _guarded(_ip, _Region(packet, 0, len(packet))):
        for field in layer.fields:
            yield layer, field


def _payload_difference(sent: bytes, quoted: bytes) -> Iterator[FieldDiff]:
    """The first byte of the payload that differs; padding behind a shorter payload is none of it.

    Zeros at the end may be padding of the quote (RFC 4884 §4).
    """
    ours, theirs = (
        next((packet[layer.offset :] for layer in dissect(packet, Begins.IP).layers
              if layer.kind is LayerKind.PAYLOAD), b"")
        for packet in (sent, quoted)
    )  # fmt: skip
    for index, (before, after) in enumerate(zip(ours, theirs.rstrip(b"\0"), strict=False)):
        if before != after:
            yield FieldDiff(f"payload.byte {index}", f"{before:02x}", f"{after:02x}")
            return


def _looks_like_ip(data: bytes) -> bool:
    version = data[0] >> 4 if data else 0
    if version == 4 and data[0] & 0xF >= 5:
        header = data[: (data[0] & 0xF) * 4]
        return len(data) < 20 or verifies(header) or int.from_bytes(data[2:4], "big") == len(data)
    if version == 6:
        return len(data) < 40 or int.from_bytes(data[4:6], "big") <= len(data) - 40
    return False


def _guarded(dissector: Dissector, region: _Region) -> Iterator[Layer]:
    """All layers, and where they stop making sense a malformed one that holds the rest of the region."""
    at = region.at
    try:
        for layer in dissector(region):
            at = layer.offset + layer.length
            yield layer
    except DecodeError as error:
        rest = region.part(at, region.end)
        reason = Field("reason", str(error), at, rest.end - at)
        yield rest.layer(LayerKind.MALFORMED, "malformed", rest.end, (reason,))


def _ip(region: _Region) -> Iterator[Layer]:
    version = region.data[region.at] >> 4 if region.at < region.end else 0
    dissector = {4: _ipv4, 6: _ipv6}.get(version)
    if dissector is None:
        raise region.cursor("ip").error(f"version {version}" if region.content() else "no bytes")
    yield from dissector(region)


def _ipv4(region: _Region) -> Iterator[Layer]:
    cursor = region.cursor("ipv4")
    header = Ipv4Header.decode(cursor)
    head = region.data[region.at : cursor.offset]
    note = CHECKSUM_RIGHT if verifies(head) else f"wrong: {_without(head, 10):#06x} would be right"
    yield region.layer(
        LayerKind.IP, "IPv4", cursor.offset, fields_of(IPV4, header, region.at, {"header checksum": note})
    )
    end = region.at + header.total_length
    yield from _behind_ip(region, cursor.offset, end)


def _without(head: bytes, at: int) -> int:
    return checksum(head[:at] + b"\0\0" + head[at + 2 :])


def _ipv6(region: _Region) -> Iterator[Layer]:
    cursor = region.cursor("ipv6")
    header = Ipv6Header.decode(cursor)
    yield region.layer(LayerKind.IP, "IPv6", cursor.offset, fields_of(IPV6, header, region.at, {}))
    end = cursor.offset + header.payload_length
    chain = cursor.offset
    skip_extension_headers(cursor, header.next_header)
    if cursor.offset > chain:
        field = Field("headers", f"{cursor.offset - chain} bytes", chain, cursor.offset - chain)
        yield region.part(chain, cursor.offset).layer(
            LayerKind.IP, "IPv6 extension headers", cursor.offset, (field,)
        )
    yield from _behind_ip(region, cursor.offset, end)


def _behind_ip(region: _Region, at: int, end: int) -> Iterator[Layer]:
    """The transport, and behind the packet's own end the padding.

    The length in a quote may be nonsense: there it only ever shortens, never complains.
    """
    if not region.quoted and end > region.end:
        short = msgspec.structs.replace(region.part(at, region.end), cut=True)
        yield from _transport(short, region)
        return
    stop = min(end, region.end) if end > at else region.end
    yield from _transport(region.part(at, stop), region)
    if stop < region.end:
        yield from _bytes(region.part(stop, region.end), LayerKind.PADDING)


def _transport(region: _Region, whole: _Region) -> Iterator[Layer]:
    packet = IpPacket.decode_quoted(whole.content())
    protocol = packet.probe_protocol
    if protocol is None or packet.fragment_offset:
        yield from _bytes(region, LayerKind.PAYLOAD)
        return
    transport = _TRANSPORTS[protocol]
    yield from _guarded(lambda inner: transport(inner, packet), region)


def _udp(region: _Region, packet: IpPacket) -> Iterator[Layer]:
    cursor = region.cursor("udp")
    header = UdpHeader.decode(cursor)
    segment = region.content()[: header.length]
    cut = len(segment) != header.length
    note = "none was sent" if not header.checksum else _sum_note(packet, segment, header.checksum, cut=cut)
    fields = fields_of(UDP, header, region.at, {"checksum": note})
    yield region.layer(LayerKind.UDP, "UDP", cursor.offset, fields)
    stop = region.at + header.length if header.length >= udp.HEADER_LENGTH else region.end
    yield from _bytes(region.part(cursor.offset, stop), LayerKind.PAYLOAD)


_TCP_FIXED = 20
_LEAST_QUOTE = 8
_TCP_DATA_OFFSET = 12


def _tcp(region: _Region, packet: IpPacket) -> Iterator[Layer]:
    if region.quoted and region.end - region.at < _TCP_FIXED:
        yield _cut_tcp(region)
        return
    if region.quoted and not region.data[region.at + _TCP_DATA_OFFSET] >> 4:
        # No header begins without its length: these zeros pad a quote of 8 bytes (RFC 4884 §4).
        quoted = region.part(region.at, region.at + _LEAST_QUOTE)
        yield _cut_tcp(quoted)
        yield from _bytes(region.part(quoted.end, region.end), LayerKind.PADDING)
        return
    cursor = region.cursor("tcp")
    header = TcpHeader.decode(cursor)
    note = _sum_note(packet, region.content(), header.checksum, cut=region.cut)
    fields = fields_of(TCP, header, region.at, {"checksum": note})
    yield region.layer(LayerKind.TCP, "TCP", cursor.offset, fields)
    yield from _bytes(region.part(cursor.offset, region.end), LayerKind.PAYLOAD)


def _cut_tcp(region: _Region) -> Layer:
    """The fields of a header that a router quoted in part (8 bytes are all it must, RFC 792)."""
    filled = bytearray(region.content().ljust(_TCP_FIXED, b"\0"))
    filled[_TCP_DATA_OFFSET] = _TCP_FIXED // 4 << 4
    header = TcpHeader.decode(Cursor(bytes(filled), "tcp"))
    fields = fields_of(TCP, header, region.at, {})
    there = tuple(field for field in fields if field.offset + field.length <= region.end)
    return region.layer(LayerKind.TCP, "TCP (cut off)", region.end, there)


def _sum_note(packet: IpPacket, segment: bytes, check: int, *, cut: bool) -> str:
    if cut or packet.fragmented:
        return "cannot be checked: cut off"
    pseudo = pseudo_header(packet.source, packet.destination, packet.protocol, len(segment))
    if verifies(pseudo + segment):
        return CHECKSUM_RIGHT
    return _NOT_FINISHED if check == unfinished(pseudo) else "wrong"


def _icmp(region: _Region, packet: IpPacket) -> Iterator[Layer]:
    message = IcmpMessage.decode(region.cursor("icmp"), packet.family)
    covered = icmp.covered(packet.family, packet.source, packet.destination, region.content())
    suspicion = "cannot be checked: cut off" if region.cut else "wrong"
    note = CHECKSUM_RIGHT if verifies(covered) else suspicion
    yield from _message(region, message, note)


def _bare_icmp(family: Family) -> Dissector:
    def dissector(region: _Region) -> Iterator[Layer]:
        message = IcmpMessage.decode(region.cursor("icmp"), family)
        yield from _message(region, message, "")

    return dissector


def _message(region: _Region, message: IcmpMessage, checksum_note: str) -> Iterator[Layer]:
    body = region.at + icmp.HEADER_LENGTH
    title = "ICMP" if message.family is Family.IPV4 else "ICMPv6"
    fields = fields_of(icmp_specs(message), message, region.at, {"checksum": checksum_note})
    yield region.layer(LayerKind.ICMP, title, body, fields)
    if not _is_error(message) or region.quoted:
        yield from _bytes(region.part(body, region.end), LayerKind.PAYLOAD)
        return
    quote_end = body + _quote_end(message)
    yield from _guarded(_ip, _Region(region.data, body, quote_end, quoted=True, cut=True))
    yield from _guarded(_extensions, region.part(quote_end, region.end))


def _is_error(message: IcmpMessage) -> bool:
    return message.kind is not None and message.type != icmp.ECHO_REPLY[message.family]


def _quote_end(message: IcmpMessage) -> int:
    """Where the quote ends in the message's body: before the extensions, if there are any."""
    return len(message.body) - len(extensions.locate(message.body, message.quote_length))


def _extensions(region: _Region) -> Iterator[Layer]:
    if content := region.content():
        fields = extension_fields(content, region.at)
        yield region.layer(LayerKind.EXTENSIONS, "ICMP extensions", region.end, fields)


def _bytes(region: _Region, kind: LayerKind) -> Iterator[Layer]:
    if content := region.content():
        field = Field("bytes", hex_text(content), region.at, len(content))
        yield region.layer(kind, kind.value, region.end, (field,))


def _payload(region: _Region) -> Iterator[Layer]:
    yield from _bytes(region, LayerKind.PAYLOAD)


_STARTS: dict[Begins, Dissector] = {
    Begins.IP: _ip,
    Begins.ICMPV4: _bare_icmp(Family.IPV4),
    Begins.ICMPV6: _bare_icmp(Family.IPV6),
    Begins.PAYLOAD: _payload,
}
_TRANSPORTS: dict[Protocol, Transport] = {Protocol.UDP: _udp, Protocol.TCP: _tcp, Protocol.ICMP: _icmp}

__all__ = [
    "Begins", "Dissection", "Field", "FieldDiff", "Layer", "LayerKind",
    "begins_with", "differences", "dissect", "quoted_packet",
]  # fmt: skip
