"""The raw channel over loopback: what leaves, what its answers say, and that it lets go of everything."""

from __future__ import annotations

import errno
import select
import socket
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.net.loopback import (
    LOOPBACK,
    TRACE,
    closed_port,
    descriptors,
    probe,
    replies,
    route,
    server,
)
from tests.net.raw_loopback import RawWire, needs_raw, raw_sockets, raw_wire
from tracer.interfaces import (
    FailedLate,
    Malformed,
    Notice,
    NotSent,
    PortInUse,
    SendProbe,
    Sent,
    TransmitStamp,
)
from tracer.model import (
    Address,
    FailureKind,
    Family,
    FlowId,
    PacketShape,
    Port,
    PortPlanKind,
    Protocol,
    Reply,
    ReplyKind,
    SourceInfo,
    StampClock,
    TraceId,
)
from tracer.net import host, linux
from tracer.net.raw_source import FRESH_NS
from tracer.net.timestamps import KernelClock
from tracer.wire.build import icmp_error, probe_packet
from tracer.wire.decode import decode_reply
from tracer.wire.icmp import IcmpError

if TYPE_CHECKING:
    from tracer.interfaces import Received

pytestmark = needs_raw
UDP, TCP, ICMP = Protocol.UDP, Protocol.TCP, Protocol.ICMP
DGRAM, STREAM = socket.SOCK_DGRAM, socket.SOCK_STREAM
MOVES, FIXED = PortPlanKind.FIXED_TARGET, PortPlanKind.FIXED_SOURCE
each_family = pytest.mark.parametrize("family", Family)
each_protocol = pytest.mark.parametrize("protocol", Protocol)
NEXT_DOOR = {Family.IPV4: Address("127.0.0.2"), Family.IPV6: Address("2001:db8::7")}
ANSWERS = {UDP: ReplyKind.UNREACHABLE, TCP: ReplyKind.RST, ICMP: ReplyKind.ECHO_REPLY}
MOVING_PORT = 21_000


def destination(family: Family, protocol: Protocol) -> int:
    """A target port that answers at once."""
    return 0 if protocol is ICMP else closed_port(family, DGRAM if protocol is UDP else STREAM)


def source_port(protocol: Protocol) -> int:
    return 0 if protocol is not TCP else free_port()


def free_port() -> int:
    for port in range(MOVING_PORT, MOVING_PORT + 100):
        with socket.socket(socket.AF_INET6, STREAM) as sock:
            try:
                sock.bind(("::", port))
            except OSError:
                continue
            return port
    raise AssertionError("a hundred ports in a row are in use")


