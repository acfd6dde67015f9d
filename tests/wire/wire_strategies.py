"""Values and bytes for the tests of the codecs."""

from collections.abc import Callable
from socket import AF_INET, AF_INET6, inet_ntop
from typing import ParamSpec, TypeVar

from hypothesis import strategies as st

from tracer.errors import DecodeError
from tracer.model import (
    Address,
    Extension,
    Family,
    FlowId,
    InterfaceIdentification,
    InterfaceInformation,
    InterfaceRole,
    MplsLabel,
    MplsStack,
    PacketShape,
    Port,
    Probe,
    Protocol,
    RoundId,
    Sequence,
    Stamp,
    StampClock,
    Strategy,
    TraceId,
    Ttl,
    UnknownExtension,
)
from tracer.wire.build import echo_reply, icmp_error, probe_packet, tcp_answer, udp_answer
from tracer.wire.icmp import ICMP_ERRORS, IcmpError
from tracer.wire.tcp import TcpFlags

P = ParamSpec("P")
T = TypeVar("T")

RX = Stamp(1_000, StampClock.KERNEL)
FAMILIES = tuple(Family)
PROTOCOLS = tuple(Protocol)
MARKING = {
    Strategy.CLASSIC: frozenset(Protocol),
    Strategy.PARIS: frozenset(Protocol),
    Strategy.DUBLIN: frozenset({Protocol.UDP}),
}
"""The protocols each strategy has a place for its mark in."""

SOURCE = {Family.IPV4: Address("192.0.2.1"), Family.IPV6: Address("2001:db8::1")}
TARGET = {Family.IPV4: Address("198.51.100.9"), Family.IPV6: Address("2001:db8:9::9")}
ROUTER = {Family.IPV4: Address("203.0.113.7"), Family.IPV6: Address("2001:db8:7::7")}

EXTENDABLE = (IcmpError.TIME_EXCEEDED, IcmpError.PORT_UNREACHABLE)

u8 = st.integers(0, 0xFF)
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
payloads = st.binary(max_size=200)
option_bytes = st.integers(0, 10).flatmap(lambda words: st.binary(min_size=words * 4, max_size=words * 4))
families = st.sampled_from(FAMILIES)


def value_or_error(decode: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | DecodeError:
    """What ``decode`` returns, or the one error it may raise; any other one fails the test."""
    try:
        return decode(*args, **kwargs)
    except DecodeError as error:
        return error


def addresses(family: Family) -> st.SearchStrategy[Address]:
    if family is Family.IPV4:
        return st.binary(min_size=4, max_size=4).map(lambda raw: Address(inet_ntop(AF_INET, raw)))
    return st.binary(min_size=16, max_size=16).map(lambda raw: Address(inet_ntop(AF_INET6, raw)))


def a_probe(
    family: Family, protocol: Protocol, *, size: int = 84, ttl: int = 3, tos: int = 0, pattern: int = 0
) -> Probe:
    return Probe(
        trace=TraceId(0),
        target=TARGET[family],
        protocol=protocol,
        round=RoundId(0),
        ttl=Ttl(ttl),
        flow=FlowId(0),
        sequence=Sequence(33001),
        source_port=Port(40123),
        target_port=Port(33434),
        shape=PacketShape(size=size, pattern=pattern, tos=tos),
        mark=33001 if protocol is Protocol.TCP else 0,
    )


@st.composite
def probes(draw: st.DrawFn) -> Probe:
    family, protocol = draw(families), draw(st.sampled_from(PROTOCOLS))
    return Probe(
        trace=TraceId(0),
        target=draw(addresses(family)),
        protocol=protocol,
        mark=draw(u32) if protocol is Protocol.TCP else 0,
        round=RoundId(0),
        ttl=Ttl(draw(st.integers(1, 254))),
        flow=FlowId(0),
        sequence=Sequence(draw(u16)),
        source_port=Port(draw(u16)),
        target_port=Port(draw(u16)),
        shape=PacketShape(size=draw(st.integers(0, 2000)), pattern=draw(u8), tos=draw(u8)),
    )


labels = st.builds(
    MplsLabel, label=st.integers(0, 0xFFFFF), exp=st.integers(0, 7), bos=st.integers(0, 1), ttl=u8
)
stacks = st.builds(MplsStack, st.lists(labels, max_size=6).map(tuple))
unknown_objects = st.builds(UnknownExtension, u8, u8, st.binary(max_size=40)).filter(
    lambda extension: extension.class_num not in (1, 2, 3)
)
names = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=15)
some_address = families.flatmap(addresses)
interfaces = st.builds(
    InterfaceInformation,
    role=st.sampled_from(InterfaceRole),
    index=st.none() | u32,
    address=st.none() | some_address,
    name=st.none() | names,
    mtu=st.none() | u32,
)
identifications = st.one_of(
    st.builds(InterfaceIdentification, name=names),
    st.builds(InterfaceIdentification, index=u32),
    st.builds(InterfaceIdentification, address=some_address),
)
extension_lists: st.SearchStrategy[tuple[Extension, ...]] = st.lists(
    st.one_of(stacks, interfaces, identifications, unknown_objects), min_size=1, max_size=4
).map(tuple)

