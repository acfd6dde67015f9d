"""Scapy as a second opinion, in both directions. It builds and reads bytes here and sends nothing."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from scapy.contrib.mpls import MPLS, ICMPExtension_MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPExtension_Header, ICMPExtension_InterfaceInformation
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrHopByHop,
    in6_chksum,
)
from scapy.utils import checksum as scapy_checksum

from tests.wire.wire_strategies import (
    EVERY_ANSWER,
    FAMILIES,
    PROTOCOLS,
    ROUTER,
    RX,
    SOURCE,
    TARGET,
    a_probe,
    answers_to,
    probes,
    stacks,
)
from tracer.model import (
    Address,
    Family,
    Icmp,
    InterfaceInformation,
    InterfaceRole,
    MplsLabel,
    MplsStack,
    Probe,
    Protocol,
    Quoted,
    Reply,
    ReplyKind,
)
from tracer.wire import extensions
from tracer.wire.address import family_of
from tracer.wire.build import icmp_error, payload_of, probe_packet
from tracer.wire.checksum import checksum
from tracer.wire.decode import decode_probe, decode_reply
from tracer.wire.icmp import IcmpError
from tracer.wire.ip import HEADER_LENGTH

V4, V6 = Family.IPV4, Family.IPV6
STACK = MplsStack((MplsLabel(24001, 5, 0, 1), MplsLabel(1048575, 7, 1, 255)))
SOURCE_PORT, TARGET_PORT, SEQUENCE = 40123, 33434, 33001


def ip(family: Family, source: str, destination: str, **fields: int) -> Any:
    """A Scapy header of either family; fields by their IPv4 names."""
    if family is V4:
        return IP(src=source, dst=destination, **fields)
    names = {"ttl": "hlim", "tos": "tc"}
    return IPv6(src=source, dst=destination, **{names[name]: value for name, value in fields.items()})


def scapy_probe(family: Family, protocol: Protocol) -> Any:
    """The probe ``a_probe`` describes, as Scapy builds it, with the TTL it has when it dies."""
    head = ip(family, SOURCE[family], TARGET[family], ttl=1, tos=0x28)
    match protocol:
        case Protocol.UDP:
            return head / UDP(sport=SOURCE_PORT, dport=TARGET_PORT) / bytes(56)
        case Protocol.TCP:
            return head / TCP(sport=SOURCE_PORT, dport=TARGET_PORT, flags="S", seq=SEQUENCE)
        case Protocol.ICMP if family is V4:
            return head / ICMP(type=8, id=SOURCE_PORT, seq=SEQUENCE) / bytes(56)
        case Protocol.ICMP:
            return head / ICMPv6EchoRequest(id=SOURCE_PORT, seq=SEQUENCE, data=bytes(56))


def rebuilt(packet: bytes) -> bytes:
    """The same packet with every length and checksum as Scapy works them out."""
    parsed = IP(packet) if packet[0] >> 4 == 4 else IPv6(packet)
    layer = parsed
    while layer:
        for name in ("len", "plen", "chksum", "cksum", "dataofs"):
            if name in layer.fields:
                del layer.fields[name]
        layer.raw_packet_cache = None
        layer = layer.payload
    return bytes(parsed)


@given(st.binary(max_size=1500))
def test_the_checksum_is_scapys(data: bytes) -> None:
    assert checksum(data) == scapy_checksum(data)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_this_oracle_notices_a_wrong_checksum(family: Family, protocol: Protocol) -> None:
    packet = probe_packet(a_probe(family, protocol), SOURCE[family])
    at = HEADER_LENGTH[family] + {Protocol.ICMP: 2, Protocol.TCP: 16, Protocol.UDP: 6}[protocol]
    wrong = packet[:at] + b"\xab\xcd" + packet[at + 2 :]
    assert rebuilt(wrong) == packet


@given(probes())
def test_scapy_works_out_the_lengths_and_checksums_of_our_probes_alike(probe: Probe) -> None:
    packet = probe_packet(probe, SOURCE[family_of(probe.target)])
    assert rebuilt(packet) == packet


@given(probes())
def test_scapy_reads_in_our_probes_what_we_meant(probe: Probe) -> None:
    family = family_of(probe.target)
    packet = probe_packet(probe, SOURCE[family])
    parsed = IP(packet) if family is V4 else IPv6(packet)
    assert (parsed.src, parsed.dst) == (SOURCE[family], probe.target)
    if family is V4:
        assert (parsed.ttl, parsed.tos, parsed.flags) == (probe.ttl, probe.shape.tos, "DF")
        assert parsed.id == probe.sequence
    else:
        assert (parsed.hlim, parsed.tc, parsed.fl) == (probe.ttl, probe.shape.tos, 0)
    transport = parsed.payload
    match probe.protocol:
        case Protocol.UDP:
            assert isinstance(transport, UDP)
            assert (transport.sport, transport.dport) == probe.identity
            assert bytes(transport.payload) == payload_of(probe)
        case Protocol.TCP:
            assert (transport.sport, transport.dport) == probe.identity
            assert transport.flags == "S"
            assert transport.options == [("MSS", 1460 if family is V4 else 1440)]
            assert not transport.payload
        case Protocol.ICMP:
            assert isinstance(transport, ICMP if family is V4 else ICMPv6EchoRequest)
            assert (transport.id, transport.seq) == probe.identity


@pytest.mark.parametrize("name", EVERY_ANSWER)
def test_the_checksums_of_our_answers_verify_in_scapy(name: str) -> None:
    packet = EVERY_ANSWER[name]
    if packet[0] >> 4 == 4:
        assert scapy_checksum(packet[:20]) == 0
        if packet[9] == 1:
            assert scapy_checksum(packet[20:]) == 0
        else:
            assert rebuilt(packet) == packet
    else:
        assert in6_chksum(packet[6], IPv6(packet[:40]), packet[40:]) == 0


def with_one_bottom(stack: MplsStack) -> MplsStack:
    """The stack as a router has it, and the only kind that Scapy reads to its end."""
    last = len(stack.labels) - 1
    return MplsStack(
        tuple(replace(label, bos=int(position == last)) for position, label in enumerate(stack.labels))
    )


@pytest.mark.parametrize("family", FAMILIES)
@given(stack=stacks.filter(lambda stack: stack.labels).map(with_one_bottom))
@settings(max_examples=30)
def test_scapy_finds_our_label_stacks(family: Family, stack: MplsStack) -> None:
    probe = probe_packet(a_probe(family, Protocol.UDP), SOURCE[family])
    packet = icmp_error(
        IcmpError.TIME_EXCEEDED, ROUTER[family], SOURCE[family], probe, quote_length=None, extensions=(stack,)
    )
    parsed = (IP if family is V4 else IPv6)(packet).payload
    assert parsed.length * (4 if family is V4 else 8) == 128
    found = [(entry.label, entry.cos, entry.s, entry.ttl) for entry in labels_in(parsed.ext)]
    assert found == [(label.label, label.exp, label.bos, label.ttl) for label in stack.labels]


def labels_in(extension: Any) -> list[Any]:
    """Every label of a stack; Scapy hangs each behind the one before it."""
    assert extension.version == 2
    assert extension.payload.classnum == extension.payload.classtype == 1
    found = []
    layer = MPLS(bytes(extension.payload)[4:])
    while isinstance(layer, MPLS):
        found.append(layer)
        layer = layer.payload
    return found


@pytest.mark.parametrize("address", [None, ROUTER[V4], ROUTER[V6]])
@pytest.mark.parametrize("index", [None, 7])
@pytest.mark.parametrize("mtu", [None, 9000])
@pytest.mark.parametrize("role", InterfaceRole)
def test_interface_information_is_the_same_to_scapy(
    role: InterfaceRole, index: int | None, address: Address | None, mtu: int | None
) -> None:
    """Names are left out: Scapy does not count the length's own byte, RFC 5837 section 4.3 does."""
    told = InterfaceInformation(role=role, index=index, address=address, mtu=mtu)
    places = {None: {}, ROUTER[V4]: {"afi": 1, "ip4": ROUTER[V4]}, ROUTER[V6]: {"afi": 2, "ip6": ROUTER[V6]}}
    theirs = ICMPExtension_Header() / ICMPExtension_InterfaceInformation(
        classtype=list(InterfaceRole).index(role),
        has_ifindex=index is not None,
        ifindex=index,
        has_ipaddr=address is not None,
        has_mtu=mtu is not None,
        mtu=mtu,
        **places[address],
    )
    assert extensions.decode(bytes(theirs)) == (told,)
    assert extensions.encode((told,)) == bytes(theirs)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_we_read_probes_built_by_scapy(family: Family, protocol: Protocol) -> None:
    packet = bytes(scapy_probe(family, protocol))
    found = decode_probe(packet)
    ours = decode_probe(probe_packet(a_probe(family, protocol, ttl=1, tos=0x28), SOURCE[family]))
    assert type(found) is type(ours)
    same = ("protocol", "family", "source", "destination", "identity", "ttl", "tos")
    assert [getattr(found, name) for name in same] == [getattr(ours, name) for name in same]


