"""What the Scapy channel makes of packets that a link brings although no host sends them."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.packet import Raw

from tracer.clock import SystemClock
from tracer.interfaces import Malformed
from tracer.model import Family, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scapy.packet import Packet

    from tracer.net.scapy_channel import ScapyChannel

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Scapy's Linux sockets")


class Link:
    """Gives the packets of a list, as Scapy's sockets do."""

    def __init__(self, *packets: Packet) -> None:
        self._packets = [*packets]

    def select(self, sockets: list[Any], _remain: float) -> list[Any]:
        return sockets if self._packets else []

    def recv(self) -> Packet:
        return self._packets.pop(0)


@pytest.fixture
def channel() -> Iterator[ScapyChannel]:
    from tracer.net.scapy_channel import ScapyChannel  # noqa: PLC0415 - Linux only

    sockets: Any = SimpleNamespace(by_family={})
    opened = ScapyChannel(SystemClock(), sockets, Protocol.UDP, "a test")
    yield opened
    opened.close()


@pytest.mark.parametrize("family", Family)
def test_a_packet_that_ends_within_its_header_stops_nothing(channel: ScapyChannel, family: Family) -> None:
    runts = [Raw(bytes(length)) for length in range(12)]
    damaged = IP(src="192.0.2.1", dst="192.0.2.2") / ICMP(type=11, chksum=1) / Raw(b"no quote")
    link = Link(*runts, damaged if family is Family.IPV4 else Raw(b"\x60" + bytes(5) + b"\x3a"))
    [found] = channel._read(family, link)
    assert isinstance(found, Malformed)
