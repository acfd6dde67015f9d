"""What a trace looks like at one moment: frozen, and sharing with the moment before what did not change."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from tracer.model import (
    Address,
    EndReason,
    Extension,
    FailureKind,
    FlowId,
    Icmp,
    PathEndKind,
    PathMtu,
    Port,
    QuotedHeader,
    TargetInfo,
    Ttl,
)
from tracer.names import Known
from tracer.stats.path_changes import PathChange


class VerdictKind(StrEnum):
    """What can be concluded about a hop or a path. docs/judgement.md tells when."""

    CLEAN = "clean"
    LOSS_REACHES_TARGET = "loss_reaches_target"
    """What is lost here is lost behind it too, up to the target."""
    OWN_ANSWERS_ONLY = "own_answers_only"
    """Only this hop's own answers are missing; what stands behind it answers."""
    RATE_LIMIT = "rate_limit"
    """The same, and its answers came at a flat rate while the sent rate varied."""
    BUFFERBLOAT = "bufferbloat"
    """Round-trip times rise far above their floor, here and everywhere behind."""
    PATH_CHANGED = "path_changed"
    MTU_BLACK_HOLE = "mtu_black_hole"
    """Large packets vanish and nobody says so."""
    NOT_REACHED = "not_reached"
    """Nothing answers from here on, or a router refuses to go on."""
    LOCAL_TROUBLE = "local_trouble"
    """This host spoils the measurement."""
    NOT_ENOUGH_EVIDENCE = "not_enough_evidence"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A conclusion, and what it rests on."""

    kind: VerdictKind
    evidence: dict[str, Any]
    """Numbers by name, and ``sentence``: the conclusion in plain words, free of text from the network."""

    @property
    def sentence(self) -> str:
        """The conclusion in plain words."""
        return str(self.evidence["sentence"])


class FindingKind(StrEnum):
    """What the quotes of a path, or its end, tell about it. docs/report.md explains each."""

    NAT = "nat"
    DESTINATION_REWRITTEN = "destination_rewritten"
    DSCP_REWRITTEN = "dscp_rewritten"
    ECN_REWRITTEN = "ecn_rewritten"
    DF_CLEARED = "df_cleared"
    FLOW_LABEL_REWRITTEN = "flow_label_rewritten"
    IDENTIFICATION_REWRITTEN = "identification_rewritten"
    LENGTH_REWRITTEN = "length_rewritten"
    TCP_REWRITTEN = "tcp_rewritten"
    QUOTED_TTL = "quoted_ttl"
    PROHIBITED = "prohibited"
    PORT_REFUSED = "port_refused"
    OTHER_ADDRESS = "other_address"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the path does to packets, and the first hop that shows it."""

    kind: FindingKind
    ttl: Ttl
    """The first hop that shows it."""
    after_ttl: Ttl | None
    """The last hop before it that quoted the packet without it; None where there is none."""
    evidence: dict[str, Any]
    """Facts by name, and ``sentence``: what it is in plain words, free of text from the network."""

    @property
    def sentence(self) -> str:
        """What it is in plain words."""
        return str(self.evidence["sentence"])


class RttSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Round-trip times, all in nanoseconds; the percentiles are of the most recent samples only."""

    last_ns: int
    best_ns: int
    worst_ns: int
    mean_ns: float
    stddev_ns: float | None
    p50_ns: float
    p90_ns: float
    p99_ns: float
    jitter_last_ns: int | None
    jitter_mean_ns: float | None
    jitter_max_ns: int | None
    jitter_rfc3550_ns: float | None


class RttSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Round-trip times in brief, all in nanoseconds."""

    last_ns: int
    best_ns: int
    worst_ns: int
    mean_ns: float
    stddev_ns: float | None


class FlowSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One flow: its ports and the way it takes."""

    id: FlowId
    source_port: Port | None
    """Source port, or the ICMP identifier; None where it moves from probe to probe."""
    target_port: Port | None
    """Target port, 0 for ICMP; None where it moves."""
    first_ttl: Ttl
    path: tuple[Address | None, ...]
    """Who answered last at each TTL, from ``first_ttl`` to the flow's end, else to its last answer; None =
    nobody."""
    reached: bool
    """The path ends at the target."""
    sent: int
    """Probes to the last TTL of ``path``; the next three are about them too."""
    received: int
    lost: int
    loss_pct: float | None
    rtt: RttSummary | None
    """Of the target's answers."""


