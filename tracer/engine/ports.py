"""Which two ports the next probe uses, and which mark it carries.

A plan hands out pairs, learns which source ports other sockets hold, and knows which pairs our own probes
still need. It never gives the same pair to two probes that can both be answered, unless a mark tells them
apart. Every flow has a plan; where the source port moves, all flows share one.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import NamedTuple, Protocol

from tracer.config import TraceConfig
from tracer.model import Family, Port, PortPlanKind, Strategy
from tracer.model import Protocol as ProbeProtocol
from tracer.wire.mark import MARKS

FIRST_TARGET_PORT = Port(33434)
"""Where traceroute has always started: ports nobody listens on and many firewalls let through."""

TARGET_LAP = 100
"""Moving target ports come back to the first after so many, to stay inside the range that firewalls know as
traceroute's (33434-33534). A port whose probe is unanswered is passed over, beyond the lap if need be."""

LAST_PORT = Port(65535)

TCP_TARGET_PORT = Port(80)
"""Unless the user names a port: the one that most hosts and firewalls answer for."""


class Ports(NamedTuple):
    """The ports of one probe."""

    source: Port
    target: Port
    lap_ends: bool = False
    """No other pair is left to try: if this one is in use, that is a failure. A plan says so at the latest
    after one lap, so that no probe is tried for ever."""
    mark: int = 0
    """What tells the probe from others of the same ports (tracer.wire.mark)."""


class PortPlan(Protocol):
    """What the engine asks of a plan."""

    kind: PortPlanKind

    def take(self) -> Ports | None:
        """The next pair, held until ``free``; None while our own probes hold all that could be used."""
        ...

    def free(self, ports: Ports) -> None:
        """The probe that held this pair does not need it any more."""
        ...

    def refuse(self, ports: Ports) -> None:
        """Another socket holds this source port; do not offer it again in this round."""
        ...

    def new_round(self) -> None:
        """Ports that were in use may have come free."""
        ...


class MovingSource:
    """One target port; source ports go round the usable ones from ``start``."""

    kind = PortPlanKind.FIXED_TARGET

    def __init__(self, target: Port, usable: Sequence[int], start: int = 0) -> None:
        if not usable:
            raise ValueError("a plan needs at least one usable source port")
        self._target = target
        self._usable = usable
        self._next = start % len(usable)
        self._held: set[int] = set()
        self._refused: set[int] = set()

    def take(self) -> Ports | None:
        """The next source port that is neither ours nor known to be somebody else's."""
        unavailable = len(self._held) + len(self._refused)
        if unavailable >= len(self._usable):
            if self._held:
                return None
            return self._hold(self._usable[self._next], lap_ends=True)
        while (port := self._usable[self._next]) in self._held or port in self._refused:
            self._advance()
        return self._hold(port, lap_ends=unavailable + 1 == len(self._usable) and not self._held)

    def _hold(self, port: int, *, lap_ends: bool) -> Ports:
        self._advance()
        self._refused.discard(port)
        self._held.add(port)
        return Ports(Port(port), self._target, lap_ends)

    def _advance(self) -> None:
        self._next = (self._next + 1) % len(self._usable)

    def free(self, ports: Ports) -> None:
        self._held.discard(ports.source)

    def refuse(self, ports: Ports) -> None:
        self._held.discard(ports.source)
        self._refused.add(ports.source)

    def new_round(self) -> None:
        self._refused.clear()


