"""Which fields a header has, where they stand and how they read: one table for each header."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tracer.icmp_names import code_name, type_name
from tracer.model import Family, ReplyKind
from tracer.tos_names import dscp_name, ecn_name
from tracer.wire.icmp import ECHO_REPLY, ECHO_REQUEST, IcmpMessage
from tracer.wire.tcp import TcpFlags

CHECKSUM_RIGHT = "right"

_SHOWN_BYTES = 16
"""A run of bytes longer than this is shortened in a field's text."""


class Field(msgspec.Struct, frozen=True):
    """One field of a header."""

    name: str
    text: str
    """Its value, readable."""
    offset: int
    """Of its first byte, in the bytes that were dissected."""
    length: int
    """In bytes; fields smaller than a byte share it."""
    note: str = ""
    """What there is to say about the value, such as whether a checksum is right."""

    def covers(self, offset: int) -> bool:
        """Whether the byte at ``offset`` belongs to this field."""
        return self.offset <= offset < self.offset + self.length


class Spec(msgspec.Struct, frozen=True):
    """Where a field stands in its header, and how to read it from the decoded record."""

    name: str
    offset: int
    length: int
    text: Callable[[Any], str]
    note: Callable[[Any], str] | None = None


def fields_of(specs: tuple[Spec, ...], header: Any, at: int, notes: Mapping[str, str]) -> tuple[Field, ...]:
    """The fields of a header that starts at byte ``at``; ``notes`` by field name come from outside it."""
    return tuple(
        Field(
            spec.name,
            spec.text(header),
            at + spec.offset,
            spec.length,
            notes.get(spec.name) or (spec.note(header) if spec.note else ""),
        )
        for spec in specs
        if spec.length
    ) + _options(header, at, specs)


def _options(header: Any, at: int, specs: tuple[Spec, ...]) -> tuple[Field, ...]:
    options = getattr(header, "options", b"")
    if not options:
        return ()
    start = at + max(spec.offset + spec.length for spec in specs)
    return (Field("options", hex_text(options), start, len(options)),)


def hex_text(data: bytes) -> str:
    """Bytes as hex pairs; a run of one value as ``64 x 00``, a long run shortened."""
    if len(data) > 4 and len(set(data)) == 1:
        return f"{len(data)} x {data[0]:02x}"
    shown = data[:_SHOWN_BYTES].hex(" ")
    return f"{shown} ... ({len(data)} bytes)" if len(data) > _SHOWN_BYTES else shown


_PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 44: "fragment header", 58: "ICMPv6"}
_IP_FLAGS = (("reserved_flag", "reserved"), ("dont_fragment", "DF"), ("more_fragments", "MF"))
_TCP_RESERVED = 0xF00


def _protocol(number: int) -> str:
    return _PROTOCOLS.get(number, "")


def _flag_names(header: Any) -> str:
    return " ".join(name for field, name in _IP_FLAGS if getattr(header, field)) or "none"


def _tcp_flags(header: Any) -> str:
    names = [flag.name or "" for flag in TcpFlags if header.flags & flag]
    if header.flags & _TCP_RESERVED:
        names.append(f"reserved {header.flags >> 8:#x}")
    return " ".join(names) or "none"


IPV4 = (
    Spec("version", 0, 1, lambda header: "4"),  # noqa: ARG005 - the table's rows have one shape
    Spec("header length", 0, 1, lambda header: f"{header.header_length} bytes"),
    Spec("dscp", 1, 1, lambda header: dscp_name(header.tos >> 2)),
    Spec("ecn", 1, 1, lambda header: ecn_name(header.tos)),
    Spec("total length", 2, 2, lambda header: str(header.total_length)),
    Spec("identification", 4, 2, lambda header: f"{header.identification:#06x}"),
    Spec("flags", 6, 1, _flag_names),
    Spec("fragment offset", 6, 2, lambda header: str(header.fragment_offset * 8)),
    Spec("ttl", 8, 1, lambda header: str(header.ttl)),
    Spec("protocol", 9, 1, lambda header: str(header.protocol), lambda header: _protocol(header.protocol)),
    Spec("header checksum", 10, 2, lambda header: f"{header.checksum:#06x}"),
    Spec("source", 12, 4, lambda header: header.source),
    Spec("destination", 16, 4, lambda header: header.destination),
)

