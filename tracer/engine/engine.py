"""The facade: one trace to one address over one or more flows, driven by five verbs and a deadline.

``tick`` plans, ``take_commands`` hands the plans out, ``answer`` tells what became of each, ``receive`` takes
what comes back, ``take_events`` gives the story. All times are nanoseconds on the session's clock and are
arguments. The engine asks to be ticked at ``deadline``.
"""

from __future__ import annotations

from collections.abc import Sequence as Several

import msgspec

from tracer.config import TraceConfig
from tracer.engine.drafting import Drafting
from tracer.engine.lane import Lane, lanes_of
from tracer.engine.lifecycle import ProbeInput
from tracer.engine.matching import ProbeMemory, TrackedProbe
from tracer.engine.path_watch import together
from tracer.engine.ports import PortPlan
from tracer.engine.recognition import DIRECT, Recogniser
from tracer.engine.setbacks import Setbacks, asleep
from tracer.engine.size_probes import SizeProbe, SizeProbing
from tracer.engine.spec import TraceSpec
from tracer.engine.story import Story
from tracer.events import TargetEvent
from tracer.interfaces import (
    Command,
    FailedLate,
    Malformed,
    Notice,
    NotSent,
    PortInUse,
    Received,
    ReleaseProbe,
    RouteMoved,
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
    ForeignReason,
    LossReason,
    PacketShape,
    PathEndKind,
    PortPlanKind,
    ProbeState,
    Reply,
    RoundId,
    TraceId,
    Ttl,
)

MEMORY_TIMEOUTS = 5
"""A probe is remembered for so many timeouts after it was sent, so that a late answer still finds it."""

# Reading a member of an enumeration through its class takes longer than most of what is done with it.
_ANSWERED, _LEFT = ProbeInput.ANSWERED, ProbeInput.LEFT
_OUTSTANDING = ProbeState.OUTSTANDING
_UNDECIDED = (ProbeState.OUTSTANDING, ProbeState.LOST)
"""An answer to such a probe is its first one."""

_END_REASONS = {
    PathEndKind.UNREACHABLE: EndReason.UNREACHABLE,
    PathEndKind.GAP: EndReason.GAP_LIMIT,
}


