"""The way of one packet through the simulated internet, and of its answer back.

At each hop, in this order: is the packet lost on the link to it, is it addressed to it, is its TTL used up,
is anything forwarded, is it too big. Whatever answers sends the answer back over the same links.
"""

from __future__ import annotations

import random
from enum import StrEnum

import msgspec

from tracer.model import Address, Extension, MplsLabel, MplsStack, Protocol
from tracer.sim.flight import Flight
from tracer.sim.host import Draft, Host
from tracer.sim.path import Path, bloat_ns, branch
from tracer.sim.scenario import Balancing, Forwarding, Hop, Quote, RateLimit, Target, TooBig
from tracer.sim.tables import Interface, InterfaceId, Object
from tracer.wire.build import icmp_error
from tracer.wire.icmp import IcmpError
from tracer.wire.ip import HEADER_LENGTH

Answer = tuple[int, bytes]
"""Delay in nanoseconds after the packet left, and the whole IP packet that arrives."""

_QUOTE_LENGTHS = {Quote.FULL: None, Quote.MINIMUM: 8}
_UNREACHABLE = {
    Forwarding.NET_UNREACHABLE: IcmpError.NET_UNREACHABLE,
    Forwarding.HOST_UNREACHABLE: IcmpError.HOST_UNREACHABLE,
    Forwarding.PROHIBITED: IcmpError.ADMIN_PROHIBITED,
}


class Fate(StrEnum):
    """What became of a packet."""

    ANSWERED = "answered"
    MALFORMED = "malformed"
    """The bytes are no packet, or its IP header checksum is wrong."""
    NO_PROBE = "no_probe"
    """A packet of a kind that nobody answers, such as the RST that ends a half-open connection."""
    NO_SUCH_HOST = "no_such_host"
    """Its destination stands nowhere on the path."""
    LOST_OUT = "lost_out"
    """Lost on the link to where its way ends."""
    LOST_BACK = "lost_back"
    """Its answer was lost on the link from there."""
    SILENT = "silent"
    """It ended at a hop that never answers."""
    RATE_LIMITED = "rate_limited"
    SWALLOWED = "swallowed"
    """The hop forwards nothing."""
    TOO_BIG = "too_big"
    """Larger than the hop's MTU, and the hop does not say so."""
    FILTERED = "filtered"
    """The target does not answer that."""
    WRONG_CHECKSUM = "wrong_checksum"
    """Of its transport header: it came to its destination and was dropped there."""


class Outcome(msgspec.Struct, frozen=True):
    """Where and how a packet's way ended, and what comes of it."""

    fate: Fate
    ttl: int
    """The position on the path: a hop, or the link before it."""
    responder: Address | None = None
    """Who answered, or would have."""
    answers: tuple[Answer, ...] = ()
    """At least one where the fate is ``ANSWERED``, else none."""


class _Arrival(msgspec.Struct, frozen=True):
    """The packet's way ends here, with this error, or without one where it has come to its destination."""

    ttl: int
    error: IcmpError | None = None


class Bucket:
    """A token bucket of one address."""

    def __init__(self, limit: RateLimit, now_ns: int) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._at_ns = now_ns

    def take(self, now_ns: int) -> bool:
        """Take a token, if there is one."""
        gained = max(now_ns - self._at_ns, 0) * self._limit.rate / 1e9
        self._tokens = min(self._tokens + gained, self._limit.burst)
        self._at_ns = max(now_ns, self._at_ns)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


Buckets = dict[tuple[Address, RateLimit], Bucket]
"""Every address fills its own."""


