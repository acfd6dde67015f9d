"""What happened, as an ordered log. The recorder writes it, the statistics fold it, replay feeds it back.

Every event is one line of the NDJSON log (schema ``hopscope.events/1``); its tag is the ``event`` field.
``at_ns`` is when this process learned of it, in nanoseconds since the session's start; ``target`` is the
label of the target in the ``trace_started`` line. docs/events.md explains every field.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from tracer.model import (
    Address,
    Anomaly,
    ChannelInfo,
    ClockInfo,
    EndReason,
    Extension,
    Failure,
    FlowId,
    ForeignReason,
    Icmp,
    LossReason,
    PathEndKind,
    PathMtu,
    Port,
    ProbeState,
    QuotedHeader,
    ReplyKind,
    RoundId,
    Sequence,
    SizeOutcome,
    SourceInfo,
    Stamp,
    TargetInfo,
    Ttl,
)
from tracer.names import AsnInfo, Hostnames, Known, Place, make_harmless

SCHEMA = "hopscope.events/1"

PathTtl = Annotated[Ttl, msgspec.Meta(ge=1, le=254)]
"""A TTL that a log may hold: reports have a row for every one up to the last."""

RoundTripNs = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class TraceStarted(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="trace_started"):
    """The first line of a log: everything a report needs that is not an observation."""

    schema: str = SCHEMA
    version: str
    started_at: str
    """RFC 3339, UTC."""
    config: dict[str, Any]
    targets: tuple[TargetInfo, ...]
    source: SourceInfo | None
    """Source of the first target that has one; each target carries its own."""
    channel: ChannelInfo
    clock: ClockInfo
    at_ns: int = 0


class _Event(msgspec.Struct, frozen=True, tag_field="event", gc=False):
    # Frozen trees cannot be part of a cycle. Thousands of events are kept: looking through them for one would
    # hold up the probes.
    at_ns: int
    target: str


class _ProbeEvent(_Event, frozen=True):
    round: RoundId
    ttl: PathTtl
    flow: FlowId
    sequence: Sequence
    source_port: Port
    """Source port, or the ICMP identifier."""
    target_port: Port
    """Target port; 0 for ICMP."""


class ProbeSent(_ProbeEvent, frozen=True, kw_only=True, tag="probe_sent"):
    """A probe left this host."""

    tx: Stamp
    """As known when the event was written; the reply carries the kernel's stamp."""


class ReplyReceived(_ProbeEvent, frozen=True, tag="reply"):
    """The first answer to an outstanding probe."""

    kind: ReplyKind
    responder: Address
    reached: bool
    """The answer comes from the target itself."""
    icmp: Icmp | None
    tx: Stamp
    rx: Stamp
    rtt_ns: RoundTripNs | None
    """None where ``anomaly`` says why."""
    anomaly: Anomaly | None = None
    reply_ttl: int | None = None
    reply_tos: int | None = None
    mtu: int | None = None
    extensions: tuple[Extension, ...] = ()
    quoted: QuotedHeader | None = None
    """What the probe looked like where it was quoted; None where nothing is quoted, or its IP header not
    visible."""
    probe_bytes: bytes | None = None
    """The probe as it left, where the channel saw it."""
    reply_bytes: bytes | None = None
    """The reply as it came, where the channel saw it."""


class LateReply(ReplyReceived, frozen=True, tag="late"):
    """The first answer to a probe already counted as lost; takes that loss back."""


class DuplicateReply(ReplyReceived, frozen=True, tag="duplicate"):
    """A further answer to a probe that has one."""


class ProbeLost(_ProbeEvent, frozen=True, kw_only=True, tag="probe_lost"):
    """A probe that left this host was given up."""

    reason: LossReason
    tx: Stamp | None = None
    """When it left, as far as it is known; logs of earlier versions do not tell."""
    probe_bytes: bytes | None = None
    """The probe as it left, where the channel saw it."""


class ForeignReply(_Event, frozen=True, kw_only=True, tag="foreign"):
    """A well-formed answer that belongs to none of this target's probes."""

    responder: Address
    reason: ForeignReason


class MalformedReply(_Event, frozen=True, kw_only=True, tag="malformed"):
    """Bytes that could not be decoded."""

    reason: str
    reply_bytes: bytes | None = None


class SendFailed(_ProbeEvent, frozen=True, kw_only=True, tag="send_failed"):
    """Something local kept a probe from the network."""

    failure: Failure
    was: ProbeState = ProbeState.PLANNED
    """What the probe counted as before: it never left, or was thought to have left, or was given up."""


class PortsExhausted(SendFailed, frozen=True, kw_only=True, tag="ports_exhausted"):
    """A probe failed because no source port is left to send it from."""


class PortSkipped(_ProbeEvent, frozen=True, kw_only=True, tag="port_skipped"):
    """``source_port`` is held by another socket; the TTL is probed again from the next port."""


class TargetAdded(_Event, frozen=True, kw_only=True, tag="target_added"):
    """One more target, after the session began; ``target`` is its label."""

    info: TargetInfo