class MovingTarget:
    """One source port (0: the channel keeps the one the kernel gave it); target ports go round a lap."""

    kind = PortPlanKind.FIXED_SOURCE

    def __init__(self, source: Port, first: Port = FIRST_TARGET_PORT) -> None:
        self._source = source
        self._first = first
        self._next = 0
        self._lap = min(TARGET_LAP, LAST_PORT - first + 1)
        self._beyond = first + self._lap
        """From here on no port beyond the lap was used yet."""
        self._returned: list[int] = []
        """Ports beyond the lap that came back, a heap: thousands are held where everything is silent."""
        self._held: set[int] = set()
        self._refused: set[int] = set()

    def take(self) -> Ports | None:
        """The next target port of the lap that no unanswered probe uses, else one beyond the lap."""
        for _ in range(self._lap):
            port = self._first + self._next
            self._next = (self._next + 1) % self._lap
            if self._is_free(port):
                return self._hold(port)
        while self._returned:
            if self._is_free(port := heappop(self._returned)):
                return self._hold(port)
        if self._beyond > LAST_PORT:
            return None
        self._beyond += 1
        return self._hold(self._beyond - 1)

    def _is_free(self, port: int) -> bool:
        return port not in self._held and port not in self._refused

    def _hold(self, port: int) -> Ports:
        self._held.add(port)
        return Ports(self._source, Port(port), lap_ends=len(self._refused) + 1 >= self._lap)

    def free(self, ports: Ports) -> None:
        self._held.discard(ports.target)
        self._comes_back(ports.target)

    def _comes_back(self, port: int) -> None:
        if port >= self._first + self._lap:
            heappush(self._returned, port)

    def refuse(self, ports: Ports) -> None:
        """BSD tells at connect that a socket has this pair of ports towards the target already."""
        self.free(ports)
        self._refused.add(ports.target)

    def new_round(self) -> None:
        for port in self._refused:
            self._comes_back(port)
        self._refused.clear()


class FixedPair:
    """One 5-tuple for every probe, and therefore one probe at a time."""

    kind = PortPlanKind.FIXED_BOTH

    def __init__(self, source: Port, target: Port) -> None:
        self._ports = Ports(source, target, lap_ends=True)
        self._held = False

    def take(self) -> Ports | None:
        if self._held:
            return None
        self._held = True
        return self._ports

    def free(self, ports: Ports) -> None:  # noqa: ARG002 - there is only one pair
        self._held = False

    def refuse(self, ports: Ports) -> None:
        self.free(ports)

    def new_round(self) -> None:
        """A pair the user fixed is never moved."""


class FixedTuple:
    """One 5-tuple for all probes of a flow, which marks must tell apart.

    ``sources`` are the source ports it may choose from: it stays with the first that nobody else holds.
    """

    kind = PortPlanKind.FIXED_TUPLE_MARKED

    def __init__(self, sources: Sequence[int], target: Port, start: int = 0) -> None:
        if not sources:
            raise ValueError("a plan needs at least one usable source port")
        self._sources = sources
        self._target = target
        self._at = start % len(sources)
        self._refused = 0

    def take(self) -> Ports | None:
        lap_ends = self._refused + 1 >= len(self._sources)
        return Ports(Port(self._sources[self._at]), self._target, lap_ends)

    def free(self, ports: Ports) -> None:
        """Every probe of the flow may use them."""

    def refuse(self, ports: Ports) -> None:
        """Move on to the next source port, and the flow with it; an older probe's refusal moves nothing."""
        if ports.source == self._sources[self._at]:
            self._at = (self._at + 1) % len(self._sources)
            self._refused += 1

    def new_round(self) -> None:
        self._refused = 0


class MarkPool:
    """The marks of a trace, going round ``values`` in steps; no two unanswered probes have the same.

    One pool serves all flows: where a NAT rewrites ports, the mark alone has to tell the probes apart.
    ``step`` has no divisor in common with the number of values.
    """

    def __init__(self, values: range, step: int = 1, start: int = 0) -> None:
        self._values = values
        self._step = step
        self._next = start % len(values)
        self._held: set[int] = set()

    def take(self) -> int | None:
        """The next mark that no unanswered probe carries; None while they carry them all."""
        if len(self._held) >= len(self._values):
            return None
        while True:
            mark = self._values[self._next]
            self._next = (self._next + self._step) % len(self._values)
            if mark not in self._held:
                self._held.add(mark)
                return mark

    def free(self, mark: int) -> None:
        """The probe does not need it any more."""
        self._held.discard(mark)


class Marked:
    """A plan whose probes carry a mark each."""

    def __init__(self, plan: PortPlan, marks: MarkPool) -> None:
        self.kind = plan.kind
        self._plan = plan
        self._marks = marks

    def take(self) -> Ports | None:
        """The next pair with the next mark."""
        ports = self._plan.take()
        mark = self._marks.take() if ports is not None else None
        if ports is None or mark is None:
            if ports is not None:
                self._plan.free(ports)
            return None
        return ports._replace(mark=mark)

    def free(self, ports: Ports) -> None:
        self._marks.free(ports.mark)
        self._plan.free(ports)

    def refuse(self, ports: Ports) -> None:
        self._marks.free(ports.mark)
        self._plan.refuse(ports)

    def new_round(self) -> None:
        self._plan.new_round()


