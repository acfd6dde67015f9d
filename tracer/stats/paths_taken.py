"""Who answered behind whom: the paths of each flow, round for round, and how often each link was seen.

A path is what the probes of one flow met in one round. Where no 5-tuple is held constant over a round
(strategy classic) the probes of a round may take different ways, and a link between their answers need not
exist; whoever draws it says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from tracer.events import (
    Event,
    LateReply,
    PortsExhausted,
    ProbeLost,
    ProbeSent,
    ReplyReceived,
    SendFailed,
)
from tracer.model import Address, FlowId, Port, ProbeState, RoundId, Ttl

OPEN_ROUNDS = 8
"""Rounds of a flow that still wait for late answers; what comes later changes no path."""

MOST_PATHS = 256
"""Different paths kept of each flow; further ones still count in the links."""

MOST_LINKS = 16_384
"""Different links kept of each flow, 64 times 256: only forged answers make more."""


class Link(msgspec.Struct, frozen=True, order=True):
    """Two addresses that answered right behind each other in one round of one flow."""

    ttl: Ttl
    """Of the nearer one."""
    near: Address
    far: Address


class Ports(msgspec.Struct, frozen=True):
    """The least and the greatest port of some probes."""

    low: Port
    high: Port

    def with_port(self, port: Port) -> Ports:
        """The range that holds ``port`` too."""
        return self if self.low <= port <= self.high else Ports(min(self.low, port), max(self.high, port))


class TakenPath(msgspec.Struct, frozen=True, kw_only=True):
    """One path of a flow, and in how many rounds it was seen."""

    first_ttl: Ttl
    hops: tuple[Address | None, ...]
    """From ``first_ttl``; None where nobody answered in any of these rounds."""
    rounds: int
    source_ports: Ports
    """Source ports, or the ICMP identifier."""
    target_ports: Ports


class TakenFlow(msgspec.Struct, frozen=True, kw_only=True):
    """One flow and all that its probes met."""

    id: FlowId
    paths: tuple[TakenPath, ...]
    """The most frequent first."""
    links: dict[Link, int]
    """Rounds in which each was met."""
    silent: frozenset[Ttl]
    """TTLs at which this flow was never answered."""
    moving_ports: bool
    """The ports changed inside a round, so its probes may have taken different ways."""


class _Round:
    """What one flow met in one round, while answers may still come."""

    def __init__(self) -> None:
        self.hops: dict[Ttl, Address | None] = {}
        self.outstanding = 0
        self.source_ports: Ports | None = None
        self.target_ports: Ports | None = None
        self.end: Ttl | None = None

    def note_ports(self, source: Port, target: Port) -> None:
        self.source_ports = (self.source_ports or Ports(source, source)).with_port(source)
        self.target_ports = (self.target_ports or Ports(target, target)).with_port(target)


class _Path:
    """One path in the making: rounds that agree wherever both were answered are one."""

    def __init__(self, hops: dict[Ttl, Address | None], source: Ports, target: Ports) -> None:
        self.hops = hops
        self.rounds = 1
        self.source_ports, self.target_ports = source, target

    def take(self, hops: dict[Ttl, Address | None], source: Ports, target: Ports) -> bool:
        """Count a round that went this way; False where it did not."""
        shared = self.hops.keys() & hops.keys()
        known = [ttl for ttl in shared if self.hops[ttl] and hops[ttl]]
        if not known or any(self.hops[ttl] != hops[ttl] for ttl in known):
            return False
        for ttl, address in hops.items():
            self.hops[ttl] = self.hops.get(ttl) or address
        self.rounds += 1
        self.source_ports = self.source_ports.with_port(source.low).with_port(source.high)
        self.target_ports = self.target_ports.with_port(target.low).with_port(target.high)
        return True


class _Flow:
    def __init__(self) -> None:
        self.open: dict[RoundId, _Round] = {}
        self.paths: list[_Path] = []
        self.links: Counter[Link] = Counter()
        self.probed: set[Ttl] = set()
        self.answered: set[Ttl] = set()
        self.moving_ports = False

    def close(self, before: int) -> None:
        """Enter the rounds before ``before`` that wait for nothing."""
        for number in [one for one, kept in self.open.items() if one < before and kept.outstanding <= 0]:
            self._enter(self.open.pop(number))

    def close_all(self) -> None:
        """Enter every round as far as it has come."""
        for number in sorted(self.open):
            self._enter(self.open.pop(number))

    def _enter(self, seen: _Round) -> None:
        hops = {ttl: address for ttl, address in sorted(seen.hops.items()) if not seen.end or ttl <= seen.end}
        if not hops or seen.source_ports is None or seen.target_ports is None:
            return
        ports = (seen.source_ports, seen.target_ports)
        self.moving_ports |= any(port.low != port.high for port in ports)
        self.probed |= hops.keys()
        self.answered |= {ttl for ttl, address in hops.items() if address is not None}
        for ttl, address in hops.items():
            far = hops.get(Ttl(ttl + 1))
            if address is not None and far is not None:
                self._count(Link(ttl, address, far))
        if not any(path.take(hops, *ports) for path in self.paths) and len(self.paths) < MOST_PATHS:
            self.paths.append(_Path(hops, *ports))

    def _count(self, link: Link) -> None:
        if link in self.links or len(self.links) < MOST_LINKS:
            self.links[link] += 1


class PathsTaken:
    """Takes the events of one target in order; what it says is a function of them alone."""

    def __init__(self) -> None:
        self._flows: dict[FlowId, _Flow] = {}

    def apply(self, event: Event) -> None:
        """Enter the next event; those that tell nothing of a path are passed over."""
        enter = self._ENTER.get(type(event))
        if enter is not None:
            enter(self, event)

    def _round(self, event: ProbeSent | ReplyReceived | ProbeLost | SendFailed) -> _Round | None:
        flow = self._flows.get(event.flow)
        return None if flow is None else flow.open.get(event.round)

    def _sent(self, event: ProbeSent) -> None:
        flow = self._flows.setdefault(event.flow, _Flow())
        if event.round not in flow.open:
            flow.close(event.round - OPEN_ROUNDS)
        seen = flow.open.setdefault(event.round, _Round())
        seen.hops.setdefault(event.ttl, None)
        seen.outstanding += 1
        seen.note_ports(event.source_port, event.target_port)

    def _answered(self, event: ReplyReceived) -> None:
        if (seen := self._round(event)) is not None:
            seen.outstanding -= 1
            self._met(seen, event)

    def _late(self, event: LateReply) -> None:
        if (seen := self._round(event)) is not None:
            self._met(seen, event)

    def _met(self, seen: _Round, event: ReplyReceived) -> None:
        seen.hops[event.ttl] = event.responder
        if event.reached:
            seen.end = event.ttl if seen.end is None else min(seen.end, event.ttl)

    def _lost(self, event: ProbeLost) -> None:
        if (seen := self._round(event)) is not None:
            seen.outstanding -= 1

    def _failed(self, event: SendFailed) -> None:
        """A probe that never left says nothing of its hop."""
        if (seen := self._round(event)) is not None:
            if seen.hops.get(event.ttl) is None:
                seen.hops.pop(event.ttl, None)
            if event.was is ProbeState.OUTSTANDING:
                seen.outstanding -= 1

    def flows(self) -> tuple[TakenFlow, ...]:
        """Return every flow with its paths so far; rounds that are still open count as far as they have come.

        Call it once, at the end: what is open then is closed.
        """
        return tuple(_told(number, self._flows[number]) for number in sorted(self._flows))

    _ENTER: ClassVar[dict[type[Event], Callable[[Any, Any], None]]] = {
        ProbeSent: _sent,
        ReplyReceived: _answered,
        LateReply: _late,
        ProbeLost: _lost,
        SendFailed: _failed,
        PortsExhausted: _failed,
    }


def _told(number: FlowId, flow: _Flow) -> TakenFlow:
    flow.close_all()
    return TakenFlow(
        id=number,
        paths=tuple(_path(path) for path in sorted(flow.paths, key=lambda one: -one.rounds)),
        links=dict(sorted(flow.links.items())),
        silent=frozenset(flow.probed - flow.answered),
        moving_ports=flow.moving_ports,
    )


def _path(path: _Path) -> TakenPath:
    first, last = min(path.hops), max(path.hops)
    return TakenPath(
        first_ttl=first,
        hops=tuple(path.hops.get(Ttl(ttl)) for ttl in range(first, last + 1)),
        rounds=path.rounds,
        source_ports=path.source_ports,
        target_ports=path.target_ports,
    )
