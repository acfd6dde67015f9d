"""The vocabulary: every noun the other modules speak of, as plain immutable values.

House rules of this file: no I/O, no clock, no behaviour beyond naming things. All times are integer
nanoseconds on the session's monotonic clock (0 = the session's start); all addresses are the canonical
text form that ``inet_ntop`` gives.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NewType

import msgspec

Address = NewType("Address", str)
"""An IPv4 or IPv6 address in canonical text form, without a scope."""

Ttl = NewType("Ttl", int)
"""The IPv4 time to live or IPv6 hop limit of a probe, 1..254."""

Port = NewType("Port", int)
"""A UDP or TCP port, 0..65535; 0 asks the kernel to choose."""

Sequence = NewType("Sequence", int)
"""Names one probe of a trace, 0..65535; never reused while its probe can still be answered."""

FlowId = NewType("FlowId", int)
"""Names one simultaneous 5-tuple of a trace, from 0."""

RoundId = NewType("RoundId", int)
"""Counts the rounds of a trace, from 0."""

TraceId = NewType("TraceId", int)
"""The index of a target in its session, from 0."""

Identity = tuple[int, int]
"""What a probe carries on the wire to be recognised by: (source port, target port) for UDP and TCP,
(identifier, echo sequence) for ICMP."""


class Strategy(StrEnum):
    """What moves from probe to probe, and so what routers that balance by flow do with them."""

    CLASSIC = "classic"
    """A port, or the ICMP sequence, moves: every probe is a flow of its own."""
    PARIS = "paris"
    """The flow stays; the mark is the UDP checksum, the TCP sequence number or the ICMP sequence, whose
    payload keeps the checksum as it is."""
    DUBLIN = "dublin"
    """UDP only. The flow stays; the mark is the IPv4 identification or the IPv6 payload length."""


class Protocol(StrEnum):
    """What a probe is made of."""

    ICMP = "icmp"
    UDP = "udp"
    TCP = "tcp"


class Family(StrEnum):
    """The IP version of a trace."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


class StampClock(StrEnum):
    """Who took a time stamp."""

    KERNEL = "kernel"
    """The kernel, where the packet entered or left the stack: the interpreter's delays are not in it."""
    USER = "user"
    """This process, after or before a system call."""


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """A moment, and who observed it."""

    ns: int
    """Nanoseconds on the session's clock; a kernel stamp has been moved onto it (see net.timestamps)."""
    clock: StampClock


class ReplyKind(StrEnum):
    """What a reply says, in terms that hold for both families."""

    TIME_EXCEEDED = "time_exceeded"
    UNREACHABLE = "unreachable"
    PACKET_TOO_BIG = "packet_too_big"
    PARAMETER_PROBLEM = "parameter_problem"
    ECHO_REPLY = "echo_reply"
    SYN_ACK = "syn_ack"
    RST = "rst"
    UDP_DATA = "udp_data"


class Icmp(msgspec.Struct, frozen=True, gc=False):
    """ICMP type and code as they stood in the reply (the numbers differ between the families)."""

    type: int
    code: int


class MplsLabel(msgspec.Struct, frozen=True, gc=False):
    """One entry of an MPLS label stack (RFC 4950)."""

    label: int
    """0..1048575."""
    exp: int
    """Traffic class, 0..7."""
    bos: int
    """1 on the bottom of the stack."""
    ttl: int


class MplsStack(msgspec.Struct, frozen=True, tag="mpls"):
    """ICMP extension class 1, type 1 (RFC 4950)."""

    labels: tuple[MplsLabel, ...]


class UnknownExtension(msgspec.Struct, frozen=True, tag="unknown"):
    """An ICMP extension object this version does not decode, kept byte for byte (RFC 4884)."""

    class_num: int
    class_type: int
    body: bytes


class InterfaceRole(StrEnum):
    """What an interface had to do with the packet that is quoted (RFC 5837 section 4.1)."""

    INCOMING = "incoming"
    """It came in there."""
    SUB_IP = "sub_ip"
    """A part of the interface it came in by, such as a member of a bundle."""
    OUTGOING = "outgoing"
    """It would have gone out there."""
    NEXT_HOP = "next_hop"
    """Its next hop; the address is that of the neighbour."""


