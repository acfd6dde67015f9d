"""The filters in front of the raw sockets: the kernel runs them, Scapy makes what they are shown."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrHopByHop,
)

from tracer.model import Address, Family, Protocol
from tracer.net.raw_filter import (
    BLOCK_BITS,
    LONGEST,
    Interest,
    answer_filters,
    attach,
    icmp_filters,
    nothing_filter,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scapy.packet import Packet

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's socket filters")
INSTRUCTION_BYTES = 8
OURS, THEIRS = 40_000, 20_000
"""Source ports and identifiers."""
MOVING = 50_000
TARGET = {Family.IPV4: "198.18.5.2", Family.IPV6: "2001:db8:105::2"}
NAT = {Family.IPV4: "203.0.113.9", Family.IPV6: "2001:db8:9::9"}
ROUTER = {Family.IPV4: "198.18.0.2", Family.IPV6: "2001:db8:100::2"}
SOURCE = {Family.IPV4: "198.18.0.1", Family.IPV6: "2001:db8:100::1"}
each_family = pytest.mark.parametrize("family", Family)


class Gate:
    """A socket behind a filter; what passes can be read on the other side."""

    def __init__(self, program: bytes) -> None:
        self._in, self._out = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._out.settimeout(0)
        attach(self._out, program)

    def passes(self, packet: bytes) -> bool:
        try:
            self._in.send(packet)
        except PermissionError:  # how AF_UNIX tells the sender that the filter dropped it
            return False
        try:
            return self._out.recv(65535) == packet
        except BlockingIOError:
            return False

    def close(self) -> None:
        self._in.close()
        self._out.close()


@pytest.fixture
def gates() -> Iterator[list[Gate]]:
    opened: list[Gate] = []
    yield opened
    for gate in opened:
        gate.close()


def interest(family: Family, *protocols: Protocol, targets: int = 0) -> Interest:
    more = {
        Address(
            f"198.19.{number // 256}.{number % 256}" if family is Family.IPV4 else f"2001:db8:f::{number:x}"
        )
        for number in range(targets)
    }
    return Interest(
        protocols=frozenset(protocols or Protocol),
        targets=frozenset({Address(TARGET[family]), *more}),
        ports=frozenset({OURS}),
        port_blocks=frozenset({MOVING >> BLOCK_BITS}),
        identifiers=frozenset({OURS, *range(60_000, 60_000 + targets)}),
    )


def seen_by_filter(family: Family, packet: Packet) -> bytes:
    """A raw socket shows IPv4 from its header on, IPv6 without it."""
    data = bytes(packet)
    return data if family is Family.IPV4 else data[40:]


def probe(family: Family, protocol: Protocol, *, to: str, number: int) -> Packet:
    ip = IP(src=SOURCE[family], dst=to, ttl=1) if family is Family.IPV4 else IPv6(src=SOURCE[family], dst=to)
    if protocol is Protocol.ICMP:
        echo = ICMP(id=number, seq=7) if family is Family.IPV4 else ICMPv6EchoRequest(id=number, seq=7)
        return ip / echo
    return ip / {Protocol.UDP: UDP, Protocol.TCP: TCP}[protocol](sport=number, dport=80)


def from_router(family: Family) -> Packet:
    kind = IP if family is Family.IPV4 else IPv6
    return kind(src=ROUTER[family], dst=SOURCE[family])


def errors(family: Family) -> list[Packet]:
    if family is Family.IPV4:
        return [ICMP(type=11), ICMP(type=3, code=3), ICMP(type=3, code=4), ICMP(type=12)]
    return [ICMPv6TimeExceeded(), ICMPv6DestUnreach(code=4), ICMPv6PacketTooBig(), ICMPv6ParamProblem()]


@each_family
@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize(
    ("where", "number", "passes"),
    [
        (TARGET, OURS, True),
        (NAT, OURS, True),  # a NAT rewrote where it went
        (TARGET, THEIRS, True),  # a NAT rewrote where it came from
        (NAT, THEIRS, False),
    ],
)
def test_errors_pass_that_quote_our_target_or_our_port(
    gates: list[Gate],
    family: Family,
    protocol: Protocol,
    where: dict[Family, str],
    number: int,
    *,
    passes: bool,
) -> None:
    gate = Gate(icmp_filters(family, interest(family))[0])
    gates.append(gate)
    quoted = probe(family, protocol, to=where[family], number=number)
    for error in errors(family):
        packet = from_router(family) / error / quoted
        assert gate.passes(seen_by_filter(family, packet)) is passes, packet.summary()


@each_family
@pytest.mark.parametrize("protocol", [Protocol.UDP, Protocol.TCP])
@pytest.mark.parametrize(("port", "passes"), [(MOVING, True), (MOVING ^ 1, True), (MOVING ^ 0x100, False)])
def test_ports_that_move_are_let_in_by_the_block(
    gates: list[Gate], family: Family, protocol: Protocol, port: int, *, passes: bool
) -> None:
    gate = Gate(icmp_filters(family, interest(family))[0])
    gates.append(gate)
    packet = from_router(family) / errors(family)[0] / probe(family, protocol, to=NAT[family], number=port)
    assert gate.passes(seen_by_filter(family, packet)) is passes


@each_family
@pytest.mark.parametrize("protocol", Protocol)
def test_a_quote_of_a_protocol_that_is_not_traced_does_not_pass(
    gates: list[Gate], family: Family, protocol: Protocol
) -> None:
    others = set(Protocol) - {protocol}
    gate = Gate(icmp_filters(family, interest(family, *others))[0])
    gates.append(gate)
    quoted = probe(family, protocol, to=TARGET[family], number=OURS)
    assert not gate.passes(seen_by_filter(family, from_router(family) / errors(family)[0] / quoted))


@each_family
@pytest.mark.parametrize(("number", "passes"), [(OURS, True), (THEIRS, False)])
def test_echo_replies_pass_to_our_identifiers(
    gates: list[Gate], family: Family, number: int, *, passes: bool
) -> None:
    gate = Gate(icmp_filters(family, interest(family))[0])
    gates.append(gate)
    reply = ICMP(type=0, id=number) if family is Family.IPV4 else ICMPv6EchoReply(id=number)
    assert gate.passes(seen_by_filter(family, from_router(family) / reply)) is passes


@each_family
def test_other_icmp_does_not_pass(gates: list[Gate], family: Family) -> None:
    gate = Gate(icmp_filters(family, interest(family))[0])
    gates.append(gate)
    request = probe(family, Protocol.ICMP, to=SOURCE[family], number=OURS)
    quoted_reply = from_router(family) / (
        ICMP(type=0, id=OURS) if family is Family.IPV4 else ICMPv6EchoReply(id=OURS)
    )
    others = [request, from_router(family) / errors(family)[0] / quoted_reply]
    if family is Family.IPV6:
        others.append(from_router(family) / ICMPv6ND_NS(tgt=SOURCE[family]))
    assert [gate.passes(seen_by_filter(family, packet)) for packet in others] == [False] * len(others)


@pytest.mark.parametrize("where", ["answer", "quote"])
def test_ipv4_options_move_nothing_out_of_sight(gates: list[Gate], where: str) -> None:
    gate = Gate(icmp_filters(Family.IPV4, interest(Family.IPV4))[0])
    gates.append(gate)
    for number, passes in ((OURS, True), (THEIRS, False)):
        quoted = probe(Family.IPV4, Protocol.UDP, to=NAT[Family.IPV4], number=number)
        answer = from_router(Family.IPV4)
        (answer if where == "answer" else quoted).options = [IPOption_Router_Alert()]
        assert gate.passes(bytes(answer / ICMP(type=11) / quoted)) is passes


def test_a_quote_behind_extension_headers_is_known_by_its_destination(gates: list[Gate]) -> None:
    gate = Gate(icmp_filters(Family.IPV6, interest(Family.IPV6))[0])
    gates.append(gate)
    for where, passes in ((TARGET, True), (NAT, False)):
        quoted = (
            IPv6(src=SOURCE[Family.IPV6], dst=where[Family.IPV6]) / IPv6ExtHdrHopByHop() / UDP(sport=OURS)
        )
        packet = from_router(Family.IPV6) / ICMPv6TimeExceeded() / quoted
        assert gate.passes(seen_by_filter(Family.IPV6, packet)) is passes


@each_family
def test_truncated_errors_pass_once_their_destination_is_there(gates: list[Gate], family: Family) -> None:
    gate = Gate(icmp_filters(family, interest(family))[0])
    gates.append(gate)
    quoted = probe(family, Protocol.UDP, to=TARGET[family], number=OURS)
    whole = seen_by_filter(family, from_router(family) / errors(family)[0] / quoted)
    needed = {Family.IPV4: 20 + 8 + 20, Family.IPV6: 8 + 40}[family]
    for length in range(1, len(whole)):
        assert gate.passes(whole[:length]) is (length >= needed), length


@each_family
@pytest.mark.parametrize(
    ("flags", "port", "passes"),
    [
        ("SA", OURS, True),
        ("R", OURS, True),
        ("RA", OURS, True),
        ("SAE", OURS, True),
        ("A", OURS, False),
        ("S", OURS, False),
        ("PA", OURS, False),
        ("FA", OURS, False),
        ("SA", THEIRS, False),
        ("RA", MOVING ^ 1, True),
    ],
)
def test_tcp_answers_pass_to_our_ports(
    gates: list[Gate], family: Family, flags: str, port: int, *, passes: bool
) -> None:
    gate = Gate(answer_filters(family, Protocol.TCP, interest(family))[0])
    gates.append(gate)
    packet = from_router(family) / TCP(sport=80, dport=port, flags=flags)
    assert gate.passes(seen_by_filter(family, packet)) is passes


@each_family
@pytest.mark.parametrize(("port", "passes"), [(OURS, True), (THEIRS, False)])
def test_datagrams_pass_to_our_ports(gates: list[Gate], family: Family, port: int, *, passes: bool) -> None:
    gate = Gate(answer_filters(family, Protocol.UDP, interest(family))[0])
    gates.append(gate)
    packet = from_router(family) / UDP(sport=33434, dport=port) / b"hello"
    assert gate.passes(seen_by_filter(family, packet)) is passes


@each_family
def test_sixty_four_targets_fit_and_each_is_known(gates: list[Gate], family: Family) -> None:
    known = interest(family, targets=64)
    exact, coarse = icmp_filters(family, known)
    assert len(coarse) < len(exact) <= LONGEST * INSTRUCTION_BYTES
    gate = Gate(exact)
    gates.append(gate)
    for target in known.targets:
        quoted = probe(family, Protocol.UDP, to=target, number=THEIRS)
        assert gate.passes(seen_by_filter(family, from_router(family) / errors(family)[0] / quoted))


@each_family
def test_beyond_the_longest_program_types_and_protocols_decide(gates: list[Gate], family: Family) -> None:
    [coarse] = icmp_filters(family, interest(family, Protocol.UDP, targets=3000))
    gate = Gate(coarse)
    gates.append(gate)
    strange = probe(family, Protocol.UDP, to=NAT[family], number=THEIRS)
    other = probe(family, Protocol.TCP, to=TARGET[family], number=OURS)
    assert gate.passes(seen_by_filter(family, from_router(family) / errors(family)[0] / strange))
    assert not gate.passes(seen_by_filter(family, from_router(family) / errors(family)[0] / other))
    assert not gate.passes(seen_by_filter(family, probe(family, Protocol.ICMP, to=SOURCE[family], number=1)))


def test_nothing_passes_a_filter_for_nothing(gates: list[Gate]) -> None:
    gate = Gate(nothing_filter())
    gates.append(gate)
    assert not gate.passes(bytes(from_router(Family.IPV4) / ICMP(type=0, id=OURS)))
