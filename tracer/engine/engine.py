"""The facade: one trace to one address, driven by five verbs and a deadline.

``tick`` plans, ``take_commands`` hands the plans out, ``answer`` tells what became of each, ``receive`` takes
what comes back, ``take_events`` gives the story. All times are nanoseconds on the session's clock and are
arguments. The engine asks to be ticked at ``deadline``.
"""

from __future__ import annotations

import msgspec

from tracer.config import TraceConfig
from tracer.engine.lifecycle import ProbeInput, RoundInput, RoundState
from tracer.engine.matching import ProbeMemory, TrackedProbe
from tracer.engine.pacing import Pacer
from tracer.engine.path_end import PathEndBelief
from tracer.engine.path_watch import PathWatch
from tracer.engine.ports import PortPlan, Ports
from tracer.engine.rounds import Round
from tracer.engine.story import Story
from tracer.engine.window import Window
from tracer.events import ReplyReceived, TargetEvent
from tracer.interfaces import (
    Command,
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
    Failure,
    FlowId,
    ForeignReason,
    LossReason,
    PacketShape,
    PathEndKind,
    PortPlanKind,
    Probe,
    ProbeState,
    Protocol,
    Reply,
    ReplyKind,
    RoundId,
    Sequence,
    TraceId,
    Ttl,
)

MEMORY_TIMEOUTS = 5
"""A probe is remembered for so many timeouts after it was sent, so that a late answer still finds it."""

_DIRECT = frozenset({ReplyKind.ECHO_REPLY, ReplyKind.SYN_ACK, ReplyKind.RST, ReplyKind.UDP_DATA})
"""Answers that only the host a probe is addressed to can give."""

_END_REASONS = {
    PathEndKind.UNREACHABLE: EndReason.UNREACHABLE,
    PathEndKind.GAP: EndReason.GAP_LIMIT,
}


class TraceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine must know beyond the options."""

    trace: TraceId
    label: str
    target: Address
    protocol: Protocol
    shape: PacketShape
    first_sequence: int
    source: Address | None = None
    """Where the probes leave from, as far as it is known."""


class Engine:
    """Decides what to send and what every answer means."""

    def __init__(self, spec: TraceSpec, config: TraceConfig, plan: PortPlan, now: int) -> None:
        self._spec = spec
        self._config = config
        self._plan = plan
        self._next_sequence = spec.first_sequence
        self._memory = ProbeMemory(config.timeout_ns, config.timeout_ns * MEMORY_TIMEOUTS)
        self._belief = PathEndBelief(config.first_ttl, config.gap_limit)
        self._watch = PathWatch()
        self._window = Window(config, self._belief)
        self._pacer = Pacer(config.max_rate, config.max_inflight, now)
        self._round = Round(config, RoundId(0), now)
        self._story = Story(spec.label, spec.source)
        self._planned: TrackedProbe | None = None
        self._waits_for_port = False
        self._commands: list[Command] = []
        self._reached = False
        self._highest_sent = 0
        self._on_the_network = 0
        self.ended: EndReason | None = None
        """Why the trace ended; None while it runs."""

    @property
    def trace(self) -> TraceId:
        """Which target of the session this is."""
        return self._spec.trace

    @property
    def target(self) -> Address:
        """The address being traced."""
        return self._spec.target

    def deadline(self, now: int) -> int | None:
        """When ``tick`` has something to do; None once the trace has ended."""
        if self.ended is not None:
            return None
        wishes = [self._memory.next_loss_ns()]
        if self._window.next_ttl is not None and not self._waits_for_port:
            wishes.append(self._pacer.ready_at(now))
        if self._round.state is RoundState.DRAINING:
            wishes.append(self._round.ends_ns())
        return min((wish for wish in wishes if wish is not None), default=now)

    def take_commands(self) -> list[Command]:
        """What the channel is to do, in order."""
        commands, self._commands = self._commands, []
        return commands

    def take_events(self) -> list[TargetEvent]:
        """What happened since the last call, in order."""
        return self._story.take()

    # Time passes

    def tick(self, now: int) -> None:
        """Give up what has timed out, close and open rounds, plan what may be sent."""
        if self.ended is not None:
            return
        for tracked in self._memory.timed_out(now):
            self._lose(tracked, LossReason.TIMEOUT, now)
        for tracked in self._memory.forgotten(now):
            self._release(tracked)
        self._plan_probe(now)
        if self._round.is_over(now, self._memory.outstanding):
            self._finish_round(now)

    def stop(self, reason: EndReason, now: int) -> None:
        """End the trace; what is outstanding is lost with reason ``trace_end``."""
        if self.ended is not None:
            return
        for tracked in self._memory.all_outstanding():
            self._lose(tracked, LossReason.TRACE_END, now)
        self._planned = None
        self._commands.clear()
        self.ended = reason

    def _finish_round(self, now: int) -> None:
        self._round.move(RoundInput.OVER)
        change = self._watch.round_over(self._belief.end)
        if change is not None:
            self._story.path_changed(change, self._round.id, now)
        if self._round.is_last:
            self.stop(self._end_reason(), now)
            return
        self._round = Round(self._config, RoundId(self._round.id + 1), now)
        self._window.new_round()
        self._plan.new_round()
        self._plan_probe(now)

    def _end_reason(self) -> EndReason:
        if self._on_the_network == 0:
            return EndReason.ERROR
        if self._reached:
            return EndReason.TARGET_REACHED
        at_max = EndReason.MAX_TTL if self._highest_sent >= self._config.max_ttl else EndReason.GAP_LIMIT
        return _END_REASONS.get(self._belief.end.kind, at_max)

    # Probes go out

    def _plan_probe(self, now: int) -> None:
        """Issue the next probe that the window and the pacer let out.

        One at a time: whether a TTL is sent again from another port or the next one is due depends on what
        became of the last, and TTLs go out in ascending order.
        """
        self._waits_for_port = False
        ttl = self._window.next_ttl
        if ttl is not None and self._planned is None and self._pacer.ready_at(now) <= now:
            self._waits_for_port = not self._issue(ttl)
        all_sent = ttl is None and self._planned is None
        self._round.move(RoundInput.ALL_SENT if all_sent else RoundInput.MORE_TO_SEND)

    def _issue(self, ttl: Ttl) -> bool:
        """Plan one probe; False while our own probes hold every port or sequence it could use."""
        ports = None if self._memory.full else self._take_ports()
        if ports is None:
            return False
        spec = self._spec
        probe = Probe(
            trace=spec.trace,
            target=spec.target,
            protocol=spec.protocol,
            round=self._round.id,
            ttl=ttl,
            flow=FlowId(0),
            sequence=self._take_sequence(),
            source_port=ports.source,
            target_port=ports.target,
            shape=spec.shape,
        )
        self._planned = TrackedProbe(probe, ports)
        self._commands.append(SendProbe(probe, ports.lap_ends))
        return True

    def _take_ports(self) -> Ports | None:
        """A pair of ports; an old lost probe gives up its own if that is what it takes."""
        ports = self._plan.take()
        if ports is None and (lost := self._memory.oldest_lost()) is not None:
            self._release(lost)
            ports = self._plan.take()
        return ports

    def _take_sequence(self) -> Sequence:
        while True:
            sequence = Sequence(self._next_sequence)
            self._next_sequence = (self._next_sequence + 1) & 0xFFFF
            if not self._memory.knows(sequence):
                return sequence

    def answer(self, command: SendProbe, result: SendResult, now: int) -> None:
        """The channel's immediate answer to the SendProbe that ``take_commands`` gave last."""
        tracked, self._planned = self._planned, None
        if tracked is None or tracked.probe is not command.probe:
            raise ValueError("an answer to a probe that is not planned")
        match result:
            case Sent():
                self._used_turn(now)
                self._left(tracked, result, now)
            case PortInUse():
                tracked.move(ProbeInput.PORT_IN_USE)
                self._plan.refuse(tracked.ports)
                self._story.skipped(tracked, now)
            case NotSent(failure):
                self._used_turn(now)
                self._plan.free(tracked.ports)
                self._fail(tracked, failure, now)
        self._plan_probe(now)

    def _used_turn(self, now: int) -> None:
        """The planned probe has met its end or is on its way: the next TTL is due."""
        self._pacer.take(now)
        self._window.advance()

    def _left(self, tracked: TrackedProbe, result: Sent, now: int) -> None:
        tracked.probe = msgspec.structs.replace(tracked.probe, source_port=result.source_port)
        tracked.tx = result.at
        tracked.move(ProbeInput.LEFT)
        self._memory.left(tracked, now)
        self._on_the_network += 1
        self._highest_sent = max(self._highest_sent, tracked.probe.ttl)
        self._story.sent(tracked, result.at, now)

    # Answers come in

    def receive(self, item: Received, now: int) -> None:
        """Take one thing the channel yields. Nothing here can raise because of what the network sent."""
        match item:
            case Reply():
                self._reply(item, now)
            case TransmitStamp():
                self._stamp(item)
            case FailedLate():
                self._failed_late(item, now)
            case Malformed():
                self._story.malformed(item, now)
            case Notice():
                self._story.noticed(item, now)

    def claims(self, item: Received) -> bool:
        """It is about a probe of this trace."""
        match item:
            case Reply():
                return isinstance(self._match(item), TrackedProbe)
            case TransmitStamp() | FailedLate():
                return self._find(item) is not None
            case Malformed() | Notice():
                return False

    def _find(self, item: TransmitStamp | FailedLate) -> TrackedProbe | None:
        """The probe it is about. Two targets may be probed from the same ports, so identity is not enough."""
        ours = item.destination == self._spec.target and item.protocol is self._spec.protocol
        return self._memory.find(item.identity) if ours else None

    def _match(self, reply: Reply) -> TrackedProbe | ForeignReason:
        quoted = reply.quoted
        if quoted.protocol is not self._spec.protocol:
            return ForeignReason.WRONG_PROTOCOL
        # What the target itself sends may quote the address a translator gave it.
        if self._spec.target not in (quoted.destination, reply.responder):
            return ForeignReason.WRONG_DESTINATION
        if reply.kind in _DIRECT and reply.responder != self._spec.target:
            return ForeignReason.WRONG_RESPONDER
        return self._memory.find(quoted.identity) or ForeignReason.UNKNOWN_IDENTITY

    def _reply(self, reply: Reply, now: int) -> None:
        tracked = self._match(reply)
        if isinstance(tracked, ForeignReason):
            self._story.foreign(reply, tracked, now)
            return
        was = tracked.move(ProbeInput.ANSWERED)
        event = self._story.answered(tracked, reply, self._spec.target, was, now)
        if was not in (ProbeState.OUTSTANDING, ProbeState.LOST):
            return
        self._settle(tracked, was)
        if was is ProbeState.OUTSTANDING:
            self._watch.answered(tracked.probe.ttl, reply.responder)
        self._learn(tracked.probe, event, now)

    def _learn(self, probe: Probe, event: ReplyReceived, now: int) -> None:
        """What an answer tells about the path: how far it goes, and how this round goes on."""
        goes_on = event.kind is ReplyKind.TIME_EXCEEDED and not event.reached
        if event.reached:
            self._reached = True
            self._belief.target_answered(probe.ttl, probe.round)
        elif goes_on:
            self._belief.router_answered(probe.ttl, probe.round)
        else:
            self._belief.refused(probe.ttl)
        self._story.path_end(self._belief.end, now)
        of_this_round = probe.round == self._round.id
        self._window.answered(probe.ttl, ends_path=of_this_round and not goes_on)
        if of_this_round:
            self._round.answered(now)
            if not goes_on:
                self._round.path_end_answered(now, event.rtt_ns)

    def _stamp(self, stamp: TransmitStamp) -> None:
        tracked = self._find(stamp)
        if tracked is not None:
            tracked.tx = stamp.at
            tracked.packet = stamp.packet

    def _failed_late(self, item: FailedLate, now: int) -> None:
        tracked = self._find(item)
        if tracked is not None and tracked.state in (ProbeState.OUTSTANDING, ProbeState.LOST):
            self._on_the_network -= 1
            self._settle(tracked, tracked.state)
            self._fail(tracked, item.failure, now)

    # Probes end

    def _lose(self, tracked: TrackedProbe, reason: LossReason, now: int) -> None:
        tracked.move(ProbeInput.GIVEN_UP)
        self._memory.outstanding -= 1
        self._story.lost(tracked, reason, now)
        if reason is LossReason.TIMEOUT:
            self._memory.lost(tracked)
            self._bound_sockets()
            self._belief.lost(tracked.probe.ttl)
            self._story.path_end(self._belief.end, now)

    def _bound_sockets(self) -> None:
        """Where each probe has a socket, at most a window of lost ones keep theirs for a late answer."""
        if self._plan.kind is PortPlanKind.FIXED_TARGET:
            while (lost := self._memory.oldest_lost(beyond=self._config.max_inflight)) is not None:
                self._release(lost)

    def _fail(self, tracked: TrackedProbe, failure: Failure, now: int) -> None:
        was = tracked.move(ProbeInput.REFUSED_HERE)
        self._story.failed(tracked, failure, was, now)

    def _settle(self, tracked: TrackedProbe, was: ProbeState) -> None:
        if was is ProbeState.OUTSTANDING:
            self._memory.outstanding -= 1
        self._release(tracked)

    def _release(self, tracked: TrackedProbe) -> None:
        if not tracked.released:
            tracked.released = True
            self._plan.free(tracked.ports)
            self._commands.append(ReleaseProbe(tracked.probe))
