"""What a scenario file may say: the simulated internet as someone writes it down.

    name = "two-hops"
    [[hop]]                         # the n-th [[hop]] is what a probe of TTL n meets
    addresses = ["198.18.1.1"]      # IPv6 addresses are derived unless addresses6 gives them
    rtt = "1.5ms"                   # durations are text: a number and ns, us, ms, s or min
    [target]                        # stands behind the last hop
    addresses = ["203.0.113.80"]
    rtt = "9ms"
    tcp = { open = [80], filtered = [25] }
    [[change]]                      # at that time these hops take the place of from_ttl..to_ttl
    at = "10s"
    from_ttl = 1
    to_ttl = 1
    hop = [{ addresses = ["198.18.2.1"], rtt = "3ms" }]

What happens on the link to a hop (``loss_out``, ``loss_back``) or in its queue (``bloat``) happens to all
that is behind it as well; ``rtt`` is the whole round trip from the source, not that of one link. Every key is
declared here once; its type, its range and its meaning stand beside it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from tracer.model import Address, Family
from tracer.sim.tables import Dnat, Interface, InterfaceId, Object, Table, check_addresses
from tracer.wire.address import pack, unpack

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
PortNumber = Annotated[int, msgspec.Meta(ge=1, le=65535)]
HopCount = Annotated[int, msgspec.Meta(ge=1, le=254)]

_UNITS_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "min": 60_000_000_000}
_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(ns|us|ms|s|min)")
_DERIVED_PREFIX = Address("2001:db8::")


class Duration(int):
    """Nanoseconds, written in a scenario as text such as ``"1.5ms"``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> Duration:
        """Raises ValueError for anything but a number and one of ns, us, ms, s, min."""
        match = _DURATION.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f'a duration is text such as "1.5ms" (ns, us, ms, s, min), not {text!r}')
        return cls(round(float(match[1]) * _UNITS_NS[match[2]]))


ZERO = Duration(0)


class Quote(StrEnum):
    """How much of the probe an ICMP error quotes."""

    FULL = "full"
    """As much as fits (RFC 1812 section 4.3.2.3, RFC 4443 section 2.4)."""
    MINIMUM = "minimum"
    """The IP header and 8 bytes (RFC 792)."""


class Balancing(StrEnum):
    """How a hop with several addresses spreads packets over them."""

    PER_FLOW = "per_flow"
    """By a hash of the 5-tuple: see ``tracer.sim.path.branch``."""
    PER_PACKET = "per_packet"
    """By a roll of the dice."""


class Forwarding(StrEnum):
    """What a hop does with packets for somewhere behind it."""

    ALL = "all"
    NOTHING = "nothing"
    """They vanish."""
    NET_UNREACHABLE = "net_unreachable"
    HOST_UNREACHABLE = "host_unreachable"
    PROHIBITED = "prohibited"


class TooBig(StrEnum):
    """What a hop does with a packet larger than its MTU that may not be fragmented."""

    ANSWER = "answer"
    """Frag Needed (RFC 1191) or Packet Too Big (RFC 8201)."""
    DROP = "drop"
    """It vanishes: an MTU black hole."""


class PortState(StrEnum):
    """How the target treats a port."""

    OPEN = "open"
    """SYN-ACK, or the datagram's own data back."""
    CLOSED = "closed"
    """RST, or ICMP port unreachable."""
    FILTERED = "filtered"
    """Silence."""


class RateLimit(Table, frozen=True, kw_only=True):
    """A token bucket that every address fills on its own; it starts full."""

    rate: Annotated[float, msgspec.Meta(gt=0)]
    """ICMP answers per second."""
    burst: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Answers given at once before the rate holds."""


class Label(Table, frozen=True, kw_only=True):
    """One MPLS label that the hop reports (RFC 4950); the last one of a hop is the bottom of the stack."""

    label: Annotated[int, msgspec.Meta(ge=0, le=1_048_575)]
    exp: Annotated[int, msgspec.Meta(ge=0, le=7)] = 0
    ttl: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1


class Nat(Table, frozen=True, kw_only=True):
    """Rewrites the source of what it forwards.

    Quotes from behind it show the rewritten source; everything else is translated back on the way home.
    """

    address: Address
    address6: Address | None = None
    """Derived from ``address`` when absent."""
    port_shift: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Added to the source port or ICMP identifier, modulo 65536."""

    def __post_init__(self) -> None:
        check_addresses(Family.IPV4, (self.address,))
        check_addresses(Family.IPV6, (self.address6,) if self.address6 else ())