class ClockCount(msgspec.Struct, frozen=True):
    """How many round-trip times were stamped by whom on receipt."""

    kernel: int
    user: int


class ResponderSnapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One address that answered at one TTL."""

    address: Address
    received: int
    rtt: RttSnapshot | None
    icmp: Icmp | None
    reply_ttl: int | None
    extensions: tuple[Extension, ...]
    flows: tuple[FlowId, ...]
    """The flows it answered, ascending, as far as flows are told apart."""
    quoted: QuotedHeader | None = None
    """What its last reply quoted."""


class HopSnapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything that is known about one TTL."""

    ttl: Ttl
    sent: int
    """received + lost + outstanding."""
    outstanding: int
    received: int
    lost: int
    failed: int
    skipped: int
    late: int
    duplicates: int
    loss_pct: float | None
    loss_ci: tuple[float, float] | None
    rtt: RttSnapshot | None
    clock: ClockCount
    icmp: Icmp | None
    reply_ttl: int | None
    mtu: int | None
    """Bytes of the largest packet that goes on from here, as measured; else the next-hop MTU reported."""
    responders: tuple[ResponderSnapshot, ...]
    """In the order of their first answer."""
    recent_ns: tuple[int | None, ...]
    """Round-trip times of the most recent probes, oldest first; None = lost."""
    quoted: QuotedHeader | None = None
    """What the last reply quoted; None where it quoted nothing, or its IP header is not visible."""
    refused_port: Port | None = None
    """The TCP port whose probe was last answered by a reset; None where another answer was, or ports move."""


class PerSecond(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a second, on average over the last whole ones."""

    over_s: int
    """How many seconds, 1..5."""
    sent: float
    received: float
    """Everything that came in: matched, foreign and malformed."""
    matched: float
    """Credited to a probe, late and duplicate ones too."""
    foreign: float
    malformed: float
    kernel_drops: float
    failed: dict[str, float]
    """Probes this host kept back, by error kind."""
    ports_skipped: float


class PaceSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """How fast probes may leave since this host refused some for want of room."""

    rate: int
    """Probes per second in force, of the slowest flow."""
    wanted: int
    """Probes per second the user allows."""
    reductions: int
    """How often a rate was lowered."""


class LoadSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What this process took in the last second."""

    lag_ms: float
    """The most that a due moment was missed by."""
    cpu_pct: float
    """Of one processor."""
    memory: int | None
    """Resident bytes."""


class HealthSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """How well the measurement itself went."""

    sent: int
    received: int
    foreign: int
    malformed: int
    anomalies: int
    clock_steps: int
    retransmitted: int
    overshoot: int
    kernel_drops: int
    ports_skipped: int
    ports_exhausted: int
    send_errors: dict[str, int]
    suspends: int
    source_changes: int
    pace: PaceSnapshot | None
    load: LoadSnapshot | None
    per_second: PerSecond | None


class ErrorSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A local trouble, however often it came."""

    kind: FailureKind
    message: str
    remedy: str
    evidence: dict[str, Any]
    """Of the latest occurrence."""
    count: int


class TraceSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One target, as far as its events tell."""

    target: TargetInfo
    hops: tuple[HopSnapshot, ...]
    """From the first TTL probed to the end of the path, else to the last TTL probed, without gaps."""
    end: PathEndKind
    target_ttl: Ttl | None
    """Where the target answers; None while that is not known."""
    reached: bool
    """The target answered at least once."""
    rounds: int
    """How many rounds have begun."""
    reason: EndReason | None
    """Why the trace ended; None while it runs."""
    ended_at: str | None
    """RFC 3339, UTC; None while the trace runs."""
    health: HealthSnapshot
    errors: tuple[ErrorSnapshot, ...]
    path_verdict: Verdict | None
    """None while no probe has been sent or tried."""
    hop_verdicts: tuple[Verdict, ...]
    """One per hop, in the order of ``hops``."""
    changes: tuple[PathChange, ...]
    """The latest changes of the path, oldest first."""
    change_count: int
    """All changes of the path."""
    flows: tuple[FlowSnapshot, ...]
    """By id, as far as flows are told apart."""
    names: dict[Address, Known] = {}
    """What was looked up of the addresses."""
    path_mtu: PathMtu | None = None
    """How large packets may be; None unless that was asked for, or while nothing is known."""
    findings: tuple[Finding, ...] = ()
    """What the path does to packets, by the hop that first shows it."""
