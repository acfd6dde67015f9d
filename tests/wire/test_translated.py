"""Quotes that a NAT rewrote, as Scapy makes them: recognised where the checksum proves it, and only there."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.packet import Packet

from tests.wire.wire_strategies import FAMILIES, PROTOCOLS, SOURCE, a_probe, u16
from tracer.model import Family, Probe, Protocol, Sequence, Strategy
from tracer.wire.build import probe_packet
from tracer.wire.mark import MARKS
from tracer.wire.translated import Imprint, imprint

OUTSIDE = {Family.IPV4: "203.0.113.77", Family.IPV6: "2001:db8:77::77"}
HEADER = {Family.IPV4: 20, Family.IPV6: 40}
BOTH = [*itertools.product(FAMILIES, PROTOCOLS)]


def scapy(packet: bytes) -> Packet:
    return (IPv6 if packet[0] >> 4 == 6 else IP)(packet)


def translate(packet: bytes, family: Family, port: int) -> bytes:
    """What a NAT makes of a packet, all checksums worked out anew by Scapy."""
    read = scapy(packet)
    read.src = OUTSIDE[family]
    if IP in read:
        del read.chksum
    for layer, field, check in (
        (UDP, "sport", "chksum"),
        (TCP, "sport", "chksum"),
        (ICMP, "id", "chksum"),
        (ICMPv6EchoRequest, "id", "cksum"),
    ):
        if layer in read:
            setattr(read[layer], field, port)
            delattr(read[layer], check)
    return bytes(read)


def quote(packet: bytes, family: Family, length: int = 8) -> bytes:
    return packet[: HEADER[family] + length]


LEAST = {Family.IPV4: 8, Family.IPV6: 14}
"""Bytes behind the IP header that tell a translated quote from a forged one: IPv6 has no identification."""


def of(packet: bytes) -> Imprint:
    found = imprint(packet)
    assert found is not None
    return found


def sent(
    family: Family, protocol: Protocol, strategy: Strategy = Strategy.CLASSIC, sequence: int = 7
) -> Probe:
    row = MARKS.get((strategy, protocol, family))
    mark = 0 if row is None else row.values(84)[sequence * row.step % len(row.values(84))]
    probe = a_probe(family, protocol)
    return msgspec.structs.replace(probe, strategy=strategy, mark=mark, sequence=Sequence(sequence))


@pytest.mark.parametrize(("family", "protocol"), BOTH)
@pytest.mark.parametrize("strategy", Strategy)
@given(port=u16, sequence=u16)
def test_a_translated_quote_is_of_its_probe(
    family: Family, protocol: Protocol, strategy: Strategy, port: int, sequence: int
) -> None:
    if strategy is Strategy.DUBLIN:
        protocol = Protocol.UDP
    packet = probe_packet(sent(family, protocol, strategy, sequence), SOURCE[family])
    assert of(quote(translate(packet, family, port), family, LEAST[family])).is_of(of(packet))
    assert of(quote(packet, family)).is_of(of(packet))


@pytest.mark.parametrize(("family", "protocol"), BOTH)
@given(wrong=st.integers(1, 0xFFFE))
def test_a_rewritten_port_without_its_checksum_is_a_forgery(
    family: Family, protocol: Protocol, wrong: int
) -> None:
    """Of TCP, eight bytes hold no checksum, but 32 bits of sequence number."""
    packet = probe_packet(sent(family, protocol), SOURCE[family])
    forged = bytearray(quote(translate(packet, family, 5), family))
    at = HEADER[family] + {Protocol.UDP: 6, Protocol.ICMP: 2, Protocol.TCP: 4}[protocol]
    told = int.from_bytes(forged[at : at + 2], "big")
    forged[at : at + 2] = ((told + wrong) % 0xFFFF).to_bytes(2, "big")
    assert not of(bytes(forged)).is_of(of(packet))


@pytest.mark.parametrize(("family", "protocol"), BOTH)
def test_another_program_of_this_host_is_no_nat(family: Family, protocol: Protocol) -> None:
    """It may probe the same target with the same packets from another port, all checksums right."""
    probe = sent(family, protocol)
    other = msgspec.structs.replace(probe, source_port=probe.source_port + 1)
    theirs = probe_packet(other, SOURCE[family])
    assert not of(quote(theirs, family)).is_of(of(probe_packet(probe, SOURCE[family])))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shift", [1, 0x1234, 0xFFFE])
def test_a_checksum_left_shifted_is_made_up_for_by_what_else_names_the_probe(
    family: Family, shift: int
) -> None:
    """The NAT translated addresses and ports in the quote back, not the checksum."""
    probes = [sent(family, Protocol.UDP, Strategy.PARIS, sequence) for sequence in (700, 701)]
    ours, other = (probe_packet(probe, SOURCE[family]) for probe in probes)
    at = HEADER[family] + 6
    shifted = ((int.from_bytes(ours[at : at + 2], "big") + shift) % 0xFFFF or 1).to_bytes(2, "big")
    stale = ours[:at] + shifted + ours[at + 2 :]
    assert of(quote(stale, family, LEAST[family])).is_of(of(ours))
    assert not of(quote(stale, family, LEAST[family])).is_of(of(other))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_payload_that_was_not_sent_contradicts(family: Family) -> None:
    ours, other = (
        of(probe_packet(sent(family, Protocol.UDP, Strategy.PARIS, sequence), SOURCE[family]))
        for sequence in (700, 701)
    )
    assert other.contradicts(ours)
    assert not ours.contradicts(ours)
    assert not msgspec.structs.replace(other, payload=b"").contradicts(ours), "eight bytes say nothing of it"


@given(st.binary(max_size=80))
def test_nothing_that_is_no_probe_has_an_imprint(data: bytes) -> None:
    found = imprint(data)
    assert found is None or isinstance(found, Imprint)


@pytest.mark.parametrize("cut", [lambda packet: packet[:27], lambda packet: packet[:9], lambda _: b""])
def test_a_quote_too_short_has_none(cut: Callable[[bytes], bytes]) -> None:
    assert imprint(cut(probe_packet(sent(Family.IPV4, Protocol.UDP), SOURCE[Family.IPV4]))) is None