def inject(family: Family, packet: bytes) -> None:
    """Put a packet of somebody else on the loopback interface; on ::1 it can only be from us."""
    level = socket.AF_INET if family is Family.IPV4 else socket.AF_INET6
    with socket.socket(level, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        sock.sendto(packet, (LOOPBACK[family], 0))


def now_in(lab: RawWire) -> list[Received]:
    """What has come in. Loopback delivers before a send returns."""
    return lab.channel.receive(lab.clock.now_ns())


@each_family
@each_protocol
def test_a_probe_is_answered_with_kernel_stamps_and_whole_packets(family: Family, protocol: Protocol) -> None:
    shape = PacketShape(size=100, pattern=0x41, tos=0x28)
    with raw_wire(route(family, protocol)) as lab:
        asked = msgspec.structs.replace(
            probe(lab.route, destination(family, protocol), 7, source_port(protocol)), shape=shape
        )
        sent = lab.channel.send(SendProbe(asked))
        assert isinstance(sent, Sent)
        assert sent.source_port
        [left, reply] = lab.receive(lambda items: len(items) == 2)
    assert isinstance(left, TransmitStamp)
    assert isinstance(reply, Reply)
    really = msgspec.structs.replace(asked, source_port=sent.source_port)
    assert left.packet == probe_packet(really, LOOPBACK[family])
    assert (left.identity, left.destination, left.mark) == (really.identity, LOOPBACK[family], really.mark)
    assert (reply.kind, reply.responder) == (ANSWERS[protocol], LOOPBACK[family])
    assert reply.quoted.identity == really.identity
    assert left.at.clock is reply.rx.clock is StampClock.KERNEL
    assert sent.at.ns - 50_000 <= left.at.ns <= reply.rx.ns
    assert reply.reply_ttl == 64
    assert reply.raw is not None
    assert decode_reply(reply.raw, reply.rx) == reply, "the bytes are the whole packet"


@each_family
def test_a_quote_shows_the_probe_as_it_came(family: Family) -> None:
    shape = PacketShape(size=100, tos=0x28)
    with raw_wire(route(family, UDP)) as lab:
        asked = msgspec.structs.replace(probe(lab.route, closed_port(family, DGRAM)), shape=shape, ttl=9)
        lab.channel.send(SendProbe(asked))
        reply = lab.reply()
    assert (reply.quoted.ttl, reply.quoted.tos) == (9, 0x28)


@each_family
def test_a_half_open_syn_leaves_no_connection(family: Family) -> None:
    with server(family, STREAM) as service, raw_wire(route(family, TCP)) as lab:
        port = service.getsockname()[1]
        for sequence in range(1, 9):
            lab.channel.send(SendProbe(probe(lab.route, port, sequence, free_port() + sequence)))
        found = lab.receive(lambda items: len(replies(items)) == 8)
        kinds = {reply.kind for reply in replies(found)}
        assert kinds == {ReplyKind.SYN_ACK}
        assert not select.select([service], [], [], 0)[0], "nothing is to be accepted"
        assert "ESTABLISHED" not in host.ports_in_use(TCP, port, port)


@each_family
def test_an_open_udp_port_that_answers_is_data_from_the_target(family: Family) -> None:
    with server(family, DGRAM) as service, raw_wire(route(family, UDP)) as lab:
        lab.send(service.getsockname()[1])
        _, peer = service.recvfrom(2048)
        for data in (b"hello", bytes(3000)):
            service.sendto(data, peer[:2])
            reply = lab.reply()
            assert (reply.kind, reply.responder) == (ReplyKind.UDP_DATA, LOOPBACK[family])
            assert reply.raw is not None
            assert reply.raw.endswith(data)
            assert reply.quoted.identity == (peer[1], service.getsockname()[1])


@each_family
def test_nobody_is_told_that_the_reserved_port_is_closed(family: Family) -> None:
    """The kernel would answer a datagram for a raw socket with port unreachable."""
    with server(family, DGRAM) as service, raw_wire(route(family, UDP)) as lab:
        lab.send(service.getsockname()[1])
        _, peer = service.recvfrom(2048)
        service.connect(peer[:2])
        for _ in range(2):  # the second send would tell of the first one's refusal
            service.send(b"hello")
        lab.receive(lambda items: len(replies(items)) == 2)


@each_family
@pytest.mark.parametrize(("protocol", "kind"), [(UDP, DGRAM), (TCP, STREAM)])
def test_a_port_of_ours_is_given_to_nobody_else(family: Family, protocol: Protocol, kind: int) -> None:
    with raw_wire(route(family, protocol)) as lab, socket.socket(_level(family), kind) as other:
        port = free_port()
        assert isinstance(lab.channel.send(SendProbe(probe(lab.route, 9, 1, port))), Sent)
        with pytest.raises(OSError) as refused:  # noqa: PT011 - the number says which
            other.bind((LOOPBACK[family], port))
        assert refused.value.errno == errno.EADDRINUSE
        lab.channel.close_trace(TRACE)
        other.bind((LOOPBACK[family], port))


def _level(family: Family) -> int:
    return socket.AF_INET if family is Family.IPV4 else socket.AF_INET6


@each_family
@pytest.mark.parametrize(("protocol", "kind"), [(UDP, DGRAM), (TCP, STREAM)])
def test_a_held_port_is_skipped_and_ends_the_lap_as_exhaustion(
    family: Family, protocol: Protocol, kind: int
) -> None:
    with server(family, kind) as holder, raw_wire(route(family, protocol, plan=MOVES)) as lab:
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
    with server(family, kind) as holder, raw_wire(route(family, protocol, plan=FIXED)) as lab:
        held = holder.getsockname()[1]
        result = lab.send(33434, source_port=held)
        assert isinstance(result, NotSent)
        assert result.failure.kind is FailureKind.PORT_IN_USE
        assert "process" in result.failure.evidence["holder"]


@pytest.mark.parametrize("protocol", [UDP, TCP])
def test_targets_share_a_source_port_but_two_traces_of_one_target_do_not(protocol: Protocol) -> None:
    first = route(Family.IPV4, protocol, plan=MOVES)
    with raw_wire(first) as lab:
        elsewhere = route(Family.IPV4, protocol, plan=MOVES, trace=TraceId(1), target=NEXT_DOOR[Family.IPV4])
        again = route(Family.IPV4, protocol, plan=MOVES, trace=TraceId(2))
        for other in (elsewhere, again):
            lab.channel.open_trace(other)
        port = free_port()
        results = [lab.channel.send(SendProbe(probe(one, 9, 1, port))) for one in (first, elsewhere, again)]
        assert [type(result) for result in results] == [Sent, Sent, PortInUse]


@each_family
def test_every_trace_and_flow_has_an_identifier_of_its_own(family: Family) -> None:
    with raw_wire(route(family, ICMP)) as lab:
        other = route(family, ICMP, trace=TraceId(1))
        lab.channel.open_trace(other)
        base = probe(lab.route, 0, 1)
        chosen = [
            lab.channel.send(SendProbe(one))
            for one in (
                base,
                msgspec.structs.replace(base, sequence=2),
                msgspec.structs.replace(base, flow=FlowId(1)),
                probe(other, 0, 1),
            )
        ]
        numbers = [result.source_port for result in chosen if isinstance(result, Sent)]
        assert numbers[0] == numbers[1]
        assert len(set(numbers[1:])) == 3


def test_an_identifier_in_use_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "ping_identifiers", lambda _: frozenset(range(1, 65536)) - {4711})
    with raw_wire(route(Family.IPV4, ICMP)) as lab:
        result = lab.send(0)
        assert isinstance(result, Sent)
        assert result.source_port == 4711


