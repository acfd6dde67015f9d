"""The unprivileged channel over loopback: what its answers say, and that it lets go of everything."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import Any

import msgspec
import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.utils import checksum as scapy_checksum

from tests.net.loopback import (
    LOOPBACK,
    PATIENCE_MS,
    TRACE,
    Wire,
    closed_port,
    descriptors,
    probe,
    replies,
    route,
    server,
    silent_server,
    wire,
)
from tracer.interfaces import Notice, NotSent, PortInUse, SendProbe, Sent, TransmitStamp
from tracer.model import (
    Address,
    FailureKind,
    Family,
    FlowId,
    Icmp,
    PortPlanKind,
    Probe,
    Protocol,
    ReplyKind,
    SourceInfo,
    StampClock,
    Strategy,
)
from tracer.net import host, linux
from tracer.net.choose import _may_ping
from tracer.net.endpoint import DatagramEndpoint
from tracer.net.protocols import KERNEL_RESENDS_NS
from tracer.net.timestamps import KernelClock

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's error queue")
UDP, TCP, ICMP = Protocol.UDP, Protocol.TCP, Protocol.ICMP
DGRAM, STREAM = socket.SOCK_DGRAM, socket.SOCK_STREAM
PORT_UNREACHABLE = {Family.IPV4: Icmp(3, 3), Family.IPV6: Icmp(1, 4)}
ECHO_REPLY = {Family.IPV4: Icmp(0, 0), Family.IPV6: Icmp(129, 0)}
each_family = pytest.mark.parametrize("family", Family)
MOVES, FIXED = PortPlanKind.FIXED_TARGET, PortPlanKind.FIXED_SOURCE


@each_family
@pytest.mark.parametrize("plan", [MOVES, FIXED])
def test_a_closed_udp_port_answers_with_kernel_stamps_on_both_ends(
    family: Family, plan: PortPlanKind
) -> None:
    port = closed_port(family, DGRAM)
    with wire(route(family, UDP, plan=plan)) as lab:
        before = lab.clock.now_ns()
        sent = lab.send(port)
        assert isinstance(sent, Sent)
        found = lab.receive(lambda items: len(items) == 2)
        after = lab.clock.now_ns()
    [reply] = replies(found)
    [left] = [item for item in found if isinstance(item, TransmitStamp)]
    assert (reply.kind, reply.icmp) == (ReplyKind.UNREACHABLE, PORT_UNREACHABLE[family])
    assert (reply.responder, reply.destination) == (LOOPBACK[family], LOOPBACK[family])
    assert reply.quoted.identity == left.identity == (sent.source_port, port)
    assert reply.rx.clock is left.at.clock is StampClock.KERNEL
    slack_ns = 50_000
    assert before - slack_ns <= left.at.ns <= reply.rx.ns <= after + slack_ns
    assert reply.reply_ttl == 64
    assert left.packet is not None
    assert left.packet[0] >> 4 == (4 if family is Family.IPV4 else 6)


@each_family
def test_an_open_udp_port_that_answers_is_data_from_the_target(family: Family) -> None:
    with server(family, DGRAM) as service, wire(route(family, UDP)) as lab:
        lab.send(service.getsockname()[1])
        _, peer = service.recvfrom(2048)
        service.sendto(b"hello", peer)
        reply = lab.reply()
        assert (reply.kind, reply.responder, reply.raw) == (ReplyKind.UDP_DATA, LOOPBACK[family], b"hello")
        assert reply.rx.clock is StampClock.KERNEL
        assert reply.quoted.identity == (peer[1], service.getsockname()[1])


@each_family
def test_an_open_tcp_port_is_timed_by_the_kernel_and_leaves_nothing_behind(family: Family) -> None:
    with server(family, STREAM) as service, wire(route(family, TCP)) as lab:
        sent = lab.send(service.getsockname()[1])
        assert isinstance(sent, Sent)
        assert sent.at.clock is StampClock.USER
        reply = lab.reply()
        assert (reply.kind, reply.responder) == (ReplyKind.SYN_ACK, LOOPBACK[family])
        assert reply.rx.clock is StampClock.KERNEL
        assert reply.rtt_ns is not None
        assert 0 < reply.rtt_ns < 100_000_000
        assert not reply.retransmitted
        assert reply.quoted.identity == (sent.source_port, service.getsockname()[1])
        lab.channel.release(probe(lab.route))
        held = host.ports_in_use(TCP, sent.source_port, sent.source_port)
        assert held == {}, "closed with a reset: nothing stays in TIME-WAIT"


@each_family
def test_a_closed_tcp_port_resets_and_is_timed_by_this_process(family: Family) -> None:
    port = closed_port(family, STREAM)
    with wire(route(family, TCP)) as lab:
        sent = lab.send(port)
        assert isinstance(sent, Sent)
        reply = lab.reply()
    assert (reply.kind, reply.responder) == (ReplyKind.RST, LOOPBACK[family])
    assert reply.rx.clock is StampClock.USER
    assert reply.rx.ns >= sent.at.ns
    assert reply.quoted.identity == (sent.source_port, port)


@each_family
def test_a_ping_is_answered_with_kernel_stamps(family: Family) -> None:
    if not _may_ping(family):
        pytest.skip("ping_group_range admits no ping sockets here; the laboratory opens it")
    with wire(route(family, ICMP)) as lab:
        sent = lab.send(sequence=77)
        assert isinstance(sent, Sent)
        reply = lab.reply()
    assert (reply.kind, reply.icmp) == (ReplyKind.ECHO_REPLY, ECHO_REPLY[family])
    assert reply.quoted.identity == (sent.source_port, 77)
    assert reply.rx.clock is StampClock.KERNEL


@each_family
def test_one_wake_up_drains_everything_and_then_there_is_no_busy_loop(family: Family) -> None:
    """Twenty answers and twenty send stamps lie in one queue; afterwards the descriptor is quiet."""
    count = 20
    port = closed_port(family, DGRAM)
    with wire(route(family, UDP)) as lab:
        for sequence in range(count):
            assert isinstance(lab.send(port, sequence), Sent)
        found = lab.receive(lambda items: len(items) == 2 * count)
        assert len(replies(found)) == count
        assert not lab.ready()
        assert lab.channel.receive(lab.clock.now_ns()) == []
        assert lab.channel.deadline() is None


@each_family
@pytest.mark.parametrize("opened", [True, False])
def test_a_tcp_socket_tells_once_and_is_quiet_then(family: Family, *, opened: bool) -> None:
    """An established or reset socket stays readable for ever; it must not keep the loop awake."""
    with server(family, STREAM) as service, wire(route(family, TCP)) as lab:
        lab.send(service.getsockname()[1] if opened else closed_port(family, STREAM))
        lab.reply()
        assert not lab.ready()
        assert lab.channel.receive(lab.clock.now_ns()) == []


@each_family
def test_a_pending_error_of_an_earlier_probe_fails_no_later_one(family: Family) -> None:
    first = closed_port(family, DGRAM)
    second = first + 1
    with wire(route(family, UDP)) as lab:
        assert isinstance(lab.send(first, 1), Sent)
        assert lab.ready(PATIENCE_MS), "the first probe's error lies on the socket, unread"
        assert isinstance(lab.send(second, 2), Sent)
        found = lab.receive(lambda items: len(replies(items)) == 2)
    assert [reply.quoted.identity[1] for reply in replies(found)] == [first, second]


@each_family
@pytest.mark.parametrize("how", ["release", "close_trace", "close"])
@pytest.mark.parametrize(("protocol", "plan"), [(TCP, MOVES), (UDP, MOVES), (UDP, FIXED)])
def test_every_descriptor_is_closed(family: Family, how: str, protocol: Protocol, plan: PortPlanKind) -> None:
    with silent_server(family) as silent, server(family, DGRAM) as service:
        port = silent if protocol is TCP else service.getsockname()[1]
        bare = descriptors()
        lab = Wire(route(family, protocol, plan=plan))
        idle = descriptors()
        for sequence in (1, 2, 3):
            assert isinstance(lab.send(port, sequence), Sent)
        assert len(descriptors() - idle) == (1 if plan is FIXED else 3)
        if how == "release":
            for sequence in (1, 2, 3):
                lab.channel.release(probe(lab.route, port, sequence))
            assert len(descriptors() - idle) == (1 if plan is FIXED else 0), "a shared socket serves on"
        elif how == "close_trace":
            lab.channel.close_trace(TRACE)
            assert descriptors() == idle
            lab.channel.release(probe(lab.route, port))
        lab.channel.close()
        assert descriptors() == bare


@each_family
@pytest.mark.parametrize(
    ("timeout_ns", "open_ns"), [(2_000_000_000, KERNEL_RESENDS_NS), (300_000_000, 300_000_000)]
)
def test_a_silent_tcp_probe_is_closed_before_the_kernel_resends_its_syn(
    family: Family, timeout_ns: int, open_ns: int
) -> None:
    with silent_server(family) as port, wire(route(family, TCP, timeout_ns=timeout_ns)) as lab:
        idle = descriptors()
        sent = lab.send(port)
        assert isinstance(sent, Sent)
        closes_ns = lab.channel.deadline()
        assert closes_ns == sent.at.ns + open_ns
        assert open_ns < 1_000_000_000
        lab.channel.receive(closes_ns - 1)
        assert descriptors() > idle
        assert lab.channel.receive(closes_ns) == []
        assert descriptors() == idle
        assert lab.channel.deadline() is None
        assert host.ports_in_use(TCP, sent.source_port, sent.source_port) == {}


def test_a_reused_descriptor_outlives_its_predecessors_closing_time() -> None:
    """The second probe gets the descriptor and the sequence of the first; the first one's time is not its."""
    with silent_server(Family.IPV4) as port, wire(route(Family.IPV4, TCP)) as lab:
        idle = descriptors()
        lab.send(port, 1)
        first_closes_ns = lab.channel.deadline()
        assert first_closes_ns is not None
        lab.channel.release(probe(lab.route, port, 1))
        lab.send(port, 2)
        lab.channel.receive(first_closes_ns)
        assert len(descriptors() - idle) == 1


