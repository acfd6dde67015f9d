"""The books of one flow: its ports, the way its probes took, and what became of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, ClassVar

from tracer.events import (
    LateReply,
    PortsExhausted,
    ProbeLost,
    ProbeSent,
    ReplyReceived,
    SendFailed,
)
from tracer.model import Address, FlowId, Port, ProbeState, RoundId, Ttl
from tracer.stats.hop import rtt_sample
from tracer.stats.loss import loss_pct
from tracer.stats.running import Running
from tracer.stats.snapshot import FlowSnapshot, RttSummary

FlowEvent = ProbeSent | ReplyReceived | LateReply | ProbeLost | SendFailed | PortsExhausted


class _Hop:
    """What became of the probes of one TTL, and who answered last."""

    __slots__ = ("address", "is_target", "lost", "received", "round", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self.lost = 0
        self.address: Address | None = None
        self.round = RoundId(-1)
        self.is_target = False


_UNSEEN = _Hop()
"""A TTL nothing was sent to; never changed."""


class _Moving:
    """One of the two ports: the one in use, until it turns out to move."""

    __slots__ = ("moves", "port")

    def __init__(self) -> None:
        self.port: Port | None = None
        self.moves = False

    def note(self, port: Port) -> None:
        self.moves = self.moves or self.port not in (None, port)
        self.port = port

    @property
    def constant(self) -> Port | None:
        return None if self.moves else self.port


class FlowStats:
    """Bounded by TTLs."""

    def __init__(self, flow: FlowId) -> None:
        self._flow = flow
        self._source, self._target = _Moving(), _Moving()
        self._hops: defaultdict[Ttl, _Hop] = defaultdict(_Hop)
        self._rtt = Running()
        self._snapshot: FlowSnapshot | None = None
        self._span: tuple[int, int] = (0, 0)

    def _enter_sent(self, event: ProbeSent) -> None:
        self._snapshot = None
        self._hops[event.ttl].sent += 1
        if event.source_port != self._source.port:
            self._source.note(event.source_port)
        if event.target_port != self._target.port:
            self._target.note(event.target_port)

    def _enter_reply(self, event: ReplyReceived) -> None:
        self._snapshot = None
        hop = self._hops[event.ttl]
        hop.received += 1
        hop.address, hop.round, hop.is_target = event.responder, event.round, event.reached
        if event.reached and (rtt_ns := rtt_sample(event)) is not None:
            self._rtt.add(rtt_ns)

    def _enter_late(self, event: LateReply) -> None:
        self._take_back_loss(event)
        self._enter_reply(event)

    def _enter_lost(self, event: ProbeLost) -> None:
        self._snapshot = None
        self._hops[event.ttl].lost += 1

    def _enter_failed(self, event: SendFailed) -> None:
        """A probe that was thought to have left is taken back."""
        self._snapshot = None
        if event.was is not ProbeState.PLANNED:
            hop = self._hops[event.ttl]
            hop.sent = max(hop.sent - 1, 0)
        if event.was is ProbeState.LOST:
            self._take_back_loss(event)

    def _take_back_loss(self, event: FlowEvent) -> None:
        # A log that never told of the loss must not turn the count negative.
        hop = self._hops[event.ttl]
        hop.lost = max(hop.lost - 1, 0)

    @property
    def _end(self) -> Ttl:
        """Where its path ends: the nearest answer of the target behind which no router has answered since."""
        answering = {ttl: hop for ttl, hop in self._hops.items() if hop.address is not None}
        for ttl in sorted(ttl for ttl, hop in answering.items() if hop.is_target):
            behind = (hop.round for at, hop in answering.items() if at > ttl and not hop.is_target)
            if max(behind, default=-1) < answering[ttl].round:
                return ttl
        return max(answering, default=Ttl(0))

    def snapshot(self, first: int, last: int) -> FlowSnapshot:
        """Return the numbers, the path from the TTL ``first`` to ``last`` at the farthest."""
        if self._snapshot is None or self._span != (first, last):
            self._span = (first, last)
            path = [self._hops.get(Ttl(ttl), _UNSEEN) for ttl in range(first, min(last, self._end) + 1)]
            while path and path[-1].address is None:
                path.pop()
            end = path[-1] if path else _UNSEEN
            self._snapshot = FlowSnapshot(
                id=self._flow,
                source_port=self._source.constant,
                target_port=self._target.constant,
                first_ttl=Ttl(first),
                path=tuple(hop.address for hop in path),
                reached=end.is_target,
                sent=end.sent,
                received=end.received,
                lost=end.lost,
                loss_pct=loss_pct(end.lost, end.received + end.lost),
                rtt=_summary(self._rtt),
            )
        return self._snapshot

    TELLING: ClassVar[dict[type[FlowEvent], Callable[[Any, Any], None]]] = {
        ProbeSent: _enter_sent,
        ReplyReceived: _enter_reply,
        LateReply: _enter_late,
        ProbeLost: _enter_lost,
        SendFailed: _enter_failed,
        PortsExhausted: _enter_failed,
    }
    """The kinds of events that tell something of a flow, and what each does."""


def _summary(running: Running) -> RttSummary | None:
    last_ns, best_ns, worst_ns = running.last_ns, running.best_ns, running.worst_ns
    if last_ns is None or best_ns is None or worst_ns is None:
        return None
    return RttSummary(
        last_ns=last_ns,
        best_ns=best_ns,
        worst_ns=worst_ns,
        mean_ns=running.mean_ns,
        stddev_ns=running.stddev_ns,
    )


class Flows:
    """The flows of one target; of more than ``most`` the first ones that were seen are told apart."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._flows: dict[FlowId, FlowStats] = {}

    def apply(self, event: Any) -> None:
        """Enter an event of any kind; those that tell nothing of a flow's path change nothing."""
        enter = FlowStats.TELLING.get(type(event))
        if enter is None:
            return
        flow = self._flows.get(event.flow)
        if flow is None and len(self._flows) < self._most:
            flow = self._flows[event.flow] = FlowStats(event.flow)
        if flow is not None:
            enter(flow, event)

    def snapshot(self, first: int, last: int) -> tuple[FlowSnapshot, ...]:
        """Return every flow, by its id."""
        return tuple(self._flows[flow].snapshot(first, last) for flow in sorted(self._flows))
