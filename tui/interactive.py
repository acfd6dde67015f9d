"""Runs the application on the terminal, and leaves the terminal as it was however the application ends."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tracer.config import TraceConfig
from tracer.errors import HopscopeError, TargetError
from tracer.model import Route, TargetInfo
from tracer.session import Prepared
from tracer.text import named
from tui.app import HopscopeApp
from tui.asking import decided, sought
from tui.scene import Look
from tui.source import LiveSource, Source, Wanted
from tui.view.facts import Fact

if TYPE_CHECKING:
    from tracer.net.raw_sockets import RawSockets

CRASHED = 1
"""Exit code after a fault of our own."""

SETTLED_S = 1.0
"""By then the screen is complete."""

_ROOT = Path(__file__).parent.parent


def live(
    targets: Sequence[str], config: TraceConfig, sim: str | None, raw: RawSockets | None = None
) -> LiveSource:
    """Trace the network, over raw sockets if there are any, or the simulated internet ``sim``."""
    from tracer import prepare  # noqa: PLC0415 - a replay needs none of it

    async def ready(chosen: TraceConfig) -> Prepared:
        prepared = (
            await prepare.real(targets, chosen, raw)
            if sim is None
            else prepare.simulated(targets, chosen, sim)
        )
        if not prepared.routes:
            prepared.channel.close()
            names = ", ".join(named(target.query) for target in prepared.targets)
            raise TargetError(
                f"No address for {names}.", "Check the spelling and the resolver, or give an address."
            )
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


def recorded(path: Path) -> Source:
    """Play a recording."""
    from tracer.clock import SystemClock  # noqa: PLC0415 - only here
    from tui.replay import ReplaySource  # noqa: PLC0415

    return ReplaySource(path, SystemClock())


def run(source: Source, complain: Callable[[str], None], look: Look | None = None) -> int:
    """Run to the end; returns the exit code of what ended it early, or 0.

    Raises the HopscopeError or OSError that kept the trace from starting.
    """
    if not os.environ.get("NO_COLOR"):
        os.environ.pop(
            "NO_COLOR", None
        )  # https://no-color.org: empty is as good as not there; not to Textual
    app = HopscopeApp(source, look)
    ended_by = asyncio.run(_run(app))
    sys.stdout.write(app.last_words)
    error = app.failure
    if error is None or ended_by:
        return ended_by
    if isinstance(error, HopscopeError | OSError):
        raise error
    complain(_sentence(error))
    if sys.flags.dev_mode:
        traceback.print_exception(error)
    return CRASHED


async def _run(app: HopscopeApp) -> int:
    caught: list[int] = []

    def end(number: int) -> None:
        caught.append(number)
        app.exit()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end, number)
    loop.call_later(SETTLED_S, _collect)
    await app.run_async()
    return 128 + caught[0] if caught else 0


def _collect() -> None:
    """Let the collector work, but not on what was made so far, which stays to the end."""
    gc.freeze()
    gc.enable()


def _sentence(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_ROOT)] or frames
    where = f" in {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return (
        f"The screen failed ({type(error).__name__}: {error}{where}). "
        "This is a fault of hopscope; python -X dev shows where."
    )