class PathEndMoved(_Event, frozen=True, kw_only=True, tag="path_end"):
    """The engine's belief of where the path ends changed."""

    ttl: PathTtl | None
    """The last TTL of the path; None while it is open."""
    kind: PathEndKind


class PathChanged(_Event, frozen=True, kw_only=True, tag="path_changed"):
    """The probes go another way than before: for several rounds others have answered, and only they."""

    round: RoundId
    """The round that made it certain; the change itself came some rounds before."""
    flows: tuple[FlowId, ...] = (FlowId(0),)
    """The flows that changed at this TTL together; the paths are those of the first."""
    ttl: Ttl
    """The first TTL that differs."""
    old: tuple[Address | None, ...]
    """Who answered before; position n is TTL n + 1, None where nobody did."""
    new: tuple[Address | None, ...]
    """Who answers now, told the same way."""


class SizeProbed(_ProbeEvent, frozen=True, kw_only=True, tag="size_probed"):
    """A probe that was sent to find MTUs has met its end; no statistics of a hop count it.

    One that was given up and is answered after all is told twice.
    """

    size: int
    """Bytes of the whole IP packet."""
    outcome: SizeOutcome
    responder: Address | None = None
    icmp: Icmp | None = None
    mtu: int | None = None
    """Next-hop MTU in bytes that the answer, or this host's kernel, reports."""
    tx: Stamp | None = None
    rx: Stamp | None = None
    probe_bytes: bytes | None = None
    """The probe as it left, where the channel saw it."""
    reply_bytes: bytes | None = None
    """The reply as it came, where the channel saw it."""


class PathMtuFound(_Event, frozen=True, kw_only=True, tag="path_mtu"):
    """What is known of the sizes that pass has changed."""

    found: PathMtu


class Health(_Event, frozen=True, kw_only=True, tag="health"):
    """What the channel noticed since the last such event."""

    kernel_drops: int = 0
    """Packets the kernel dropped because a receive queue was full."""
    clock_steps: int = 0
    """Jumps of the wall clock against the monotonic one."""


class PaceChanged(_Event, frozen=True, kw_only=True, tag="pace"):
    """The rate at which a flow may send was lowered as this host's queue was full, or has grown again."""

    flow: FlowId = FlowId(0)
    rate: int
    """Probes per second in force."""
    wanted: int
    """Probes per second the user allows."""


class SourceChanged(_Event, frozen=True, kw_only=True, tag="source_changed"):
    """The network of this host changed: the probes leave from another address, or have none to leave from."""

    source: SourceInfo | None
    """Where they leave from now; None where there is no address or no route."""
    old: SourceInfo | None


class NameMoved(_Event, frozen=True, kw_only=True, tag="name_moved"):
    """This host's network changed, and the target's name has other addresses there, or the old one again.

    The trace goes on to the address it began with.
    """

    addresses: tuple[Address, ...]
    """What the name was answered with, first choice first; never empty."""
    failure: Failure | None
    """The same as a sentence with its remedy; None where the address traced is among them again."""


class Suspended(_Event, frozen=True, kw_only=True, tag="suspended"):
    """This machine was asleep; what was under way then failed for that reason and is no loss."""

    slept_ns: int


class Load(_Event, frozen=True, kw_only=True, tag="load"):
    """What this process did in the second or more before; told to one of the targets, not in simulations."""

    over_ns: int
    """Length of that time."""
    lag_ns: int
    """The most that a due moment was missed by."""
    cpu_ns: int
    """Processor time used."""
    memory: int | None
    """Resident bytes; None where the system does not tell."""


class NameResolved(_Event, frozen=True, kw_only=True, tag="name_resolved"):
    """What is known by now of an address that answered; it may come after the trace has ended.

    Takes the place of what earlier events said of the address.
    """

    address: Address
    hostnames: Hostnames = ()
    """From reverse DNS, in alphabetical order."""
    asn: AsnInfo | None = None
    place: Place | None = None

    def __post_init__(self) -> None:
        make_harmless(self, ("hostnames",))

    @property
    def known(self) -> Known:
        """The same as one value."""
        return Known(hostnames=self.hostnames, asn=self.asn, place=self.place)


class TraceEnded(_Event, frozen=True, kw_only=True, tag="trace_ended"):
    """The trace of a target is over: nothing but names that were asked for may follow."""

    reason: EndReason
    ended_at: str
    """RFC 3339, UTC."""
    failure: Failure | None = None
    """What kept the trace from starting, for reason ``error``."""


TargetEvent = (
    ProbeSent
    | ReplyReceived
    | LateReply
    | DuplicateReply
    | ProbeLost
    | ForeignReply
    | MalformedReply
    | SendFailed
    | PortsExhausted
    | PortSkipped
    | PathEndMoved
    | PathChanged
    | SizeProbed
    | PathMtuFound
    | Health
    | PaceChanged
    | SourceChanged
    | NameMoved
    | Suspended
    | Load
    | TargetAdded
    | NameResolved
    | TraceEnded
)
"""Everything that happens to one target."""

Event = TraceStarted | TargetEvent
"""Every line of a log."""
