"""The life of one engine, decided by a seed: a session, a channel and a network that do what they like.

Quicker than the Hypothesis machine of tests/engine, and therefore wilder: answers are whole packets, kept,
damaged and replayed; every kind of thing a channel yields comes in any order. What must hold is asserted.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import msgspec

from tests.engine.engine_driver import EXHAUSTED, FULL, LABEL, NO_ROUTE, config_of, kernel
from tests.engine.test_engine_machine import CONFIGS
from tests.fuzz.mutation import STEPS, mend_packet
from tests.wire.wire_strategies import EVERY_ANSWER, SOURCE, TARGET
from tracer.config import SECOND
from tracer.engine.engine import Engine
from tracer.engine.ports import port_plans
from tracer.engine.spec import TraceSpec
from tracer.errors import DecodeError
from tracer.events import (
    DuplicateReply,
    LateReply,
    PortSkipped,
    ProbeLost,
    ProbeSent,
    ReplyReceived,
    SendFailed,
    TargetEvent,
)
from tracer.interfaces import (
    FailedLate,
    Malformed,
    Notice,
    NotSent,
    PortInUse,
    Received,
    ReleaseProbe,
    SendProbe,
    SendResult,
    Sent,
    Slept,
    SourceMoved,
    TransmitStamp,
)
from tracer.model import (
    Address,
    EndReason,
    Failure,
    FailureKind,
    Family,
    PacketShape,
    Port,
    PortPlanKind,
    Probe,
    ProbeState,
    Protocol,
    Reply,
    SourceInfo,
    TargetInfo,
    TraceId,
)
from tracer.stats.tracker import Tracker
from tracer.wire import build
from tracer.wire.decode import decode_reply
from tracer.wire.icmp import IcmpError
from tracer.wire.tcp import TcpFlags

CHOSEN = Port(55_555)
STEPS_AT_MOST = 120
KEPT = 64
"""So many answers are kept to be replayed."""
_TOO_LONG = Failure(
    kind=FailureKind.MESSAGE_TOO_LONG, message="Too long.", remedy="Send less.", evidence={"mtu": 90}
)
_REFUSALS = (FULL, EXHAUSTED, NO_ROUTE, _TOO_LONG)
_ELSEWHERE = {
    Family.IPV4: SourceInfo(Address("198.51.100.77"), "eth9"),
    Family.IPV6: SourceInfo(Address("2001:db8:77::1"), None),
}
_WHOLE_LIVES = [*CONFIGS, {"mtu": True}, {"mtu": True, "report_cycles": None, "max_rate": 1000}]


class Life:
    """One engine from its first tick to its end, and the books that are kept of it."""

    def __init__(self, seed: bytes) -> None:
        self.dice = random.Random(seed)
        self.family = self.dice.choice(list(Family))
        self.config = config_of(**self.dice.choice(_WHOLE_LIVES))
        self.protocol = Protocol(self.config.protocol.value)
        self.source: SourceInfo | None = SourceInfo(SOURCE[self.family], "eth0")
        spec = TraceSpec(
            trace=TraceId(0),
            label=LABEL,
            target=TARGET[self.family],
            protocol=self.protocol,
            shape=PacketShape(
                size=self.dice.choice((self.config.smallest_packet(self.family), 84, 60)),
                word=self.dice.randbytes(4),
            ),
            first_sequence=self.dice.choice((0, 1, 33_434, 65_500)),
            source=self.source,
        )
        usable = range(40_000, 40_000 + max(self.dice.randrange(1, 40), self.config.flows))
        self.plans = port_plans(self.protocol, self.family, self.config, usable, self.dice.getrandbits(32))
        self.engine = Engine(spec, self.config, self.plans, 0)
        self.tracker = Tracker(TargetInfo(label=LABEL, query=LABEL, address=TARGET[self.family]))
        self.now = 0
        self.pending: SendProbe | None = None
        self.left: list[Probe] = []
        """Every probe that left; the network may answer any at any time."""
        self.answers: deque[bytes] = deque(maxlen=KEPT)
        self.unreleased: dict[int, Probe] = {}
        """What holds a port, by sequence."""
        self.state: dict[tuple[int, int], ProbeState] = {}
        """By round and sequence: a sequence comes back only after thousands of others."""
        self.told: Counter[type] = Counter()

    # What a session does

    def settle(self) -> None:
        for command in self.engine.take_commands():
            match command:
                case SendProbe(probe):
                    assert self.pending is None, "one probe at a time is planned"
                    assert self.config.first_ttl <= probe.ttl <= self.config.max_ttl
                    self.pending = command
                case ReleaseProbe(probe):
                    assert self.unreleased.pop(probe.sequence, None) == probe, "released once, if it left"
        for event in self.engine.take_events():
            assert event.at_ns == self.now
            self.enter(event)
            self.tracker.apply(event)

    def enter(self, event: TargetEvent) -> None:
        """Every probe that left ends once; what comes later is told as late or as a duplicate."""
        self.told[type(event)] += 1
        match event:
            case ProbeSent():
                assert (event.round, event.sequence) not in self.state
                self.state[event.round, event.sequence] = ProbeState.OUTSTANDING
            case ReplyReceived():
                was = self.state[event.round, event.sequence]
                kinds = {ProbeState.OUTSTANDING: ReplyReceived, ProbeState.LOST: LateReply}
                assert type(event) is kinds.get(was, DuplicateReply)
                assert event.rtt_ns is None or event.rtt_ns >= 0
                if was in kinds:
                    self.state[event.round, event.sequence] = ProbeState.REPLIED
            case ProbeLost():
                assert self.state[event.round, event.sequence] is ProbeState.OUTSTANDING
                self.state[event.round, event.sequence] = ProbeState.LOST
            case SendFailed() if event.was is not ProbeState.PLANNED:
                assert self.state[event.round, event.sequence] is event.was
                assert event.was in (ProbeState.OUTSTANDING, ProbeState.LOST)
                self.state[event.round, event.sequence] = ProbeState.FAILED

    def answer(self) -> None:
        """What becomes of the probe that is planned; nearly always it leaves."""
        command, self.pending = self.pending, None
        if command is None:
            return
        probe, result = command.probe, self._outcome(command)
        if isinstance(result, Sent):
            probe = msgspec.structs.replace(probe, source_port=result.source_port)
            self._takes_its_port(probe)
            self.left.append(probe)
        self.engine.answer(command, result, self.now)
        self.settle()

    def _outcome(self, command: SendProbe) -> SendResult:
        at = self.dice.random()
        if at < 0.9:
            return Sent(kernel(self.now), command.probe.source_port or Port(CHOSEN + command.probe.flow))
        if at < 0.95 and not command.lap_ends:
            return PortInUse(command.probe.source_port)
        return NotSent(self.dice.choice(_REFUSALS))

    def _takes_its_port(self, probe: Probe) -> None:
        held = {(one.identity, one.mark) for one in self.unreleased.values()}
        assert (probe.identity, probe.mark) not in held, "no two probes that can be answered are alike"
        assert probe.sequence not in self.unreleased
        if self.plans[probe.flow].kind is PortPlanKind.FIXED_TARGET:
            ports = {one.source_port for one in self.unreleased.values()}
            assert probe.source_port not in ports, "no port is held twice"
        self.unreleased[probe.sequence] = probe

    def tick(self, later_ns: int) -> None:
        self.now += later_ns
        self.engine.tick(self.now)
        self.settle()

    def tick_shortly(self) -> None:
        self.tick(self.dice.randrange(50_000_000))

    def tick_much_later(self) -> None:
        self.tick(self.dice.randrange(20 * SECOND))

    def tick_at_the_deadline(self) -> None:
        deadline = self.engine.deadline(self.now)
        assert deadline is not None
        self.tick(max(deadline - self.now, 0))

    def sends_on(self) -> None:
        """A whole window leaves."""
        for _ in range(30):
            self.answer()

    # What a network does

    def packet_back(self, probe: Probe) -> bytes:
        """An answer to a probe: of a router or of the target, quoting much or little of it."""
        source = self.dice.choice((self.source, _ELSEWHERE[self.family])) or _ELSEWHERE[self.family]
        sent = build.probe_packet(probe, source.address)
        if self.dice.random() < 0.3:
            match probe.protocol:
                case Protocol.ICMP:
                    return build.echo_reply(sent, 60)
                case Protocol.TCP:
                    flags = self.dice.choice((TcpFlags.SYN | TcpFlags.ACK, TcpFlags.RST | TcpFlags.ACK))
                    return build.tcp_answer(sent, flags, 60)
                case Protocol.UDP:
                    return build.udp_answer(sent, b"hello", 60)
        router = Address(
            f"198.18.{probe.ttl}.1" if self.family is Family.IPV4 else f"2001:db8:{probe.ttl}::1"
        )
        responder = self.dice.choice((router, router, TARGET[self.family]))
        error = self.dice.choice(
            (IcmpError.TIME_EXCEEDED, IcmpError.PORT_UNREACHABLE, IcmpError.PACKET_TOO_BIG)
        )
        length = self.dice.choice((8, None))
        return build.icmp_error(error, responder, source.address, sent, quote_length=length, mtu=70)

    def answered(self) -> None:
        if self.left:
            newest = self.left[-30:]
            packet = self.packet_back(self.dice.choice(newest if self.dice.random() < 0.8 else self.left))
            self.answers.append(packet)
            self.comes_in(packet)

    def many_answered(self) -> None:
        for _ in range(10):
            self.answered()

    def replayed(self) -> None:
        if self.answers:
            self.comes_in(self.dice.choice(self.answers))

    def damaged(self) -> None:
        corpus = list(self.answers) or list(EVERY_ANSWER.values())
        data = bytearray(self.dice.choice(corpus))
        for _ in range(self.dice.choice((1, 1, 2, 4))):
            self.dice.choice(STEPS)(data, self.dice, corpus)
        if self.dice.random() < 0.7:
            mend_packet(data)
        self.comes_in(bytes(data))

    def comes_in(self, packet: bytes) -> None:
        at = kernel(self.now + self.dice.choice((0, 0, -1000, -SECOND, 10**15)))
        try:
            found = decode_reply(packet, at)
        except DecodeError as error:
            self.receive(Malformed(destination=None, reason=str(error), raw=packet))
            return
        if not isinstance(found, Reply):
            return
        if self.dice.random() < 0.2:  # as a socket without privileges tells it
            quoted = msgspec.structs.replace(found.quoted, packet=None, ttl=None, tos=None, mark=None)
            found = msgspec.structs.replace(found, quoted=quoted)
        self.receive(found)

    def receive(self, item: Received) -> None:
        self.engine.claims(item)
        self.engine.receive(item, self.now)
        self.settle()

    def noticed(self) -> None:
        """What else a channel yields."""
        target, trace = TARGET[self.family], TraceId(0)
        what = self.dice.randrange(6)
        if what == 0:
            self.receive(Notice(kernel_drops=self.dice.randrange(5), clock_steps=self.dice.randrange(2)))
        elif what == 1:
            self.source = self.dice.choice((None, SourceInfo(SOURCE[self.family], "eth0")))
            self.receive(SourceMoved(trace=trace, destination=target, source=self.source))
        elif what == 2 and self.dice.random() < 0.3:
            self.receive(Slept(trace=trace, destination=target, slept_ns=self.dice.randrange(10**15)))
        elif self.left:
            probe = self.dice.choice(self.left[-40:])
            named: dict[str, Any] = {
                "protocol": probe.protocol,
                "destination": self.dice.choice((target, Address("192.0.2.99"))),
                "identity": self.dice.choice((probe.identity, probe.identity, (1, 2))),
                "mark": self.dice.choice((probe.mark, probe.mark, 0)),
            }
            if what == 3:
                self.receive(FailedLate(**named, failure=self.dice.choice(_REFUSALS)))
            else:
                at = kernel(self.now + self.dice.choice((0, 0, 10**18, -(10**18))))
                self.receive(TransmitStamp(**named, at=at, packet=self.dice.choice((None, b"", b"\x45"))))

    # What must hold

    def check(self) -> None:
        if self.engine.ended is None and self.pending is None and self.left:
            for _ in range(4):
                deadline = self.engine.deadline(self.now)
                assert (deadline is None) == (self.engine.ended is not None)
                if deadline is None or deadline > self.now or self.pending is not None:
                    break
                self.tick(0)
            else:
                raise AssertionError("it asks to be ticked, and does nothing")
        hops = self.tracker.snapshot().hops
        for hop in hops:
            assert hop.sent == hop.received + hop.lost + hop.outstanding
            assert min(hop.received, hop.lost, hop.outstanding, hop.failed, hop.skipped) >= 0

    def check_sums(self) -> None:
        """What the statistics count is what the books say."""
        hops, states = list(self.tracker._hops.values()), Counter(self.state.values())
        assert sum(hop.received for hop in hops) == states[ProbeState.REPLIED]
        assert sum(hop.lost for hop in hops) == states[ProbeState.LOST]
        assert self.told[ProbeSent] == len(self.state)
        assert sum(hop.skipped for hop in hops) == self.told[PortSkipped]

    def check_memory(self) -> None:
        """Long after its last probe left it remembers none; its plans hold what was planned as it ended."""
        for tracked in self.engine._memory.forgotten(self.now + 10 * self.config.timeout_ns):
            self.engine._release(tracked)
        memory = self.engine._memory
        assert not memory._remembered
        assert not memory._by_identity
        assert not memory._by_sequence
        for plan in self.plans:
            inner, marks = getattr(plan, "_plan", plan), getattr(plan, "_marks", None)
            assert len(getattr(inner, "_held", None) or ()) <= 1
            assert len(getattr(marks, "_held", ())) <= 1

    def end(self) -> None:
        """Left alone a report ends; anything else is stopped."""
        for _ in range(300 if self.config.report_cycles is not None else 0):
            if self.engine.ended is not None:
                break
            self.sends_on()
            if self.engine.ended is None:
                self.tick_at_the_deadline()
        self.engine.stop(EndReason.INTERRUPTED, self.now)
        self.settle()
        assert self.engine.deadline(self.now) is None
        assert ProbeState.OUTSTANDING not in self.state.values()
        for packet in self.answers:
            found = decode_reply(packet, kernel(self.now))
            if isinstance(found, Reply):  # a session asks engines that have ended whether it is theirs
                self.engine.claims(found)


ACTS: tuple[Callable[[Life], None], ...] = (
    *[Life.answer] * 3, *[Life.sends_on] * 4, *[Life.tick_shortly] * 3, *[Life.tick_at_the_deadline] * 3,
    Life.tick_much_later, *[Life.answered] * 4, *[Life.many_answered] * 3, Life.replayed, Life.replayed,
    *[Life.damaged] * 3, *[Life.noticed] * 2,
)  # fmt: skip


def live(seed: bytes) -> Life:
    """One life; raises AssertionError where something does not hold that must."""
    life = Life(seed)
    for step in range(life.dice.randrange(STEPS_AT_MOST)):
        if life.engine.ended is not None:
            break
        life.dice.choice(ACTS)(life)
        if step % 8 == 0:
            life.check()
    life.check()
    life.end()
    life.check()
    life.check_sums()
    life.check_memory()
    return life
