from __future__ import annotations

from typing import Any

import pytest

from tests.sim.simulation import MS, S, internet
from tracer.clock import VirtualClock
from tracer.interfaces import (
    Channel,
    Malformed,
    NotSent,
    PortInUse,
    Received,
    SendProbe,
    Sent,
    TransmitStamp,
)
from tracer.model import (
    Address,
    Failure,
    FailureKind,
    Family,
    FlowId,
    PacketShape,
    Port,
    PortPlanKind,
    Probe,
    Protocol,
    Reply,
    ReplyKind,
    RoundId,
    Route,
    Sequence,
    SourceInfo,
    Stamp,
    StampClock,
    TraceId,
    Ttl,
)
from tracer.sim.channel import PortsTaken, SendsFail, SimChannel, Trouble
from tracer.sim.scenario import Duration

TARGETS = {Family.IPV4: Address("203.0.113.9"), Family.IPV6: Address("2001:db8::cb00:7109")}
FULL = Failure(kind=FailureKind.QUEUE_FULL, message="The queue is full.", remedy="Send less.")


def probe(
    ttl: int, protocol: Protocol = Protocol.UDP, *, family: Family = Family.IPV4, **fields: Any
) -> Probe:
    values: dict[str, Any] = {"trace": TraceId(0), "source_port": Port(40000), **fields}
    return Probe(
        target=TARGETS[family],
        protocol=protocol,
        round=RoundId(0),
        ttl=Ttl(ttl),
        flow=FlowId(0),
        sequence=Sequence(7),
        target_port=Port(80),
        shape=PacketShape(size=84),
        **values,
    )


def channel(*troubles: Trouble, seed: int = 0, **properties: Any) -> tuple[SimChannel, VirtualClock]:
    clock = VirtualClock()
    return SimChannel(internet(**properties), clock, Protocol.UDP, seed=seed, troubles=troubles), clock


def kernel(ns: int) -> Stamp:
    return Stamp(ns, StampClock.KERNEL)


def replies(received: list[Received]) -> list[Reply]:
    return [item for item in received if isinstance(item, Reply)]


def test_it_is_a_channel() -> None:
    made: Channel = channel()[0]
    assert (made.info.name, made.info.protocol, made.info.privileged) == ("sim", Protocol.UDP, False)
    assert "three-hops" in made.info.reason
    assert made.fileno() is None


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("protocol", list(Protocol))
def test_a_probe_is_stamped_and_answered_when_its_round_trip_is_over(
    protocol: Protocol, family: Family
) -> None:
    sim, clock = channel()
    clock.advance(S)
    sent = probe(2, protocol, family=family)
    assert sim.send(SendProbe(sent)) == Sent(kernel(S), Port(40000))
    assert sim.deadline() == S
    (stamp,) = sim.receive(S)
    assert isinstance(stamp, TransmitStamp)
    assert (stamp.identity, stamp.at, stamp.destination) == (sent.identity, kernel(S), sent.target)
    assert stamp.packet is not None
    assert sim.deadline() == S + 2 * MS
    assert sim.receive(S + 2 * MS - 1) == []
    (reply,) = replies(sim.receive(S + 2 * MS))
    assert (reply.kind, reply.rx, reply.reply_ttl) == (ReplyKind.TIME_EXCEEDED, kernel(S + 2 * MS), 254)
    assert (reply.quoted.identity, reply.quoted.protocol) == (sent.identity, protocol)
    assert sim.deadline() is None


def test_answers_come_in_the_order_of_their_times_with_their_own_stamps() -> None:
    sim, clock = channel()
    for ttl in (4, 3, 2, 1):
        sim.send(SendProbe(probe(ttl)))
    clock.advance(S)
    assert [reply.rx for reply in replies(sim.receive(S))] == [kernel(ttl * MS) for ttl in (1, 2, 3, 4)]


def test_a_corrupt_answer_is_malformed_and_nothing_worse() -> None:
    sim, _ = channel(hop2={"corrupt": 1.0})
    sim.send(SendProbe(probe(2)))
    _, malformed = sim.receive(S)
    assert isinstance(malformed, Malformed)
    assert malformed.reason
    assert malformed.raw