EVERY_EXTENSION: tuple[Extension, ...] = (
    MplsStack((MplsLabel(label=24001, exp=0, bos=1, ttl=1),)),
    InterfaceInformation(
        role=InterfaceRole.INCOMING, index=7, address=Address("203.0.113.7"), name="xe-0/0/1", mtu=1500
    ),
    InterfaceInformation(role=InterfaceRole.NEXT_HOP, address=Address("2001:db8:7::7")),
    InterfaceIdentification(name="ge-1"),
    InterfaceIdentification(index=9),
    InterfaceIdentification(address=Address("2001:db8:7::8")),
    UnknownExtension(247, 1, b"secret"),
)
"""One of every kind."""


def answers_to(probe: Probe) -> dict[str, bytes]:
    """One of every kind of answer to a probe, as whole IP packets."""
    family = Family.IPV6 if ":" in probe.target else Family.IPV4
    source, router = SOURCE[family], ROUTER[family]
    packet = probe_packet(probe, source)
    stack = MplsStack((MplsLabel(label=24001, exp=0, bos=1, ttl=1),))
    found = {
        error.value: icmp_error(error, router, source, packet, mtu=1400) for error in ICMP_ERRORS[family]
    }
    found |= {
        f"{error} with MPLS": icmp_error(
            error, router, source, packet, quote_length=None, extensions=(stack,)
        )
        for error in EXTENDABLE
    }
    found["time exceeded with every extension"] = icmp_error(
        IcmpError.TIME_EXCEEDED, router, source, packet, extensions=EVERY_EXTENSION
    )
    match probe.protocol:
        case Protocol.ICMP:
            found["echo reply"] = echo_reply(packet, 60)
        case Protocol.TCP:
            found["syn-ack"] = tcp_answer(packet, TcpFlags.SYN | TcpFlags.ACK, 60)
            found["rst"] = tcp_answer(packet, TcpFlags.RST | TcpFlags.ACK, 60)
        case Protocol.UDP:
            found["data"] = udp_answer(packet, b"answer", 60)
    return found


EVERY_ANSWER = {
    f"{family} {protocol} {name}": packet
    for family in FAMILIES
    for protocol in PROTOCOLS
    for name, packet in answers_to(a_probe(family, protocol)).items()
}
"""Every kind of answer to every kind of probe, by name."""

EVERY_PROBE = {
    f"{family} {protocol}": probe_packet(a_probe(family, protocol), SOURCE[family])
    for family in FAMILIES
    for protocol in PROTOCOLS
}
"""Every kind of probe, by name."""
