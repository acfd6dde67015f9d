"""The driver: many traces over one channel, one wait for all of them.

Nothing is decided here. The session asks every engine what to do, hands it to the channel, hands back what
the channel yields, and passes the events on in the order they happened.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import count

import msgspec

from tracer.config import TraceConfig
from tracer.engine.engine import MEMORY_TIMEOUTS, Engine
from tracer.engine.ports import port_plans
from tracer.engine.spec import TraceSpec
from tracer.errors import LocalError, TargetError
from tracer.events import Event, Load, TargetAdded, TraceEnded, TraceStarted
from tracer.interfaces import Channel, Clock, Command, Notice, PortInUse, Received, RouteMoved, SendProbe
from tracer.load import Meter
from tracer.model import (
    Address,
    EndReason,
    Failure,
    FailureKind,
    Family,
    PacketShape,
    Route,
    TargetInfo,
    TraceId,
)
from tracer.name_watch import LookUp, NameWatch
from tracer.version import VERSION

Listener = Callable[[Sequence[Event]], None]
"""Is given every batch of events, in order. What it raises ends the session."""

COMMANDS_AT_ONCE = 512
"""So many commands of one trace are carried out before the others have their turn: a lap over a range of
28 000 occupied ports must not hold up their answers."""

SENDS_IN_A_STEP = 64
"""After so many commands, of however many flows and traces that begin a round at once, the answers are read
and the rest of the program runs: 200 KiB of receive queue, as Linux gives without a privilege, hold 270."""

_APART = 40_503
"""Moving source ports of targets start this far from each other (2^16 over the golden ratio: well spread)."""

_FIRST_SEQUENCE = 33434
"""Trippy's."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a session needs, found out before the first probe."""

    channel: Channel
    clock: Clock
    targets: tuple[TargetInfo, ...]
    routes: tuple[Route, ...]
    """Of the targets that have an address."""
    usable_ports: Sequence[int]
    """Source ports the engine may choose from."""
    seed: int
    """What is chosen by it is the same for the same seed; on a network nobody can guess it."""
    first_sequence: int | None = _FIRST_SEQUENCE
    """What the probes of each target are numbered from unless the options say; None: as the seed has it."""
    word_length: int = 0
    """Bytes at the beginning of every payload that are as the seed has them, for each target others."""
    meter: Meter | None = None
    """Measures this process; None where a run has to be the same every time."""
    warnings: tuple[str, ...] = ()
    """What this host is short of, a sentence each."""
    unresolved: Mapping[str, TargetError] = {}
    """Why targets have no address, by query, where it is not that there is none."""
    look_up: LookUp | None = None
    """Finds the addresses of a name as they are now; None where names never move."""

    def why_unresolved(self, target: TargetInfo) -> TargetError:
        """What keeps a target without an address from being traced."""
        return self.unresolved.get(target.query) or TargetError.of(target.query)


class _Trace:
    """An engine, and the commands it still waits to see carried out."""

    def __init__(self, engine: Engine, label: str) -> None:
        self.engine = engine
        self.label = label
        self.pending: deque[Command] = deque()
        self.due_ns: int | None = None
        """When it has something to do; None for never."""
        self.listed_ns: int | None = None
        """Where the agenda has it: then or before it is due, unless that is never."""
        self.waiting = False
        """Its turn has come."""


class _Agenda:
    """Whose turn it is. Who is due later than before is listed anew only when the old time has come."""

    def __init__(self) -> None:
        self._turns: deque[_Trace] = deque()
        self._listed: list[tuple[int, int, _Trace]] = []
        self._order = count()

    def enter(self, trace: _Trace, due_ns: int | None) -> None:
        """It is due then and not before; None for never."""
        trace.due_ns = due_ns
        if due_ns is not None and (trace.listed_ns is None or due_ns < trace.listed_ns):
            trace.listed_ns = due_ns
            heappush(self._listed, (due_ns, next(self._order), trace))

    def hasten(self, trace: _Trace) -> None:
        """Something has come for it."""
        if not trace.waiting:
            trace.waiting = True
            self._turns.append(trace)

    def next_ns(self) -> int | None:
        """When somebody's turn comes, or a little earlier; None for never."""
        if self._turns:
            return 0
        return self._listed[0][0] if self._listed else None

    def take(self, now: int) -> _Trace | None:
        """The trace that has waited the longest for its turn. It has to be entered again unless it ends."""
        while self._listed and self._listed[0][0] <= now:
            at_ns, _, trace = heappop(self._listed)
            if at_ns == trace.listed_ns:
                trace.listed_ns = None
                if trace.due_ns is not None and trace.due_ns <= now:
                    self.hasten(trace)
                else:
                    self.enter(trace, trace.due_ns)
        if not self._turns:
            return None
        trace = self._turns.popleft()
        trace.waiting, trace.due_ns = False, None
        return trace

    def strike(self, trace: _Trace) -> None:
        """It has ended."""
        trace.due_ns = trace.listed_ns = None
        if trace.waiting:
            self._turns.remove(trace)


