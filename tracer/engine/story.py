"""Turns what the engine decides into the events of the log."""

from __future__ import annotations

from typing import Any

from tracer.engine.matching import TrackedProbe
from tracer.engine.path_end import OPEN, PathEnd
from tracer.engine.path_watch import PathChange
from tracer.engine.quoting import quoted_header
from tracer.events import (
    DuplicateReply,
    ForeignReply,
    Health,
    LateReply,
    MalformedReply,
    PaceChanged,
    PathChanged,
    PathEndMoved,
    PathMtuFound,
    PortsExhausted,
    PortSkipped,
    ProbeLost,
    ProbeSent,
    ReplyReceived,
    SendFailed,
    SizeProbed,
    SourceChanged,
    Suspended,
    TargetEvent,
)
from tracer.interfaces import Malformed, Notice
from tracer.model import (
    Address,
    Anomaly,
    Failure,
    FailureKind,
    FlowId,
    ForeignReason,
    LossReason,
    PathMtu,
    ProbeState,
    Reply,
    RoundId,
    SizeOutcome,
    SourceInfo,
    Stamp,
)

_REPLY_EVENTS: dict[ProbeState, type[ReplyReceived]] = {
    ProbeState.OUTSTANDING: ReplyReceived,
    ProbeState.LOST: LateReply,
}
"""What an answer is, by what its probe counted as before; anything else is a duplicate."""