class Bloat(Table, frozen=True, kw_only=True):
    """A queue that fills and drains: the delay climbs from 0 to ``amplitude`` and back once a ``period``."""

    amplitude_ns: Duration = msgspec.field(name="amplitude")
    period_ns: Duration = msgspec.field(name="period")

    def __post_init__(self) -> None:
        if self.period_ns <= 0:
            raise ValueError("period has to be longer than 0")


class _Node(Table, frozen=True, kw_only=True):
    """What routers and the target have in common."""

    addresses: tuple[Address, ...] = ()
    """IPv4; several on a hop are parallel routers, several on the target all reach it."""
    addresses6: tuple[Address, ...] = ()
    """Derived from ``addresses`` when absent: 198.18.1.1 becomes 2001:db8::c612:101."""
    rtt_ns: Duration = msgspec.field(name="rtt", default=ZERO)
    """Round trip from the source to here."""
    jitter_ns: Duration = msgspec.field(name="jitter", default=ZERO)
    """Each answer takes up to this much longer, evenly spread."""
    loss_out: Probability = 0.0
    """Share of packets lost on the link to here, whether for here or for behind."""
    loss_back: Probability = 0.0
    """Share of answers lost on the link from here, whether from here or from behind."""
    rate_limit: RateLimit | None = None
    """Of the ICMP messages sent from here."""
    quote: Quote = Quote.FULL
    initial_ttl: Literal[64, 128, 255] = 255
    """Of the answers; each router on the way home takes one off."""
    duplicate: Probability = 0.0
    """Share of answers that come twice."""
    duplicate_delay_ns: Duration = msgspec.field(name="duplicate_delay", default=Duration(1_000_000))
    """How long after the first the second one comes."""
    late: Probability = 0.0
    """Share of answers held up by ``late_by``."""
    late_by_ns: Duration = msgspec.field(name="late_by", default=Duration(3_000_000_000))
    corrupt: Probability = 0.0
    """Share of answers that arrive with a byte changed or the end missing."""

    def addresses_of(self, family: Family) -> tuple[Address, ...]:
        """Its addresses in one family; derived for IPv6 where the file gives none."""
        if family is Family.IPV4:
            return self.addresses
        return self.addresses6 or tuple(derived(address) for address in self.addresses)

    def __post_init__(self) -> None:
        check_addresses(Family.IPV4, self.addresses)
        check_addresses(Family.IPV6, self.addresses6)
        if self.addresses6 and len(self.addresses6) != len(self.addresses):
            raise ValueError("addresses6 has to hold as many addresses as addresses")