SCAPY_ERRORS = [
    (V4, ICMP(type=11, code=0), ReplyKind.TIME_EXCEEDED, Icmp(11, 0), None),
    (V4, ICMP(type=3, code=3), ReplyKind.UNREACHABLE, Icmp(3, 3), None),
    (V4, ICMP(type=3, code=4, nexthopmtu=1400), ReplyKind.PACKET_TOO_BIG, Icmp(3, 4), 1400),
    (V4, ICMP(type=12, code=0, ptr=20), ReplyKind.PARAMETER_PROBLEM, Icmp(12, 0), None),
    (V6, ICMPv6TimeExceeded(), ReplyKind.TIME_EXCEEDED, Icmp(3, 0), None),
    (V6, ICMPv6DestUnreach(code=4), ReplyKind.UNREACHABLE, Icmp(1, 4), None),
    (V6, ICMPv6PacketTooBig(mtu=1280), ReplyKind.PACKET_TOO_BIG, Icmp(2, 0), 1280),
    (V6, ICMPv6ParamProblem(code=1, ptr=6), ReplyKind.PARAMETER_PROBLEM, Icmp(4, 1), None),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("family", "error", "kind", "numbers", "mtu"), SCAPY_ERRORS)
def test_we_read_icmp_errors_built_by_scapy(
    family: Family, error: Any, kind: ReplyKind, numbers: Icmp, mtu: int | None, protocol: Protocol
) -> None:
    quote = bytes(scapy_probe(family, protocol))
    packet = bytes(ip(family, ROUTER[family], SOURCE[family], ttl=250, tos=0xC0) / error / quote)
    probe = a_probe(family, protocol)
    assert decode_reply(packet, RX) == Reply(
        kind=kind,
        responder=ROUTER[family],
        quoted=Quoted(
            protocol=protocol,
            destination=TARGET[family],
            identity=probe.identity,
            mark=probe.mark if protocol is Protocol.TCP else None,
            ttl=1,
            tos=0x28,
            packet=quote,
        ),
        rx=RX,
        icmp=numbers,
        reply_ttl=250,
        reply_tos=0xC0,
        mtu=mtu,
        raw=packet,
    )