def test_a_port_left_to_the_channel_is_the_same_for_a_whole_trace() -> None:
    ports: dict[tuple[int, int], set[int]] = {}
    for seed in (1, 2):
        sim, _ = channel(seed=seed)
        for trace in (0, 1):
            for ttl in (1, 2, 3):
                sent = sim.send(SendProbe(probe(ttl, trace=TraceId(trace), source_port=Port(0))))
                assert isinstance(sent, Sent)
                ports.setdefault((seed, trace), set()).add(sent.source_port)
    assert all(len(chosen) == 1 and min(chosen) > 1023 for chosen in ports.values())
    assert len(set.union(*ports.values())) == 4
    again, _ = channel(seed=1)
    sent = again.send(SendProbe(probe(1, source_port=Port(0))))
    assert isinstance(sent, Sent)
    assert ports[1, 0] == {sent.source_port}


def test_the_chosen_identifier_is_what_the_answer_quotes() -> None:
    sim, _ = channel()
    sent = sim.send(SendProbe(probe(2, Protocol.ICMP, source_port=Port(0))))
    assert isinstance(sent, Sent)
    (reply,) = replies(sim.receive(S))
    assert reply.quoted.identity == (sent.source_port, 7)


def test_probes_leave_from_the_source_of_their_route() -> None:
    sim, _ = channel()
    route = Route(
        trace=TraceId(0),
        target=TARGETS[Family.IPV4],
        family=Family.IPV4,
        protocol=Protocol.UDP,
        plan=PortPlanKind.FIXED_SOURCE,
        source=SourceInfo(Address("198.18.0.77"), "sim0"),
        bind_source=False,
        bind_device=False,
        timeout_ns=S,
    )
    sim.open_trace(route)
    sim.send(SendProbe(probe(2)))
    stamp, reply = sim.receive(S)
    assert isinstance(stamp, TransmitStamp)
    assert stamp.packet is not None
    assert isinstance(reply, Reply)
    assert stamp.packet[12:16] == bytes((198, 18, 0, 77))
    assert reply.raw is not None
    assert reply.raw[16:20] == bytes((198, 18, 0, 77))


def test_a_taken_port_is_in_use_and_on_the_last_of_a_lap_exhaustion() -> None:
    sim, clock = channel(PortsTaken(ports=frozenset({Port(40000)}), from_ns=S, until_ns=2 * S))
    assert isinstance(sim.send(SendProbe(probe(1))), Sent)
    clock.advance(S)
    assert sim.send(SendProbe(probe(1))) == PortInUse(Port(40000))
    exhausted = sim.send(SendProbe(probe(1), lap_ends=True))
    assert isinstance(exhausted, NotSent)
    assert exhausted.failure.kind is FailureKind.PORTS_EXHAUSTED
    assert exhausted.failure.remedy
    assert isinstance(sim.send(SendProbe(probe(1, source_port=Port(40001)))), Sent)
    clock.advance(S)
    assert isinstance(sim.send(SendProbe(probe(1))), Sent)


def test_sends_fail_for_their_time_and_reach_nobody() -> None:
    sim, clock = channel(SendsFail(failure=FULL, until_ns=S))
    assert sim.send(SendProbe(probe(1))) == NotSent(FULL)
    assert sim.deadline() is None
    clock.advance(S)
    assert isinstance(sim.send(SendProbe(probe(1))), Sent)


async def test_a_clock_and_a_channel_make_virtual_time_pass() -> None:
    sim, clock = channel(hop2={"jitter_ns": Duration(MS)}, hop3={"silent": True})
    for ttl in (1, 2, 3, 4):
        sim.send(SendProbe(probe(ttl)))
    found: list[Reply] = []
    while (deadline := sim.deadline()) is not None:
        await clock.wait(deadline, sim.fileno())
        found += replies(sim.receive(clock.now_ns()))
    assert [reply.responder for reply in found] == ["198.18.1.1", "198.18.2.1", "203.0.113.9"]
    assert clock.now_ns() == 4 * MS


def test_a_closed_channel_has_nothing_left() -> None:
    sim, _ = channel()
    sim.send(SendProbe(probe(1)))
    sim.release(probe(1))
    sim.close_trace(TraceId(0))
    sim.close()
    assert sim.deadline() is None
    assert sim.receive(S) == []
