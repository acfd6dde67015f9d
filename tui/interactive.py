"""Runs the application on the terminal, and leaves the terminal as it was however the application ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer.config import TraceConfig
from tracer.errors import HopscopeError, TargetError
from tracer.model import Route, TargetInfo
from tracer.session import Prepared
from tracer.unwaited import begin_thread
from tui.asking import decided, sought
from tui.early_terminal import EarlyTerminal, listening
from tui.first_frame import FirstFrame, wants_to_leave
from tui.scene import Look, colourless
from tui.slices import collect_in_short_passes
from tui.source import LiveSource, Source, Wanted, end
from tui.view.facts import Fact
from tui.view.sgr import Colours, colours_of

if TYPE_CHECKING:
    from tracer.interfaces import OpenSockets
    from tui.app import HopscopeApp

CRASHED = 1
"""Exit code after a fault of our own."""

SETTLED_S = 1.0
"""By then the screen is complete."""

PACES_S = (0.01, 0.02, 0.05)
"""Between the first pictures: the near hops answer at once. From then on as the last says."""

TURN_S = 0.001
"""How long the import may keep the interpreter while the trace wants it: rounds begin 5 ms late, not 13."""

_ROOT = Path(__file__).parent.parent


def live(
    targets: Sequence[str], config: TraceConfig, sim: str | None, sockets: OpenSockets | None = None
) -> LiveSource:
    """Trace the network, over privileged sockets if there are any, or the simulated internet ``sim``."""
    from tracer import prepare  # noqa: PLC0415 - a replay needs none of it

    async def ready(chosen: TraceConfig) -> Prepared:
        prepared = (
            await prepare.real(targets, chosen, sockets)
            if sim is None
            else prepare.simulated(targets, chosen, sim)
        )
        if not prepared.routes:
            prepared.channel.close()
            raise _unresolved(prepared)
        return prepared

    async def another(query: str, prepared: Prepared, chosen: TraceConfig) -> tuple[TargetInfo, Route | None]:
        if sim is None:
            return await prepare.another(query, prepared, chosen)
        return prepare.another_simulated(query, prepared, chosen, sim)

    def look_up(chosen: TraceConfig) -> Wanted:
        asked = decided(chosen, "tui", sim)
        facts = sought(asked)
        if not facts:
            return Wanted()
        from tracer.lookup.sources import open_lookup  # noqa: PLC0415 - only where something is looked up

        return Wanted(open_lookup(asked), facts - {Fact.PLACES})

    return LiveSource(ready, another, config, look_up)


def _unresolved(prepared: Prepared) -> TargetError:
    """Why nothing can be traced."""
    errors = [prepared.why_unresolved(target) for target in prepared.targets]
    messages, remedies = [error.message for error in errors], dict.fromkeys(error.remedy for error in errors)
    return TargetError(" ".join(messages), " ".join(remedies))


def recorded(path: Path) -> Source:
    """Play a recording."""
    from tracer.clock import SystemClock  # noqa: PLC0415 - only here
    from tui.replay import ReplaySource  # noqa: PLC0415

    return ReplaySource(path, SystemClock())


def run(
    source: Source,
    complain: Callable[[str], None],
    look: Look | None = None,
    settings_file: Path | None = None,
) -> int:
    """Run to the end; returns the exit code of what ended it early, or 0.

    Settings are saved to ``settings_file``; None for the user's own.

    Raises the HopscopeError or OSError that kept the trace from starting.
    """
    if not os.environ.get("NO_COLOR"):
        os.environ.pop(
            "NO_COLOR", None
        )  # https://no-color.org: empty is as good as not there; not to Textual
    gc.disable()  # until the screen is complete: most of it is imported now
    show = _Show(source, look or Look(), settings_file)
    asyncio.run(show.run())
    sys.stdout.write(show.last_words)
    if show.failure is None or show.ended_by:
        return 128 + show.ended_by if show.ended_by else 0
    if isinstance(show.failure, HopscopeError | OSError):
        raise show.failure
    complain(_sentence(show.failure))
    if sys.flags.dev_mode:
        traceback.print_exception(show.failure)
    return CRASHED


class _Show:
    """One run: the trace first, then a picture, then the application, which takes longest to load."""

    def __init__(self, source: Source, look: Look, settings_file: Path | None) -> None:
        self.ended_by = 0
        """The signal that ended it; 0 for none."""
        self.failure: BaseException | None = None
        """What ended it early."""
        self.last_words = ""
        """What the user wants to stay on the terminal."""
        self._source = source
        self._settings_file = settings_file
        self._look = colourless(look) if colours_of(os.environ) is Colours.NONE else look
        self._left = asyncio.Event()
        self._app: HopscopeApp | None = None

    async def run(self) -> None:
        """Run to the end; the terminal is then as it was found."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._leave, number)
        loop.call_later(SETTLED_S, collect_in_short_passes)
        tracing = asyncio.create_task(self._source.run(), name="trace")
        await asyncio.sleep(0)  # the first probes are on their way while the first frame is drawn
        terminal = EarlyTerminal(lambda: self._leave(signal.SIGHUP))
        try:
            if not _failed(tracing):
                terminal.enter()
                if not self._left.is_set():
                    await self._perform(tracing, terminal)
        except Exception as error:  # noqa: BLE001 - told to the user, whatever it is
            self.failure = self.failure or error
        finally:
            terminal.leave()
        if self._app is None:
            await end(self._source, tracing)
        if _failed(tracing):
            self.failure = self.failure or tracing.exception()

    def _leave(self, number: int = 0) -> None:
        """End, because of a signal or because the user wants it."""
        self.ended_by = self.ended_by or number
        self._left.set()
        if self._app is not None:
            self._app.exit()

    async def _perform(self, tracing: asyncio.Task[None], terminal: EarlyTerminal) -> None:
        frame = FirstFrame(self._source, self._look, terminal, colours_of(os.environ))
        frame.draw()
        loading = _Loading()
        with listening(terminal, self._hear), _short_turns():
            left = asyncio.create_task(self._left.wait())
            paces_s = chain(PACES_S, repeat(PACES_S[-1]))
            while not (self._left.is_set() or loading.done.done() or _failed(tracing)):
                frame.draw()
                awaited = [task for task in (left, loading.done, tracing) if not task.done()]
                await asyncio.wait(awaited, timeout=next(paces_s), return_when=asyncio.FIRST_COMPLETED)
            left.cancel()
        if self._left.is_set() or _failed(tracing):
            return
        self._app = app = loading.done.result()(
            self._source, self._look, tracing, terminal, self._settings_file
        )
        await app.run_async()
        self.failure = app.failure
        self.last_words = app.last_words

    def _hear(self, typed: str) -> None:
        if wants_to_leave(typed, self._look):
            self._leave()


@contextlib.contextmanager
def _short_turns() -> Iterator[None]:
    """Let the trace have its turn soon while another thread imports."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


_WANTED_AT_ONCE = ("tui.terminal", "textual.pilot", "textual.scrollbar", "textual.layouts.factory")
"""What the application imports when it starts, while it keeps the loop to itself."""


class _Loading:
    """Imports the application beside the trace."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[type[HopscopeApp]] = self._loop.create_future()
        # Nobody waits for it where the user leaves first.
        begin_thread(self._load, "loading")

    def _load(self) -> None:
        try:
            from tui.app import HopscopeApp  # noqa: PLC0415 - what this is all about

            for name in _WANTED_AT_ONCE:
                importlib.import_module(name)
            self._tell(self.done.set_result, HopscopeApp)
        except BaseException as error:  # noqa: BLE001 - told to the user, whatever it is
            self._tell(self.done.set_exception, error)

    def _tell(self, told: Callable[[Any], None], what: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(told, what)


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


def _sentence(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_ROOT)] or frames
    where = f" in {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return (
        f"The screen failed ({type(error).__name__}: {error}{where}). "
        "This is a fault of hopscope; python -X dev shows where."
    )