class Story:
    """Collects the events of one target until they are taken."""

    def __init__(self, label: str, source: SourceInfo | None = None) -> None:
        """``source`` is where the probes leave from, as far as it is known."""
        self.label = label
        self._from = source
        self._source = None if source is None else source.address
        self._events: list[TargetEvent] = []
        self._told_end = OPEN

    def take(self) -> list[TargetEvent]:
        """What happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    def sent(self, tracked: TrackedProbe, tx: Stamp, now: int) -> None:
        """The probe left."""
        probe = tracked.probe
        self._events.append(
            ProbeSent(
                now,
                self.label,
                probe.round,
                probe.ttl,
                probe.flow,
                probe.sequence,
                probe.source_port,
                probe.target_port,
                tx=tx,
            )
        )

    def skipped(self, tracked: TrackedProbe, now: int) -> None:
        """The probe's source port was in use."""
        self._events.append(PortSkipped(**self._about(tracked, now)))

    def failed(self, tracked: TrackedProbe, failure: Failure, was: ProbeState, now: int) -> None:
        """This host did not let the probe out."""
        kind = PortsExhausted if failure.kind is FailureKind.PORTS_EXHAUSTED else SendFailed
        self._events.append(kind(failure=failure, was=was, **self._about(tracked, now)))

    def lost(self, tracked: TrackedProbe, reason: LossReason, now: int) -> None:
        """The probe was given up."""
        self._events.append(
            ProbeLost(reason=reason, tx=tracked.tx, probe_bytes=tracked.packet, **self._about(tracked, now))
        )

    def answered(
        self, tracked: TrackedProbe, reply: Reply, target: Address, was: ProbeState, now: int
    ) -> ReplyReceived:
        """The probe was answered; returns the event, which holds the round-trip time."""
        probe = tracked.probe
        tx = tracked.tx or reply.rx
        rtt_ns, anomaly = _round_trip(reply, tx)
        # In the order of their declaration: for more than 15 keywords Python makes a dictionary first, which
        # takes as long as finding the probe.
        event = _REPLY_EVENTS.get(was, DuplicateReply)(
            now,
            self.label,
            probe.round,
            probe.ttl,
            probe.flow,
            probe.sequence,
            probe.source_port,
            probe.target_port,
            reply.kind,
            reply.responder,
            reply.responder == target,
            reply.icmp,
            tx,
            reply.rx,
            rtt_ns,
            anomaly,
            reply_ttl=reply.reply_ttl,
            reply_tos=reply.reply_tos,
            mtu=reply.mtu,
            extensions=reply.extensions,
            quoted=quoted_header(reply.quoted, tracked, self._source),
            probe_bytes=tracked.packet,
            reply_bytes=reply.raw,
        )
        self._events.append(event)
        return event

    def foreign(self, reply: Reply, reason: ForeignReason, now: int) -> None:
        """The reply belongs to none of our probes."""
        self._events.append(
            ForeignReply(at_ns=now, target=self.label, responder=reply.responder, reason=reason)
        )

    def malformed(self, item: Malformed, now: int) -> None:
        """Bytes came that do not decode."""
        self._events.append(
            MalformedReply(at_ns=now, target=self.label, reason=item.reason, reply_bytes=item.raw)
        )

    def noticed(self, item: Notice, now: int) -> None:
        """The channel lost packets, or the wall clock jumped."""
        self._events.append(
            Health(at_ns=now, target=self.label, kernel_drops=item.kernel_drops, clock_steps=item.clock_steps)
        )

    def pace(self, flow: FlowId, rate: int, wanted: int, now: int) -> None:
        """A flow sends slower or faster than before."""
        self._events.append(PaceChanged(at_ns=now, target=self.label, flow=flow, rate=rate, wanted=wanted))

    def source_moved(self, source: SourceInfo | None, now: int) -> None:
        """The probes leave from elsewhere; told only where that is so."""
        if source != self._from:
            self._events.append(SourceChanged(at_ns=now, target=self.label, source=source, old=self._from))
            self._from = source
            self._source = None if source is None else source.address

    def slept(self, slept_ns: int, now: int) -> None:
        """The machine was asleep."""
        self._events.append(Suspended(at_ns=now, target=self.label, slept_ns=slept_ns))

    def path_end(self, end: PathEnd, now: int) -> None:
        """Where the path ends; told only when it differs from the last time."""
        if end != self._told_end:
            self._told_end = end
            self._events.append(PathEndMoved(at_ns=now, target=self.label, ttl=end.ttl, kind=end.kind))

    def path_changed(
        self, change: PathChange, round_id: RoundId, flows: tuple[FlowId, ...], now: int
    ) -> None:
        """The probes of these flows go another way than before; ``change`` is the first one's."""
        self._events.append(
            PathChanged(
                at_ns=now,
                target=self.label,
                round=round_id,
                flows=flows,
                ttl=change.ttl,
                old=change.old,
                new=change.new,
            )
        )

    def size_probed(self, tracked: TrackedProbe, outcome: SizeOutcome, now: int, **about: Any) -> None:
        """A probe that was sent to find MTUs met its end; ``about`` is what the answer tells."""
        self._events.append(
            SizeProbed(
                size=tracked.probe.shape.size,
                outcome=outcome,
                tx=tracked.tx,
                probe_bytes=tracked.packet,
                **about,
                **self._about(tracked, now),
            )
        )

    def path_mtu(self, found: PathMtu, now: int) -> None:
        """What is known of the sizes that pass."""
        self._events.append(PathMtuFound(at_ns=now, target=self.label, found=found))

    def _about(self, tracked: TrackedProbe, now: int) -> dict[str, Any]:
        """The fields every event of a probe has."""
        probe = tracked.probe
        return {
            "at_ns": now,
            "target": self.label,
            "round": probe.round,
            "ttl": probe.ttl,
            "flow": probe.flow,
            "sequence": probe.sequence,
            "source_port": probe.source_port,
            "target_port": probe.target_port,
        }


def _round_trip(reply: Reply, tx: Stamp) -> tuple[int | None, Anomaly | None]:
    """The round-trip time in ns, or why there is none. A negative one is an anomaly, never 0."""
    if reply.retransmitted:
        return None, Anomaly.SYN_RETRANSMITTED
    rtt_ns = reply.rtt_ns if reply.rtt_ns is not None else reply.rx.ns - tx.ns
    return (rtt_ns, None) if rtt_ns >= 0 else (None, Anomaly.NEGATIVE_RTT)
