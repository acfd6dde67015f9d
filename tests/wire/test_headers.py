"""Each header alone: what is encoded is decoded again, and nothing else raises anything but DecodeError."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.wire_strategies import (
    SOURCE,
    TARGET,
    addresses,
    families,
    option_bytes,
    payloads,
    u8,
    u16,
    u32,
    value_or_error,
)
from tracer.errors import DecodeError
from tracer.model import Family, Port
from tracer.wire.checksum import pseudo_header, verifies
from tracer.wire.cursor import Cursor
from tracer.wire.icmp import IcmpMessage, covered
from tracer.wire.ip import IpPacket
from tracer.wire.ipv4 import Ipv4Header
from tracer.wire.ipv6 import Ipv6Header
from tracer.wire.tcp import TcpHeader
from tracer.wire.udp import UdpHeader

V4, V6 = Family.IPV4, Family.IPV6

ipv4_headers = st.builds(
    Ipv4Header,
    source=addresses(V4),
    destination=addresses(V4),
    protocol=u8,
    ttl=u8,
    tos=u8,
    identification=u16,
    dont_fragment=st.booleans(),
    more_fragments=st.booleans(),
    reserved_flag=st.booleans(),
    fragment_offset=st.integers(0, 0x1FFF),
    options=option_bytes,
)
ipv6_headers = st.builds(
    Ipv6Header,
    source=addresses(V6),
    destination=addresses(V6),
    next_header=u8,
    hop_limit=u8,
    traffic_class=u8,
    flow_label=st.integers(0, 0xFFFFF),
)
udp_headers = st.builds(UdpHeader, source_port=u16, target_port=u16)
tcp_headers = st.builds(
    TcpHeader,
    source_port=u16,
    target_port=u16,
    sequence=u32,
    acknowledgement=u32,
    flags=st.integers(0, 0xFFF),
    window=u16,
    urgent=u16,
    options=option_bytes,
)
icmp_messages = st.builds(IcmpMessage, family=families, type=u8, code=u8, rest=u32, body=payloads)

WORKED_OUT = ("total_length", "payload_length", "length", "checksum")


def as_written(value: msgspec.Struct) -> dict[str, Any]:
    """The fields that say what to write; the others are worked out by encode."""
    return {name: getattr(value, name) for name in value.__struct_fields__ if name not in WORKED_OUT}


@given(ipv4_headers, payloads)
def test_an_ipv4_header_survives_and_its_checksum_verifies(header: Ipv4Header, payload: bytes) -> None:
    packet = header.encode(payload)
    cursor = Cursor(packet, "ipv4")
    found = Ipv4Header.decode(cursor)
    assert as_written(found) == as_written(header)
    assert cursor.rest() == payload
    assert (found.total_length, found.payload_length) == (len(packet), len(payload))
    assert verifies(packet[: found.header_length])
    assert found.encode(payload) == packet


@given(ipv6_headers, payloads)
def test_an_ipv6_header_survives(header: Ipv6Header, payload: bytes) -> None:
    packet = header.encode(payload)
    cursor = Cursor(packet, "ipv6")
    found = Ipv6Header.decode(cursor)
    assert as_written(found) == as_written(header)
    assert cursor.rest() == payload
    assert found.payload_length == len(payload)


@given(udp_headers, payloads, families)
def test_a_udp_header_survives_and_its_checksum_verifies(
    header: UdpHeader, payload: bytes, family: Family
) -> None:
    ends = (SOURCE[family], TARGET[family])
    datagram = header.encode(payload, *ends)
    cursor = Cursor(datagram, "udp")
    found = UdpHeader.decode(cursor)
    assert as_written(found) == as_written(header)
    assert cursor.rest() == payload
    assert found.length == len(datagram)
    assert verifies(pseudo_header(*ends, 17, len(datagram)) + datagram)


@given(tcp_headers, payloads, families)
def test_a_tcp_header_survives_and_its_checksum_verifies(
    header: TcpHeader, payload: bytes, family: Family
) -> None:
    ends = (SOURCE[family], TARGET[family])
    segment = header.encode(payload, *ends)
    cursor = Cursor(segment, "tcp")
    found = TcpHeader.decode(cursor)
    assert as_written(found) == as_written(header)
    assert cursor.rest() == payload
    assert verifies(pseudo_header(*ends, 6, len(segment)) + segment)


@given(icmp_messages)
def test_an_icmp_message_survives_and_its_checksum_verifies(message: IcmpMessage) -> None:
    ends = (SOURCE[message.family], TARGET[message.family])
    encoded = message.encode(*ends)
    found = IcmpMessage.decode(Cursor(encoded, "icmp"), message.family)
    assert as_written(found) == as_written(message)
    assert verifies(covered(message.family, *ends, encoded))
    assert found.encode(*ends) == encoded


def test_a_udp_checksum_of_zero_is_sent_as_all_ones() -> None:
    header = UdpHeader(source_port=Port(0), target_port=Port(0))
    bare = header.encode(b"\0\0", SOURCE[V4], TARGET[V4])
    balance = UdpHeader.decode(Cursor(bare, "udp")).checksum
    datagram = header.encode(balance.to_bytes(2, "big"), SOURCE[V4], TARGET[V4])
    assert UdpHeader.decode(Cursor(datagram, "udp")).checksum == 0xFFFF


@given(st.binary(max_size=80))
def test_headers_of_arbitrary_bytes_decode_or_raise_decode_error(data: bytes) -> None:
    for decode in (Ipv4Header.decode, Ipv6Header.decode, UdpHeader.decode, TcpHeader.decode):
        found = value_or_error(decode, Cursor(data, "test"))
        assert not isinstance(found, DecodeError) or 0 <= found.offset <= len(data)


@pytest.mark.parametrize(
    ("first_byte", "reason"),
    [(0x65, "version 6"), (0x44, "wants -4 bytes, has 0"), (0x46, "wants 4 bytes, has 0")],
)
def test_an_ipv4_header_must_say_version_4_and_have_the_length_it_says(first_byte: int, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        Ipv4Header.decode(Cursor(bytes([first_byte]) + bytes(19), "ipv4"))


ip_packets = families.flatmap(
    lambda family: st.builds(
        IpPacket,
        source=addresses(family),
        destination=addresses(family),
        ttl=u8,
        # The extension headers' numbers would make the payload be read as one.
        protocol=u8.filter(lambda number: number not in {0, 43, 44, 60}),
        payload=payloads,
        tos=u8,
        dont_fragment=st.booleans() if family is V4 else st.sampled_from([True]),
        identification=u16 if family is V4 else st.just(0),
        flow_label=st.integers(0, 0xFFFFF) if family is V6 else st.just(0),
    )
)


@given(ip_packets)
def test_an_ip_packet_survives_in_either_family(packet: IpPacket) -> None:
    assert IpPacket.decode(packet.encode()) == packet


@given(ip_packets, st.binary(max_size=20))
def test_padding_behind_an_ip_packet_is_dropped(packet: IpPacket, padding: bytes) -> None:
    assert IpPacket.decode(packet.encode() + padding) == packet


@given(ip_packets, st.data())
def test_a_cut_off_packet_is_an_error_when_whole_and_readable_when_quoted(
    packet: IpPacket, data: st.DataObject
) -> None:
    encoded = packet.encode()
    header_length = len(encoded) - len(packet.payload)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(DecodeError):
        IpPacket.decode(encoded[:cut])
    if cut >= header_length:
        found = IpPacket.decode_quoted(encoded[:cut])
        assert found == msgspec.structs.replace(packet, payload=packet.payload[: cut - header_length])
