"""Where the events on the screen come from: a session that traces, or a recording that is played.

Both feed a bridge; the screen talks to either through ``Source``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import msgspec

from tracer.config import TraceConfig
from tracer.events import Event, NameMoved, NameResolved, PathEndMoved, TargetAdded, TraceStarted
from tracer.model import Address, EndReason, Route, TargetInfo, TraceId
from tracer.session import Listener, Prepared, Session
from tui.bridge import Bridge
from tui.scene import Look, Scene, TargetScene
from tui.view.facts import Fact
from tui.view.scrubber import Playback
from tui.view.steps import Steps
from tui.view.verdict_line import Status

if TYPE_CHECKING:
    from tracer.lookup.lookup import Lookup
    from tracer.naming import Naming

Prepare = Callable[[TraceConfig], Awaitable[Prepared]]
"""Makes everything ready for a configuration; used again when the user changes it."""

Another = Callable[[str, Prepared, TraceConfig], Awaitable[tuple[TargetInfo, Route | None]]]
"""Finds one more target for a session that runs."""


class Wanted(msgspec.Struct, frozen=True):
    """What is looked up beside a trace."""

    lookup: Lookup | None = None
    facts: frozenset[Fact] = frozenset()
    """What may come to be known by it."""


LookUp = Callable[[TraceConfig], Wanted]
"""The lookups a configuration asks for. Raises ConfigError where they cannot be had."""


def no_lookup(_config: TraceConfig) -> Wanted:
    """Look nothing up."""
    return Wanted()


KEPT_EVENTS = 20_000
"""Events a live source keeps for a recording that is asked for later: ten minutes of a path of 16 hops."""

KEPT_NAMES = 4096
"""Names from before those events that it keeps too, the newest: 64 targets with 64 responders each."""


class Source(Protocol):
    """What the screen asks of wherever its events come from."""

    bridge: Bridge
    facts: frozenset[Fact]
    """What this kind of source brings beside the data."""

    async def run(self) -> None:
        """Feed the bridge until ``stop``, or until there is nothing more to come."""
        ...

    def stop(self) -> None:
        """End it."""
        ...

    def playback(self, label: str | None) -> Playback | None:
        """Where a recording stands, with what happened to the target ``label`` in it; None while tracing."""
        ...

    def recorded(self) -> Sequence[Event]:
        """A log that can be replayed, of as much of the past as is known."""
        ...


@runtime_checkable
class Tracing(Source, Protocol):
    """A source that traces, so that its targets may come and go."""

    async def add(self, query: str) -> None:
        """Trace one more target. Raises TargetError or ConfigError."""
        ...

    def close(self, label: str) -> None:
        """End the trace of one target."""
        ...


def newest(source: Source, look: Look, hidden: frozenset[str], label: str | None) -> Steps[Scene]:
    """What there is to draw now, without the targets ``hidden``; ``label`` is that of the target shown."""
    bridge = source.bridge
    header = bridge.header
    targets: tuple[TargetScene, ...] = ()
    for target in bridge.each(look, hidden):
        targets = (*targets, target)
        yield
    playback = source.playback(label)
    if playback is not None:
        status = Status.REPLAY if playback.playing else Status.PAUSED
        targets = tuple(msgspec.structs.replace(target, status=status) for target in targets)
    return Scene(
        targets=targets,
        look=look,
        facts=bridge.facts() | source.facts,
        channel=None if header is None else header.channel,
        clock=None if header is None else header.clock,
        ports=_fixed_ports({} if header is None else header.config),
        position_ns=bridge.position_ns if playback is None else playback.position_ns,
        length_ns=0 if playback is None else playback.length_ns,
        speed=1.0 if playback is None else playback.speed,
        playback=playback,
    )


def _fixed_ports(config: dict[str, Any]) -> str:
    fixed = (config.get("source_port"), config.get("target_port"))
    return "" if fixed == (None, None) else f"{fixed[0] or '*'} > {fixed[1] or '*'}"


FAREWELL_S = 1.0
"""How long a trace may take to tell its end when the user leaves."""


async def end(source: Source, tracing: asyncio.Task[None]) -> None:
    """Leave nothing running: the trace tells its end, unless it has not begun."""
    source.stop()
    await asyncio.wait([tracing], timeout=FAREWELL_S if source.bridge.header is not None else 0)
    tracing.cancel()


class LiveSource:
    """A session, and the means to add targets to it or to start it anew with other options."""

    facts: frozenset[Fact] = frozenset({Fact.LIVE})

    def __init__(
        self,
        prepare: Prepare,
        another: Another,
        config: TraceConfig,
        look_up: LookUp = no_lookup,
    ) -> None:
        self.bridge = Bridge(config.max_samples)
        self.config = config
        self._prepare = prepare
        self._another = another
        self._listeners: list[Listener] = []
        self._memory = Memory()
        self._session: Session | None = None
        self._prepared: Prepared | None = None
        self._next: Prepared | None = None
        self._added: dict[str, str] = {}
        self._closed: set[str] = set()
        self._stopped = False
        self._look_up = look_up
        self._lookup: Lookup | None = None
        self._naming: Naming | None = None

    def listen(self, listener: Listener) -> None:
        """Give a recorder every event from now on."""
        self._listeners.append(listener)

    def warn(self, text: str) -> None:
        """Have the screen tell this once."""
        self.bridge.warnings += (text,)

    def unlisten(self, listener: Listener) -> None:
        """Give it no more."""
        self._listeners.remove(listener)

    async def run(self) -> None:
        """Trace until ``stop``; ``restart`` begins anew with other options."""
        self._take_lookup(self._look_up(self.config))
        self._next = await self._prepare(self.config)
        while (prepared := self._next) is not None:
            self._prepared, self._next = prepared, None
            self.bridge.warnings += prepared.warnings
            self._session = Session(prepared, self.config, [self._hear])
            self._name_for(self._session, prepared)
            try:
                if not self._stopped:
                    await self._session.serve()
            finally:
                prepared.channel.close()
                if self._naming is not None:
                    self._naming.close()

    def _take_lookup(self, wanted: Wanted) -> None:
        self._lookup = wanted.lookup
        self.facts = frozenset({Fact.LIVE}) | wanted.facts

    def _name_for(self, session: Session, prepared: Prepared) -> None:
        """Look up whoever answers this session; nothing of it is imported where nothing is looked up."""
        self._naming = None
        if self._lookup is not None:
            from tracer.naming import Naming  # noqa: PLC0415 - only where something is looked up

            self._naming = Naming(self._lookup, prepared.clock, session.tell)
            session.listen(self._naming.hear)

    def forget_names(self) -> None:
        """Look everybody up again."""
        if self._naming is not None:
            self._naming.forget()

    def _hear(self, events: Sequence[Event]) -> None:
        self.bridge.update(events)
        self._memory.keep(events)
        for listener in tuple(self._listeners):
            listener(events)

    def stop(self) -> None:
        self._stopped = True
        self._end()

    def _end(self) -> None:
        if self._session is not None:
            self._session.stop(EndReason.INTERRUPTED)

    async def restart(self, config: TraceConfig) -> None:
        """Trace the same targets with other options from now on; what was seen so far is cleared.

        Raises what keeps the new options from working; the trace then goes on with the old ones.
        """
        wanted = self._look_up(config)
        prepared = _without(await self._prepare(config), self._closed)
        added: dict[str, str] = {}
        try:
            for query in self._added.values():
                info, route = await self._another(query, prepared, config)
                prepared = _with(prepared, info, route)
                added[info.label] = query
        except BaseException:
            prepared.channel.close()
            raise
        if self._stopped or self._next is not None:
            prepared.channel.close()  # the user was quicker
            return
        self.config, self._next, self._added = config, prepared, added
        self._take_lookup(wanted)
        self._end()

    async def add(self, query: str) -> None:
        """Trace one more target. Raises TargetError, ConfigError or LocalError."""
        if self._session is None or self._prepared is None:
            return
        session = self._session
        info, route = await self._another(query, self._prepared, self.config)
        if session is self._session:
            self._prepared = _with(self._prepared, info, route)
            self._added[info.label] = query
            session.add(info, route)

    def close(self, label: str) -> None:
        """End the trace of one target."""
        if self._added.pop(label, None) is None:
            self._closed.add(label)
        if self._session is not None:
            self._session.close(label)

    def playback(self, label: str | None) -> None:  # noqa: ARG002 - a trace has no other moment than now
        return None

    def recorded(self) -> Sequence[Event]:
        return self._memory.log()


class Memory:
    """The header and the latest events of a log, as a log that can be replayed.

    Events fall out at the front when there are too many; those that the rest cannot be read without, where
    each path ends, which targets were added, what they are called and where their names have moved, stay.
    Of the names of responders the newest stay.
    """

    def __init__(self, most: int = KEPT_EVENTS, most_names: int = KEPT_NAMES) -> None:
        self._header: TraceStarted | None = None
        self._standing: dict[tuple[Any, ...], Event] = {}
        self._names: dict[tuple[str, Address], NameResolved] = {}
        self._latest: deque[Event] = deque()
        self._most = most
        self._most_names = most_names

    def keep(self, events: Iterable[Event]) -> None:
        """Enter the next events."""
        for event in events:
            if isinstance(event, TraceStarted):
                self._header = event
                self._standing.clear()
                self._names.clear()
                self._latest.clear()
            else:
                self._latest.append(event)
                if len(self._latest) > self._most:
                    self._forget(self._latest.popleft())

    def _forget(self, event: Event) -> None:
        if isinstance(event, (TargetAdded, PathEndMoved, NameMoved)):
            self._standing[type(event), event.target] = event
        elif isinstance(event, NameResolved):
            self._name(event)

    def _name(self, event: NameResolved) -> None:
        key = event.target, event.address
        self._names.pop(key, None)  # the newest comes last
        self._names[key] = event
        if len(self._names) > self._most_names:
            del self._names[next(iter(self._names))]

    def log(self) -> Sequence[Event]:
        """The header first; empty before it has come."""
        if self._header is None:
            return ()
        return (self._header, *self._standing.values(), *self._names.values(), *self._latest)


def _with(prepared: Prepared, target: TargetInfo, route: Route | None) -> Prepared:
    routes = prepared.routes if route is None else (*prepared.routes, route)
    return msgspec.structs.replace(prepared, targets=(*prepared.targets, target), routes=routes)


def _without(prepared: Prepared, labels: Iterable[str]) -> Prepared:
    """Without the targets the user closed; trace ids count the others."""
    gone = frozenset(labels)
    kept = [index for index, target in enumerate(prepared.targets) if target.label not in gone]
    numbers = {TraceId(index): TraceId(number) for number, index in enumerate(kept)}
    return msgspec.structs.replace(
        prepared,
        targets=tuple(prepared.targets[index] for index in kept),
        routes=tuple(
            msgspec.structs.replace(route, trace=numbers[route.trace])
            for route in prepared.routes
            if route.trace in numbers
        ),
    )
