"""The report, schema ``hopscope.report/1``: its fields, and how a snapshot fills them.

No field has a default: what is not known is null, what nothing fills yet is null or empty, and nothing is
left out. docs/report.md explains every field.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tracer.errors import TargetError
from tracer.events import TraceStarted
from tracer.icmp_names import CODE_NAMES, code_name, type_name
from tracer.model import (
    Address,
    ChannelInfo,
    EndReason,
    Extension,
    FailureKind,
    Family,
    Icmp,
    InterfaceIdentification,
    InterfaceInformation,
    PathMtu,
    QuotedDiff,
    QuotedHeader,
    SourceInfo,
    TargetInfo,
    Ttl,
)
from tracer.names import NOTHING, AsnInfo, Known, Place
from tracer.report.marks import mark
from tracer.report.shown import shown, shown_error, shown_source
from tracer.special_use import SpecialUse, special_use
from tracer.stats.findings import translated
from tracer.stats.return_path import ReturnPath, return_paths
from tracer.stats.snapshot import (
    ClockCount,
    ErrorSnapshot,
    Finding,
    FlowSnapshot,
    HealthSnapshot,
    HopSnapshot,
    ResponderSnapshot,
    RttSnapshot,
    TraceSnapshot,
    Verdict,
)
from tracer.text import printable

NS_PER_MS = 1_000_000
NS_DIGITS = 6
"""Decimals of a millisecond that make a nanosecond."""


class TargetReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was traced."""

    query: str
    address: Address | None
    hostname: str | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How the trace ended."""

    reached: bool
    reason: EndReason
    target_ttl: Ttl | None
    rounds: int


class RttReport(msgspec.Struct, frozen=True, kw_only=True):
    """Round-trip times in milliseconds, exact to the nanosecond."""

    last: float
    best: float
    worst: float
    mean: float
    stddev: float | None
    p50: float
    p90: float
    p99: float
    jitter_last: float | None
    jitter_mean: float | None
    jitter_max: float | None
    jitter_rfc3550: float | None


class IcmpReport(Icmp, frozen=True, kw_only=True):
    """Type and code, and what they are called."""

    name: str
    mark: str
    """As traceroute marks it: ``!X``, ``!H``, ``!N`` and so on; empty where there is nothing wrong."""


class QuotedReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the probe looked like when it got there."""

    ttl: int | None
    dscp: int | None
    ecn: int | None
    diff: tuple[QuotedDiff, ...] | None


class ResponderReport(msgspec.Struct, frozen=True, kw_only=True):
    """One address that answered at one TTL."""

    address: Address
    hostname: str | None
    asn: AsnInfo | None
    place: Place | None
    received: int
    rtt_ms: RttReport | None
    icmp: IcmpReport | None
    reply_ttl: int | None
    return_paths: tuple[ReturnPath, ...]
    quoted: QuotedReport | None
    extensions: tuple[Extension, ...]
    flows: tuple[int, ...]
    special: SpecialUse | None
    """What the address is set aside for, where it is no ordinary one."""


class HopReport(msgspec.Struct, frozen=True, kw_only=True):
    """One TTL."""

    ttl: Ttl
    sent: int
    received: int
    lost: int
    failed: int
    skipped: int
    late: int
    duplicates: int
    loss_pct: float | None
    loss_ci: tuple[float, float] | None
    rtt_ms: RttReport | None
    clock: ClockCount
    icmp: IcmpReport | None
    reply_ttl: int | None
    return_paths: tuple[ReturnPath, ...]
    mtu: int | None
    nat: bool | None
    quoted: QuotedReport | None
    verdict: Verdict | None
    responders: tuple[ResponderReport, ...]


class RttSummaryReport(msgspec.Struct, frozen=True, kw_only=True):
    """Round-trip times in brief, in milliseconds."""

    last: float
    best: float
    worst: float
    mean: float
    stddev: float | None


