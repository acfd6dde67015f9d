"""Marks, read back by Scapy: every packet is right, and those of a flow differ in nothing else."""

from __future__ import annotations

import itertools
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, in6_chksum
from scapy.packet import Packet
from scapy.utils import checksum as scapy_checksum

from tests.wire.wire_strategies import FAMILIES, MARKING, ROUTER, RX, SOURCE, a_probe, addresses, u16, u32
from tracer.model import Family, PacketShape, Port, Probe, Protocol, Reply, Sequence, Strategy
from tracer.wire.address import family_of
from tracer.wire.build import icmp_error, probe_packet, tcp_answer
from tracer.wire.decode import Irrelevant, decode_reply
from tracer.wire.icmp import IcmpError
from tracer.wire.mark import MARKS, read_mark
from tracer.wire.tcp import TcpFlags

ROWS = sorted(MARKS, key=str)
EVERY = [
    (strategy, protocol, family)
    for strategy in Strategy
    for protocol in sorted(MARKING[strategy])
    for family in Family
]


def scapy(packet: bytes) -> Packet:
    return (IPv6 if packet[0] >> 4 == 6 else IP)(packet)


def assert_checksums(packet: bytes) -> None:
    """Every checksum is the one Scapy works out when it builds the packet anew."""
    read = scapy(packet)
    if IP in read:
        assert scapy_checksum(packet[:20]) == 0
    for layer, field, number in ((UDP, "chksum", 17), (TCP, "chksum", 6), (ICMPv6EchoRequest, "cksum", 58)):
        if layer in read:
            told = getattr(read[layer], field)
            anew = read.copy()
            delattr(anew[layer], field)
            assert told == getattr(scapy(bytes(anew))[layer], field)
            if IPv6 in read:
                assert in6_chksum(number, read[IPv6], bytes(read[IPv6].payload)) in (0, 0xFFFF)
    if ICMP in read:
        assert scapy_checksum(packet[20:]) == 0


@st.composite
def marked_probes(draw: st.DrawFn) -> Probe:
    strategy, protocol, family = draw(st.sampled_from(EVERY))
    size = draw(st.integers(0, 1024))
    row = MARKS.get((strategy, protocol, family))
    values = row.values(size) if row is not None else range(1)
    at = draw(st.integers(0, len(values) - 1))
    probe = a_probe(family, protocol, size=size, pattern=draw(st.integers(0, 255)))
    return msgspec.structs.replace(
        probe,
        target=draw(addresses(family)),
        strategy=strategy,
        mark=values[at],
        sequence=Sequence(draw(u16)),
        source_port=Port(draw(u16)),
        target_port=Port(draw(u16)),
    )


@given(marked_probes())
def test_every_checksum_is_right_and_the_mark_is_read_back(probe: Probe) -> None:
    packet = probe_packet(probe, SOURCE[family_of(probe.target)])
    assert_checksums(packet)
    row = MARKS.get((probe.strategy, probe.protocol, family_of(probe.target)))
    assert read_mark(probe.strategy, packet) == (None if row is None else probe.mark)


@pytest.mark.parametrize("key", ROWS, ids="-".join)
@pytest.mark.parametrize("end", [0, -1])
def test_the_first_and_the_last_mark_of_a_row_can_be_written(
    key: tuple[Strategy, Protocol, Family], end: int
) -> None:
    strategy, protocol, family = key
    probe = a_probe(family, protocol)
    probe = msgspec.structs.replace(probe, strategy=strategy, mark=MARKS[key].values(84)[end])
    packet = probe_packet(probe, SOURCE[family])
    assert_checksums(packet)
    assert len(packet) <= 1280
    assert read_mark(strategy, packet) == probe.mark


@pytest.mark.parametrize("key", ROWS, ids="-".join)
def test_the_steps_of_a_row_reach_every_mark(key: tuple[Strategy, Protocol, Family]) -> None:
    for size in (28, 84, 1024):
        assert math.gcd(MARKS[key].step, len(MARKS[key].values(size))) == 1


def hashed(packet: bytes) -> bytes:
    """What a load balancer may look at: addresses, protocol, traffic class, flow label, and four bytes."""
    if packet[0] >> 4 == 4:
        return packet[1:2] + packet[9:10] + packet[12:24]
    return packet[:4] + packet[6:7] + packet[8:44]


