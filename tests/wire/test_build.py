import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.wire_strategies import (
    EXTENDABLE,
    FAMILIES,
    PROTOCOLS,
    ROUTER,
    RX,
    SOURCE,
    a_probe,
    extension_lists,
    probes,
)
from tracer.model import Extension, Family, Icmp, Probe, Protocol, Reply, ReplyKind, UnknownExtension
from tracer.wire.address import family_of
from tracer.wire.build import echo_request, icmp_error, payload_of, probe_packet
from tracer.wire.cursor import Cursor
from tracer.wire.decode import SentPacket, decode_probe, decode_reply
from tracer.wire.icmp import IcmpError, IcmpMessage
from tracer.wire.ip import HEADER_LENGTH, MINIMUM_MTU, IpPacket

TRANSPORT_LENGTH = {Protocol.UDP: 8, Protocol.ICMP: 8, Protocol.TCP: 24}


@given(probes())
def test_a_probe_survives(probe: Probe) -> None:
    family = family_of(probe.target)
    packet = probe_packet(probe, SOURCE[family])
    assert decode_probe(packet) == SentPacket(
        protocol=probe.protocol,
        family=family,
        source=SOURCE[family],
        destination=probe.target,
        identity=probe.identity,
        ttl=probe.ttl,
        tos=probe.shape.tos,
        size=len(packet),
        payload=payload_of(probe),
    )


@given(probes())
def test_a_probe_is_as_large_as_asked_and_filled_with_the_pattern(probe: Probe) -> None:
    family = family_of(probe.target)
    least = HEADER_LENGTH[family] + TRANSPORT_LENGTH[probe.protocol]
    wanted = least if probe.protocol is Protocol.TCP else max(least, probe.shape.size)
    assert len(probe_packet(probe, SOURCE[family])) == wanted
    assert payload_of(probe) == bytes([probe.shape.pattern]) * (wanted - least)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_ipv4_probes_may_not_be_fragmented_and_are_identified_by_their_sequence(protocol: Protocol) -> None:
    probe = a_probe(Family.IPV4, protocol)
    packet = probe_packet(probe, SOURCE[Family.IPV4])
    assert packet[4:8] == probe.sequence.to_bytes(2, "big") + b"\x40\x00"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_ping_socket_is_given_the_bytes_that_a_raw_socket_sends(family: Family) -> None:
    probe = a_probe(family, Protocol.ICMP, pattern=0xA5)
    sent = IpPacket.decode(probe_packet(probe, SOURCE[family])).payload
    assert echo_request(probe, SOURCE[family]) == sent
    without_source = echo_request(probe)
    assert without_source[:2] + without_source[4:] == sent[:2] + sent[4:]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_error_quotes_the_ip_header_and_eight_bytes_unless_told_otherwise(
    family: Family, protocol: Protocol
) -> None:
    source, router = SOURCE[family], ROUTER[family]
    probe = probe_packet(a_probe(family, protocol), source)
    found = quote_in(icmp_error(IcmpError.TIME_EXCEEDED, router, source, probe))
    assert found == probe[: HEADER_LENGTH[family] + 8]
    longer = quote_in(icmp_error(IcmpError.TIME_EXCEEDED, router, source, probe, quote_length=20))
    assert longer == probe[: HEADER_LENGTH[family] + 20]


@pytest.mark.parametrize("family", FAMILIES)
@given(size=st.integers(60, 2000), extensions=st.one_of(st.just(()), extension_lists))
def test_the_longest_quote_fills_an_error_of_minimum_mtu_and_no_more(
    family: Family, size: int, extensions: tuple[Extension, ...]
) -> None:
    source, router = SOURCE[family], ROUTER[family]
    probe = probe_packet(a_probe(family, Protocol.UDP, size=size, pattern=0x20), source)
    packet = icmp_error(
        IcmpError.TIME_EXCEEDED, router, source, probe, quote_length=None, extensions=extensions
    )
    assert len(packet) <= MINIMUM_MTU[family]
    quote = quote_in(packet)
    quoted = min(len(quote), len(probe))
    assert quote[:quoted] == probe[:quoted]
    reply = decode_reply(packet, RX)
    assert isinstance(reply, Reply)
    assert reply.extensions == extensions


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("error", EXTENDABLE)
@given(extensions=extension_lists)
def test_extensions_stand_behind_a_padded_quote_whose_length_is_told(
    family: Family, error: IcmpError, extensions: tuple[Extension, ...]
) -> None:
    source, router = SOURCE[family], ROUTER[family]
    probe = probe_packet(a_probe(family, Protocol.UDP), source)
    packet = icmp_error(error, router, source, probe, extensions=extensions)
    message = IcmpMessage.decode(Cursor(IpPacket.decode(packet).payload, "icmp"), family)
    assert message.quote_length == 128
    reply = decode_reply(packet, RX)
    assert isinstance(reply, Reply)
    assert reply.extensions == extensions


def test_ipv6_packet_too_big_has_no_room_for_extensions() -> None:
    source, router = SOURCE[Family.IPV6], ROUTER[Family.IPV6]
    probe = probe_packet(a_probe(Family.IPV6, Protocol.UDP), source)
    with pytest.raises(ValueError, match="cannot tell"):
        icmp_error(Icmp(2, 0), router, source, probe, extensions=(UnknownExtension(2, 1, b""),))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_mtu_is_told_in_packet_too_big_only(family: Family) -> None:
    source, router = SOURCE[family], ROUTER[family]
    probe = probe_packet(a_probe(family, Protocol.UDP), source)
    for error, mtu in ((IcmpError.PACKET_TOO_BIG, 1400), (IcmpError.TIME_EXCEEDED, None)):
        reply = decode_reply(icmp_error(error, router, source, probe, mtu=1400), RX)
        assert isinstance(reply, Reply)
        assert reply.mtu == mtu


@pytest.mark.parametrize("family", FAMILIES)
def test_any_type_and_code_can_be_sent(family: Family) -> None:
    source, router = SOURCE[family], ROUTER[family]
    probe = probe_packet(a_probe(family, Protocol.UDP), source)
    unreachable = 3 if family is Family.IPV4 else 1
    packet = icmp_error(Icmp(unreachable, 200), router, source, probe, ttl=11, tos=0xC0)
    reply = decode_reply(packet, RX)
    assert isinstance(reply, Reply)
    assert (reply.kind, reply.icmp) == (ReplyKind.UNREACHABLE, Icmp(unreachable, 200))
    assert (reply.reply_ttl, reply.reply_tos) == (11, 0xC0)


def quote_in(packet: bytes) -> bytes:
    """The quoted datagram with its padding, by the length attribute, else all there is."""
    ip = IpPacket.decode(packet)
    message = IcmpMessage.decode(Cursor(ip.payload, "icmp"), ip.family)
    return message.body[: message.quote_length or None]