@each_family
@pytest.mark.parametrize("step_ns", [3_600_000_000_000, -3_600_000_000_000])
def test_a_step_of_the_wall_clock_restamps_and_is_told(family: Family, step_ns: int) -> None:
    ahead_ns = 0
    with wire(route(family, UDP)) as lab:
        lab.channel._watch.clock = KernelClock(lab.clock, lambda: time.time_ns() + ahead_ns)
        lab.send(closed_port(family, DGRAM))
        assert lab.ready(PATIENCE_MS)
        ahead_ns = step_ns
        before = lab.clock.now_ns()
        found = lab.channel.receive(before)
        after = lab.clock.now_ns()
    [reply] = replies(found)
    assert reply.rx.clock is StampClock.USER
    assert before <= reply.rx.ns <= after
    assert [item for item in found if isinstance(item, Notice)] == [Notice(clock_steps=1)]
    assert not [item for item in found if isinstance(item, TransmitStamp)], "its clock is not to be trusted"


@each_family
@pytest.mark.parametrize(("protocol", "kind"), [(UDP, DGRAM), (TCP, STREAM)])
def test_a_held_port_is_skipped_and_ends_the_lap_as_exhaustion(
    family: Family, protocol: Protocol, kind: int
) -> None:
    with server(family, kind) as holder, wire(route(family, protocol, plan=MOVES)) as lab:
        idle = descriptors()
        held = holder.getsockname()[1]
        moving = probe(lab.route, 33434, source_port=held)
        assert lab.channel.send(SendProbe(moving)) == PortInUse(held)
        ended = lab.channel.send(SendProbe(moving, lap_ends=True))
        assert isinstance(ended, NotSent)
        assert ended.failure.kind is FailureKind.PORTS_EXHAUSTED
        assert descriptors() == idle