@pytest.mark.parametrize(("strategy", "protocol", "family"), [one for one in EVERY if one[0] != "classic"])
def test_what_load_balancers_hash_stays_while_the_mark_moves(
    strategy: Strategy, protocol: Protocol, family: Family
) -> None:
    row = MARKS.get((strategy, protocol, family))
    values = row.values(84)[:300] if row is not None else itertools.repeat(0)
    seen = set()
    for sequence, mark in zip(range(300), values, strict=False):
        probe = msgspec.structs.replace(
            a_probe(family, protocol), strategy=strategy, mark=mark, sequence=Sequence(sequence * 218)
        )
        seen.add(hashed(probe_packet(probe, SOURCE[family])))
    assert len(seen) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_classic_icmp_is_a_flow_of_its_own_for_each_probe(family: Family) -> None:
    probes = [
        msgspec.structs.replace(a_probe(family, Protocol.ICMP), sequence=Sequence(at)) for at in range(9)
    ]
    assert len({hashed(probe_packet(probe, SOURCE[family])) for probe in probes}) == 9


@given(marked_probes())
def test_a_quote_of_eight_bytes_holds_the_mark(probe: Probe) -> None:
    family = family_of(probe.target)
    packet = probe_packet(probe, SOURCE[family])
    reply = decode_reply(icmp_error(IcmpError.TIME_EXCEEDED, ROUTER[family], SOURCE[family], packet), RX)
    assert isinstance(reply, Reply)
    assert reply.quoted.packet is not None
    assert read_mark(probe.strategy, reply.quoted.packet) == read_mark(probe.strategy, packet)
    told = probe.mark if probe.protocol is Protocol.TCP else None
    assert reply.quoted.mark == told


@given(sequence=u32, flags=st.sampled_from([TcpFlags.SYN | TcpFlags.ACK, TcpFlags.RST | TcpFlags.ACK]))
def test_a_direct_tcp_answer_tells_the_sequence_number_it_acknowledges(
    sequence: int, flags: TcpFlags
) -> None:
    probe = msgspec.structs.replace(a_probe(Family.IPV4, Protocol.TCP), mark=sequence)
    packet = probe_packet(probe, SOURCE[Family.IPV4])
    assert scapy(packet)[TCP].seq == sequence
    reply = decode_reply(tcp_answer(packet, flags, 60), RX)
    assert isinstance(reply, Reply)
    assert reply.quoted.mark == sequence


def test_a_reset_that_acknowledges_nothing_answers_no_probe() -> None:
    packet = probe_packet(a_probe(Family.IPV4, Protocol.TCP), SOURCE[Family.IPV4])
    assert decode_reply(tcp_answer(packet, TcpFlags.RST, 60), RX) == Irrelevant(
        "a TCP segment that answers no SYN"
    )


@given(st.binary(max_size=80), st.sampled_from(Strategy))
def test_reading_a_mark_never_fails(data: bytes, strategy: Strategy) -> None:
    assert read_mark(strategy, data) is None or isinstance(read_mark(strategy, data), int)


@pytest.mark.parametrize("family", FAMILIES)
def test_header_fields_are_written_as_asked(family: Family) -> None:
    shape = PacketShape(size=84, tos=0xB9, dont_fragment=False, flow_label=0xABCDE)
    probe = msgspec.structs.replace(a_probe(family, Protocol.UDP), shape=shape)
    read = scapy(probe_packet(probe, SOURCE[family]))
    if family is Family.IPV4:
        assert (read.tos, int(read.flags), read.id) == (0xB9, 0, probe.sequence)
    else:
        assert (read.tc, read.fl) == (0xB9, 0xABCDE)


def test_dublin_grows_from_the_packet_size_and_fits_every_ipv6_link() -> None:
    row = MARKS[Strategy.DUBLIN, Protocol.UDP, Family.IPV6]
    for size in (48, 84, 1024):
        for mark in (row.values(size)[0], row.values(size)[-1]):
            probe = msgspec.structs.replace(
                a_probe(Family.IPV6, Protocol.UDP, size=size), strategy=Strategy.DUBLIN, mark=mark
            )
            assert size <= len(probe_packet(probe, SOURCE[Family.IPV6])) <= 1280
