"""The quoted packet against the sent one; Scapy does the rewriting, so that the checksums are its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6

from tests.wire.wire_strategies import (
    EVERY_ANSWER,
    EVERY_PROBE,
    FAMILIES,
    SOURCE,
    a_probe,
    payloads,
    probes,
)
from tracer.model import Family, Protocol, QuotedDiff
from tracer.wire.address import family_of
from tracer.wire.build import probe_packet
from tracer.wire.checksum import pseudo_header, unfinished
from tracer.wire.compare import FIELDS, differences
from tracer.wire.dissect import quoted_packet
from tracer.wire.ip import HEADER_LENGTH, forwarded

V4, V6 = Family.IPV4, Family.IPV6
ICMP_, UDP_, TCP_ = Protocol.ICMP, Protocol.UDP, Protocol.TCP
LAYERS = {
    (V4, ICMP_): ICMP, (V4, UDP_): UDP, (V4, TCP_): TCP,
    (V6, ICMP_): ICMPv6EchoRequest, (V6, UDP_): UDP, (V6, TCP_): TCP,
}  # fmt: skip
Change = Callable[[Any, Any], None]


def sent_packet(family: Family, protocol: Protocol, size: int = 84) -> bytes:
    return probe_packet(a_probe(family, protocol, size=size, tos=0xB9, pattern=0x5A), SOURCE[family])


def rewritten(sent: bytes, family: Family, protocol: Protocol, change: Change) -> bytes:
    """What a device that rewrites makes of a packet; every checksum is computed anew."""
    packet = (IP if family is V4 else IPv6)(sent)
    transport = packet[LAYERS[family, protocol]]
    change(packet, transport)
    if family is V4:
        del packet.chksum
    if protocol is ICMP_ and family is V6:
        del transport.cksum
    else:
        del transport.chksum
    return bytes(packet)


def setting(layer: int, **fields: Any) -> Change:
    def change(*layers: Any) -> None:
        for name, value in fields.items():
            setattr(layers[layer], name, value)

    return change


IP_, L4 = 0, 1
TABLE: list[tuple[str, Family, Protocol, Change, dict[str, tuple[Any, Any]]]] = [
    ("nothing", V4, UDP_, setting(IP_), {}),
    ("ttl", V4, UDP_, setting(IP_, ttl=1), {}),
    ("hop limit", V6, UDP_, setting(IP_, hlim=1), {}),
    ("dscp bleached", V4, UDP_, setting(IP_, tos=0x01), {"dscp": (46, 0)}),
    ("ecn bleached", V4, TCP_, setting(IP_, tos=0xB8), {"ecn": (1, 0)}),
    ("congestion", V6, ICMP_, setting(IP_, tc=0xBB), {"ecn": (1, 3)}),
    ("both", V6, UDP_, setting(IP_, tc=0), {"dscp": (46, 0), "ecn": (1, 0)}),
    ("identification", V4, ICMP_, setting(IP_, id=4711), {"identification": (33001, 4711)}),
    ("df cleared", V4, UDP_, setting(IP_, flags=0), {"dont_fragment": (True, False)}),
    ("flow label", V6, TCP_, setting(IP_, fl=0x12345), {"flow_label": (0, 0x12345)}),
    ("icmp identifier", V4, ICMP_, setting(L4, id=9), {"icmp_identifier": (40123, 9)}),
    ("icmpv6 sequence", V6, ICMP_, setting(L4, seq=9), {"icmp_sequence": (33001, 9)}),
    ("sequence", V4, TCP_, setting(L4, seq=77), {"tcp_sequence": (33001, 77)}),
    ("window", V6, TCP_, setting(L4, window=77), {"tcp_window": (65535, 77)}),
    ("mss clamped", V4, TCP_, setting(L4, options=[("MSS", 1380)]), {"tcp_mss": (1460, 1380)}),
    ("flags", V4, TCP_, setting(L4, flags="SEC"), {"tcp_flags": (2, 0xC2)}),
    ("ack", V4, TCP_, setting(L4, ack=5), {"tcp_acknowledgement": (0, 5)}),
    ("target port", V4, UDP_, setting(L4, dport=53), {"target_port": (33434, 53)}),
    ("source port", V6, TCP_, setting(L4, sport=9), {"source_port": (40123, 9)}),
    ("source", V4, UDP_, setting(IP_, src="203.0.113.9"), {"source": ("192.0.2.1", "203.0.113.9")}),
    ("source", V6, TCP_, setting(IP_, src="2001:db8:f::9"), {"source": ("2001:db8::1", "2001:db8:f::9")}),
    (
        "destination", V4, TCP_, setting(IP_, dst="203.0.113.9"),
        {"destination": ("198.51.100.9", "203.0.113.9")},
    ),
]  # fmt: skip
CHECKSUMS = {"udp_checksum", "tcp_checksum", "icmp_checksum"}
COVERED = {
    "source", "destination", "source_port", "target_port", "icmp_identifier", "icmp_sequence",
    "tcp_sequence", "tcp_window", "tcp_flags", "tcp_acknowledgement", "tcp_mss",
}  # fmt: skip
"""What a transport checksum runs over."""


@pytest.mark.parametrize(("_name", "family", "protocol", "change", "expected"), TABLE)
def test_what_was_rewritten_is_told_and_nothing_else(
    _name: str,
    family: Family,
    protocol: Protocol,
    change: Change,
    expected: dict[str, tuple[Any, Any]],
) -> None:
    sent = sent_packet(family, protocol)
    found = {
        diff.field: (diff.sent, diff.quoted)
        for diff in differences(sent, rewritten(sent, family, protocol, change))
    }
    derived = set(found) & CHECKSUMS
    assert {name: values for name, values in found.items() if name not in derived} == expected
    # A checksum that covers what was rewritten changes with it, and is told too; any other does not.
    assert bool(derived) == bool(COVERED & set(expected))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_length_and_a_checksum_that_were_altered_are_told(family: Family) -> None:
    sent = sent_packet(family, UDP_)
    altered = bytearray(sent)
    altered[HEADER_LENGTH[family] + 4 : HEADER_LENGTH[family] + 8] = b"\0\x0c\0\0"
    length, check = (int.from_bytes(sent[HEADER_LENGTH[family] + at :][:2], "big") for at in (4, 6))
    assert differences(sent, bytes(altered)) == (
        QuotedDiff("udp_length", length, 12),
        QuotedDiff("udp_checksum", check, 0),
    )
    at, name, told = (2, "total_length", len(sent)) if family is V4 else (4, "payload_length", len(sent) - 40)
    altered = bytearray(sent)
    altered[at : at + 2] = b"\x01\0"
    assert differences(sent, bytes(altered)) == (QuotedDiff(name, told, 256),)


@given(probes(), st.integers(0, 255))
def test_what_every_router_changes_is_no_difference(probe: Any, ttl: int) -> None:
    sent = probe_packet(probe, SOURCE[family_of(probe.target)])
    quoted = forwarded(sent, ttl=ttl, tos=probe.shape.tos)
    for end in range(HEADER_LENGTH[family_of(probe.target)] + 8, len(quoted) + 1, 7):
        assert differences(sent, quoted[:end]) == ()


@pytest.mark.parametrize("name", sorted(EVERY_ANSWER))
def test_no_answer_of_a_router_that_changes_nothing_shows_a_difference(name: str) -> None:
    family, protocol, *_ = name.split()
    assert differences(EVERY_PROBE[f"{family} {protocol}"], quoted_packet(EVERY_ANSWER[name])) == ()


@pytest.mark.parametrize("family", FAMILIES)
def test_only_what_was_quoted_is_compared(family: Family) -> None:
    sent = sent_packet(family, TCP_)
    there = rewritten(sent, family, TCP_, setting(L4, window=77, sport=9))
    least = HEADER_LENGTH[family] + 8
    assert [diff.field for diff in differences(sent, there[:least])] == ["source_port"]
    assert [diff.field for diff in differences(sent, there[: least + 8])] == ["source_port", "tcp_window"]
    padded = there[:least].ljust(128, b"\0")
    assert [diff.field for diff in differences(sent, padded)] == ["source_port"]


@pytest.mark.parametrize(
    ("family", "protocol"), [(V4, UDP_), (V4, TCP_), (V6, UDP_), (V6, TCP_), (V6, ICMP_)]
)
def test_a_checksum_left_to_the_network_card_is_not_compared(family: Family, protocol: Protocol) -> None:
    finished = sent_packet(family, protocol)
    header = HEADER_LENGTH[family]
    pseudo = pseudo_header(
        SOURCE[family],
        a_probe(family, protocol).target,
        {ICMP_: 58, UDP_: 17, TCP_: 6}[protocol],
        len(finished) - header,
    )
    at = header + {ICMP_: 2, UDP_: 6, TCP_: 16}[protocol]
    offloaded = finished[:at] + unfinished(pseudo).to_bytes(2, "big") + finished[at + 2 :]
    assert differences(offloaded, finished) == ()
    assert differences(finished, offloaded) == ()


@given(st.sampled_from(sorted(EVERY_PROBE)), st.sampled_from([b"", b"\x45", b"\x60"]), payloads)
def test_comparing_never_fails(name: str, start: bytes, data: bytes) -> None:
    sent = EVERY_PROBE[name]
    for one, other in ((sent, start + data), (start + data, sent)):
        assert {diff.field for diff in differences(one, other)} <= set(FIELDS)


@given(st.sampled_from(sorted(EVERY_PROBE)), st.lists(st.integers(0, 8 * 28 - 1), min_size=1, max_size=6))
def test_flipped_bits_never_break_it(name: str, bits: list[int]) -> None:
    sent = EVERY_PROBE[name]
    altered = bytearray(sent)
    for bit in bits:
        altered[bit // 8] ^= 1 << bit % 8
    for diff in differences(sent, bytes(altered)):
        assert diff.sent != diff.quoted