class Journey:
    """One packet's way over one path, begun at ``now_ns``; ``buckets`` are those of all routers."""

    def __init__(
        self, path: Path, flight: Flight, now_ns: int, chance: random.Random, buckets: Buckets
    ) -> None:
        self._path = path
        self._flight = flight
        self._now_ns = now_ns
        self._chance = chance
        self._buckets = buckets
        self._nodes: tuple[Hop | Target, ...] = (*path.hops, path.target)
        self._dice: dict[int, int] = {}

    def run(self, home: int) -> Outcome:
        """Travel to the position ``home`` of the destination, or as far as the packet gets."""
        arrival = self._go_out(home)
        if isinstance(arrival, Outcome):
            return arrival
        draft = self._answer(arrival)
        if isinstance(draft, Outcome):
            return draft
        return self._come_back(arrival.ttl, draft)

    def _go_out(self, home: int) -> _Arrival | Outcome:
        for ttl, hop in enumerate(self._path.hops[: home - 1], start=1):
            ended = self._lost_before(ttl) or self._pass(ttl, hop)
            if ended is not None:
                return ended
        return self._lost_before(home) or _Arrival(home)

    def _lost_before(self, ttl: int) -> Outcome | None:
        return Outcome(Fate.LOST_OUT, ttl) if self._happens(self._nodes[ttl - 1].loss_out) else None

    def _pass(self, ttl: int, hop: Hop) -> _Arrival | Outcome | None:
        flight = self._flight
        if flight.ttl <= 1:
            return _Arrival(ttl, IcmpError.TIME_EXCEEDED)
        if hop.forward is Forwarding.NOTHING:
            return Outcome(Fate.SWALLOWED, ttl, self._router(ttl, hop))
        if hop.forward is not Forwarding.ALL:
            return _Arrival(ttl, _UNREACHABLE[hop.forward])
        if flight.probe.size > hop.mtu and not flight.may_be_fragmented:
            if hop.too_big is TooBig.DROP:
                return Outcome(Fate.TOO_BIG, ttl, self._router(ttl, hop))
            return _Arrival(ttl, IcmpError.PACKET_TOO_BIG)
        flight.leave(hop)
        return None

    def _router(self, ttl: int, hop: Hop) -> Address | None:
        routers = self._path.routers[self._flight.family][ttl - 1]
        if len(routers) < 2:
            return routers[0] if routers else None
        balancer = self._path.balancers[ttl - 1]
        if hop.ecmp is Balancing.PER_FLOW:
            return routers[branch(self._flight.flow, balancer, len(routers))]
        return routers[self._dice.setdefault(balancer, self._chance.randrange(len(routers)))]

    def _answer(self, arrival: _Arrival) -> Draft | Outcome:
        node = self._nodes[arrival.ttl - 1]
        if arrival.error is None:
            draft = self._delivered(arrival.ttl, node)
        elif isinstance(node, Hop):
            draft = self._refused(arrival.ttl, node, arrival.error)
        if isinstance(draft, Draft) and node.rate_limit is not None and draft.protocol is Protocol.ICMP:
            key = (draft.responder, node.rate_limit)
            bucket = self._buckets.setdefault(key, Bucket(node.rate_limit, self._now_ns))
            if not bucket.take(self._now_ns):
                return Outcome(Fate.RATE_LIMITED, arrival.ttl, draft.responder)
        return draft

    def _refused(self, ttl: int, hop: Hop, error: IcmpError) -> Draft | Outcome:
        router = self._router(ttl, hop)
        if hop.silent or router is None or self._happens(hop.unanswered):
            return Outcome(Fate.SILENT, ttl, router)
        packet = icmp_error(
            error,
            router,
            self._flight.probe.source,
            self._flight.bytes_here,
            quote_length=_QUOTE_LENGTHS[hop.quote],
            extensions=() if error is IcmpError.PACKET_TOO_BIG else _extensions(hop),
            mtu=hop.mtu if hop.reports_mtu is None else hop.reports_mtu,
            ttl=_ttl_at_source(hop, ttl),
        )
        return Draft(router, Protocol.ICMP, packet)

    def _delivered(self, ttl: int, node: Hop | Target) -> Draft | Outcome:
        flight = self._flight
        if not flight.intact:
            return Outcome(Fate.WRONG_CHECKSUM, ttl)
        probed = flight.probe.destination
        if isinstance(node, Hop) and node.silent:
            return Outcome(Fate.SILENT, ttl, probed)
        draft = _host(node, ttl, flight).answer(flight)
        return Outcome(Fate.FILTERED, ttl, probed) if draft is None else draft

    def _come_back(self, ttl: int, draft: Draft) -> Outcome:
        for position in range(ttl, 0, -1):
            if self._happens(self._nodes[position - 1].loss_back):
                return Outcome(Fate.LOST_BACK, position, draft.responder)
        node = self._nodes[ttl - 1]
        delay_ns = node.rtt_ns + self._queueing_ns(ttl)
        if node.jitter_ns:
            delay_ns += self._chance.randrange(node.jitter_ns + 1)
        if self._happens(node.late):
            delay_ns += node.late_by_ns
        delays_ns = [delay_ns]
        if self._happens(node.duplicate):
            delays_ns.append(delay_ns + node.duplicate_delay_ns)
        answers = tuple((delay, self._maybe_corrupt(draft.packet, node)) for delay in delays_ns)
        return Outcome(Fate.ANSWERED, ttl, draft.responder, answers)

    def _queueing_ns(self, ttl: int) -> int:
        queues = (hop.bloat for hop in self._path.hops[:ttl])
        return sum(bloat_ns(queue, self._now_ns) for queue in queues if queue is not None)

    def _maybe_corrupt(self, packet: bytes, node: Hop | Target) -> bytes:
        if not self._happens(node.corrupt):
            return packet
        # Behind the IP header every byte is covered by a checksum, so that no change goes unnoticed.
        start = HEADER_LENGTH[self._flight.family]
        place = self._chance.randrange(start, len(packet))
        if self._chance.random() < 0.5:
            return packet[:place]
        changed = packet[place] ^ self._chance.randrange(1, 256)
        return packet[:place] + bytes((changed,)) + packet[place + 1 :]

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._chance.random() < probability


def _ttl_at_source(node: Hop | Target, ttl: int) -> int:
    """Every router between the two takes one off; the one that answers does not."""
    return max(node.initial_ttl - (ttl - 1), 1)


def _extensions(hop: Hop) -> tuple[Extension, ...]:
    told: tuple[Interface | InterfaceId | Object, ...] = (*hop.interfaces, *hop.interface_ids, *hop.objects)
    return (*_label_stack(hop), *(one.extension() for one in told))


def _label_stack(hop: Hop) -> tuple[MplsStack, ...]:
    if not hop.mpls:
        return ()
    bottom = len(hop.mpls) - 1
    labels = (
        MplsLabel(label=entry.label, exp=entry.exp, bos=int(index == bottom), ttl=entry.ttl)
        for index, entry in enumerate(hop.mpls)
    )
    return (MplsStack(tuple(labels)),)


def _host(node: Hop | Target, ttl: int, flight: Flight) -> Host:
    quote_length, reply_ttl = _QUOTE_LENGTHS[node.quote], _ttl_at_source(node, ttl)
    probed = flight.probe.destination
    if isinstance(node, Hop):
        return Host(errors_from=probed, quote_length=quote_length, reply_ttl=reply_ttl)
    return Host(
        icmp=node.icmp,
        tcp=node.tcp,
        udp=node.udp,
        errors_from=node.error_source(flight.family, probed),
        quote_length=quote_length,
        reply_ttl=reply_ttl,
    )