@pytest.mark.parametrize("length_attribute", ["told", "left out"])
@pytest.mark.parametrize("family", FAMILIES)
def test_we_find_label_stacks_built_by_scapy(family: Family, length_attribute: str) -> None:
    units = {V4: 32, V6: 16}[family] if length_attribute == "told" else 0
    labels = [MPLS(label=label.label, cos=label.exp, s=label.bos, ttl=label.ttl) for label in STACK.labels]
    extension = ICMPExtension_Header() / ICMPExtension_MPLS(len=4 + 4 * len(labels), stack=labels)
    error = (
        ICMP(type=11, length=units, ext=extension)
        if family is V4
        else ICMPv6TimeExceeded(length=units, ext=extension)
    )
    quote = scapy_probe(family, Protocol.UDP)
    reply = decode_reply(bytes(ip(family, ROUTER[family], SOURCE[family], ttl=9) / error / quote), RX)
    assert isinstance(reply, Reply)
    assert reply.extensions == (STACK,)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("protocol", "name", "transport"),
    [
        (Protocol.TCP, "syn-ack", TCP(sport=TARGET_PORT, dport=SOURCE_PORT, flags="SA", ack=SEQUENCE + 1)),
        (Protocol.TCP, "rst", TCP(sport=TARGET_PORT, dport=SOURCE_PORT, flags="RA", ack=SEQUENCE + 1)),
        (Protocol.UDP, "data", UDP(sport=TARGET_PORT, dport=SOURCE_PORT) / b"odd"),
    ],
)
def test_we_read_direct_answers_built_by_scapy(
    family: Family, protocol: Protocol, name: str, transport: Any
) -> None:
    packet = bytes(ip(family, TARGET[family], SOURCE[family], ttl=60) / transport)
    ours = decode_reply(answers_to(a_probe(family, protocol))[name], RX)
    assert without_raw(decode_reply(packet, RX)) == without_raw(ours)


def test_we_read_echo_replies_built_by_scapy() -> None:
    for family, echo in (
        (V4, ICMP(type=0, id=SOURCE_PORT, seq=SEQUENCE) / b"odd"),
        (V6, ICMPv6EchoReply(id=SOURCE_PORT, seq=SEQUENCE, data=b"odd")),
    ):
        packet = bytes(ip(family, TARGET[family], SOURCE[family], ttl=60) / echo)
        ours = decode_reply(answers_to(a_probe(family, Protocol.ICMP))["echo reply"], RX)
        assert without_raw(decode_reply(packet, RX)) == without_raw(ours)


def test_we_read_an_echo_reply_behind_extension_headers_built_by_scapy() -> None:
    echo = ICMPv6EchoReply(id=SOURCE_PORT, seq=SEQUENCE)
    chain = IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / echo
    reply = decode_reply(bytes(ip(V6, TARGET[V6], SOURCE[V6]) / chain), RX)
    assert isinstance(reply, Reply)
    assert reply.quoted.identity == (SOURCE_PORT, SEQUENCE)


def without_raw(reply: object) -> Reply:
    """A reply without the bytes it was read from, which differ where only their payload does."""
    assert isinstance(reply, Reply)
    return replace(reply, raw=None)
