"""Packets taken apart for people: the values and places Scapy finds too, and never an exception."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from tests.wire.wire_strategies import (
    EVERY_ANSWER,
    EVERY_PROBE,
    ROUTER,
    SOURCE,
    a_probe,
    probes,
)
from tracer.model import (
    Address,
    Family,
    InterfaceIdentification,
    InterfaceInformation,
    InterfaceRole,
    MplsLabel,
    MplsStack,
    Probe,
    Protocol,
    UnknownExtension,
)
from tracer.wire.address import family_of
from tracer.wire.build import echo_request, icmp_error, probe_packet
from tracer.wire.dissect import (
    Begins,
    Dissection,
    FieldDiff,
    LayerKind,
    begins_with,
    differences,
    dissect,
    quoted_packet,
)
from tracer.wire.icmp import IcmpError
from tracer.wire.ip import forwarded

V4, V6 = Family.IPV4, Family.IPV6
ALL = {**EVERY_ANSWER, **EVERY_PROBE}


def titles(dissection: Dissection) -> list[str]:
    return [layer.title for layer in dissection.layers]


def value(dissection: Dissection, kind: LayerKind, name: str) -> str:
    return next(
        field.text
        for layer in dissection.layers
        if layer.kind is kind
        for field in layer.fields
        if field.name == name
    )


@pytest.mark.parametrize("name", ALL)
def test_every_byte_belongs_to_exactly_one_layer_and_none_is_malformed(name: str) -> None:
    packet = ALL[name]
    dissection = dissect(packet)
    at = 0
    for layer in dissection.layers:
        assert layer.offset == at
        assert layer.kind is not LayerKind.MALFORMED
        at += layer.length
    assert at == len(packet)


@pytest.mark.parametrize("protocol", [Protocol.UDP, Protocol.TCP])
def test_ports_are_where_scapy_finds_them(protocol: Protocol) -> None:
    dissection = dissect(EVERY_PROBE[f"ipv4 {protocol}"])
    theirs = IP(EVERY_PROBE[f"ipv4 {protocol}"])
    scapy_layer = {Protocol.UDP: UDP, Protocol.TCP: TCP}[protocol]
    kind = LayerKind(protocol.value)
    assert value(dissection, kind, "source port") == str(theirs[scapy_layer].sport)
    assert value(dissection, kind, "target port") == str(theirs[scapy_layer].dport)
    assert value(dissection, kind, "checksum") == f"{theirs[scapy_layer].chksum:#06x}"
    assert value(dissection, LayerKind.IP, "ttl") == str(theirs.ttl)
    assert value(dissection, LayerKind.IP, "total length") == str(theirs.len)


def test_ipv6_fields_are_what_scapy_reads() -> None:
    packet = bytes(IPv6(src="2001:db8::1", dst="2001:db8::2", hlim=9, tc=0xB9, fl=0x12345) / UDP(dport=99))
    dissection = dissect(packet)
    assert [(field.name, field.text) for field in dissection.layers[0].fields] == [
        ("version", "6"),
        ("dscp", "EF"),
        ("ecn", "ECT(1)"),
        ("flow label", "0x12345"),
        ("payload length", "8"),
        ("next header", "17"),
        ("hop limit", "9"),
        ("source", "2001:db8::1"),
        ("destination", "2001:db8::2"),
    ]


def test_the_bytes_of_a_field_hold_its_value() -> None:
    packet = EVERY_PROBE["ipv4 tcp"]
    for layer in dissect(packet).layers:
        for field in layer.fields:
            raw = int.from_bytes(packet[field.offset : field.offset + field.length], "big")
            if field.name in {"source port", "target port", "sequence", "window", "ttl", "total length"}:
                assert int(field.text) == raw, field


def test_an_error_shows_itself_the_quote_and_the_extensions() -> None:
    dissection = dissect(EVERY_ANSWER["ipv4 udp time_exceeded with MPLS"])
    assert titles(dissection) == [
        "IPv4",
        "ICMP",
        "quoted IPv4",
        "quoted UDP",
        "quoted payload",
        "quoted padding",
        "ICMP extensions",
    ]
    assert value(dissection, LayerKind.EXTENSIONS, "mpls") == "label 24001, exp 0, bottom 1, ttl 1"


def test_a_tcp_header_quoted_in_part_shows_the_part_that_is_there() -> None:
    dissection = dissect(EVERY_ANSWER["ipv6 tcp time_exceeded"])
    cut = dissection.layers[-1]
    assert cut.title == "quoted TCP (cut off)"
    assert [field.name for field in cut.fields] == ["source port", "target port", "sequence"]


def test_unknown_extensions_are_kept_in_hex() -> None:
    extensions = (UnknownExtension(4, 1, b"\x00\xff\x10\x20"), MplsStack((MplsLabel(5, 1, 1, 9),)))
    packet = icmp_error(
        IcmpError.TIME_EXCEEDED, ROUTER[V4], SOURCE[V4], EVERY_PROBE["ipv4 udp"], extensions=extensions
    )
    assert [field.text for field in dissect(packet).layers[-1].fields[2:]] == [
        "class 4, type 1: 00 ff 10 20",
        "MPLS label stack",
        "label 5, exp 1, bottom 1, ttl 9",
    ]


def test_interface_objects_are_taken_apart_part_by_part() -> None:
    told = InterfaceInformation(
        role=InterfaceRole.OUTGOING, index=7, address=Address("203.0.113.7"), name="xe-0/0/1", mtu=9000
    )
    packet = icmp_error(
        IcmpError.TIME_EXCEEDED,
        ROUTER[V4],
        SOURCE[V4],
        EVERY_PROBE["ipv4 udp"],
        extensions=(told, InterfaceIdentification(name="ge-1"), InterfaceIdentification(index=9)),
    )
    fields = dissect(packet).layers[-1].fields[2:]
    assert [(field.name, field.text) for field in fields] == [
        ("object", "interface information: outgoing interface"),
        ("interface index", "7"),
        ("interface address", "203.0.113.7"),
        ("interface name", "xe-0/0/1"),
        ("interface mtu", "9000"),
        ("object", "interface identification"),
        ("interface name", "ge-1"),
        ("object", "interface identification"),
        ("interface index", "9"),
    ]
    content = {field.name: packet[field.offset :][: field.length] for field in fields[:5]}
    assert content["interface index"] == (7).to_bytes(4, "big")
    assert content["interface address"][-4:] == bytes((203, 0, 113, 7))
    assert content["interface name"] == b"\x0cxe-0/0/1\0\0\0"
    assert content["interface mtu"] == (9000).to_bytes(4, "big")


def test_a_tcp_header_of_which_eight_bytes_and_padding_are_quoted_reads_as_cut_off() -> None:
    packet = EVERY_ANSWER["ipv4 tcp time exceeded with every extension"]
    quoted = [layer for layer in dissect(packet).layers if layer.quoted]
    assert [layer.title for layer in quoted][1:3] == ["quoted TCP (cut off)", "quoted padding"]
    assert [field.name for field in quoted[1].fields] == ["source port", "target port", "sequence"]


def test_damaged_extensions_leave_the_quote_readable() -> None:
    packet = bytearray(EVERY_ANSWER["ipv4 udp time_exceeded with MPLS"])
    packet[-1] ^= 1
    assert titles(dissect(bytes(packet)))[-1] == "malformed"
    assert "quoted UDP" in titles(dissect(bytes(packet)))


def test_a_wrong_checksum_is_said_to_be_wrong() -> None:
    packet = bytearray(EVERY_PROBE["ipv4 udp"])
    packet[-1] ^= 1
    udp = dissect(bytes(packet)).layers[1]
    assert {field.name: field.note for field in udp.fields}["checksum"] == "wrong"


def test_a_wrong_header_checksum_comes_with_the_right_one() -> None:
    packet = bytearray(EVERY_PROBE["ipv4 udp"])
    right = f"{IP(bytes(packet)).chksum:#06x}"
    packet[10] ^= 1
    header = dissect(bytes(packet)).layers[0]
    notes = {field.name: field.note for field in header.fields}
    assert notes["header checksum"] == f"wrong: {right} would be right"


@pytest.mark.parametrize("name", ALL)
def test_the_byte_under_the_cursor_finds_its_field(name: str) -> None:
    dissection = dissect(ALL[name])
    for layer in dissection.layers:
        for field in layer.fields:
            found = dissection.at(field.offset)
            assert found is not None
            assert found[0] is layer
    assert dissection.at(len(ALL[name])) is None


@pytest.mark.parametrize(
    ("data", "begins"),
    [
        (EVERY_PROBE["ipv4 udp"], Begins.IP),
        (EVERY_PROBE["ipv6 tcp"], Begins.IP),
        (bytes(ICMP(type=0, id=7, seq=9) / b"pattern"), Begins.ICMPV4),
        (echo_request(a_probe(V4, Protocol.ICMP)), Begins.ICMPV4),
        (echo_request(a_probe(V6, Protocol.ICMP)), Begins.ICMPV6),
        (bytes(56), Begins.PAYLOAD),
        (b"A" * 40, Begins.PAYLOAD),
        (b"E" * 40, Begins.PAYLOAD),
        (b"", Begins.PAYLOAD),
    ],
)
def test_what_a_socket_shows_in_part_is_recognised(data: bytes, begins: Begins) -> None:
    assert begins_with(data) is begins


def test_a_ping_sockets_bytes_are_an_icmp_message() -> None:
    dissection = dissect(echo_request(a_probe(V4, Protocol.ICMP)))
    assert titles(dissection) == ["ICMP", "payload"]
    assert value(dissection, LayerKind.ICMP, "sequence") == "33001"


def test_no_bytes_have_no_layers_and_as_a_packet_are_malformed() -> None:
    assert dissect(b"").layers == ()
    assert titles(dissect(b"", Begins.IP)) == ["malformed"]


@given(st.binary(max_size=300), st.sampled_from([None, *Begins]))
def test_any_bytes_are_covered_without_an_exception(data: bytes, begins: Begins | None) -> None:
    layers = dissect(data, begins).layers
    assert sum(layer.length for layer in layers) == len(data)


@given(st.sampled_from(sorted(ALL)), st.data())
def test_damaged_packets_are_covered_too(name: str, data: st.DataObject) -> None:
    packet = bytearray(ALL[name])
    for _ in range(data.draw(st.integers(1, 6))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(packet[: data.draw(st.integers(0, len(packet)))])
    assert sum(layer.length for layer in dissect(cut, Begins.IP).layers) == len(cut)


@pytest.mark.parametrize("name", EVERY_ANSWER)
def test_what_was_quoted_as_sent_does_not_differ(name: str) -> None:
    sent = EVERY_PROBE[" ".join(name.split()[:2])]
    assert differences(sent, quoted_packet(EVERY_ANSWER[name])) == ()


@given(probes(), st.integers(0, 255))
def test_the_ttl_on_the_way_is_expected_to_differ(probe: Probe, ttl: int) -> None:
    sent = probe_packet(probe, SOURCE[family_of(probe.target)])
    arrived = forwarded(sent, ttl=ttl, tos=probe.shape.tos)
    assert all(diff.expected for diff in differences(sent, arrived))


def test_a_bleached_code_point_is_told() -> None:
    probe = a_probe(V4, Protocol.UDP, tos=0xB8)
    sent = probe_packet(probe, SOURCE[V4])
    unexpected = [diff for diff in differences(sent, forwarded(sent, ttl=1, tos=0)) if not diff.expected]
    assert unexpected == [FieldDiff("ip.dscp", "EF", "CS0")]


def test_a_translated_address_and_port_are_told() -> None:
    sent = EVERY_PROBE["ipv4 udp"]
    translated = IP(sent)
    translated.src, translated[UDP].sport = "203.0.113.99", 1024
    del translated.chksum, translated[UDP].chksum
    unexpected = {diff.field for diff in differences(sent, bytes(translated)) if not diff.expected}
    assert unexpected == {"ip.source", "udp.source port", "udp.checksum"}


def test_a_payload_that_was_changed_is_told_by_its_first_byte() -> None:
    sent = EVERY_PROBE["ipv6 udp"]
    quoted = bytearray(sent)
    quoted[50] ^= 0xFF
    assert differences(sent, bytes(quoted))[-1] == FieldDiff("payload.byte 2", "00", "ff")


@given(st.binary(max_size=120), st.binary(max_size=120))
def test_comparing_any_bytes_never_raises(sent: bytes, quoted: bytes) -> None:
    assert isinstance(differences(sent, quoted), tuple)


@given(st.binary(max_size=120))
def test_looking_for_a_quote_never_raises(data: bytes) -> None:
    assert isinstance(quoted_packet(data), bytes)