class Hop(_Node, frozen=True, kw_only=True):
    """One TTL of the path: a router, or parallel ones."""

    silent: bool = False
    """Forwards, but never answers."""
    unanswered: Probability = 0.0
    """Share of the packets it should answer and does not, by chance."""
    ecmp: Balancing = Balancing.PER_FLOW
    mpls: tuple[Label, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    interface_ids: tuple[InterfaceId, ...] = ()
    objects: tuple[Object, ...] = ()
    mtu: Annotated[int, msgspec.Meta(ge=68, le=65535)] = 65535
    """Largest packet it forwards, in bytes. IPv4 packets without DF pass whole: nothing is fragmented."""
    too_big: TooBig = TooBig.ANSWER
    reports_mtu: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None
    """What its *too big* says instead of the truth; 0 for a router older than RFC 1191."""
    forward: Forwarding = Forwarding.ALL
    nat: Nat | None = None
    set_dscp: Annotated[int, msgspec.Meta(ge=0, le=63)] | None = None
    """Given to everything it forwards."""
    set_ecn: Annotated[int, msgspec.Meta(ge=0, le=3)] | None = None
    """Given to everything it forwards."""
    set_identification: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None
    """IPv4: given to everything it forwards."""
    set_flow_label: Annotated[int, msgspec.Meta(ge=0, le=1_048_575)] | None = None
    """IPv6: given to everything it forwards."""
    clear_df: Literal[True] | None = None
    """IPv4: what it forwards may be fragmented, whatever its source wanted."""
    dnat: Dnat | None = None
    bloat: Bloat | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.silent and not self.addresses:
            raise ValueError("a hop that is not silent needs addresses")
        if not self.silent and not self.rtt_ns:
            raise ValueError("a hop that is not silent needs an rtt")


class Ports(Table, frozen=True, kw_only=True):
    """How the target treats the ports of one protocol."""

    open: tuple[PortNumber, ...] = ()
    closed: tuple[PortNumber, ...] = ()
    filtered: tuple[PortNumber, ...] = ()
    other: PortState = PortState.CLOSED
    """Every port that stands in no list."""

    def state(self, port: int) -> PortState:
        """How this port is treated."""
        listed = {PortState.OPEN: self.open, PortState.CLOSED: self.closed, PortState.FILTERED: self.filtered}
        return next((state for state, ports in listed.items() if port in ports), self.other)


class Target(_Node, frozen=True, kw_only=True):
    """The host at the end."""

    name: str = ""
    """A host name for people; nothing resolves it."""
    initial_ttl: Literal[64, 128, 255] = 64
    icmp: bool = True
    """Answers echo requests."""
    tcp: Ports = Ports()
    udp: Ports = Ports()
    errors_from: Address | None = None
    """Where its ICMP errors come from if not from the probed address: a host with several interfaces."""
    errors_from6: Address | None = None

    def error_source(self, family: Family, probed: Address) -> Address:
        """Source address of its ICMP errors about a packet to ``probed``."""
        own = self.errors_from if family is Family.IPV4 else self.errors_from6
        if own is None and family is Family.IPV6 and self.errors_from is not None:
            own = derived(self.errors_from)
        return own or probed

    def __post_init__(self) -> None:
        super().__post_init__()
        check_addresses(Family.IPV4, (self.errors_from,) if self.errors_from else ())
        check_addresses(Family.IPV6, (self.errors_from6,) if self.errors_from6 else ())
        if not self.addresses:
            raise ValueError("the target needs addresses")
        if not self.rtt_ns:
            raise ValueError("the target needs an rtt")


class Change(Table, frozen=True, kw_only=True):
    """From a moment on, other hops take the place of some; changes add up in the order of their times."""

    at_ns: Duration = msgspec.field(name="at")
    from_ttl: HopCount = 1
    to_ttl: HopCount | None = None
    """Last TTL replaced; absent: the last hop before the target."""
    hops: tuple[Hop, ...] = msgspec.field(name="hop", default=())
    target_rtt_ns: Duration | None = msgspec.field(name="target_rtt", default=None)

    def __post_init__(self) -> None:
        if self.to_ttl is not None and self.to_ttl < self.from_ttl:
            raise ValueError("to_ttl has to be from_ttl or more")


class Scenario(Table, frozen=True, kw_only=True):
    """A whole simulated internet, as seen from one source."""

    name: str
    summary: str = ""
    hops: Annotated[tuple[Hop, ...], msgspec.Meta(max_length=253)] = msgspec.field(name="hop", default=())
    target: Target
    link_mtu: Annotated[int, msgspec.Meta(ge=68, le=65535)] = 1500
    """Largest packet that the source's own interface carries, in bytes."""
    changes: tuple[Change, ...] = msgspec.field(name="change", default=())

    def __post_init__(self) -> None:
        times = [change.at_ns for change in self.changes]
        if times != sorted(times):
            raise ValueError("the changes have to stand in the order of their times")


TABLES: dict[type[Table], dict[str, type[Table]]] = {
    Scenario: {"hop": Hop, "target": Target, "change": Change},
    Change: {"hop": Hop},
    Hop: {
        "rate_limit": RateLimit,
        "mpls": Label,
        "interfaces": Interface,
        "interface_ids": InterfaceId,
        "objects": Object,
        "nat": Nat,
        "dnat": Dnat,
        "bloat": Bloat,
    },
    Target: {"rate_limit": RateLimit, "tcp": Ports, "udp": Ports},
}
"""Which key of which table holds further tables."""


def derived(address: Address) -> Address:
    """The IPv6 address that stands for ``address`` where none is given: its 32 bits below 2001:db8::/96."""
    return unpack(Family.IPV6, pack(_DERIVED_PREFIX)[:12] + pack(address))


def decode_hook(wanted: type, value: object) -> Any:
    """Let msgspec read the one type of a scenario it does not know."""
    if wanted is Duration:
        return Duration.parse(value)
    raise NotImplementedError(wanted)