IPV6 = (
    Spec("version", 0, 1, lambda header: "6"),  # noqa: ARG005 - the table's rows have one shape
    Spec("dscp", 0, 2, lambda header: dscp_name(header.traffic_class >> 2)),
    Spec("ecn", 1, 1, lambda header: ecn_name(header.traffic_class)),
    Spec("flow label", 1, 3, lambda header: f"{header.flow_label:#07x}"),
    Spec("payload length", 4, 2, lambda header: str(header.payload_length)),
    Spec(
        "next header",
        6,
        1,
        lambda header: str(header.next_header),
        lambda header: _protocol(header.next_header),
    ),
    Spec("hop limit", 7, 1, lambda header: str(header.hop_limit)),
    Spec("source", 8, 16, lambda header: header.source),
    Spec("destination", 24, 16, lambda header: header.destination),
)

UDP = (
    Spec("source port", 0, 2, lambda header: str(header.source_port)),
    Spec("target port", 2, 2, lambda header: str(header.target_port)),
    Spec("length", 4, 2, lambda header: str(header.length)),
    Spec("checksum", 6, 2, lambda header: f"{header.checksum:#06x}"),
)

TCP = (
    Spec("source port", 0, 2, lambda header: str(header.source_port)),
    Spec("target port", 2, 2, lambda header: str(header.target_port)),
    Spec("sequence", 4, 4, lambda header: str(header.sequence)),
    Spec("acknowledgement", 8, 4, lambda header: str(header.acknowledgement)),
    Spec("data offset", 12, 1, lambda header: f"{20 + len(header.options)} bytes"),
    Spec("flags", 12, 2, _tcp_flags),
    Spec("window", 14, 2, lambda header: str(header.window)),
    Spec("checksum", 16, 2, lambda header: f"{header.checksum:#06x}"),
    Spec("urgent pointer", 18, 2, lambda header: str(header.urgent)),
)

_ICMP = (
    Spec(
        "type",
        0,
        1,
        lambda message: str(message.type),
        lambda message: type_name(message.family, message.type),
    ),
    Spec(
        "code",
        1,
        1,
        lambda message: str(message.code),
        lambda message: code_name(message.family, message.type, message.code),
    ),
    Spec("checksum", 2, 2, lambda message: f"{message.checksum:#06x}"),
)
_ECHO = (
    Spec("identifier", 4, 2, lambda message: str(message.identity[0])),
    Spec("sequence", 6, 2, lambda message: str(message.identity[1])),
)
_REST = (Spec("rest of header", 4, 4, lambda message: f"{message.rest:#010x}"),)
_LENGTH_AT = {Family.IPV4: 5, Family.IPV6: 4}
_MTU_PLACE = {Family.IPV4: (6, 2), Family.IPV6: (4, 4)}


def icmp_specs(message: IcmpMessage) -> tuple[Spec, ...]:
    """The fields of an ICMP header, whose second half depends on the type."""
    family = message.family
    if message.type in (ECHO_REQUEST[family], ECHO_REPLY[family]):
        return (*_ICMP, *_ECHO)
    special: tuple[Spec, ...] = ()
    if message.quote_length:
        special += (Spec("quote length", _LENGTH_AT[family], 1, lambda told: f"{told.quote_length} bytes"),)
    if message.kind is ReplyKind.PACKET_TOO_BIG:
        special += (Spec("mtu", *_MTU_PLACE[family], lambda told: str(told.mtu or "not told")),)
    return (*_ICMP, *(special or _REST))
