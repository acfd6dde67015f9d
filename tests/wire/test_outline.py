"""The outline of an IP header against the header's own codec, and where it says that the payload lies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.wire_strategies import addresses
from tracer.errors import DecodeError
from tracer.model import Family
from tracer.wire.cursor import Cursor
from tracer.wire.ipv4 import Ipv4Header
from tracer.wire.ipv6 import Ipv6Header
from tracer.wire.outline import outline

V4, V6 = Family.IPV4, Family.IPV6
u8, u16 = st.integers(0, 0xFF), st.integers(0, 0xFFFF)
payloads = st.binary(max_size=60)


@given(
    st.builds(
        Ipv4Header,
        source=addresses(V4),
        destination=addresses(V4),
        protocol=u8,
        ttl=u8,
        tos=u8,
        identification=u16,
        dont_fragment=st.booleans(),
        more_fragments=st.booleans(),
        fragment_offset=st.integers(0, 0x1FFF),
        options=st.integers(0, 10).map(lambda words: b"\1" * 4 * words),
    ),
    payloads,
    payloads,
)
def test_an_ipv4_header_is_read_as_its_codec_reads_it(
    header: Ipv4Header, payload: bytes, more: bytes
) -> None:
    packet = header.encode(payload) + more
    found, read = outline(packet), Ipv4Header.decode(Cursor(packet, "ipv4"))
    for name in (
        "source", "destination", "protocol", "ttl", "tos", "identification",
        "dont_fragment", "more_fragments", "fragment_offset",
    ):  # fmt: skip
        assert getattr(found, name) == getattr(read, name)
    assert found.family is V4
    assert packet[found.start : found.end] == payload
    assert packet[found.start : outline(packet, whole=False).end] == payload + more


@given(
    st.builds(
        Ipv6Header,
        source=addresses(V6),
        destination=addresses(V6),
        next_header=u8.filter(lambda number: number not in {0, 43, 44, 60}),
        hop_limit=u8,
        traffic_class=u8,
        flow_label=st.integers(0, 0xFFFFF),
    ),
    payloads,
    payloads,
)
def test_an_ipv6_header_is_read_as_its_codec_reads_it(
    header: Ipv6Header, payload: bytes, more: bytes
) -> None:
    packet = header.encode(payload) + more
    found = outline(packet)
    told = (found.protocol, found.ttl, found.tos)
    assert told == (header.next_header, header.hop_limit, header.traffic_class)
    ends = (found.source, found.destination, found.flow_label)
    assert ends == (header.source, header.destination, header.flow_label)
    assert found.family is V6
    assert packet[found.start : found.end] == payload
    assert packet[found.start : outline(packet, whole=False).end] == payload + more


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", "no bytes"),
        (b"\x50", "version 5"),
        (b"\x45" + bytes(18), "wants 20 bytes, has 19"),
        (b"\x44" + bytes(19), "wants -4 bytes, has 0"),
        (b"\x46" + bytes(19), "wants 4 bytes, has 0"),
        (b"\x45\0\0\x13" + bytes(16), "wants -1 bytes, has 0"),
        (b"\x45\0\0\x16" + bytes(17), "wants 2 bytes, has 1"),
        (b"\x60" + bytes(38), "wants 40 bytes, has 39"),
        (b"\x60\0\0\0\0\x02" + bytes(35), "wants 2 bytes, has 1"),
    ],
)
def test_what_is_too_short_for_what_it_says_is_an_error(packet: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        outline(packet)