@each_family
@each_protocol
def test_another_protocol_over_the_same_sockets_starts_clean(family: Family, protocol: Protocol) -> None:
    """As when the user changes the protocol: no privilege is needed, and no old answer comes through."""
    with raw_sockets() as sockets:
        for before in Protocol:
            with raw_wire(route(family, before), sockets) as lab:
                lab.send(destination(family, before), source_port=source_port(before))
        with raw_wire(route(family, protocol), sockets) as lab:
            lab.send(destination(family, protocol), source_port=source_port(protocol))
            [left, reply] = lab.receive(lambda items: len(items) == 2)
            assert isinstance(left, TransmitStamp)
            assert isinstance(reply, Reply)
            assert reply.kind is ANSWERS[protocol]


@each_family
@each_protocol
@pytest.mark.parametrize("how", ["release", "close_trace", "close"])
def test_every_descriptor_and_port_is_let_go(family: Family, protocol: Protocol, how: str) -> None:
    plan = FIXED if protocol is ICMP else MOVES
    with raw_sockets() as sockets:
        bare = descriptors()
        lab = RawWire(route(family, protocol, plan=plan), sockets)
        idle = descriptors()
        port = free_port() if plan is MOVES else 0
        probes = [probe(lab.route, 9, number, port and port + number) for number in (1, 2, 3)]
        assert all(isinstance(lab.channel.send(SendProbe(one)), Sent) for one in probes)
        assert len(descriptors() - idle) == (3 if plan is MOVES else 0)
        if how == "release":
            for one in probes:
                lab.channel.release(one)
        elif how == "close_trace":
            lab.channel.close_trace(TRACE)
        if how != "close":
            assert descriptors() == idle
        lab.channel.close()
        assert descriptors() == bare


@each_family
def test_once_drained_the_descriptor_is_quiet_and_the_rest_is_not_waited_for(family: Family) -> None:
    with raw_wire(route(family, UDP)) as lab:
        for sequence in range(1, 41):
            lab.send(closed_port(family, DGRAM), sequence)
        lab.receive(lambda items: len(items) == 80)
        assert not lab.ready()
        assert now_in(lab) == []
        assert lab.channel.deadline() is None


@each_family
@pytest.mark.parametrize("step_ns", [3_600_000_000_000, -3_600_000_000_000])
def test_a_step_of_the_wall_clock_restamps_and_is_told(family: Family, step_ns: int) -> None:
    ahead_ns = 0
    with raw_wire(route(family, UDP)) as lab:
        lab.channel._watch.clock = KernelClock(lab.clock, lambda: time.time_ns() + ahead_ns)
        lab.send(closed_port(family, DGRAM))
        ahead_ns = step_ns
        found = now_in(lab)
    [reply] = replies(found)
    assert reply.rx.clock is StampClock.USER
    assert found[-1] == Notice(clock_steps=1)
    assert not [item for item in found if isinstance(item, TransmitStamp)], "its clock is not to be trusted"