class Engine:
    """Decides what to send and what every answer means."""

    def __init__(self, spec: TraceSpec, config: TraceConfig, plans: Several[PortPlan], now: int) -> None:
        """``plans`` has one for each flow."""
        self._spec = spec
        self._config = config
        self._memory = ProbeMemory(config.timeout_ns, config.timeout_ns * MEMORY_TIMEOUTS)
        self._drafting = Drafting(spec, config.multipath_strategy, self._memory)
        self._recogniser = Recogniser(
            spec.protocol,
            config.multipath_strategy,
            None if spec.source is None else spec.source.address,
            spec.target,
            self._memory,
        )
        self._lanes, self._ends = lanes_of(plans, config, now)
        self._turn = 0
        self._story = Story(spec.label, spec.source)
        self._setbacks = Setbacks(config.timeout_ns)
        self._sizes = SizeProbing(config, spec.shape, self._lanes[0], self._story)
        self._planned: TrackedProbe | None = None
        self._commands: list[Command] = []
        self._reached = False
        self._highest_sent = 0
        self._on_the_network = 0
        self.ended: EndReason | None = None
        """Why the trace ended; None while it runs."""
        self.failure: Failure | None = None
        """What this host did to end it; None for any other end."""

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
        if self._round_is_over(now):
            return now
        wishes = [self._memory.next_loss_ns(), self._sizes.next_ns(now)]
        for lane in self._lanes:
            wishes.append(lane.ready_at(now))
            ends_ns = lane.round_ends_ns()
            # A flow whose part is over waits for the others.
            if ends_ns is not None and ends_ns > now:
                wishes.append(ends_ns)
        return min([wish for wish in wishes if wish is not None], default=now)

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
        self._sizes.tick(now)
        self._plan_probe(now)
        if self._round_is_over(now):
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

    def _round_is_over(self, now: int) -> bool:
        """A report says what its user asked for: its last round waits for the MTUs, for a while."""
        for lane in self._lanes:
            if not lane.round_is_over(now):
                return False
        return not (self._lanes[0].round.is_last and self._sizes.searching(now))

    def _finish_round(self, now: int) -> None:
        this = self._lanes[0].round
        for flows, change in together((lane.flow, lane.end_round()) for lane in self._lanes):
            self._story.path_changed(change, this.id, flows, now)
            self._sizes.path_changed(flows)
        if this.is_last:
            self.stop(self._end_reason(), now)
            return
        begins_ns = max(lane.round.next_begins_ns(now) for lane in self._lanes)
        for lane in self._lanes:
            lane.begin_round(RoundId(this.id + 1), begins_ns)
        self._plan_probe(now)

    def _end_reason(self) -> EndReason:
        if self._on_the_network == 0:
            return EndReason.ERROR
        if self._reached:
            return EndReason.TARGET_REACHED
        at_max = EndReason.MAX_TTL if self._highest_sent >= self._config.max_ttl else EndReason.GAP_LIMIT
        return _END_REASONS.get(self._ends.end.kind, at_max)

    # Probes go out

    def _plan_probe(self, now: int) -> None:
        """Issue the next probe that a window and its pacer let out; the flows take turns.

        One at a time: whether a TTL is sent again from another port or the next one is due depends on what
        became of the last, and TTLs go out in ascending order.
        """
        if self._planned is not None or self.ended is not None:
            return
        if self._config.mtu and self._plan_size_probe(now):
            return
        lanes = self._lanes
        for lane in (*lanes[self._turn :], *lanes[: self._turn]) if self._turn else lanes:
            ttl = lane.due(now)
            if ttl is not None and self._issue(lane, ttl, self._spec.shape, TrackedProbe):
                return

    def _plan_size_probe(self, now: int) -> bool:
        """Issue a probe that looks for MTUs, if one may leave; it goes first, as there are few."""
        if (question := self._sizes.due(now)) is None:
            return False
        shape = msgspec.structs.replace(self._spec.shape, size=question.size)
        if not (issued := self._issue(self._lanes[0], question.ttl, shape, SizeProbe)):
            self._sizes.wait(now)
        return issued

    def _issue(self, lane: Lane, ttl: Ttl, shape: PacketShape, kind: type[TrackedProbe]) -> bool:
        """Plan one probe; False while our own probes hold every port or sequence it could use."""
        if self._memory.full:
            lane.wait_for_port()
            return False
        ports = lane.take_ports(self._release)
        if ports is None:
            return False
        probe = self._drafting.probe(lane, ttl, shape, ports)
        self._planned = kind(probe, ports)
        self._commands.append(SendProbe(probe, ports.lap_ends))
        return True

    def answer(self, command: SendProbe, result: SendResult, now: int) -> None:
        """The channel's immediate answer to the SendProbe that ``take_commands`` gave last."""
        tracked, self._planned = self._planned, None
        if tracked is None or tracked.probe is not command.probe:
            raise ValueError("an answer to a probe that is not planned")
        lane = self._lanes[tracked.probe.flow]
        match result:
            case Sent():
                self._used_turn(tracked, lane, now)
                self._left(tracked, lane, result, now)
            case PortInUse():
                tracked.move(ProbeInput.PORT_IN_USE)
                lane.plan.refuse(tracked.ports)
                self._teller(tracked).skipped(tracked, now)
            case NotSent(failure):
                self._used_turn(tracked, lane, now)
                lane.plan.free(tracked.ports)
                self._fail(tracked, failure, now)
                if failure.kind is FailureKind.QUEUE_FULL and lane.refused(now):
                    self._pace_changed(lane, now)
        self._plan_probe(now)

    def _lane(self, tracked: TrackedProbe) -> Lane:
        return self._lanes[tracked.probe.flow]

    def _pace_changed(self, lane: Lane, now: int) -> None:
        self._story.pace(lane.flow, *lane.pace, now)

    def _used_turn(self, tracked: TrackedProbe, lane: Lane, now: int) -> None:
        lane.paced(now)
        if not isinstance(tracked, SizeProbe):
            lane.window.advance()
            self._turn = (lane.flow + 1) % len(self._lanes)

    def _left(self, tracked: TrackedProbe, lane: Lane, result: Sent, now: int) -> None:
        if result.source_port != tracked.probe.source_port:
            tracked.probe = msgspec.structs.replace(tracked.probe, source_port=result.source_port)
        tracked.tx = result.at
        tracked.move(_LEFT)
        self._memory.left(tracked, now)
        self._on_the_network += 1
        self._highest_sent = max(self._highest_sent, tracked.probe.ttl)
        self._teller(tracked).sent(tracked, result.at, now)
        lane.outstanding += 1
        if lane.left(now):
            self._pace_changed(lane, now)

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
            case SourceMoved(source=source):
                self._story.source_moved(source, now)
                self._recogniser.source = None if source is None else source.address
            case RouteMoved():
                pass  # what the way is, the probes tell
            case Slept(slept_ns=slept_ns):
                self._slept(slept_ns, now)

    def claims(self, item: Received) -> bool:
        """It is about a probe of this trace."""
        match item:
            case Reply():
                return isinstance(self._recogniser.match(item), TrackedProbe)
            case TransmitStamp() | FailedLate():
                return self._find(item) is not None
            case SourceMoved() | RouteMoved() | Slept():
                return item.trace == self._spec.trace
            case Malformed() | Notice():
                return False

    def _find(self, item: TransmitStamp | FailedLate) -> TrackedProbe | None:
        return self._recogniser.find(item.protocol, item.destination, item.identity, item.mark)

    def _reply(self, reply: Reply, now: int) -> None:
        tracked = self._recogniser.match(reply)
        if isinstance(tracked, ForeignReason):
            self._foreign(reply, tracked, now)
            return
        was = tracked.move(_ANSWERED)
        if isinstance(tracked, SizeProbe):
            if was in _UNDECIDED:
                self._settle(tracked, was)
                self._sizes.answered(tracked, reply, now)
            return
        event = self._story.answered(tracked, reply, self._spec.target, was, now)
        if was not in _UNDECIDED:
            return
        self._setbacks.got_through()
        self._settle(tracked, was)
        probe = tracked.probe
        lane = self._lanes[probe.flow]
        if was is _OUTSTANDING:
            lane.seen(probe, event)
        lane.answered(probe, event, now)
        if self._config.mtu:
            self._sizes.heard(probe, event.rtt_ns, now)
        self._reached = self._reached or event.reached
        self._story.path_end(self._ends.learned(lane.belief), now)

    def _foreign(self, reply: Reply, reason: ForeignReason, now: int) -> None:
        """Credited to no probe; where that is for want of a mark, further probes go one at a time."""
        self._story.foreign(reply, reason, now)
        if reason is ForeignReason.AMBIGUOUS and reply.kind in DIRECT:
            for candidate in self._memory.candidates(reply.quoted.identity):
                self._lane(candidate).one_at_a_time = True

    def _stamp(self, stamp: TransmitStamp) -> None:
        tracked = self._find(stamp)
        if tracked is not None:
            tracked.tx = stamp.at
            tracked.packet = stamp.packet

    def _failed_late(self, item: FailedLate, now: int) -> None:
        tracked = self._find(item)
        if tracked is not None and tracked.state in _UNDECIDED:
            self._on_the_network -= 1
            self._settle(tracked, tracked.state)
            self._fail(tracked, item.failure, now)

    def _slept(self, slept_ns: int, now: int) -> None:
        """What was under way while this machine slept says nothing of the network."""
        self._story.slept(slept_ns, now)
        for tracked in self._memory.all_outstanding():
            self._on_the_network -= 1
            self._settle(tracked, tracked.state)
            was = tracked.move(ProbeInput.REFUSED_HERE)
            self._teller(tracked).failed(tracked, asleep(slept_ns), was, now)

    # Probes end

    def _lose(self, tracked: TrackedProbe, reason: LossReason, now: int) -> None:
        tracked.move(ProbeInput.GIVEN_UP)
        lane = self._lane(tracked)
        lane.outstanding -= 1
        self._teller(tracked).lost(tracked, reason, now)
        if reason is LossReason.TIMEOUT:
            self._setbacks.got_through()
            lane.lost.add(tracked)
            self._bound_sockets(lane)
        if reason is LossReason.TIMEOUT and not isinstance(tracked, SizeProbe):
            lane.belief.lost(tracked.probe.ttl)
            self._sizes.missed(tracked.probe)
            self._story.path_end(self._ends.learned(lane.belief), now)

    def _bound_sockets(self, lane: Lane) -> None:
        """Where each probe has a socket, at most a window of lost ones keep theirs for a late answer."""
        if lane.plan.kind is PortPlanKind.FIXED_TARGET:
            windows = self._config.max_inflight * len(self._lanes)
            while (lost := lane.lost.oldest(beyond=windows)) is not None:
                self._release(lost)

    def _fail(self, tracked: TrackedProbe, failure: Failure, now: int) -> None:
        was = tracked.move(ProbeInput.REFUSED_HERE)
        self._teller(tracked).failed(tracked, failure, was, now)
        if isinstance(tracked, SizeProbe):  # a size that cannot be sent says nothing of the others
            return
        hopeless = self._setbacks.failed(failure, now)
        # Whoever watches a screen waits for the trouble to end; a report has to end itself.
        if hopeless is not None and self._config.report_cycles is not None and self.ended is None:
            self.failure = hopeless
            self.stop(EndReason.ERROR, now)

    def _teller(self, tracked: TrackedProbe) -> Story | SizeProbing:
        """Who makes an event of what becomes of it."""
        return self._sizes if isinstance(tracked, SizeProbe) else self._story

    def _settle(self, tracked: TrackedProbe, was: ProbeState) -> None:
        if was is _OUTSTANDING:
            self._lanes[tracked.probe.flow].outstanding -= 1
        self._release(tracked)

    def _release(self, tracked: TrackedProbe) -> None:
        if not tracked.released:
            tracked.released = True
            self._lanes[tracked.probe.flow].plan.free(tracked.ports)
            self._commands.append(ReleaseProbe(tracked.probe))
