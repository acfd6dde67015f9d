"""The whole engine against arbitrary channels, networks and timers.

The machine plays session, channel and network at once. It keeps its own books of every probe from what it
did and saw, and compares them with the events, with a brute-force token bucket, and with the fold.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from typing import Any

import msgspec
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.engine.engine_driver import EXHAUSTED, FULL, LABEL, TARGET, config_of, kernel, router
from tracer.config import MS, ProtocolChoice
from tracer.engine.engine import Engine
from tracer.engine.path_end import ROUTER_ROUNDS
from tracer.engine.ports import port_plans
from tracer.engine.spec import TraceSpec
from tracer.events import (
    DuplicateReply,
    LateReply,
    PortSkipped,
    ProbeLost,
    ProbeSent,
    ReplyReceived,
    SendFailed,
    TargetEvent,
    TraceEnded,
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
    TransmitStamp,
)
from tracer.model import (
    Address,
    EndReason,
    Family,
    LossReason,
    PacketShape,
    Port,
    Probe,
    ProbeState,
    Protocol,
    Quoted,
    Reply,
    ReplyKind,
    Strategy,
    TargetInfo,
    TraceId,
)
from tracer.stats.snapshot import TraceSnapshot
from tracer.stats.tracker import Tracker

SECOND = 1_000_000_000
CHOSEN_PORT = Port(55_555)

OUTCOMES = ("sent", "sent", "sent", "in use", "full", "exhausted")

CONFIGS: list[dict[str, Any]] = [
    {},
    {"protocol": ProtocolChoice.ICMP, "report_cycles": 2, "max_ttl": 12},
    {"protocol": ProtocolChoice.ICMP, "max_inflight": 3, "gap_limit": 2, "max_rate": 7},
    {"protocol": ProtocolChoice.TCP},
    {"protocol": ProtocolChoice.TCP, "timeout_ns": 300 * MS, "max_inflight": 6, "report_cycles": 4},
    {"protocol": ProtocolChoice.UDP, "source_port": 7000, "target_port": 53, "timeout_ns": 50 * MS},
    {"first_ttl": 30, "max_ttl": 40, "min_round_duration_ns": 10 * MS, "grace_duration_ns": 10 * MS},
    {"max_inflight": 1, "gap_limit": 1, "report_cycles": 1},
    {"flows": 2, "report_cycles": 2},
    {"protocol": ProtocolChoice.TCP, "flows": 3},
    {"protocol": ProtocolChoice.ICMP, "flows": 3, "multipath_strategy": Strategy.PARIS, "max_rate": 7},
    {"flows": 3, "multipath_strategy": Strategy.PARIS, "report_cycles": 3},
    {"flows": 2, "multipath_strategy": Strategy.DUBLIN, "timeout_ns": 300 * MS, "max_inflight": 4},
    {"protocol": ProtocolChoice.TCP, "flows": 2, "multipath_strategy": Strategy.PARIS, "gap_limit": 2},
    {"multipath_strategy": Strategy.PARIS, "source_port": 7000, "target_port": 53, "max_inflight": 5},
]


class EngineMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.events: list[TargetEvent] = []
        self.asked: list[Probe] = []
        self.pending: SendProbe | None = None
        self.on_wire: dict[int, Probe] = {}
        """Every probe that left, by the number of its command: the network may answer any at any time."""
        self.state: dict[int, ProbeState] = {}
        self.released: set[int] = set()
        self.turns: list[tuple[int, int]] = []
        """When a pacer let each TTL out, and which flow's."""
        self.next_ttl_of_round: dict[tuple[int, int], int] = {}
        """By flow and round, like the next two."""
        self.router_heard: list[tuple[int, int, int]] = []
        self.target_heard: dict[tuple[int, int], int] = {}

    @initialize(options=st.sampled_from(CONFIGS), ports=st.integers(1, 9), seed=st.integers(0, 20))
    def begin(self, options: dict[str, Any], ports: int, seed: int) -> None:
        self.config = config_of(**options)
        self.protocol = Protocol(self.config.protocol.value)
        spec = TraceSpec(
            trace=TraceId(0),
            label=LABEL,
            target=TARGET,
            protocol=self.protocol,
            shape=PacketShape(size=84),
            first_sequence=65_500,
        )
        usable = range(40_000, 40_000 + max(ports, self.config.flows))
        plans = port_plans(self.protocol, Family.IPV4, self.config, usable, seed)
        self.engine = Engine(spec, self.config, plans, 0)

    # Session

    def _settle_commands(self) -> None:
        for command in self.engine.take_commands():
            if isinstance(command, SendProbe):
                assert self.pending is None
                self._check_plan(command.probe)
                self.pending = command
                self.asked.append(command.probe)
            else:
                self._release(command)
        self._read_events()

    def _release(self, command: ReleaseProbe) -> None:
        number = next(number for number in reversed(self.on_wire) if self.on_wire[number] == command.probe)
        assert number not in self.released
        self.released.add(number)
        assert self.state[number] is not ProbeState.OUTSTANDING or self._is_old(number)

    def _is_old(self, number: int) -> bool:
        return self.turns[number][0] + self.config.timeout_ns <= self.now

    def _check_plan(self, probe: Probe) -> None:
        answerable = {
            number
            for number, state in self.state.items()
            if state in (ProbeState.OUTSTANDING, ProbeState.LOST) and number not in self.released
        }
        assert probe.sequence not in {self.on_wire[number].sequence for number in answerable}
        if probe.source_port or self.protocol is Protocol.UDP:
            source = probe.source_port or CHOSEN_PORT + probe.flow
            taken = {(self.on_wire[number].identity, self.on_wire[number].mark) for number in answerable}
            assert ((source, probe.target_port), probe.mark) not in taken
        assert probe.ttl <= self.config.max_ttl
        # Ascending without a hole, from the first TTL on; a skipped one comes again before the next.
        of_round = (probe.flow, probe.round)
        assert probe.ttl == self.next_ttl_of_round.get(of_round, self.config.first_ttl)
        heard = self.target_heard.get(of_round)
        if heard is not None:
            beyond = [
                ttl
                for ttl, flow, round_id in self.router_heard
                if ttl >= heard and flow == probe.flow and probe.round - round_id <= ROUTER_ROUNDS
            ]
            assert probe.ttl <= heard or beyond

    def _is_asked(self) -> bool:
        return self.pending is not None

    # Rules: the session and its timer

    @precondition(lambda self: self.pending is not None and self.engine.ended is None)
    @rule(
        outcome=st.sampled_from(OUTCOMES),
        lag=st.integers(0, 3),
    )
    def answer(self, outcome: str, lag: int) -> None:
        command, self.pending = self.pending, None
        assert command is not None
        self.now += lag
        probe = command.probe
        result: SendResult
        if outcome == "sent":
            port = probe.source_port or Port(CHOSEN_PORT + probe.flow)
            result = Sent(kernel(self.now), port)
            self.on_wire[len(self.turns)] = msgspec.structs.replace(probe, source_port=port)
        elif outcome == "in use":
            # The channel's promise: on the last port of a lap it is exhaustion.
            result = NotSent(EXHAUSTED) if command.lap_ends else PortInUse(probe.source_port)
        else:
            result = NotSent(FULL if outcome == "full" else EXHAUSTED)
        if not isinstance(result, PortInUse):
            self.turns.append((self.now, probe.flow))
            self.next_ttl_of_round[probe.flow, probe.round] = probe.ttl + 1
        self.engine.answer(command, result, self.now)
        self._settle_commands()

    @precondition(lambda self: self.pending is not None and self.engine.ended is None)
    @rule()
    def everything_leaves(self) -> None:
        while self.pending is not None:
            self.answer("sent", 0)

    @rule(later=st.one_of(st.integers(0, 1000), st.integers(0, 3 * SECOND)))
    def tick(self, later: int) -> None:
        self.now += later
        self.engine.tick(self.now)
        self._settle_commands()
        waiting = [number for number, state in self.state.items() if state is ProbeState.OUTSTANDING]
        assert not any(self._is_old(number) for number in waiting)

    @rule()
    def tick_at_the_deadline(self) -> None:
        deadline = self.engine.deadline(self.now)
        assert (deadline is None) == (self.engine.ended is not None)
        self.tick(max((deadline or 0) - self.now, 0))

    @rule(hours=st.integers(1, 48))
    def the_host_sleeps(self, hours: int) -> None:
        self.tick(hours * 3_600 * SECOND)

    @precondition(lambda self: len(self.asked) > 20)
    @rule()
    def stop(self) -> None:
        self.engine.stop(EndReason.INTERRUPTED, self.now)
        self.pending = None
        self._settle_commands()

    # Rules: the network

    @precondition(lambda self: self.on_wire)
    @rule(
        data=st.data(),
        kind=st.sampled_from(ReplyKind),
        from_target=st.booleans(),
        age=st.integers(0, SECOND),
    )
    def reply(self, data: st.DataObject, kind: ReplyKind, from_target: bool, age: int) -> None:  # noqa: FBT001 - drawn
        number = self._pick(data)
        probe = self.on_wire[number]
        responder = TARGET if from_target else router(probe.ttl)
        self._receive(_reply(probe, kind, responder, self.now - age))

    @precondition(lambda self: self.on_wire)
    @rule(length=st.integers(1, 40), share=st.integers(1, 4))
    def the_path_answers(self, length: int, share: int) -> None:
        """Like a path of that length; every probe, or every second one ..., newest first."""
        for number in sorted(self.on_wire, reverse=True)[::share]:
            probe = self.on_wire[number]
            if self.state[number] is ProbeState.OUTSTANDING:
                ends = probe.ttl >= length
                kind = ReplyKind.UNREACHABLE if ends else ReplyKind.TIME_EXCEEDED
                self._receive(_reply(probe, kind, TARGET if ends else router(probe.ttl), self.now))

    @precondition(lambda self: self.on_wire)
    @rule(data=st.data(), field=st.sampled_from(["protocol", "destination", "identity", "mark"]))
    def foreign(self, data: st.DataObject, field: str) -> None:
        probe = self.on_wire[self._pick(data)]
        reply = _reply(probe, ReplyKind.TIME_EXCEEDED, router(3), self.now)
        other = next(protocol for protocol in Protocol if protocol is not self.protocol)
        wrong: dict[str, Any] = {
            "protocol": other,
            "destination": Address("192.0.2.99"),
            "identity": (1, 2),
            "mark": probe.mark ^ 0x4000,
        }
        changed = wrong[field]
        assume(field != "mark" or changed not in {one.mark for one in self.on_wire.values()})
        quoted = msgspec.structs.replace(reply.quoted, **{field: changed})
        before = dict(self.state)
        item = msgspec.structs.replace(reply, quoted=quoted)
        assert not self.engine.claims(item)
        self._receive(item)
        if field != "identity":
            late = FailedLate(
                protocol=quoted.protocol,
                destination=quoted.destination,
                identity=quoted.identity,
                mark=quoted.mark or 0,
                failure=FULL,
            )
            assert not self.engine.claims(late)
            self._receive(late)
        assert self.state == before

    @precondition(lambda self: self.on_wire)
    @rule(data=st.data(), drift=st.integers(-(10**18), 10**18))
    def stamp(self, data: st.DataObject, drift: int) -> None:
        probe = self.on_wire[self._pick(data)]
        self._receive(
            TransmitStamp(
                protocol=probe.protocol,
                destination=TARGET,
                identity=probe.identity,
                mark=probe.mark,
                at=kernel(self.now + drift),
            )
        )

    @precondition(lambda self: self.on_wire)
    @rule(data=st.data())
    def stopped_here(self, data: st.DataObject) -> None:
        probe = self.on_wire[self._pick(data)]
        self._receive(
            FailedLate(
                protocol=probe.protocol,
                destination=TARGET,
                identity=probe.identity,
                mark=probe.mark,
                failure=FULL,
            )
        )

    @rule()
    def noise(self) -> None:
        self._receive(Malformed(destination=TARGET, reason="icmp at byte 4: truncated"))
        self._receive(Notice(kernel_drops=1))

    def _pick(self, data: st.DataObject) -> int:
        """Any probe; the newer the likelier."""
        newest = max(self.on_wire)
        return newest if data.draw(st.booleans()) else data.draw(st.sampled_from(sorted(self.on_wire)))

    def _receive(self, item: Received) -> None:
        assume(self.engine.ended is None)
        self.engine.receive(item, self.now)
        self._read_events()
        self.engine.tick(self.now)
        self._settle_commands()

    # The machine's own books, from the events

    def _read_events(self) -> None:
        for event in self.engine.take_events():
            self.events.append(event)
            assert event.at_ns == self.now
            self._enter(event)

    def _enter(self, event: TargetEvent) -> None:
        if isinstance(event, ProbeSent):
            number = len(self.turns) - 1
            assert self.on_wire[number].sequence == event.sequence
            assert self.on_wire[number].source_port == event.source_port
            self.state[number] = ProbeState.OUTSTANDING
        elif isinstance(event, ReplyReceived):
            number = self._number(event)
            was = self.state[number]
            expected = {ProbeState.OUTSTANDING: ReplyReceived, ProbeState.LOST: LateReply}
            assert type(event) is expected.get(was, DuplicateReply)
            assert event.rtt_ns is None or event.rtt_ns >= 0
            if type(event) is not DuplicateReply:
                self.state[number] = ProbeState.REPLIED
                self._hear(event)
        elif isinstance(event, ProbeLost):
            number = self._number(event)
            assert self.state[number] is ProbeState.OUTSTANDING
            self.state[number] = ProbeState.LOST
            if event.reason is LossReason.TIMEOUT:
                assert self._is_old(number)
        elif isinstance(event, SendFailed) and event.was is not ProbeState.PLANNED:
            number = self._number(event)
            assert self.state[number] is event.was
            assert event.was in (ProbeState.OUTSTANDING, ProbeState.LOST)
            self.state[number] = ProbeState.FAILED

    def _hear(self, event: ReplyReceived) -> None:
        if event.reached:
            # The end it had believed in stays where it is if an answer comes from beyond it.
            of_round = (event.flow, event.round)
            earlier = self.target_heard.get(of_round, event.ttl)
            self.target_heard[of_round] = max(earlier, event.ttl)
        else:
            insort(self.router_heard, (event.ttl, event.flow, event.round))

    def _number(self, event: ReplyReceived | ProbeLost | SendFailed) -> int:
        """The newest probe of this sequence and round: the older ones are forgotten."""
        return next(
            number
            for number in reversed(self.on_wire)
            if self.on_wire[number].sequence == event.sequence and self.on_wire[number].round == event.round
        )

    # What must hold after every step

    @invariant()
    def the_rate_is_kept(self) -> None:
        """In any stretch of time no more of a flow leave than a token bucket grants: burst, and rate."""
        for flow in {flow for _, flow in self.turns}:
            self._rate_is_kept([at for at, one in self.turns if one == flow])

    def _rate_is_kept(self, turns: list[int]) -> None:
        interval = SECOND // self.config.max_rate
        tokens = self.config.max_inflight * interval
        before = 0
        depth = tokens
        for at in turns:
            tokens = min(depth, tokens + at - before)
            assert tokens >= interval
            tokens -= interval
            before = at

    @invariant()
    def the_window_is_kept(self) -> None:
        """Nothing leaves that is further ahead of the first TTL or the last answer than the window allows."""
        if self.asked:
            probe = self.asked[-1]
            answered = [event.ttl for event in self.events if isinstance(event, ReplyReceived)]
            ahead = max(answered, default=0) + self.config.gap_limit
            assert probe.ttl <= max(self.config.first_ttl - 1 + self.config.max_inflight, ahead)

    @invariant()
    def it_asks_for_a_time_to_come_or_has_something_to_do(self) -> None:
        if not hasattr(self, "engine") or self.engine.ended is not None or self._is_asked():
            return
        if not self.asked:
            return
        deadline = self.engine.deadline(self.now)
        assert deadline is not None
        if deadline <= self.now:
            for _ in range(3):
                self.engine.tick(self.now)
                self._settle_commands()
            after = self.engine.deadline(self.now)
            assert self._is_asked() or after is None or after > self.now

    @invariant()
    def the_fold_adds_up(self) -> None:
        if len(self.events) % 7 or not self.events:
            return
        snapshot, tracker = _fold(self.events)
        hops = list(tracker._hops.values())
        states = Counter(self.state.values())
        assert sum(hop.received for hop in hops) == states[ProbeState.REPLIED]
        assert sum(hop.lost for hop in hops) == states[ProbeState.LOST]
        assert sum(hop.sent for hop in hops) == (
            states[ProbeState.REPLIED] + states[ProbeState.LOST] + states[ProbeState.OUTSTANDING]
        )
        for hop in snapshot.hops:
            assert hop.sent == hop.received + hop.lost + hop.outstanding

    def teardown(self) -> None:
        """Left alone, every trace ends, and every probe in exactly one state."""
        if not hasattr(self, "engine"):
            return
        for _ in range(100_000):
            if self.engine.ended is not None:
                break
            while self.pending is not None:
                self.answer("sent", 0)
            deadline = self.engine.deadline(self.now)
            self.now = max(self.now, deadline if deadline is not None else 0)
            self.engine.tick(self.now)
            self._settle_commands()
        assert self.engine.ended is not None
        assert ProbeState.OUTSTANDING not in self.state.values()
        asked = len(self.asked)
        ends = Counter(type(event) for event in self.events)
        never_left = sum(
            isinstance(event, SendFailed) and event.was is ProbeState.PLANNED for event in self.events
        )
        interrupted = self.engine.ended is EndReason.INTERRUPTED
        assert asked - len(self.state) - ends[PortSkipped] - never_left in ((0, 1) if interrupted else (0,))
        assert TraceEnded not in ends
        _, tracker = _fold(self.events)
        assert all(not hop._outstanding for hop in tracker._hops.values())


def _reply(probe: Probe, kind: ReplyKind, responder: Address, at: int) -> Reply:
    """Only the data of an open UDP port names no mark."""
    told = bool(probe.mark) and kind is not ReplyKind.UDP_DATA
    quoted = Quoted(
        protocol=probe.protocol,
        destination=probe.target,
        identity=probe.identity,
        mark=probe.mark if told else None,
    )
    return Reply(kind=kind, responder=responder, quoted=quoted, rx=kernel(at))


def _fold(events: list[TargetEvent]) -> tuple[TraceSnapshot, Tracker]:
    tracker = Tracker(TargetInfo(label=LABEL, query=LABEL, address=TARGET))
    for event in events:
        tracker.apply(event)
    return tracker.snapshot(), tracker


TestEngineMachine = EngineMachine.TestCase
TestEngineMachine.settings = settings(stateful_step_count=50)
