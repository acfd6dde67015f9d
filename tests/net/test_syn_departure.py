"""When a SYN left that no kernel stamps: in the middle of its connect, unless something speaks against it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Sequence

import pytest

from tests.net.loopback import probe, route, silent_server
from tracer.clock import SystemClock
from tracer.interfaces import Received, SendProbe, Sent, TransmitStamp
from tracer.model import Address, Family, Protocol, Reply, ReplyKind, Stamp, StampClock
from tracer.net.protocols import UNDISTURBED_NS, TcpEndpoint
from tracer.net.timestamps import KernelClock

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's error queue")
BEGAN_NS = 5_000_000


class _Watched(KernelClock):
    """Tells the moments it was given."""

    def __init__(self, moments_ns: Sequence[int]) -> None:
        super().__init__(SystemClock())
        self._moments_ns = [*moments_ns]

    def now(self) -> Stamp:
        return Stamp(self._moments_ns.pop(0), StampClock.USER)


class _Answered(TcpEndpoint):
    """A router's answer came in at ``rx_ns``."""

    rx_ns = 0

    def _errors(self) -> Iterator[Received]:
        quoted = self.quoted(self._identity)
        rx = Stamp(self.rx_ns, StampClock.KERNEL)
        yield Reply(kind=ReplyKind.TIME_EXCEEDED, responder=Address("192.0.2.1"), quoted=quoted, rx=rx)


def _sent(call_ns: int) -> tuple[_Answered, Sent]:
    """A SYN whose connect took so long."""
    family, clock = Family.IPV4, _Watched([BEGAN_NS, BEGAN_NS + call_ns])
    way = route(family, Protocol.TCP)
    with silent_server(family) as port:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.bind(("127.0.0.1", 0))
        endpoint = _Answered(sock, way, clock)
        sent = endpoint.send(SendProbe(probe(way, target_port=port)))
        endpoint.close()
    assert isinstance(sent, Sent)
    return endpoint, sent


@pytest.mark.parametrize(
    ("call_ns", "after_beginning_ns"), [(30_000, 15_000), (UNDISTURBED_NS + 1, 0), (9_000_000, 0)]
)
def test_a_syn_left_in_the_middle_of_a_call_that_nothing_interrupted(
    call_ns: int, after_beginning_ns: int
) -> None:
    _, sent = _sent(call_ns)
    assert sent.at == Stamp(BEGAN_NS + after_beginning_ns, StampClock.USER)


@pytest.mark.parametrize(("rx_ns", "revised"), [(20_000, True), (29_999, True), (30_000, False)])
def test_a_syn_answered_before_its_call_returned_may_have_left_when_that_began(
    rx_ns: int, *, revised: bool
) -> None:
    endpoint, _ = _sent(30_000)
    endpoint.rx_ns = BEGAN_NS + rx_ns
    found = list(endpoint.receive())
    stamps = [item.at.ns for item in found if isinstance(item, TransmitStamp)]
    assert stamps == ([BEGAN_NS] if revised else [])
    assert isinstance(found[-1], Reply), "the stamp is told before the answer it is needed for"