@each_family
@pytest.mark.parametrize("protocol", [UDP, TCP])
def test_a_fixed_port_that_is_held_is_named(family: Family, protocol: Protocol) -> None:
    kind = STREAM if protocol is TCP else DGRAM
    with server(family, kind) as holder, wire(route(family, protocol, plan=FIXED)) as lab:
        held = holder.getsockname()[1]
        result = lab.send(33434, source_port=held)
        assert isinstance(result, NotSent)
        assert result.failure.kind is FailureKind.PORT_IN_USE
        assert result.failure.evidence["port"] == held
        assert "process" in result.failure.evidence["holder"]


@pytest.mark.parametrize(
    ("family", "foreign"), [(Family.IPV4, "198.18.77.77"), (Family.IPV6, "2001:db8:77::77")]
)
@pytest.mark.parametrize("protocol", [UDP, TCP])
def test_a_source_that_is_not_ours_fails_each_probe(family: Family, foreign: str, protocol: Protocol) -> None:
    elsewhere = route(family, protocol, source=SourceInfo(Address(foreign), None), bind_source=True)
    with wire(elsewhere) as lab:
        for sequence in (1, 2):
            result = lab.send(33434, sequence)
            assert isinstance(result, NotSent)
            assert result.failure.kind is FailureKind.SOURCE_UNAVAILABLE
            assert foreign in result.failure.message


