"""The books of one TTL: what became of its probes, and who answered them."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar

from tracer.events import (
    DuplicateReply,
    LateReply,
    PortsExhausted,
    PortSkipped,
    ProbeLost,
    ProbeSent,
    ReplyReceived,
    SendFailed,
)
from tracer.model import (
    Address,
    Extension,
    FlowId,
    Icmp,
    LossReason,
    Port,
    ProbeState,
    QuotedHeader,
    ReplyKind,
    StampClock,
    Ttl,
)
from tracer.stats.evidence import HopEvidence, ProbeWindow
from tracer.stats.level_shift import Levels
from tracer.stats.loss import loss_pct, wilson
from tracer.stats.series import ProbeKey, Recent, Series
from tracer.stats.snapshot import ClockCount, HopSnapshot, ResponderSnapshot

MAX_RESPONDERS = 64
"""So many addresses of a hop are kept apart; what further ones answer counts in the hop alone."""

DEFAULT_MAX_FLOWS = 64
"""So many flows are told apart, unless the options say otherwise."""

PATIENCE_NS = 250_000_000
PATIENCE_RTTS = 3
"""A probe the end of the trace cut off is evidence of loss once it has waited for so long, and for so many
times the slowest answer of its TTL."""

ProbeEvent = (
    ProbeSent
    | ReplyReceived
    | LateReply
    | DuplicateReply
    | ProbeLost
    | SendFailed
    | PortsExhausted
    | PortSkipped
)


def rtt_sample(event: ReplyReceived) -> int | None:
    """Return the round-trip time that may enter the statistics; None where an anomaly spoils it."""
    return event.rtt_ns if event.anomaly is None else None


def _key(event: ProbeEvent) -> ProbeKey:
    return (event.round, event.sequence)


class ResponderStats:
    """What one address answered at one TTL."""

    __slots__ = (
        "_most_flows", "_snapshot", "address", "extensions", "flows", "icmp", "quoted", "received",
        "reply_ttl", "series",
    )  # fmt: skip

    def __init__(self, address: Address, series: Series, most_flows: int) -> None:
        self.address = address
        self.flows: set[FlowId] = set()
        self._most_flows = most_flows
        self.received = 0
        self.series = series
        """Its round-trip times; while nobody else answers here, those of the hop."""
        self.icmp: Icmp | None = None
        self.reply_ttl: int | None = None
        self.extensions: tuple[Extension, ...] = ()
        self.quoted: QuotedHeader | None = None
        self._snapshot: ResponderSnapshot | None = None

    def add(self, event: ReplyReceived) -> None:
        """Enter an answer, all but its round-trip time."""
        self._snapshot = None
        self.received += 1
        self.icmp = event.icmp
        self.reply_ttl = event.reply_ttl
        self.extensions = event.extensions
        if len(self.flows) < self._most_flows:
            self.flows.add(event.flow)
        self.quoted = event.quoted

    def snapshot(self) -> ResponderSnapshot:
        """Return the numbers; the same object until the next answer."""
        if self._snapshot is None:
            self._snapshot = ResponderSnapshot(
                address=self.address,
                received=self.received,
                rtt=self.series.snapshot(),
                icmp=self.icmp,
                reply_ttl=self.reply_ttl,
                extensions=self.extensions,
                flows=tuple(sorted(self.flows)),
                quoted=self.quoted,
            )
        return self._snapshot


class HopStats:
    """What one TTL's events add up to."""

    def __init__(self, ttl: Ttl, max_samples: int, most_flows: int = DEFAULT_MAX_FLOWS) -> None:
        self.ttl = ttl
        self._most_flows = most_flows
        self.received = 0
        self.lost = 0
        self.failed = 0
        self.skipped = 0
        self.late = 0
        self.duplicates = 0
        self._max_samples = max_samples
        self._outstanding: dict[ProbeKey, int] = {}
        self._series = Series(max_samples)
        self._recent = Recent(max_samples)
        self._judged = ProbeWindow()
        self._levels = Levels()
        self._changed_ns = 0
        self._stamped = dict.fromkeys(StampClock, 0)
        self._icmp: Icmp | None = None
        self._reply_ttl: int | None = None
        self._reported_mtu: int | None = None
        self._mtu: int | None = None
        self._quoted: QuotedHeader | None = None
        self._answered_port: Port | None = None
        self._refused_port: Port | None = None
        self._responders: dict[Address, ResponderStats] = {}
        self._snapshot: HopSnapshot | None = None
        self._evidence: HopEvidence | None = None

    @property
    def sent(self) -> int:
        """Probes that left this host and were not found to have failed on it."""
        return self.received + self.lost + len(self._outstanding)

    def apply(self, event: ProbeEvent) -> None:
        """Enter one event of this TTL."""
        self._snapshot = None
        self._ENTER[type(event)](self, event)

    def _enter_sent(self, event: ProbeSent) -> None:
        self._outstanding[event.round, event.sequence] = event.tx.ns

    def _enter_reply(self, event: ReplyReceived) -> None:
        self._evidence = None
        key, sent_ns = (event.round, event.sequence), event.tx.ns
        self._outstanding.pop(key, None)
        rtt_ns = rtt_sample(event)
        if rtt_ns is not None:
            self._recent.put(key, rtt_ns)
            if sent_ns >= self._changed_ns:
                self._levels.add(event.round, rtt_ns)
        self._judged.add(key, sent_ns, answered=True)
        self._credit(event, rtt_ns)

    def _enter_late(self, event: LateReply) -> None:
        self._evidence = None
        # A log that never told of the loss must not turn the count negative.
        self.lost = max(self.lost - 1, 0)
        self.late += 1
        rtt_ns = rtt_sample(event)
        if rtt_ns is None:
            self._recent.forget(_key(event))
        else:
            self._recent.revise(_key(event), rtt_ns)
        self._judged.revise(_key(event))
        self._credit(event, rtt_ns)

    def _enter_duplicate(self, _event: DuplicateReply) -> None:
        self.duplicates += 1

    def _enter_lost(self, event: ProbeLost) -> None:
        self._evidence = None
        key = _key(event)
        sent_ns = self._outstanding.pop(key, None)
        self.lost += 1
        self._recent.put(key, None)
        if sent_ns is not None and (
            event.reason is LossReason.TIMEOUT or self._overdue(event.at_ns - sent_ns)
        ):
            self._judged.add(key, sent_ns, answered=False)

    def _overdue(self, waited_ns: int) -> bool:
        """Whether an answer, had there been one, would have come while the probe was waited for.

        Answers count as they come and losses a timeout later: leaving out whatever the end cut off would
        make a short trace of a lossy path look clean.
        """
        slowest_ns = self._series.worst_ns
        return slowest_ns is not None and waited_ns >= max(PATIENCE_NS, PATIENCE_RTTS * slowest_ns)

    def _enter_failed(self, event: SendFailed) -> None:
        self._evidence = None
        self.failed += 1
        self._outstanding.pop(_key(event), None)
        if event.was is ProbeState.LOST:
            # A neighbour's silence is told after 3 s, when the probe already counts as lost; the network
            # never saw it.
            self._recent.forget(_key(event))
            self._judged.forget(_key(event))
            self.lost = max(self.lost - 1, 0)

    def _enter_skipped(self, _event: PortSkipped) -> None:
        self.skipped += 1

    def _credit(self, event: ReplyReceived, rtt_ns: int | None) -> None:
        self.received += 1
        self._icmp = event.icmp
        self._reply_ttl = event.reply_ttl
        self._quoted = event.quoted
        still = self._answered_port in (None, event.target_port)
        self._refused_port = event.target_port if still and event.kind is ReplyKind.RST else None
        self._answered_port = event.target_port
        if event.mtu is not None:
            self._reported_mtu = event.mtu
        responder = self._responders.get(event.responder) or self._new_responder(event.responder)
        if responder is not None:
            responder.add(event)
        if rtt_ns is not None:
            self._stamped[event.rx.clock] += 1
            self._series.add(rtt_ns)
            if responder is not None and responder.series is not self._series:
                responder.series.add(rtt_ns)

    def _new_responder(self, address: Address) -> ResponderStats | None:
        """Begin the books of a further address; None where too many are kept.

        At most hops only one ever answers: it shares the hop's series until there is a second one.
        """
        responders = self._responders
        if len(responders) >= MAX_RESPONDERS:
            return None
        for only in responders.values() if len(responders) == 1 else ():
            only.series = deepcopy(self._series)
        series = Series(self._max_samples) if responders else self._series
        responder = responders[address] = ResponderStats(address, series, self._most_flows)
        return responder

    def snapshot(self) -> HopSnapshot:
        """Return the numbers; the same object until the next event of this TTL."""
        if self._snapshot is None:
            closed = self.received + self.lost
            self._snapshot = HopSnapshot(
                ttl=self.ttl,
                sent=self.sent,
                outstanding=len(self._outstanding),
                received=self.received,
                lost=self.lost,
                failed=self.failed,
                skipped=self.skipped,
                late=self.late,
                duplicates=self.duplicates,
                loss_pct=loss_pct(self.lost, closed),
                loss_ci=wilson(self.lost, closed),
                rtt=self._series.snapshot(),
                clock=ClockCount(self._stamped[StampClock.KERNEL], self._stamped[StampClock.USER]),
                icmp=self._icmp,
                reply_ttl=self._reply_ttl,
                mtu=self._reported_mtu if self._mtu is None else self._mtu,
                responders=tuple(responder.snapshot() for responder in self._responders.values()),
                recent_ns=self._recent.snapshot(),
                quoted=self._quoted,
                refused_port=self._refused_port,
            )
        return self._snapshot

    def passes_on(self, mtu: int | None) -> None:
        """Note the largest packet that was found to go on from here; None while that is not known."""
        if mtu != self._mtu:
            self._mtu, self._snapshot = mtu, None

    def path_changed(self, at_ns: int) -> None:
        """Judge by what is sent from now on; the numbers of the whole trace go on."""
        self._evidence = None
        self._changed_ns = at_ns
        self._judged.restart(at_ns)
        self._levels.restart()

    @property
    def typical_rtt_ns(self) -> float | None:
        """Typical round-trip time on the present path; None without samples."""
        return self._levels.typical_ns

    def evidence(self) -> HopEvidence:
        """Return what a judgement may rest on; the same object until a probe of this TTL meets its end."""
        if self._evidence is None:
            counts = self._judged.counts
            self._evidence = HopEvidence(
                ttl=self.ttl,
                counts=counts,
                received=self.received,
                failed=self.failed,
                rtt_ns=self._levels.typical_ns,
                levels=self._levels.snapshot(),
                fates=self._judged.fates() if 0 < counts.lost < counts.closed else (),
            )
        return self._evidence

    _ENTER: ClassVar[dict[type[ProbeEvent], Callable[[Any, Any], None]]] = {
        ProbeSent: _enter_sent,
        ReplyReceived: _enter_reply,
        LateReply: _enter_late,
        DuplicateReply: _enter_duplicate,
        ProbeLost: _enter_lost,
        SendFailed: _enter_failed,
        PortsExhausted: _enter_failed,
        PortSkipped: _enter_skipped,
    }
