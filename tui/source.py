"""Where the events on the screen come from: a session that traces, or a recording that is played.

Both feed a bridge; the screen talks to either through ``Source``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, runtime_checkable

from tracer.config import TraceConfig
from tracer.events import Event
from tracer.model import EndReason, Route, TargetInfo
from tracer.session import Listener, Prepared, Session
from tui.bridge import Bridge
from tui.view.facts import Fact

Prepare = Callable[[TraceConfig], Awaitable[Prepared]]
"""Makes everything ready for a configuration; used again when the user changes it."""

Another = Callable[[str, Prepared, TraceConfig], Awaitable[tuple[TargetInfo, Route | None]]]
"""Finds one more target for a session that runs."""


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


@runtime_checkable
class Tracing(Source, Protocol):
    """A source that traces, so that its targets may come and go."""

    async def add(self, query: str) -> None:
        """Trace one more target. Raises TargetError or ConfigError."""
        ...

    def close(self, label: str) -> None:
        """End the trace of one target."""
        ...


class LiveSource:
    """A session, and the means to add targets to it or to start it anew with other options."""

    facts: frozenset[Fact] = frozenset()

    def __init__(self, prepare: Prepare, another: Another, config: TraceConfig) -> None:
        self.bridge = Bridge(config.max_samples)
        self.config = config
        self._prepare = prepare
        self._another = another
        self._listeners: list[Listener] = []
        self._session: Session | None = None
        self._prepared: Prepared | None = None
        self._again = False

    def listen(self, listener: Listener) -> None:
        """Give a recorder every event from now on."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Trace until ``stop``; ``restart`` begins anew with other options."""
        while True:
            self._again = False
            prepared = self._prepared = await self._prepare(self.config)
            self._session = Session(prepared, self.config, [self._hear])
            try:
                await self._session.serve()
            finally:
                prepared.channel.close()
            if not self._again:
                return

    def _hear(self, events: Sequence[Event]) -> None:
        self.bridge.update(events)
        for listener in self._listeners:
            listener(events)

    def stop(self) -> None:
        if self._session is not None:
            self._session.stop(EndReason.INTERRUPTED)

    def restart(self, config: TraceConfig) -> None:
        """Trace with other options from now on; what was seen so far is cleared."""
        self.config = config
        self._again = True
        self.stop()

    async def add(self, query: str) -> None:
        """Trace one more target. Raises TargetError or ConfigError."""
        if self._session is not None and self._prepared is not None:
            self._session.add(*await self._another(query, self._prepared, self.config))

    def close(self, label: str) -> None:
        """End the trace of one target."""
        if self._session is not None:
            self._session.close(label)