class FlowReport(msgspec.Struct, frozen=True, kw_only=True):
    """One flow and the way it took."""

    id: int
    sport: int | None
    dport: int | None
    path: tuple[Address | None, ...]
    sent: int
    received: int
    lost: int
    loss_pct: float | None
    rtt_ms: RttSummaryReport | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one target."""

    schema: Literal["hopscope.report/1"]
    version: str
    target: TargetReport
    source: SourceInfo | None
    config: dict[str, Any]
    channel: ChannelInfo
    started_at: str
    ended_at: str | None
    outcome: Outcome
    path_verdict: Verdict | None
    path_mtu: PathMtu | None
    findings: tuple[Finding, ...]
    hops: tuple[HopReport, ...]
    flows: tuple[FlowReport, ...]
    health: HealthSnapshot
    errors: tuple[ErrorSnapshot, ...]


def build(header: TraceStarted, target: TargetInfo, snapshot: TraceSnapshot) -> Report:
    """Return the report of one target. A trace that has not ended reads as one whose log was cut off here."""
    called = target.hostname or snapshot.names.get(target.address or Address(""), NOTHING).hostname
    return Report(
        schema="hopscope.report/1",
        version=header.version,
        target=TargetReport(
            query=printable(target.query),
            address=target.address,
            hostname=None if called is None else printable(called),
        ),
        source=shown_source((snapshot.target if snapshot.health.source_changes else target).source),
        config=shown(header.config),
        channel=msgspec.structs.replace(header.channel, reason=printable(header.channel.reason)),
        started_at=header.started_at,
        ended_at=snapshot.ended_at,
        outcome=Outcome(
            reached=snapshot.reached,
            reason=_reason(target, snapshot),
            target_ttl=snapshot.target_ttl,
            rounds=snapshot.rounds,
        ),
        path_verdict=snapshot.path_verdict,
        path_mtu=snapshot.path_mtu,
        findings=snapshot.findings,
        hops=tuple(
            _hop(hop, verdict, target.address, snapshot.names)
            for hop, verdict in zip(snapshot.hops, snapshot.hop_verdicts, strict=True)
        ),
        flows=tuple(_flow(flow) for flow in snapshot.flows),
        health=snapshot.health,
        errors=tuple(shown_error(error) for error in snapshot.errors) or _unresolved(target),
    )


def _reason(target: TargetInfo, snapshot: TraceSnapshot) -> EndReason:
    if target.address is None:
        return EndReason.ERROR
    return snapshot.reason or EndReason.TRUNCATED


def _unresolved(target: TargetInfo) -> tuple[ErrorSnapshot, ...]:
    if target.address is not None:
        return ()
    error = TargetError.of(target.query)
    return (
        ErrorSnapshot(
            kind=FailureKind.TARGET_NOT_RESOLVED,
            message=error.message,
            remedy=error.remedy,
            evidence={},
            count=1,
        ),
    )


def _hop(
    hop: HopSnapshot, verdict: Verdict, target: Address | None, names: dict[Address, Known]
) -> HopReport:
    return HopReport(
        ttl=hop.ttl,
        sent=hop.sent,
        received=hop.received,
        lost=hop.lost,
        failed=hop.failed,
        skipped=hop.skipped,
        late=hop.late,
        duplicates=hop.duplicates,
        loss_pct=hop.loss_pct,
        loss_ci=hop.loss_ci,
        rtt_ms=_rtt(hop.rtt),
        clock=hop.clock,
        icmp=_icmp(hop.icmp, _speaker(hop, target), target),
        reply_ttl=hop.reply_ttl,
        return_paths=return_paths(hop.reply_ttl),
        mtu=hop.mtu,
        nat=translated(hop.quoted),
        quoted=_quoted(hop.quoted),
        verdict=verdict,
        # Sorting is stable: equals stay in the order of their first answer.
        responders=tuple(
            _responder(responder, target, names.get(responder.address, NOTHING))
            for responder in sorted(hop.responders, key=lambda one: -one.received)
        ),
    )


def _speaker(hop: HopSnapshot, target: Address | None) -> Address | None:
    """Who stands for the hop's last answer: the target where it is one of its responders."""
    addresses = [responder.address for responder in hop.responders]
    return target if target in addresses else next(iter(addresses), None)


def _responder(responder: ResponderSnapshot, target: Address | None, known: Known) -> ResponderReport:
    return ResponderReport(
        address=responder.address,
        hostname=known.hostname,
        asn=known.asn,
        place=known.place,
        received=responder.received,
        rtt_ms=_rtt(responder.rtt),
        icmp=_icmp(responder.icmp, responder.address, target),
        reply_ttl=responder.reply_ttl,
        return_paths=return_paths(responder.reply_ttl),
        quoted=_quoted(responder.quoted),
        extensions=tuple(_extension(extension) for extension in responder.extensions),
        flows=responder.flows,
        special=special_use(responder.address),
    )


def _flow(flow: FlowSnapshot) -> FlowReport:
    rtt = flow.rtt
    return FlowReport(
        id=flow.id,
        sport=flow.source_port,
        dport=flow.target_port,
        path=flow.path,
        sent=flow.sent,
        received=flow.received,
        lost=flow.lost,
        loss_pct=flow.loss_pct,
        rtt_ms=None
        if rtt is None
        else RttSummaryReport(
            last=_ms(rtt.last_ns),
            best=_ms(rtt.best_ns),
            worst=_ms(rtt.worst_ns),
            mean=_ms(rtt.mean_ns),
            stddev=_ms_or_none(rtt.stddev_ns),
        ),
    )


def _icmp(icmp: Icmp | None, sender: Address | None, target: Address | None) -> IcmpReport | None:
    if icmp is None or sender is None:
        return None
    family = Family.IPV6 if ":" in sender else Family.IPV4
    named_codes = (icmp.type, icmp.code) in CODE_NAMES[family]
    name = code_name(family, icmp.type, icmp.code) if named_codes else type_name(family, icmp.type)
    return IcmpReport(type=icmp.type, code=icmp.code, name=name, mark=mark(icmp, sender, target))


def _quoted(quoted: QuotedHeader | None) -> QuotedReport | None:
    if quoted is None:
        return None
    return QuotedReport(ttl=quoted.ttl, dscp=quoted.dscp, ecn=quoted.ecn, diff=quoted.diff)


def _extension(extension: Extension) -> Extension:
    """An extension whose text is printable: routers name their interfaces as they like."""
    if isinstance(extension, InterfaceInformation | InterfaceIdentification) and extension.name is not None:
        return msgspec.structs.replace(extension, name=printable(extension.name))
    return extension


def _rtt(rtt: RttSnapshot | None) -> RttReport | None:
    if rtt is None:
        return None
    return RttReport(
        last=_ms(rtt.last_ns),
        best=_ms(rtt.best_ns),
        worst=_ms(rtt.worst_ns),
        mean=_ms(rtt.mean_ns),
        stddev=_ms_or_none(rtt.stddev_ns),
        p50=_ms(rtt.p50_ns),
        p90=_ms(rtt.p90_ns),
        p99=_ms(rtt.p99_ns),
        jitter_last=_ms_or_none(rtt.jitter_last_ns),
        jitter_mean=_ms_or_none(rtt.jitter_mean_ns),
        jitter_max=_ms_or_none(rtt.jitter_max_ns),
        jitter_rfc3550=_ms_or_none(rtt.jitter_rfc3550_ns),
    )


def _ms(ns: float) -> float:
    return round(ns / NS_PER_MS, NS_DIGITS)


def _ms_or_none(ns: float | None) -> float | None:
    return None if ns is None else _ms(ns)