@each_family
def test_an_older_kernel_numbers_the_stamps_itself(family: Family) -> None:
    with raw_wire(route(family, UDP)) as lab:
        sender = lab.sockets.senders[family]
        sender._gives_numbers = False
        too_large = msgspec.structs.replace(probe(lab.route, 9, 2), shape=PacketShape(size=65_400))
        ports = [closed_port(family, DGRAM) + number for number in range(4)]
        for number, port in enumerate(ports):
            assert isinstance(lab.send(port, number), Sent)
            lab.channel.send(SendProbe(msgspec.structs.replace(too_large, target_port=Port(port))))
        found = lab.receive(lambda items: len(replies(items)) >= 4)
    stamps = [item for item in found if isinstance(item, TransmitStamp)]
    assert [stamp.identity[1] for stamp in stamps if len(stamp.packet or b"") < 200] == ports


@pytest.mark.parametrize("protocol", Protocol)
def test_a_source_that_is_not_ours_fails_each_probe(protocol: Protocol) -> None:
    for family, foreign in ((Family.IPV4, "198.18.77.77"), (Family.IPV6, "2001:db8:77::77")):
        elsewhere = route(family, protocol, source=SourceInfo(Address(foreign), None), bind_source=True)
        with raw_wire(elsewhere) as lab:
            for sequence in (1, 2):
                result = lab.send(33434, sequence)
                assert isinstance(result, NotSent)
                assert result.failure.kind is FailureKind.SOURCE_UNAVAILABLE
                assert foreign in result.failure.message


def test_without_a_route_each_probe_says_so_until_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = route(Family.IPV4, UDP, source=None)
    with raw_wire(lost) as lab:
        with monkeypatch.context() as patched:
            patched.setattr(socket.socket, "connect", _no_network)
            result = lab.send(9)
        assert isinstance(result, NotSent)
        assert result.failure.kind is FailureKind.NO_ROUTE
        assert isinstance(lab.send(9, 2), Sent)


def _no_network(*_: object) -> None:
    raise OSError(errno.ENETUNREACH, "")


def test_the_source_is_asked_for_anew_after_a_while() -> None:
    stale = route(Family.IPV4, UDP, source=SourceInfo(Address("127.0.0.9"), "lo"))
    with raw_wire(stale) as lab:
        source = lab.channel._sources[TRACE]
        asked = probe(lab.route, 9)
        first = source.find(asked, 0)
        assert first == source.find(asked, FRESH_NS - 1)
        assert not isinstance(first, NotSent)
        assert first.source == "127.0.0.1", "what the route says, not what was once known"


# Packets of somebody else


def _error(
    lab: RawWire, about: bytes, responder: Address, error: IcmpError = IcmpError.TIME_EXCEEDED
) -> bytes:
    return icmp_error(error, responder, LOOPBACK[lab.route.family], about, quote_length=28)


def test_forged_errors_about_neither_our_target_nor_our_port_never_reach_us() -> None:
    with raw_wire(route(Family.IPV4, UDP)) as lab:
        sent = lab.send(closed_port(Family.IPV4, DGRAM))
        lab.reply()
        assert isinstance(sent, Sent)
        stranger = msgspec.structs.replace(
            probe(lab.route, 9, 1, sent.source_port ^ 1), target=Address("198.18.9.9")
        )
        inject(Family.IPV4, _error(lab, probe_packet(stranger, LOOPBACK[Family.IPV4]), Address("127.0.0.7")))
        assert not lab.ready()
        assert now_in(lab) == []


@each_protocol
def test_forged_errors_about_our_target_or_our_port_come_with_what_they_quote(protocol: Protocol) -> None:
    family = Family.IPV4
    with raw_wire(route(family, protocol, plan=FIXED)) as lab:
        sent = lab.send(destination(family, protocol))
        lab.receive(lambda items: bool(replies(items)))
        assert isinstance(sent, Sent)
        base = probe(lab.route, 9, 999, sent.source_port)
        elsewhere = msgspec.structs.replace(base, target=Address("198.18.9.9"))
        other_port = msgspec.structs.replace(base, source_port=Port(sent.source_port ^ 1))
        for forged in (base, elsewhere, other_port):
            inject(family, _error(lab, probe_packet(forged, LOOPBACK[family]), Address("127.0.0.7")))
            [reply] = replies(now_in(lab))
            assert (reply.destination, reply.quoted.identity) == (forged.target, forged.identity)
            assert reply.responder == "127.0.0.7"