@each_family
def test_a_chosen_source_and_device_are_bound(family: Family) -> None:
    bound = route(family, UDP, bind_source=True, bind_device=True)
    with wire(bound) as lab:
        assert isinstance(lab.send(closed_port(family, DGRAM)), Sent)
        [endpoint] = lab.channel._endpoints.values()
        assert endpoint.sock.getsockname()[0] == LOOPBACK[family]
        device = endpoint.sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16)
        assert device.rstrip(b"\0") == b"lo"
        assert lab.reply().kind is ReplyKind.UNREACHABLE


def test_what_the_channel_says_of_itself() -> None:
    with wire(route(Family.IPV4, UDP)) as lab:
        assert (lab.channel.info.name, lab.channel.info.privileged) == ("errqueue", False)
        assert lab.channel.info.reason == "loopback"
        assert (lab.channel.clock_info.tx, lab.channel.clock_info.rx) == (StampClock.KERNEL,) * 2
        assert lab.channel.clock_info.note == ""
    with wire(route(Family.IPV4, TCP)) as lab:
        assert lab.channel.clock_info.tx is StampClock.USER
        assert "TCP_INFO" in lab.channel.clock_info.note
        lab.channel._watch.stamping.works = False
        assert lab.channel.clock_info.rx is StampClock.USER
        assert "20 ms" in lab.channel.clock_info.note


SHORT_OF_FILES = """
import os, resource
from tests.net.loopback import Wire, route
from tracer.clock import SystemClock
from tracer.errors import LocalError
from tracer.interfaces import NotSent
from tracer.model import Family, PortPlanKind, Protocol
from tracer.net.errqueue import ErrqueueChannel

def leave(free):
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + free, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

labs = [Wire(route(Family.IPV4, p, plan=PortPlanKind.FIXED_TARGET)) for p in (Protocol.UDP, Protocol.TCP)]
used = os.open("/dev/null", os.O_RDONLY)
os.close(used)
leave(0)
for lab in labs:
    for sequence in (1, 2):
        result = lab.send(33434, sequence)
        assert isinstance(result, NotSent), result
        print(result.failure.kind, result.failure.errno)
for lab in labs:
    lab.channel.close()
    used -= 3
from tracer.net import host
host.raise_descriptor_limit = lambda: 0
for free in (0, 1):
    leave(free)
    try:
        ErrqueueChannel(SystemClock(), Protocol.UDP, "")
    except LocalError as error:
        print(error.failure.kind, error.failure.remedy != "")
"""


def test_without_descriptors_probes_fail_and_nothing_is_raised() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SHORT_OF_FILES],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["too_many_files EMFILE"] * 4 + ["too_many_files True"] * 2


def flow_probe(of: Wire, flow: int, sequence: int, strategy: Strategy, **shape: Any) -> Probe:
    made = probe(of.route, sequence=sequence, target_port=33_434)
    look = msgspec.structs.replace(made.shape, **shape)
    return msgspec.structs.replace(made, flow=FlowId(flow), strategy=strategy, shape=look)


