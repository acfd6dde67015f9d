"""A run without a screen: the first probes leave before the event loop is imported, which takes longer."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from tracer.config import TraceConfig
from tracer.model import EndReason

if TYPE_CHECKING:
    from tracer.interfaces import OpenSockets
    from tracer.naming import Naming
    from tracer.session import Prepared, Session

_ENDING = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Ends a run where a signal asks for it, be the event loop there already or not."""

    def __init__(self, session: Session, names: Naming | None) -> None:
        self.caught: list[int] = []
        """The signals that came, in order."""
        self._session = session
        self._names = names
        for number in _ENDING:
            signal.signal(number, self._end)  # until the loop, which is not imported yet, hears them

    def _end(self, number: int, _frame: object = None) -> None:
        self.caught.append(number)
        self._session.stop(EndReason.INTERRUPTED)
        if self._names is not None:
            self._names.close()

    async def run(self) -> None:
        """Run the session to its end, and wait for the names still asked for, unless a signal came."""
        import asyncio  # noqa: PLC0415 - imported by now

        loop = asyncio.get_running_loop()
        for number in _ENDING:
            loop.add_signal_handler(number, self._end, number)
        await self._session.run()
        if self._names is not None:
            if self.caught:
                self._names.close()  # the last answers have asked for more
            await self._names.settle()


def prepared(
    targets: Sequence[str], config: TraceConfig, sim: str | None, sockets: OpenSockets | None
) -> Prepared:
    """Find out what a session needs; without an event loop where no name has to be resolved."""
    from tracer import prepare  # noqa: PLC0415 - --help and --version need none of it

    if sim is not None:
        return prepare.simulated(targets, config, sim)
    finding = prepare.real(targets, config, sockets)
    if prepare.are_addresses(targets):
        return _at_once(finding)
    import asyncio  # noqa: PLC0415 - takes long; only a name has to be waited for

    return asyncio.run(finding)


def _at_once(waiting_for_nothing: Coroutine[Any, Any, Prepared]) -> Prepared:
    """What a coroutine returns that never waits; no event loop is needed for it."""
    try:
        waiting_for_nothing.send(None)
    except StopIteration as done:
        result: Prepared = done.value
        return result
    raise RuntimeError("a coroutine that was to wait for nothing waits")


def run(session: Session, names: Naming | None, meanwhile: Callable[[], object]) -> int | None:
    """Trace to the end; returns the signal that ended it, None for none.

    ``meanwhile`` is called when the first probes are on their way.
    """
    interruption = Interruption(session, names)
    session.begin()
    gc.freeze()  # what is loaded stays; neither a collection nor the exit need look at it
    gc.enable()
    meanwhile()
    import asyncio  # noqa: PLC0415 - takes long; the first probes are on their way meanwhile

    asyncio.run(interruption.run())
    return interruption.caught[0] if interruption.caught else None