class InterfaceInformation(msgspec.Struct, frozen=True, kw_only=True, tag="interface"):
    """ICMP extension class 2 (RFC 5837): an interface of the router, as far as it tells; the rest is None."""

    role: InterfaceRole
    index: int | None = None
    """ifIndex (RFC 2863), 0..2**32-1."""
    address: Address | None = None
    name: str | None = None
    """ifName, at most 63 bytes of UTF-8; what is no UTF-8 is written as an escape. From the network."""
    mtu: int | None = None
    """In bytes."""


class InterfaceIdentification(msgspec.Struct, frozen=True, kw_only=True, tag="interface_id"):
    """ICMP extension class 3 (RFC 8335): an interface by its name, its index or its address; one is told."""

    name: str | None = None
    """From the network."""
    index: int | None = None
    address: Address | None = None


Extension = MplsStack | InterfaceInformation | InterfaceIdentification | UnknownExtension


class QuotedDiff(msgspec.Struct, frozen=True, gc=False):
    """A header field that was not quoted as it was sent; the names stand in wire.compare."""

    field: str
    sent: bool | int | str
    quoted: bool | int | str


class QuotedHeader(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a probe looked like where it was quoted."""

    ttl: int
    """TTL it had left, 0..255; 1 where nothing is odd."""
    dscp: int
    """0..63 (RFC 2474)."""
    ecn: int
    """0..3 (RFC 3168)."""
    diff: tuple[QuotedDiff, ...] | None
    """The fields that were rewritten on the way; None where it is not known what was sent."""


class Quoted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a reply tells about the probe it answers."""

    protocol: Protocol
    destination: Address
    identity: Identity
    ttl: int | None = None
    """TTL the probe had left when it was quoted; None where the IP header is not visible."""
    tos: int | None = None
    """TOS or traffic class the probe had when it was quoted; None where it is not visible."""
    mark: int | None = None
    """TCP only: the sequence number, from a quote or from the acknowledgement of a direct answer."""
    packet: bytes | None = None
    """The quoted packet from its IP header on, as far as it was quoted; None where it is not visible."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One answer from the network, decoded, not yet matched to a probe."""

    kind: ReplyKind
    responder: Address
    quoted: Quoted
    rx: Stamp
    icmp: Icmp | None = None
    rtt_ns: int | None = None
    """Round-trip time measured by the kernel itself (TCP_INFO); takes the place of rx - tx."""
    retransmitted: bool = False
    """The kernel resent the probe before this answer came, so no round-trip time can be told."""
    reply_ttl: int | None = None
    """TTL left in the reply when it arrived."""
    reply_tos: int | None = None
    mtu: int | None = None
    """Next-hop MTU in bytes that the reply reports."""
    extensions: tuple[Extension, ...] = ()
    raw: bytes | None = None
    """The bytes the channel received, as far as it can see them."""

    @property
    def destination(self) -> Address:
        """Where the probe it answers was going."""
        return self.quoted.destination


class PacketShape(msgspec.Struct, frozen=True, kw_only=True, gc=False, cache_hash=True):
    """How the probes of a trace look beside their identity."""

    size: int
    """Whole IP packet in bytes; a TCP SYN and headers larger than it take what they need."""
    word: bytes = b""
    """What the payload begins with, as far as there is room: nobody can guess it, and so nobody can forge a
    quote who cannot read the probes."""
    pattern: int = 0
    """Value of every further payload byte, 0..255."""
    tos: int = 0
    """IPv4 TOS or IPv6 traffic class, 0..255."""
    dont_fragment: bool = True
    """IPv4 only; IPv6 routers never fragment."""
    flow_label: int = 0
    """IPv6 only, 0..1048575."""


class Probe(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One packet to send."""

    trace: TraceId
    target: Address
    protocol: Protocol
    round: RoundId
    ttl: Ttl
    flow: FlowId
    sequence: Sequence
    source_port: Port
    """Source port, or the ICMP identifier; 0 = the channel chooses and tells it in Sent."""
    target_port: Port
    """Target port; unused for ICMP, whose second half of the identity is the sequence."""
    shape: PacketShape
    strategy: Strategy = Strategy.CLASSIC
    mark: int = 0
    """What tells this probe from others of the same identity, where the strategy says; 0 where none does."""

    @property
    def identity(self) -> Identity:
        """What an answer to this probe quotes."""
        second = self.sequence if self.protocol is Protocol.ICMP else self.target_port
        return (self.source_port, second)


class ProbeState(StrEnum):
    """Where a probe stands. Every probe ends as replied, lost, failed or skipped."""

    PLANNED = "planned"
    OUTSTANDING = "outstanding"
    REPLIED = "replied"
    LOST = "lost"
    FAILED = "failed"
    SKIPPED = "skipped"


class FailureKind(StrEnum):
    """Why something local kept a probe from the network. The names are the report's error kinds."""

    PORTS_EXHAUSTED = "ephemeral_ports_exhausted"
    PORT_IN_USE = "source_port_in_use"
    SOURCE_UNAVAILABLE = "source_unavailable"
    LOCAL_FIREWALL = "local_firewall"
    NO_ROUTE = "no_route"
    QUEUE_FULL = "queue_full"
    TOO_MANY_FILES = "too_many_files"
    MESSAGE_TOO_LONG = "message_too_long"
    NOT_PERMITTED = "not_permitted"
    NEXT_HOP_UNREACHABLE = "next_hop_unreachable"
    HOST_ASLEEP = "host_asleep"
    """The machine was suspended while the probe was under way."""
    TARGET_NOT_RESOLVED = "target_not_resolved"
    NAME_MOVED = "name_moved"
    """Keeps no probe back: the target's name has another address now than the one traced."""
    OTHER = "other"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A local trouble: what it is, in a sentence, what to do about it, and the facts behind it."""

    kind: FailureKind
    message: str
    remedy: str
    errno: str | None = None
    """Name of the error number, such as ``ENOBUFS``."""
    evidence: dict[str, Any] = {}


class LossReason(StrEnum):
    """Why a probe was given up."""

    TIMEOUT = "timeout"
    """Its own timeout passed."""
    TRACE_END = "trace_end"
    """The trace ended while it was outstanding."""


class SizeOutcome(StrEnum):
    """What became of a probe that was sent to find MTUs."""

    PASSED = "passed"
    """It came as far as its TTL lets it, as the answer proves."""
    TOO_BIG = "too_big"
    """A router says that it is larger than its next link carries."""
    TOO_BIG_HERE = "too_big_here"
    """It is larger than this host's own interface carries; nothing was sent."""
    UNANSWERED = "unanswered"
    """Nobody said anything within the timeout."""
    CUT_OFF = "cut_off"
    """The trace ended first."""
    NOT_SENT = "not_sent"
    """Something else on this host kept it back."""


class HopMtu(msgspec.Struct, frozen=True, kw_only=True):
    """How large packets may be at one TTL."""

    ttl: Ttl
    mtu: int
    """Bytes of the largest packet that gets from this hop to the next one that answers; at the target, of the
    largest that reaches it."""


class MtuStep(msgspec.Struct, frozen=True, kw_only=True):
    """A place where only smaller packets go on."""

    ttl: int
    """The last hop that larger packets reach; 0 is this host."""
    until_ttl: Ttl
    """The first hop behind it that was measured and that they do not reach; the next one, unless hops
    between the two are silent."""
    before: int
    """Bytes of the largest packet that gets to ``ttl``."""
    mtu: int
    """Bytes of the largest packet that gets to ``until_ttl``."""
    reported_by: Address | None
    """Who says so; None where larger packets vanish."""


class MtuBlackHole(msgspec.Struct, frozen=True, kw_only=True):
    """A place where large packets vanish and nobody says so."""

    ttl: int
    """The last hop that larger packets reach; 0 is this host."""
    passes: int
    """Bytes of the largest packet that comes through."""
    vanishes: int
    """Bytes of the smallest one that does not."""
    probes: int
    """How many of that size were sent and remained without an answer."""
    echoed: bool
    """The target was asked for an echo, which is as large as the probe: the answer may be what vanishes."""


class PathMtu(msgspec.Struct, frozen=True, kw_only=True):
    """How large packets may be on a path, as far as it was measured."""

    mtu: int | None
    """Bytes of the largest packet that gets to ``ttl``; None while that is not known."""
    ttl: Ttl | None
    """How far was measured: up to the target, or to the last hop that answers."""
    to_target: bool
    link_mtu: int | None
    """Bytes that this host's own interface carries; None while that is not known."""
    lowered_at: tuple[MtuStep, ...]
    black_hole: MtuBlackHole | None
    """The first one."""
    settled: bool
    """There is nothing left to find out; the path is watched for changes only."""
    probes: int
    """How many were sent for it; they are in no other number."""
    hops: tuple[HopMtu, ...]


class EndReason(StrEnum):
    """Why a trace ended, or that its recording stops before it did."""

    TARGET_REACHED = "target_reached"
    UNREACHABLE = "unreachable"
    GAP_LIMIT = "gap_limit"
    MAX_TTL = "max_ttl"
    INTERRUPTED = "interrupted"
    TRUNCATED = "truncated"
    ERROR = "error"


class PathEndKind(StrEnum):
    """What the last TTL of a path is."""

    TARGET = "target"
    """The target answers there."""
    UNREACHABLE = "unreachable"
    """A router says there that the target cannot be reached."""
    GAP = "gap"
    """Nothing answers; so many silent TTLs beyond the last answer that the search stops there."""
    OPEN = "open"
    """Not known yet."""


class ForeignReason(StrEnum):
    """Why a well-formed answer was not credited to any probe."""

    WRONG_PROTOCOL = "wrong_protocol"
    WRONG_DESTINATION = "wrong_destination"
    UNKNOWN_IDENTITY = "unknown_identity"
    UNKNOWN_MARK = "unknown_mark"
    """The ports are ours, the mark was never sent with them."""
    AMBIGUOUS = "ambiguous"
    """More than one probe could have caused it."""
    WRONG_RESPONDER = "wrong_responder"


class Anomaly(StrEnum):
    """Why an answered probe has no round-trip time."""

    NEGATIVE_RTT = "negative_rtt"
    SYN_RETRANSMITTED = "syn_retransmitted"


class SourceInfo(msgspec.Struct, frozen=True):
    """Where the probes of a trace leave from."""

    address: Address
    interface: str | None


class TargetInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One target of a session."""

    label: str
    """Unique name in the event log: the query, with ``#2`` ... appended where it was given more than once."""
    query: str
    """As the user typed it."""
    address: Address | None = None
    """None when the name could not be resolved."""
    hostname: str | None = None
    source: SourceInfo | None = None


class ChannelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """How the packets travel, and why that way."""

    name: str
    """``errqueue``, ``raw``, ``scapy`` or ``sim``."""
    protocol: Protocol
    privileged: bool
    reason: str
    """Why this channel and this protocol, in a sentence."""


class ClockInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who stamps the packets."""

    tx: StampClock
    rx: StampClock
    note: str = ""
    """What keeps the kernel from stamping, where something does."""


class PortPlanKind(StrEnum):
    """Which of the two ports of a flow moves from probe to probe."""

    FIXED_SOURCE = "fixed_source"
    """One source port, a new target port per probe."""
    FIXED_TARGET = "fixed_target"
    """A new source port per probe, one target port."""
    FIXED_BOTH = "fixed_both"
    """One 5-tuple for all probes; at most one of them outstanding."""
    FIXED_TUPLE_MARKED = "fixed_tuple_marked"
    """One 5-tuple for all probes of a flow; a mark tells them apart."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel must know of a trace before its first probe."""

    trace: TraceId
    target: Address
    family: Family
    protocol: Protocol
    plan: PortPlanKind
    source: SourceInfo | None
    """Known address and interface; None while there is no route."""
    bind_source: bool
    """The user chose the source: bind it. Otherwise the kernel picks it by route, probe for probe."""
    bind_device: bool
    """The user named an interface: bind the device too, where that is allowed."""
    timeout_ns: int
    strategy: Strategy = Strategy.CLASSIC


class CheckState(StrEnum):
    """What a check of this host found."""

    OK = "ok"
    NOTICE = "notice"
    """It works; something is less than it could be, or cannot be seen."""
    TROUBLE = "trouble"
    """What the options ask for will not work."""


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a check-up: what is, what is needed, and the command that mends it."""

    check: str
    state: CheckState
    found: str
    needed: str
    remedy: str | None = None
    """A command where one mends it, else what to do; None where nothing is wrong."""