def test_every_truncation_of_an_answer_is_credited_to_nobody_and_stops_nothing() -> None:
    family = Family.IPV4
    with raw_wire(route(family, UDP)) as lab:
        sent = lab.send(closed_port(family, DGRAM))
        lab.reply()
        assert isinstance(sent, Sent)
        marked = msgspec.structs.replace(
            probe(lab.route, 9, 1, sent.source_port), shape=PacketShape(size=84, pattern=0x5A)
        )
        whole = _error(lab, probe_packet(marked, LOOPBACK[family]), Address("127.0.0.7"))
        counts: dict[type[Received], int] = {}
        for length in range(20, len(whole)):
            cut = whole[:2] + length.to_bytes(2) + whole[4:length]
            inject(family, cut)
            for item in now_in(lab):
                counts[type(item)] = counts.get(type(item), 0) + 1
        # From the quoted destination on, 48 bytes, a packet is about us; its checksum holds for no piece.
        assert counts == {Malformed: len(whole) - 48}
        assert isinstance(lab.send(closed_port(family, DGRAM), 2), Sent)
        assert lab.reply().kind is ReplyKind.UNREACHABLE


def test_flipped_bits_are_malformed_or_passed_over_and_credited_to_nobody() -> None:
    family = Family.IPV4
    with raw_wire(route(family, UDP)) as lab:
        sent = lab.send(closed_port(family, DGRAM))
        lab.reply()
        assert isinstance(sent, Sent)
        about = probe_packet(probe(lab.route, 9, 1, sent.source_port), LOOPBACK[family])
        whole = _error(lab, about, Address("127.0.0.7"))
        malformed = 0
        for bit in range(20 * 8, len(whole) * 8):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            inject(family, bytes(flipped))
            found = now_in(lab)
            assert not replies(found), bit
            malformed += len(found)
        assert malformed > 8 * 28, "everything behind what the filter looks at is counted"


def test_an_error_of_one_of_our_own_addresses_is_a_local_failure_and_no_hop() -> None:
    target = NEXT_DOOR[Family.IPV4]
    with raw_wire(route(Family.IPV4, UDP, target=target)) as lab:
        sent = lab.send(9)
        assert isinstance(sent, Sent)
        now_in(lab)
        about = probe_packet(probe(lab.route, 9, 1, sent.source_port), LOOPBACK[Family.IPV4])
        inject(
            Family.IPV4,
            _error(lab, about, LOOPBACK[Family.IPV4], IcmpError.HOST_UNREACHABLE),
        )
        [failed] = now_in(lab)
    assert isinstance(failed, FailedLate)
    assert failed.failure.kind is FailureKind.NEXT_HOP_UNREACHABLE
    assert (failed.destination, failed.identity) == (target, (sent.source_port, 9))


def test_answers_that_no_filter_ever_stopped_are_read_in_bounded_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tracer.net import raw, raw_sockets  # noqa: PLC0415 - the limits are patched where they are used

    monkeypatch.setattr(raw_sockets, "DATAGRAMS_AT_ONCE", 3)
    monkeypatch.setattr(raw, "POLLS_AT_ONCE", 2)
    with raw_wire(route(Family.IPV4, UDP)) as lab:
        port = closed_port(Family.IPV4, DGRAM)
        for sequence in range(1, 11):
            lab.send(port, sequence)
        assert [len(replies(now_in(lab))) for _ in range(3)] == [6, 4, 0]


def test_what_overflows_the_queue_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "RECEIVE_QUEUE", 4096)
    with raw_wire(route(Family.IPV4, UDP)) as lab:
        port = closed_port(Family.IPV4, DGRAM)
        for sequence in range(1, 101):
            lab.send(port, sequence)
        first = now_in(lab)
        lab.send(port, 200)  # the count comes with the next packet
        found = first + now_in(lab)
    dropped = sum(item.kernel_drops for item in found if isinstance(item, Notice))
    assert dropped > 0
    assert dropped + len(replies(found)) == 101


def test_what_the_channel_says_of_itself() -> None:
    with raw_wire(route(Family.IPV4, TCP)) as lab:
        assert (lab.channel.info.name, lab.channel.info.privileged) == ("raw", True)
        assert (lab.channel.clock_info.tx, lab.channel.clock_info.rx) == (StampClock.KERNEL,) * 2
        assert lab.channel.clock_info.note == ""
        lab.channel._watch.stamping.works = False
        assert lab.channel.clock_info.rx is StampClock.USER
        assert "20 ms" in lab.channel.clock_info.note
