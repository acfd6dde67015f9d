"""The fold: the events of one target in, one snapshot out.

House rules: a number is stored once or derived, never both; nothing is kept that the log does not close
itself (every probe ends), so memory is bounded by TTLs, responders and windows, whatever the uptime; hops
beyond the end of the path keep their books, because the path may grow again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from tracer.events import (
    DuplicateReply,
    ForeignReply,
    Health,
    LateReply,
    Load,
    MalformedReply,
    NameMoved,
    NameResolved,
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
    TargetAdded,
    TargetEvent,
    TraceEnded,
)
from tracer.model import Address, Anomaly, EndReason, PathEndKind, PathMtu, RoundId, TargetInfo, Ttl
from tracer.names import Known
from tracer.stats.evidence import PathEvidence
from tracer.stats.findings import Findings
from tracer.stats.flow import Flows
from tracer.stats.hop import DEFAULT_MAX_FLOWS, HopStats, ProbeEvent
from tracer.stats.judgement import Judgement, judge
from tracer.stats.local import RecentTrouble
from tracer.stats.measuring import Measuring
from tracer.stats.path_changes import PathChanges
from tracer.stats.snapshot import HealthSnapshot, HopSnapshot, TraceSnapshot
from tracer.stats.troubles import Troubles

DEFAULT_MAX_SAMPLES = 256

MOST_NAMES = 4096
"""Addresses something is known of."""


class Tracker:
    """Adds up what happens to one target.

    ``max_samples`` (at least 1) bounds the windows the percentiles and the recent samples come from,
    ``max_flows`` (at least 1) the flows that are told apart.
    """

    def __init__(
        self,
        target: TargetInfo,
        max_samples: int = DEFAULT_MAX_SAMPLES,
        max_flows: int = DEFAULT_MAX_FLOWS,
    ) -> None:
        self._target = target
        self._max_samples = max_samples
        self._max_flows = max_flows
        self._flows = Flows(max_flows)
        self._hops: dict[Ttl, HopStats] = {}
        self._last_probed = Ttl(0)
        self._end = PathEndKind.OPEN
        self._end_ttl: Ttl | None = None
        self._rounds = 0
        self._reached = False
        self._reason: EndReason | None = None
        self._ended_at: str | None = None
        self._anomalies = dict.fromkeys(Anomaly, 0)
        self._measuring = Measuring()
        self._troubles = Troubles()
        self._recent_trouble = RecentTrouble()
        self._changes = PathChanges()
        self._names: dict[Address, Known] = {}
        self._path_mtu: PathMtu | None = None
        self._judged_by: PathEvidence | None = None
        self._judgement = Judgement(None, ())
        self._findings = Findings(target.address)
        self._snapshot: TraceSnapshot | None = None

    def apply(self, event: TargetEvent) -> None:
        """Enter the next event of this target's log."""
        self._snapshot = None
        self._measuring.apply(event)
        self._ENTER[type(event)](self, event)

    def _enter_in_hop(self, event: ProbeEvent) -> None:
        ttl = event.ttl
        if event.round >= self._rounds:
            self._rounds = event.round + 1
        self._last_probed = max(self._last_probed, ttl)
        (self._hops.get(ttl) or self._hop(ttl)).apply(event)
        self._flows.apply(event)

    def _hop(self, ttl: Ttl) -> HopStats:
        hop = self._hops.get(ttl)
        if hop is None:
            hop = self._hops[ttl] = HopStats(ttl, self._max_samples, self._max_flows)
        return hop

    def _enter_answer(self, event: ReplyReceived) -> None:
        self._enter_in_hop(event)
        if event.reached:
            self._reached = True
        if event.anomaly is not None:
            self._anomalies[event.anomaly] += 1

    def _enter_failed(self, event: SendFailed) -> None:
        self._enter_in_hop(event)
        self._troubles.add(event.failure)
        self._recent_trouble.failed(event.round, event.failure.kind)

    def _enter_path_end(self, event: PathEndMoved) -> None:
        self._end = event.kind
        self._end_ttl = event.ttl if event.kind is not PathEndKind.OPEN else None

    def _enter_path_changed(self, event: PathChanged) -> None:
        old_end = self._hops.get(Ttl(len(event.old)))
        self._changes.add(event, None if old_end is None else old_end.typical_rtt_ns)
        for ttl, hop in self._hops.items():
            if ttl >= event.ttl:
                hop.path_changed(event.at_ns)

    def _enter_size_probed(self, _event: SizeProbed) -> None:
        """No number of a hop counts it; what follows from it is told as ``path_mtu``."""

    def _enter_path_mtu(self, event: PathMtuFound) -> None:
        self._path_mtu = event.found
        found = {hop.ttl: hop.mtu for hop in event.found.hops}
        for ttl, hop in self._hops.items():
            hop.passes_on(found.get(ttl))

    def _enter_health(self, event: Health) -> None:
        self._recent_trouble.dropped(self._round, event.kernel_drops)

    def _enter_name(self, event: NameResolved) -> None:
        if event.address in self._names or len(self._names) < MOST_NAMES:
            self._names = {**self._names, event.address: event.known}

    def _enter_source(self, event: SourceChanged) -> None:
        self._target = msgspec.structs.replace(self._target, source=event.source)

    def _enter_name_moved(self, event: NameMoved) -> None:
        if event.failure is not None:
            self._troubles.add(event.failure)

    def _enter_nothing(self, _event: TargetEvent) -> None:
        """It is about the measurement, or what the tracker was made with."""

    def _enter_ended(self, event: TraceEnded) -> None:
        self._reason = event.reason
        self._ended_at = event.ended_at
        if event.failure is not None:
            self._troubles.add(event.failure)

    def snapshot(self) -> TraceSnapshot:
        """Return the numbers so far; whatever has not changed since the last call is the same object."""
        if self._snapshot is None:
            path = self._path()
            hops = tuple(hop.snapshot() for hop in path)
            verdicts = self._judge(path)
            self._snapshot = TraceSnapshot(
                target=self._target,
                hops=hops,
                end=self._end,
                target_ttl=self._end_ttl if self._end is PathEndKind.TARGET else None,
                reached=self._reached,
                rounds=self._rounds,
                reason=self._reason,
                ended_at=self._ended_at,
                health=self._health(hops),
                errors=self._troubles.snapshot(),
                path_verdict=verdicts.path,
                hop_verdicts=verdicts.hops,
                changes=self._changes.latest(),
                change_count=self._changes.count,
                names=self._names,
                path_mtu=self._path_mtu,
                flows=self._flows.snapshot(path[0].ttl, path[-1].ttl) if path else (),
                findings=self._findings.of(hops, self._end),
            )
        return self._snapshot

    @property
    def _round(self) -> RoundId:
        return RoundId(max(self._rounds - 1, 0))

    def _path(self) -> list[HopStats]:
        if not self._hops:
            return []
        # TTLs go out in ascending order: the least one probed is where the trace was told to begin.
        first, last = min(self._hops), self._end_ttl or self._last_probed
        return [self._hop(Ttl(ttl)) for ttl in range(first, last + 1)]

    def _judge(self, path: list[HopStats]) -> Judgement:
        evidence = PathEvidence(
            hops=tuple(hop.evidence() for hop in path),
            end=self._end,
            reached=self._reached,
            reason=self._reason,
            round=self._round,
            changes=self._changes.latest(),
            change_count=self._changes.count,
            local=self._recent_trouble.snapshot(self._round),
            mtu=self._path_mtu,
        )
        if evidence != self._judged_by:
            self._judged_by, self._judgement = evidence, judge(evidence)
        return self._judgement

    def _health(self, path: tuple[HopSnapshot, ...]) -> HealthSnapshot:
        sent = sum(hop.sent for hop in path)
        measuring = self._measuring
        return HealthSnapshot(
            sent=sent,
            received=sum(hop.received for hop in path),
            foreign=measuring.foreign,
            malformed=measuring.malformed,
            anomalies=self._anomalies[Anomaly.NEGATIVE_RTT],
            clock_steps=measuring.clock_steps,
            retransmitted=self._anomalies[Anomaly.SYN_RETRANSMITTED],
            overshoot=sum(hop.sent for hop in self._hops.values()) - sent,
            kernel_drops=measuring.kernel_drops,
            ports_skipped=measuring.ports_skipped,
            ports_exhausted=measuring.ports_exhausted,
            send_errors=dict(sorted(measuring.send_errors.items())),
            suspends=measuring.suspends,
            source_changes=measuring.source_changes,
            pace=measuring.pace(),
            load=measuring.load(),
            per_second=measuring.per_second(),
        )

    _ENTER: ClassVar[dict[type[TargetEvent], Callable[[Any, Any], None]]] = {
        ProbeSent: _enter_in_hop,
        ReplyReceived: _enter_answer,
        LateReply: _enter_answer,
        DuplicateReply: _enter_in_hop,
        ProbeLost: _enter_in_hop,
        ForeignReply: _enter_nothing,
        MalformedReply: _enter_nothing,
        SendFailed: _enter_failed,
        PortsExhausted: _enter_failed,
        PortSkipped: _enter_in_hop,
        PathEndMoved: _enter_path_end,
        PathChanged: _enter_path_changed,
        SizeProbed: _enter_size_probed,
        PathMtuFound: _enter_path_mtu,
        Health: _enter_health,
        PaceChanged: _enter_nothing,
        SourceChanged: _enter_source,
        NameMoved: _enter_name_moved,
        Suspended: _enter_nothing,
        Load: _enter_nothing,
        TargetAdded: _enter_nothing,
        NameResolved: _enter_name,
        TraceEnded: _enter_ended,
    }
