"""What became of a probe on its way: the quoted packet against the sent one, field by field."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from tracer.errors import DecodeError
from tracer.model import Family, Protocol, QuotedDiff
from tracer.wire.checksum import pseudo_header, unfinished
from tracer.wire.cursor import Cursor
from tracer.wire.ip import IpPacket
from tracer.wire.tcp import TcpHeader

Value = bool | int | str

_SURE = 8
"""Bytes behind the IP header that every quote has (RFC 792)."""

_NUMBERS = {2: Struct("!H"), 4: Struct("!I")}
_TCP_FLAGS = 0xFFF
_END_OF_OPTIONS, _NO_OPERATION, _MSS = 0, 1, 2

Place = tuple[str, int, int]
"""A field's name, its offset in the transport header and its length, in bytes."""

_PLACES: dict[Protocol, tuple[Place, ...]] = {
    Protocol.UDP: (
        ("source_port", 0, 2),
        ("target_port", 2, 2),
        ("udp_length", 4, 2),
        ("udp_checksum", 6, 2),
    ),
    Protocol.TCP: (
        ("source_port", 0, 2),
        ("target_port", 2, 2),
        ("tcp_sequence", 4, 4),
        ("tcp_acknowledgement", 8, 4),
        ("tcp_flags", 12, 2),
        ("tcp_window", 14, 2),
        ("tcp_checksum", 16, 2),
    ),
    Protocol.ICMP: (("icmp_checksum", 2, 2), ("icmp_identifier", 4, 2), ("icmp_sequence", 6, 2)),
}
_CHECKSUMS = {Protocol.UDP: "udp_checksum", Protocol.TCP: "tcp_checksum", Protocol.ICMP: "icmp_checksum"}

FIELDS = (
    "source", "destination", "dscp", "ecn", "total_length", "payload_length", "identification",
    "dont_fragment", "flow_label",
    *dict.fromkeys(name for places in _PLACES.values() for name, _, _ in places), "tcp_mss",
)  # fmt: skip
"""Every field that can differ, in the order of ``differences``."""


def differences(sent: bytes, quoted: bytes) -> tuple[QuotedDiff, ...]:
    """The fields that were quoted otherwise than they were sent. Never raises.

    Both are packets from their IP header on; the quote may be cut off, and only what it holds is compared.
    TTL and IPv4 header checksum are not: every router changes them. A transport checksum is, although a
    rewritten address or port is reason enough for it to change; one that was left for the network card to
    finish is not. Zeros at the end of a quote may be padding (RFC 4884 §4) and count as not quoted beyond
    the first 8 bytes of the transport header.
    """
    if _alike(sent, quoted):
        return ()
    try:
        ours, theirs = IpPacket.decode_quoted(sent), IpPacket.decode_quoted(quoted)
    except DecodeError:
        return ()
    if ours.family is not theirs.family:
        return ()
    before = _values(ours, sent, len(sent))
    after = _values(theirs, quoted, len(quoted.rstrip(b"\0")))
    return tuple(
        QuotedDiff(name, before[name], after[name])
        for name in FIELDS
        if name in before and name in after and before[name] != after[name]
    )


def _alike(sent: bytes, quoted: bytes) -> bool:
    """Whether the quote is the beginning of what was sent, but for what every router changes.

    That is the TTL and the IPv4 header checksum, or the hop limit.
    """
    if quoted[:1] >= _IPV6_BEGINS:
        return sent.startswith(quoted[:7]) and sent.startswith(quoted[8:], 8)
    return sent.startswith(quoted[12:], 12) and sent.startswith(quoted[:8]) and sent[9:10] == quoted[9:10]


_IPV6_BEGINS = b"\x60"
"""The first byte of an IP header begins with its version."""


def _values(packet: IpPacket, data: bytes, known: int) -> dict[str, Value]:
    """The fields of a packet of which ``known`` bytes are certain."""
    found: dict[str, Value] = {
        "source": packet.source,
        "destination": packet.destination,
        "dscp": packet.tos >> 2,
        "ecn": packet.tos & 3,
        **_OF_FAMILY[packet.family](packet, data),
    }
    protocol = packet.probe_protocol
    if protocol is None or packet.fragment_offset:
        return found
    header = packet.payload[: max(known - (len(data) - len(packet.payload)), _SURE)]
    for name, offset, length in _PLACES[protocol]:
        if offset + length <= len(header):
            found[name] = _NUMBERS[length].unpack_from(header, offset)[0]
    if "tcp_flags" in found:
        found["tcp_flags"] = int(found["tcp_flags"]) & _TCP_FLAGS
        found |= _segment_size(header)
    if _pseudo_header_counts(packet) and found.get(_CHECKSUMS[protocol]) == _unfinished(packet, data):
        del found[_CHECKSUMS[protocol]]
    return found


def _segment_size(header: bytes) -> dict[str, Value]:
    """The largest segment a SYN offers to take, where its header is whole; 0 where it does not tell."""
    try:
        options = TcpHeader.decode(Cursor(header, "tcp")).options
    except DecodeError:
        return {}
    at = 0
    while at < len(options) - 1 and options[at] != _END_OF_OPTIONS:
        if options[at] == _MSS:
            return {"tcp_mss": int.from_bytes(options[at + 2 : at + 4], "big")}
        at += 1 if options[at] == _NO_OPERATION else max(options[at + 1], 2)
    return {"tcp_mss": 0}


def _of_ipv4(packet: IpPacket, data: bytes) -> dict[str, Value]:
    return {
        "total_length": int.from_bytes(data[2:4], "big"),
        "identification": packet.identification,
        "dont_fragment": packet.dont_fragment,
    }


def _of_ipv6(packet: IpPacket, data: bytes) -> dict[str, Value]:
    return {"payload_length": int.from_bytes(data[4:6], "big"), "flow_label": packet.flow_label}


_OF_FAMILY: dict[Family, Callable[[IpPacket, bytes], dict[str, Value]]] = {
    Family.IPV4: _of_ipv4,
    Family.IPV6: _of_ipv6,
}


def _pseudo_header_counts(packet: IpPacket) -> bool:
    return packet.family is Family.IPV6 or packet.probe_protocol is not Protocol.ICMP


def _unfinished(packet: IpPacket, data: bytes) -> int:
    """The checksum of a packet whose sum was never finished; its length is what its IP header says."""
    headers = len(data) - len(packet.payload)
    told = data[2:4] if packet.family is Family.IPV4 else data[4:6]
    # In IPv6 the length counts from behind the fixed header, extension headers included.
    before = headers if packet.family is Family.IPV4 else headers - 40
    length = max(int.from_bytes(told, "big") - before, 0)
    return unfinished(pseudo_header(packet.source, packet.destination, packet.protocol, length))
