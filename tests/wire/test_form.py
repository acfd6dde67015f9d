"""Packets filled into a form have the right checksum for every number, those included that sum up to zero."""

from __future__ import annotations

import msgspec
import pytest

from tests.wire.wire_strategies import FAMILIES, SOURCE, a_probe
from tracer.model import Family, Port, Protocol, Sequence
from tracer.wire.build import probe_packet
from tracer.wire.checksum import pseudo_header, verifies
from tracer.wire.ip import HEADER_LENGTH, PROTOCOL_NUMBERS

NUMBERS = range(0, 0x10000, 3)
"""0xFFFF is a multiple of 3: both ways to write zero are among them."""


def covered(packet: bytes, family: Family, protocol: Protocol, target: str) -> bytes:
    """What the transport's checksum runs over, the checksum included."""
    segment = packet[HEADER_LENGTH[family] :]
    if protocol is Protocol.ICMP and family is Family.IPV4:
        return segment
    number = PROTOCOL_NUMBERS[family][protocol]
    return pseudo_header(SOURCE[family], type(SOURCE[family])(target), number, len(segment)) + segment


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("protocol", list(Protocol))
def test_every_checksum_verifies_and_udp_never_says_that_there_is_none(
    family: Family, protocol: Protocol
) -> None:
    first = a_probe(family, protocol)
    for number in NUMBERS:
        probe = msgspec.structs.replace(first, source_port=Port(number), sequence=Sequence(0xFFFF - number))
        packet = probe_packet(probe, SOURCE[family])
        assert verifies(covered(packet, family, protocol, probe.target))
        assert family is Family.IPV6 or verifies(packet[:20])
        assert protocol is not Protocol.UDP or packet[HEADER_LENGTH[family] + 6 :][:2] != b"\0\0"