def left(of: Wire, probes: list[Probe]) -> dict[tuple[int, int], bytes]:
    """Send them; the packets as they left, by source port or identifier, and by sequence of ICMP."""
    for one in probes:
        assert isinstance(of.channel.send(SendProbe(one)), Sent)
    found = of.receive(lambda items: sum(isinstance(one, TransmitStamp) for one in items) >= len(probes))
    stamps = [one for one in found if isinstance(one, TransmitStamp)]
    return {stamp.identity: stamp.packet for stamp in stamps if stamp.packet is not None}


@each_family
def test_icmp_paris_keeps_one_checksum_for_each_flow_and_no_two_flows_share_it(family: Family) -> None:
    if not _may_ping(family):
        pytest.skip("net.ipv4.ping_group_range does not admit this group")
    with wire(route(family, ICMP, strategy=Strategy.PARIS)) as lab:
        probes = [flow_probe(lab, flow, at, Strategy.PARIS) for flow in range(3) for at in (1, 700, 65_535)]
        packets = left(lab, probes)
    start = 20 if family is Family.IPV4 else 40
    checksums: dict[int, set[bytes]] = {}
    for (identifier, _), packet in packets.items():
        read = (IP if family is Family.IPV4 else IPv6)(packet)
        told = bytes(read.payload)[2:4]
        checksums.setdefault(identifier, set()).add(told)
        assert packet[start + 2 : start + 4] == told
        if family is Family.IPV4:
            assert scapy_checksum(packet[20:]) == 0
    assert [len(one) for one in checksums.values()] == [1, 1, 1]
    assert len(set.union(*checksums.values())) == 3


@each_family
def test_classic_udp_flows_each_have_a_source_port(family: Family) -> None:
    with wire(route(family, UDP)) as lab:
        probes = [flow_probe(lab, flow, at, Strategy.CLASSIC) for flow in range(3) for at in range(2)]
        results = [lab.channel.send(SendProbe(one)) for one in probes]
    ports = [result.source_port for result in results if isinstance(result, Sent)]
    assert ports[::2] == ports[1::2]
    assert len(set(ports)) == 3


@pytest.mark.parametrize("dont_fragment", [True, False])
def test_routers_may_cut_what_is_allowed_to_be_cut(dont_fragment: bool) -> None:  # noqa: FBT001 - a case
    with wire(route(Family.IPV4, UDP)) as lab:
        [packet] = left(lab, [flow_probe(lab, 0, 1, Strategy.CLASSIC, dont_fragment=dont_fragment)]).values()
    assert ("DF" in IP(packet).flags) is dont_fragment


def test_a_flood_is_read_in_bounded_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    from tracer.net import endpoint, errqueue  # noqa: PLC0415 - the limits are patched where they are used

    monkeypatch.setattr(endpoint, "DATAGRAMS_AT_ONCE", 3)
    monkeypatch.setattr(errqueue, "POLLS_AT_ONCE", 2)
    with server(Family.IPV4, DGRAM) as service, wire(route(Family.IPV4, UDP)) as lab:
        lab.send(service.getsockname()[1])
        _, peer = service.recvfrom(2048)
        for _ in range(10):
            service.sendto(b"flood", peer)
        read = [len(replies(lab.channel.receive(lab.clock.now_ns()))) for _ in range(3)]
    assert read == [6, 4, 0]


def test_stamps_that_never_come_are_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from tracer.net import endpoint as module  # noqa: PLC0415 - the limit is patched where it is used

    monkeypatch.setattr(module, "STAMPS_AWAITED", 4)
    with server(Family.IPV4, DGRAM) as service, wire(route(Family.IPV4, UDP)) as lab:
        lab.channel._stamping = linux.OPT_TSONLY  # stamps by number, and none is taken
        for sequence in range(1, 11):
            assert isinstance(lab.send(service.getsockname()[1], sequence), Sent)
        [endpoint] = lab.channel._endpoints.values()
        assert isinstance(endpoint, DatagramEndpoint)
        assert len(endpoint._by_count) == 4
