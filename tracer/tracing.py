"""``tracer.trace``: a trace as a program uses it, from targets to events."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec

from tracer import prepare
from tracer.config import TraceConfig
from tracer.errors import TargetError
from tracer.events import Event
from tracer.interfaces import Clock
from tracer.model import EndReason, TargetInfo
from tracer.naming import naming_for
from tracer.report.document import Report
from tracer.report.fold import Fold
from tracer.session import Prepared, Session
from tracer.stats.snapshot import TraceSnapshot

EVENTS_KEPT = 100_000
"""So many events wait for a program that does not read them; then the oldest are dropped and counted."""


class Tracing:
    """A running trace of one target or many. Iterate over it for the events; ask it for the numbers.

    Reading is not needed: the numbers are kept up to date beside it.
    """

    def __init__(self, prepared: Prepared, config: TraceConfig, sim: str | Path | None) -> None:
        self.missed_events = 0
        """Events dropped because nobody read them in time."""
        self._prepared = prepared
        self._config = config
        self._sim = sim
        self._fold = Fold()
        self._unread: deque[Event] = deque()
        self._news = asyncio.Event()
        self._session = Session(prepared, config, [self._hear])
        self._naming = naming_for(config, self._session, prepared.clock)
        self._running = asyncio.create_task(self._run(), name="trace")
        self._running.add_done_callback(lambda _: self._news.set())

    async def _run(self) -> None:
        await self._session.run()
        if self._naming is not None:
            await self._naming.settle()

    @property
    def targets(self) -> tuple[TargetInfo, ...]:
        """Every target so far, in the order given; ``label`` is its name in the events."""
        return self._prepared.targets

    def snapshots(self) -> dict[str, TraceSnapshot]:
        """The numbers as they are now, by the target's label: frozen, and cheap to take."""
        return {snapshot.target.label: snapshot for snapshot in self._fold.snapshots()}

    def snapshot(self) -> TraceSnapshot:
        """The numbers of the first target as they are now."""
        return self._fold.snapshots()[0]

    def reports(self) -> list[Report]:
        """The documents of schema ``hopscope.report/1`` as they are now, in the order of the targets."""
        return self._fold.reports()

    async def add(self, query: str) -> TargetInfo:
        """Trace one more target beside the others.

        Raises TargetError where it has no address, or where the trace has ended, ConfigError for one that
        cannot be traced with these options.
        """
        if self._running.done():
            raise TargetError("The trace has ended.", "Begin another one.")
        if self._sim is None:
            target, route = await prepare.another(query, self._prepared, self._config)
        else:
            target, route = prepare.another_simulated(query, self._prepared, self._config, self._sim)
        self._prepared = msgspec.structs.replace(
            self._prepared,
            targets=(*self._prepared.targets, target),
            routes=(*self._prepared.routes, route),
        )
        self._session.add(target, route)
        return target

    def close(self, label: str) -> None:
        """End the trace of one target; the others go on."""
        self._session.close(label)

    def stop(self) -> None:
        """End every trace; what is outstanding counts as lost with reason ``trace_end``."""
        self._session.stop(EndReason.INTERRUPTED)
        if self._naming is not None:
            self._naming.close()

    async def begun(self) -> None:
        """Wait until the first probes are on their way, which is so inside the block."""
        while self._fold.header is None and not self._running.done():
            await self._news.wait()

    async def finished(self) -> None:
        """Wait until every target's trace has ended of itself; without ``report_cycles`` none does.

        Whoever stops waiting leaves the trace running.
        """
        await asyncio.shield(self._running)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            while self._unread:
                yield self._unread.popleft()
            if self._running.done():
                return
            self._news.clear()
            await self._news.wait()

    def _hear(self, events: Sequence[Event]) -> None:
        self._fold.apply(events)
        self._unread.extend(events)
        while len(self._unread) > EVENTS_KEPT:
            self._unread.popleft()
            self.missed_events += 1
        self._news.set()


@contextlib.asynccontextmanager
async def trace(
    targets: str | Sequence[str] = (),
    config: TraceConfig | None = None,
    *,
    sim: str | Path | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Tracing]:
    """Trace ``targets``: names or addresses; with ``sim`` in a simulated internet, by default to its target.

    ``sim`` is the name of a shipped scenario or the path of one; ``clock`` may then be a ``VirtualClock``,
    on which a trace takes no time. The trace begins with the block and ends with it; ``report_cycles`` of
    the options ends it earlier. Raises TargetError where no target has an address, ConfigError, LocalError
    or NotPermittedError where the options cannot be had on this host.
    """
    config = config or TraceConfig()
    queries = (targets,) if isinstance(targets, str) else tuple(targets)
    opened = prepare.open_privileged(config.channel) if sim is None else None
    with contextlib.closing(opened) if opened is not None else contextlib.nullcontext():
        if sim is None:
            prepared = await prepare.real(queries, config, opened)
        else:
            prepared = prepare.simulated(queries, config, sim, clock)
        async with _running(prepared, config, sim) as tracing:
            yield tracing


@contextlib.asynccontextmanager
async def _running(prepared: Prepared, config: TraceConfig, sim: str | Path | None) -> AsyncIterator[Tracing]:
    try:
        if not prepared.routes:
            raise TargetError("No target has an address.", "Check the spelling and the resolver.")
        tracing = Tracing(prepared, config, sim)
        try:
            await tracing.begun()
            yield tracing
        finally:
            tracing.stop()
            await tracing.finished()
    finally:
        prepared.channel.close()