_NO_PORTS = Ports(Port(0), Port(0), lap_ends=True)


class NoPorts:
    """ICMP: the identifier is the channel's, the echo sequence tells probes apart."""

    kind = PortPlanKind.FIXED_SOURCE

    def take(self) -> Ports | None:
        return _NO_PORTS

    def free(self, ports: Ports) -> None:
        """Sequences are told apart by the engine."""

    def refuse(self, ports: Ports) -> None:
        """An identifier in use is the channel's to replace."""

    def new_round(self) -> None:
        """Nothing to forget."""


def plan_kind(protocol: ProbeProtocol, config: TraceConfig) -> PortPlanKind:
    """Which port moves: TCP's source and UDP's target, unless the user fixes the one that would move.

    Only the strategy classic moves any. ICMP has no ports; its identifier stays like a fixed source.
    """
    fixed_source = config.source_port is not None
    fixed_target = config.target_port is not None
    if protocol is not ProbeProtocol.ICMP and config.multipath_strategy is not Strategy.CLASSIC:
        return PortPlanKind.FIXED_TUPLE_MARKED
    if fixed_source and fixed_target:
        return PortPlanKind.FIXED_BOTH
    if protocol is ProbeProtocol.TCP:
        return PortPlanKind.FIXED_SOURCE if fixed_source else PortPlanKind.FIXED_TARGET
    return PortPlanKind.FIXED_TARGET if fixed_target else PortPlanKind.FIXED_SOURCE


def port_plans(
    protocol: ProbeProtocol, family: Family, config: TraceConfig, usable: Sequence[int], seed: int
) -> tuple[PortPlan, ...]:
    """The plan of each flow that the options ask for.

    ``usable`` are the source ports that may be chosen, ascending; where ports are fixed, at least one a flow.
    Moving source ports start anywhere (``seed``), or at the first one from ``initial_sequence`` on.
    """
    flows = range(config.flows)
    if protocol is ProbeProtocol.ICMP:
        return tuple(NoPorts() for _ in flows)
    target = Port(config.target_port or _FIXED_TARGET[protocol])
    sources = [Port(config.source_port + flow if config.source_port else 0) for flow in flows]
    start = seed & _ANY_PORT
    plans: list[PortPlan]
    match plan_kind(protocol, config):
        case PortPlanKind.FIXED_BOTH:
            plans = [FixedPair(source, target) for source in sources]
        case PortPlanKind.FIXED_SOURCE:
            first = Port(config.initial_sequence or FIRST_TARGET_PORT)
            plans = [MovingTarget(source, first) for source in sources]
        case PortPlanKind.FIXED_TARGET:
            initial = config.initial_sequence
            first_at = start if initial is None else bisect_left(usable, initial)
            plans = [MovingSource(target, usable, start=first_at)]
        case PortPlanKind.FIXED_TUPLE_MARKED:
            own = [[source] if source else usable[flow :: len(flows)] for flow, source in enumerate(sources)]
            plans = [FixedTuple(ports, target, start) for ports in own]
    marked = _marked(plans, protocol, family, config, seed)
    return marked * len(flows) if len(marked) < len(flows) else marked


_ANY_PORT = 0xFFFF
_FIXED_TARGET = {ProbeProtocol.UDP: FIRST_TARGET_PORT, ProbeProtocol.TCP: TCP_TARGET_PORT}


def _marked(
    plans: Sequence[PortPlan], protocol: ProbeProtocol, family: Family, config: TraceConfig, seed: int
) -> tuple[PortPlan, ...]:
    """The plans with marks, where the strategy has a place for one."""
    row = MARKS.get((config.multipath_strategy, protocol, family))
    if row is None:
        return tuple(plans)
    values = row.values(config.smallest_packet(family))
    start = 0 if row.is_length else random.Random(f"marks {seed}").randrange(len(values))
    marks = MarkPool(values, row.step, start)
    return tuple(Marked(plan, marks) for plan in plans)
