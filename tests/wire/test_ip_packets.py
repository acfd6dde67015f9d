import pytest

from tests.wire.wire_strategies import FAMILIES, RX, SOURCE, TARGET, a_probe
from tracer.errors import DecodeError
from tracer.model import Family, Protocol
from tracer.wire.build import probe_packet, udp_answer
from tracer.wire.decode import Irrelevant, decode_probe, decode_reply
from tracer.wire.ip import IpPacket, forwarded
from tracer.wire.ipv4 import Ipv4Header
from tracer.wire.ipv6 import Ipv6Header

V4, V6 = Family.IPV4, Family.IPV6
HOP_BY_HOP = bytes([60, 0]) + bytes(6)
DESTINATION_OPTIONS = bytes([43, 1]) + bytes(14)
ROUTING = bytes([44, 0]) + bytes(6)
ATOMIC_FRAGMENT = bytes([17, 0, 0, 0]) + bytes(4)


def behind_headers(first: int, *parts: bytes) -> bytes:
    header = Ipv6Header(source=SOURCE[V6], destination=TARGET[V6], next_header=first, hop_limit=9)
    return header.encode(b"".join(parts))


def test_ipv6_extension_headers_are_skipped() -> None:
    packet = behind_headers(0, HOP_BY_HOP, DESTINATION_OPTIONS, ROUTING, ATOMIC_FRAGMENT, b"datagram")
    found = IpPacket.decode(packet)
    assert (found.protocol, found.payload, found.ttl, found.fragmented) == (17, b"datagram", 9, False)


@pytest.mark.parametrize(("headers", "is_read"), [(7, True), (8, False), (200, False)])
def test_a_chain_of_extension_headers_is_followed_only_so_far(headers: int, is_read: bool) -> None:  # noqa: FBT001 - a test parameter
    chain = b"".join(bytes([60, 0]) + bytes(6) for _ in range(headers - 1)) + bytes([17, 0]) + bytes(6)
    packet = behind_headers(60, chain, b"datagram")
    if is_read:
        assert IpPacket.decode(packet).payload == b"datagram"
    else:
        with pytest.raises(DecodeError, match="more than 7 extension headers"):
            IpPacket.decode(packet)


@pytest.mark.parametrize("chain", [b"", b"\x11", bytes([17, 0]), bytes([17, 9]) + bytes(6)])
def test_a_cut_off_extension_header_is_an_error(chain: bytes) -> None:
    with pytest.raises(DecodeError, match="wants"):
        IpPacket.decode(behind_headers(0, chain))


@pytest.mark.parametrize("position", [1, 185 << 3])
def test_a_fragment_is_told_in_ipv6(position: int) -> None:
    fragment = bytes([60, 0]) + position.to_bytes(2, "big") + (77).to_bytes(4, "big")
    packet = behind_headers(44, fragment, bytes([17, 0]) + bytes(14))
    found = IpPacket.decode(packet)
    assert found.fragmented
    assert found.identification == 77
    # Behind the first fragment's header the chain goes on, behind a later one's stands data.
    assert (found.protocol, len(found.payload)) == ((17, 8) if position == 1 else (60, 16))
    assert decode_reply(packet, RX) == decode_probe(packet) == Irrelevant("a fragment")


@pytest.mark.parametrize("flags_and_offset", ["2000", "00b9", "20b9"])
def test_a_fragment_is_told_in_ipv4(flags_and_offset: str) -> None:
    header = Ipv4Header(source=SOURCE[V4], destination=TARGET[V4], protocol=17, ttl=9)
    whole = header.encode(bytes(16))
    packet = whole[:6] + bytes.fromhex(flags_and_offset) + whole[8:]
    assert IpPacket.decode(packet).fragmented
    assert decode_reply(packet, RX) == decode_probe(packet) == Irrelevant("a fragment")


@pytest.mark.parametrize("data", [b"", b"\x55" * 40, b"\x00" * 40])
def test_what_is_neither_version_is_an_error(data: bytes) -> None:
    for decode in (IpPacket.decode, IpPacket.decode_quoted):
        with pytest.raises(DecodeError) as caught:
            decode(data)
        assert caught.value.layer == "ip"
    with pytest.raises(DecodeError):
        forwarded(data, ttl=1, tos=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_forwarding_changes_ttl_and_tos_and_nothing_else(family: Family) -> None:
    packet = probe_packet(a_probe(family, Protocol.UDP, ttl=7, tos=0xB8), SOURCE[family])
    before, after = IpPacket.decode(packet), IpPacket.decode(forwarded(packet, ttl=6, tos=0))
    assert (after.ttl, after.tos) == (6, 0)
    assert forwarded(after.encode(), ttl=7, tos=0xB8) == before.encode() == packet


@pytest.mark.parametrize("family", FAMILIES)
def test_link_padding_does_not_reach_the_answer(family: Family) -> None:
    probe = probe_packet(a_probe(family, Protocol.UDP), SOURCE[family])
    packet = udp_answer(probe, b"", 60)
    padded = decode_reply(packet + bytes(18), RX)
    assert not isinstance(padded, Irrelevant)
    assert padded.raw == packet + bytes(18)