class Session:
    """Runs until every target's trace has ended, or ``stop`` is called."""

    def __init__(self, prepared: Prepared, config: TraceConfig, listeners: Sequence[Listener]) -> None:
        self._prepared = prepared
        self._config = config
        self._listeners = [*listeners]
        self._channel = prepared.channel
        self._clock = prepared.clock
        self._traces: list[_Trace] = []
        self._agenda = _Agenda()
        self._by_target: defaultdict[Address, list[_Trace]] = defaultdict(list)
        self._finished: deque[tuple[int, Engine]] = deque()
        """Engines that have ended, and when the last answer to their probes is too old to be told apart."""
        self._begun = False
        self._stop: EndReason | None = None
        self._names: NameWatch | None = None
        if prepared.look_up is not None:
            self._names = NameWatch(prepared.look_up, prepared.clock, self._tell)
            self._listeners.append(self._names.hear)

    def stop(self, reason: EndReason = EndReason.INTERRUPTED) -> None:
        """End every trace at the next opportunity; safe from a signal handler."""
        self._stop = reason
        self._clock.wake()

    def listen(self, listener: Listener) -> None:
        """Give a listener every event from now on, after the others."""
        self._listeners.append(listener)

    def tell(self, events: Sequence[Event]) -> None:
        """Add to the log what was found out beside the traces; not from within a listener."""
        self._tell(events)

    def begin(self) -> None:
        """Send the first probes; ``run`` and ``serve`` do it where nobody did. Needs no event loop.

        Again: catch up with what has become due since, which is no lateness of the machine.
        """
        if not self._begun:
            self._begun = True
            self._begin()
        self._step()

    async def run(self) -> None:
        """Trace. Raises nothing but what a listener raises."""
        await self._trace_while(lambda: bool(self._traces))

    async def serve(self) -> None:
        """Trace until ``stop``; targets may come and go. Raises nothing but what a listener raises."""
        await self._trace_while(lambda: bool(self._traces) or self._stop is None)

    async def _trace_while(self, wanted: Callable[[], bool]) -> None:
        try:
            self.begin()
            while wanted():
                await self._wait()
                self._step()
        finally:
            if self._names is not None:
                self._names.close()

    def add(self, target: TargetInfo, route: Route | None) -> None:
        """Trace one more target; its route carries the next free trace id, None if it has no address."""
        self._tell([TargetAdded(at_ns=self._clock.now_ns(), target=target.label, info=target)])
        self._start(target, route)
        self._clock.wake()

    def close(self, label: str) -> None:
        """End the trace of one target; nothing happens if it has ended already."""
        for trace in self._traces:
            if trace.label == label:
                trace.engine.stop(EndReason.INTERRUPTED, self._clock.now_ns())
                self._agenda.hasten(trace)
        self._clock.wake()

    async def _wait(self) -> None:
        due_ns = self._deadline()
        await self._clock.wait(due_ns, self._channel.fileno())
        meter = self._prepared.meter
        if meter is not None and (load := meter.woke(due_ns, now := self._clock.now_ns())) and self._traces:
            self._tell([Load(at_ns=now, target=self._traces[0].label, **load._asdict())])

    def _step(self) -> None:
        now = self._clock.now_ns()
        for item in self._channel.receive(now):
            self._deliver(item, now)
        if self._stop is not None:
            for trace in tuple(self._traces):
                self._advance(trace)
        left = SENDS_IN_A_STEP
        while left > 0 and (due := self._agenda.take(now)) is not None:
            left -= self._advance(due)
        while self._finished and self._finished[0][0] <= now:
            self._finished.popleft()

    def _begin(self) -> None:
        targets = self._prepared.targets
        header = TraceStarted(
            version=VERSION,
            started_at=self._clock.utc(),
            config=msgspec.to_builtins(self._config),
            targets=targets,
            source=next((target.source for target in targets if target.source is not None), None),
            channel=self._channel.info,
            clock=self._channel.clock_info,
            at_ns=self._clock.now_ns(),
        )
        self._tell([header])
        routes = {route.trace: route for route in self._prepared.routes}
        for index, target in enumerate(targets):
            self._start(target, routes.get(TraceId(index)))

    def _start(self, target: TargetInfo, route: Route | None) -> None:
        """Start a trace; one that this host cannot start ends at once and leaves the others alone."""
        if route is None:
            why = _not_resolved(self._prepared.why_unresolved(target))
            self._tell([self._ended(target.label, EndReason.ERROR, why)])
            return
        try:
            self._channel.open_trace(route)
        except LocalError as error:
            self._tell([self._ended(target.label, EndReason.ERROR, error.failure)])
        else:
            trace = self._trace(target.label, route)
            self._traces.append(trace)
            self._agenda.hasten(trace)
            self._by_target[route.target].append(trace)

    def _trace(self, label: str, route: Route) -> _Trace:
        config, prepared = self._config, self._prepared
        seed = prepared.seed + route.trace * _APART
        dice = random.Random(f"identity {seed}")
        first, word = dice.getrandbits(16), dice.randbytes(prepared.word_length)
        if prepared.first_sequence is not None:
            first = prepared.first_sequence
        spec = TraceSpec(
            trace=route.trace,
            label=label,
            target=route.target,
            source=route.source,
            protocol=route.protocol,
            shape=PacketShape(
                size=config.smallest_packet(route.family),
                word=word,
                pattern=config.payload_pattern,
                tos=config.traffic_class,
                dont_fragment=config.dont_fragment,
                flow_label=config.flow_label if route.family is Family.IPV6 else 0,
            ),
            first_sequence=config.initial_sequence or first,
        )
        plans = port_plans(route.protocol, route.family, config, prepared.usable_ports, seed)
        return _Trace(Engine(spec, config, plans, self._clock.now_ns()), spec.label)

    def _advance(self, trace: _Trace) -> int:
        """Let time pass for one trace, carry out what it wants, tell what happened; how many commands."""
        engine = trace.engine
        if self._stop is not None:
            engine.stop(self._stop, self._clock.now_ns())
        engine.tick(self._clock.now_ns())
        carried_out = self._carry_out(trace)
        events: list[Event] = [*engine.take_events()]
        if engine.ended is not None:
            self._forget(trace)
            events.append(self._ended(trace.label, engine.ended, engine.failure))
        else:
            now = self._clock.now_ns()
            self._agenda.enter(trace, now if trace.pending else engine.deadline(now))
        self._tell(events)
        return carried_out

    def _forget(self, trace: _Trace) -> None:
        """The trace has ended; its engine still knows late answers to its probes from other oddities."""
        self._traces.remove(trace)
        self._agenda.strike(trace)
        self._by_target[trace.engine.target].remove(trace)
        until_ns = self._clock.now_ns() + MEMORY_TIMEOUTS * self._config.timeout_ns
        self._finished.append((until_ns, trace.engine))
        self._channel.close_trace(trace.engine.trace)

    def _carry_out(self, trace: _Trace) -> int:
        """Do what the engine wants, and what it wants next; returns how much of it."""
        engine, pending, left = trace.engine, trace.pending, SENDS_IN_A_STEP
        pending.extend(engine.take_commands())
        for done in range(COMMANDS_AT_ONCE):
            if not pending or not left or engine.ended is not None:
                return done
            command = pending.popleft()
            if isinstance(command, SendProbe):
                result = self._channel.send(command)
                left -= not isinstance(result, PortInUse)
                engine.answer(command, result, self._clock.now_ns())
                pending.extend(engine.take_commands())
            else:
                self._channel.release(command.probe)
        return COMMANDS_AT_ONCE

    def _deliver(self, item: Received, now: int) -> None:
        """Give what came in to the trace it belongs to; what belongs to none is the first one's oddity.

        What answers a trace that has ended comes too late for its report, and is no oddity of another one.
        """
        chosen = self._trace_of(item)
        if chosen is not None:
            chosen.engine.receive(item, now)
            self._agenda.hasten(chosen)
            if self._names is not None and isinstance(item, RouteMoved):
                self._names.rerouted(chosen.label, now)

    def _trace_of(self, item: Received) -> _Trace | None:
        destination = None if isinstance(item, Notice) else item.destination
        addressed = self._by_target.get(destination, []) if destination is not None else []
        if len(addressed) == 1 and not self._finished:
            return addressed[0]
        ended = any(engine.claims(item) for _, engine in self._finished)
        candidates = addressed or self._traces
        # A target claims what quotes a translated destination too: whoever is addressed comes before it.
        claiming = (trace for trace in candidates if trace.engine.claims(item))
        chosen = None if ended and not addressed else next(claiming, None)
        return chosen if chosen is not None or ended else next(iter(candidates), None)

    def _deadline(self) -> int | None:
        due_ns, channel_ns = self._agenda.next_ns(), self._channel.deadline()
        if due_ns is None or channel_ns is None:
            return channel_ns if due_ns is None else due_ns
        return min(due_ns, channel_ns)

    def _ended(self, label: str, reason: EndReason, failure: Failure | None) -> TraceEnded:
        return TraceEnded(
            at_ns=self._clock.now_ns(),
            target=label,
            reason=reason,
            ended_at=self._clock.utc(),
            failure=failure,
        )

    def _tell(self, events: Sequence[Event]) -> None:
        if events:
            for listener in self._listeners:
                listener(events)


def _not_resolved(error: TargetError) -> Failure:
    return Failure(kind=FailureKind.TARGET_NOT_RESOLVED, message=error.message, remedy=error.remedy)
