import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.wire_strategies import (
    EVERY_EXTENSION,
    EVERY_PROBE,
    FAMILIES,
    PROTOCOLS,
    ROUTER,
    RX,
    SOURCE,
    TARGET,
    a_probe,
    probes,
    value_or_error,
)
from tracer.errors import DecodeError
from tracer.model import Family, Probe, Protocol, Quoted, Reply
from tracer.wire import extensions
from tracer.wire.address import family_of
from tracer.wire.build import echo_reply, icmp_error, probe_packet
from tracer.wire.decode import decode_reply
from tracer.wire.icmp import IcmpError
from tracer.wire.ip import HEADER_LENGTH, IpPacket, forwarded
from tracer.wire.ipv4 import Ipv4Header
from tracer.wire.quote import find_quote, quoted_datagram


def found_in(family: Family, body: bytes, quote_length: int = 0) -> Quoted:
    """What a body quotes that does quote a probe."""
    quoted = find_quote(family, body, quote_length)
    assert quoted is not None
    return quoted


EVERY = pytest.mark.parametrize(
    ("family", "protocol"), [(family, protocol) for family in FAMILIES for protocol in PROTOCOLS]
)


@given(probes())
def test_eight_bytes_behind_the_ip_header_tell_the_probe(probe: Probe) -> None:
    family = family_of(probe.target)
    packet = probe_packet(probe, SOURCE[family])
    assert find_quote(family, packet[: HEADER_LENGTH[family] + 8]) == Quoted(
        protocol=probe.protocol,
        destination=probe.target,
        identity=probe.identity,
        mark=probe.mark if probe.protocol is Protocol.TCP else None,
        ttl=probe.ttl,
        tos=probe.shape.tos,
        packet=packet[: HEADER_LENGTH[family] + 8],
    )


@EVERY
def test_seven_bytes_do_not(family: Family, protocol: Protocol) -> None:
    packet = probe_packet(a_probe(family, protocol), SOURCE[family])
    with pytest.raises(DecodeError, match="wants 8 bytes, has 7"):
        find_quote(family, packet[: HEADER_LENGTH[family] + 7])


@EVERY
def test_ttl_and_tos_are_those_the_router_saw(family: Family, protocol: Protocol) -> None:
    packet = forwarded(probe_packet(a_probe(family, protocol), SOURCE[family]), ttl=1, tos=0x28)
    quoted = found_in(family, packet)
    assert (quoted.ttl, quoted.tos) == (1, 0x28)


@pytest.mark.parametrize("length", [0, 8, 20, 0xFFFF])
def test_the_length_in_a_quoted_ipv4_header_does_not_matter(length: int) -> None:
    probe = a_probe(Family.IPV4, Protocol.UDP)
    packet = probe_packet(probe, SOURCE[Family.IPV4])
    altered = packet[:2] + length.to_bytes(2, "big") + packet[4:28]
    assert found_in(Family.IPV4, altered).identity == probe.identity


def test_ip_options_in_a_quote_are_skipped() -> None:
    probe = a_probe(Family.IPV4, Protocol.UDP)
    plain = IpPacket.decode(probe_packet(probe, SOURCE[Family.IPV4]))
    header = Ipv4Header(
        source=plain.source, destination=plain.destination, protocol=17, ttl=1, options=b"\x01" * 8
    )
    assert found_in(Family.IPV4, header.encode(plain.payload)).identity == probe.identity


@pytest.mark.parametrize("family", FAMILIES)
def test_what_cannot_have_been_a_probe_is_no_quote(family: Family) -> None:
    other = Family.IPV4 if family is Family.IPV6 else Family.IPV6
    ping = probe_packet(a_probe(family, Protocol.ICMP), SOURCE[family])
    for datagram in (
        echo_reply(ping, 64),
        IpPacket(
            source=SOURCE[family], destination=TARGET[family], ttl=1, protocol=50, payload=bytes(8)
        ).encode(),
        probe_packet(a_probe(other, Protocol.UDP), SOURCE[other]),
    ):
        assert find_quote(family, datagram) is None


def test_a_later_fragment_tells_nothing() -> None:
    header = Ipv4Header(
        source=SOURCE[Family.IPV4],
        destination=TARGET[Family.IPV4],
        protocol=17,
        ttl=1,
        fragment_offset=185,
    )
    assert find_quote(Family.IPV4, header.encode(bytes(8))) is None


@given(st.sampled_from(FAMILIES), st.binary(max_size=120))
def test_arbitrary_bytes_are_a_quote_or_none_or_a_decode_error(family: Family, body: bytes) -> None:
    assert isinstance(value_or_error(find_quote, family, body), Quoted | DecodeError | None)


STRUCTURE = extensions.encode(EVERY_EXTENSION)


@pytest.mark.parametrize("size", [28, 60, 128, 200, 900])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("family", FAMILIES)
def test_neither_padding_nor_extensions_are_part_of_the_quoted_packet(
    family: Family, protocol: Protocol, size: int
) -> None:
    sent = probe_packet(a_probe(family, protocol, size=size, pattern=0x5A), SOURCE[family])
    error = icmp_error(
        IcmpError.TIME_EXCEEDED,
        ROUTER[family],
        SOURCE[family],
        sent,
        quote_length=None,
        extensions=EVERY_EXTENSION,
    )
    reply = decode_reply(error, RX)
    assert isinstance(reply, Reply)
    room = 576 if family is Family.IPV4 else 1280
    unit = 4 if family is Family.IPV4 else 8
    fits = (room - HEADER_LENGTH[family] - 8 - len(STRUCTURE)) // unit * unit
    assert reply.quoted.packet == sent[:fits]
    assert reply.extensions == EVERY_EXTENSION


def test_a_router_that_does_not_tell_the_length_is_read_by_the_legacy_rule() -> None:
    sent = EVERY_PROBE["ipv4 udp"]
    assert quoted_datagram(sent.ljust(128, b"\0") + STRUCTURE, 0) == sent


def test_a_long_quote_that_looks_like_extensions_at_byte_128_stays_whole() -> None:
    """Version 2 stands there, and objects of a right length; only the checksum is not that of a structure."""
    forged = bytes.fromhex("2000 1234") + STRUCTURE[4:]
    sent = probe_packet(a_probe(Family.IPV4, Protocol.UDP, size=400), SOURCE[Family.IPV4])
    quote = sent[:128] + forged + sent[128 + len(forged) :]
    assert quoted_datagram(quote, 0) == quote


@pytest.mark.parametrize("told", [4, 8, 24])
def test_a_length_too_short_for_any_quote_is_not_believed(told: int) -> None:
    sent = EVERY_PROBE["ipv4 udp"]
    assert quoted_datagram(sent, told) == sent
    assert found_in(Family.IPV4, sent, told).packet == sent


def test_a_quoted_length_that_is_nonsense_cuts_nothing_off() -> None:
    sent = bytearray(EVERY_PROBE["ipv4 udp"].ljust(128, b"\0"))
    sent[2:4] = b"\0\1"
    assert quoted_datagram(bytes(sent) + STRUCTURE, 128) == bytes(sent)


@given(st.binary(max_size=300), st.integers(0, 1020))
def test_the_quoted_packet_is_always_the_beginning_of_the_body(body: bytes, told: int) -> None:
    assert body.startswith(quoted_datagram(body, told))
