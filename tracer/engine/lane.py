"""What one flow of a trace has for itself: its ports, its pace, its window, and what it knows of its path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tracer.config import TraceConfig
from tracer.engine.lifecycle import RoundInput, RoundState
from tracer.engine.matching import LostProbes, TrackedProbe
from tracer.engine.pacing import Pacer
from tracer.engine.path_end import PathEndBelief
from tracer.engine.path_ends import PathEnds
from tracer.engine.path_watch import PathChange, PathWatch
from tracer.engine.ports import PortPlan, Ports
from tracer.engine.rounds import Round
from tracer.engine.window import Window
from tracer.events import ReplyReceived
from tracer.model import FlowId, Probe, ReplyKind, RoundId, Ttl

_TIME_EXCEEDED = ReplyKind.TIME_EXCEEDED


class Lane:
    """One flow. Flows whose source port moves share a plan, and the lost probes that hold its ports."""

    def __init__(self, flow: FlowId, config: TraceConfig, plan: PortPlan, lost: LostProbes, now: int) -> None:
        self.flow = flow
        self.plan = plan
        self.lost = lost
        self.belief = PathEndBelief(config.first_ttl, config.gap_limit)
        self.window = Window(config, self.belief)
        self.round = Round(config, RoundId(0), now)
        self.outstanding = 0
        """How many of its probes await an answer."""
        self.one_at_a_time = False
        """Answers came that several probes could have caused: no further one leaves before the last one's."""
        self.follows: Lane | None = None
        """The flow that goes first, until that one knows how far its path goes."""
        self._config = config
        self._watch = PathWatch()
        self._pacer = Pacer(config.max_rate, config.max_inflight, now)
        self._waits_for_port = False

    @property
    def next_ttl(self) -> Ttl | None:
        """The TTL to send now; None when nothing may leave before an answer or a loss."""
        if (self.one_at_a_time and self.outstanding) or self._is_held_back:
            return None
        return self.window.next_ttl

    @property
    def _is_held_back(self) -> bool:
        if self.follows is not None and self.follows.is_explored:
            self.follows = None
        return self.follows is not None

    @property
    def is_explored(self) -> bool:
        """It knows where its path ends, or has had every answer it can get in this round."""
        return not self.belief.searching or (self.outstanding == 0 and self.window.next_ttl is None)

    def ready_at(self, now: int) -> int | None:
        """When its next probe may leave; None when time alone does not let it."""
        if self._waits_for_port or self.next_ttl is None:
            return None
        return self._pacer.ready_at(now)

    def due(self, now: int) -> Ttl | None:
        """The TTL that may leave at this moment."""
        self._waits_for_port = False
        if self._is_held_back:
            return None
        ttl = self.window.next_ttl
        self.round.move(_ALL_SENT if ttl is None else _MORE_TO_SEND)
        waits = ttl is None or (self.one_at_a_time and self.outstanding)
        return None if waits or self._pacer.ready_at(now) > now else ttl

    def take_ports(self, release: Callable[[TrackedProbe], None]) -> Ports | None:
        """A pair of ports; an old lost probe gives up its own if that is what it takes.

        None while our own probes hold all of them: then only an answer or a loss lets a probe out.
        """
        ports = self.plan.take()
        if ports is None and (lost := self.lost.oldest()) is not None:
            release(lost)
            ports = self.plan.take()
        self._waits_for_port = ports is None
        return ports

    def wait_for_port(self) -> None:
        """No sequence is left for another probe."""
        self._waits_for_port = True

    def turn_ns(self, now: int) -> int | None:
        """When a probe of any kind may leave, as far as pace decides; None before the last one's answer."""
        return None if self.one_at_a_time and self.outstanding else self._pacer.ready_at(now)

    def paced(self, now: int) -> None:
        """The planned probe has met its end or is on its way."""
        self._pacer.take(now)

    def left(self, now: int) -> bool:
        """The host took its probe. Returns whether that changed its pace."""
        pacer = self._pacer
        return pacer.rate != pacer.wanted and pacer.passed(now)

    def refused(self, now: int) -> bool:
        """The host's queue is full. Returns whether that changed its pace."""
        return self._pacer.refused(now)

    @property
    def pace(self) -> tuple[int, int]:
        """Probes per second in force, and those the user allows."""
        return self._pacer.rate, self._pacer.wanted

    def answered(self, probe: Probe, event: ReplyReceived, now: int) -> None:
        """What an answer tells about the path: how far it goes, and how this round goes on."""
        goes_on = event.kind is _TIME_EXCEEDED and not event.reached
        if event.reached:
            self.belief.target_answered(probe.ttl, probe.round)
        elif goes_on:
            self.belief.router_answered(probe.ttl, probe.round)
        else:
            self.belief.refused(probe.ttl)
        of_this_round = probe.round == self.round.id
        self.window.answered(probe.ttl, ends_path=of_this_round and not goes_on)
        if of_this_round:
            self.round.answered(now)
            if not goes_on:
                self.round.path_end_answered(now, event.rtt_ns)

    def seen(self, probe: Probe, event: ReplyReceived) -> None:
        """Who answered in time."""
        self._watch.answered(probe.ttl, event.responder)

    def round_ends_ns(self) -> int | None:
        """When its part of the round is over; None while something is still to be sent, or when unknown."""
        return self.round.ends_ns() if self.round.state is _DRAINING else None

    def round_is_over(self, now: int) -> bool:
        """Everything is sent, and there is nothing left to wait for."""
        return self.round.is_over(now, self.outstanding)

    def end_round(self) -> PathChange | None:
        """Close its part of the round; returns the change of its path if one has become certain."""
        self.round.move(RoundInput.OVER)
        return self._watch.round_over(self.belief.end)

    def begin_round(self, number: RoundId, begins_ns: int) -> None:
        """Start again at the first TTL."""
        self.round = Round(self._config, number, begins_ns)
        self.window.new_round()
        self.plan.new_round()


_ALL_SENT, _MORE_TO_SEND, _DRAINING = RoundInput.ALL_SENT, RoundInput.MORE_TO_SEND, RoundState.DRAINING
"""Reading a member through its class takes 130 ns (CPython 3.11)."""


def lanes_of(plans: Sequence[PortPlan], config: TraceConfig, now: int) -> tuple[tuple[Lane, ...], PathEnds]:
    """A lane for each plan, and the path's end that they find together.

    Nobody knows at first how far the path goes. One flow finds out with a whole window of probes; the others
    wait for it, instead of sending a window each beyond the target.
    """
    holding = {id(plan): LostProbes() for plan in plans}
    lanes = tuple(Lane(FlowId(flow), config, plan, holding[id(plan)], now) for flow, plan in enumerate(plans))
    ends = PathEnds([lane.belief for lane in lanes])
    for lane in lanes if len(lanes) > 1 else ():
        lane.window.elsewhere = partial(ends.elsewhere, lane.belief)
    for lane in lanes[1:]:
        lane.follows = lanes[0]
    return lanes, ends
