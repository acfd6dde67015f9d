"""How long the screen keeps the event loop on which the probes leave: ``python -m bench.loop_hold [FRAMES]``.

The application in this process, on a terminal that takes everything, and a trace whose windows are full; then
further rounds, drawn as they come. Every callback of the loop is timed in CPU time of its thread, so that
other programs on this machine do not count. Prints a table; judges nothing.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from contextlib import asynccontextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from textual import events
from textual.drivers.headless_driver import HeadlessDriver

from bench.tables import mark, percentile
from tests.session_driver import simulation
from tracer.events import ProbeLost, ProbeSent, ReplyReceived, TraceStarted
from tui.app import HopscopeApp
from tui.bridge import Bridge
from tui.scene import Look
from tui.slices import collect_in_short_passes
from tui.view.facts import Fact

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tracer.events import Event
    from tracer.model import TargetInfo

HOLD_MS = 4.0
OPEN_MS = 400.0
SLOT_NS = 100_000_000
"""The screen redraws that often at most."""
ROUND_NS = 1_000_000_000
SAMPLES = 256
FLOWS = 4
OF_PROBES = (ProbeSent, ReplyReceived, ProbeLost)
SIZES = ((80, 24), (120, 36), (200, 50))
MANY = 16
VIEWS = {
    "table": ("t",),
    "table, detail": ("t", "down", "d"),
    "chart": ("c",),
    "chart, detail": ("c", "down", "d"),
    "heat map": ("e",),
    "flows": ("f",),
    "events": ("l",),
    "all events": ("l", "L"),
    "inspector": ("x",),
    "overview": ("v",),
}
FRAMES = 60
SETTLED_S = 0.5
PAUSE_S = 0.04
"""Textual draws sixty times a second at most."""


class Fed:
    """A source that is fed by hand."""

    facts: frozenset[Fact] = frozenset({Fact.LIVE})

    def __init__(self) -> None:
        self.bridge = Bridge(SAMPLES)

    async def run(self) -> None:
        """Nothing runs by itself."""

    def stop(self) -> None:
        """Nothing runs."""

    def playback(self, label: str | None) -> None:
        """This is no recording."""

    def recorded(self) -> Sequence[Event]:
        return ()


class _Nowhere(HeadlessDriver):
    """What is written is made all the same."""

    is_headless = False


class Loop:
    """Times every callback of the event loop."""

    def __init__(self) -> None:
        self._held_ns: list[int] = []
        run = asyncio.events.Handle._run  # noqa: SLF001 - the one place every callback goes through

        def timed(handle: asyncio.Handle) -> Any:
            before = time.thread_time_ns()
            try:
                return run(handle)
            finally:
                self._held_ns.append(time.thread_time_ns() - before)

        setattr(asyncio.events.Handle, "_run", timed)  # noqa: B010 - mypy forbids the plain way

    def take_ms(self) -> list[float]:
        """What was timed since the last call."""
        taken, self._held_ns = self._held_ns, []
        return [held / 1e6 for held in taken]


class Rounds(NamedTuple):
    """A trace as the bridge gets it."""

    past: list[list[Event]]
    """Enough to fill every window."""
    frames: list[list[list[Event]]]
    """What comes between one redraw and the next, batch by batch."""
    seconds: float
    """How long the frames took."""


async def rounds(targets: int, frames: int) -> Rounds:
    """The path ``wan`` once, told of so many targets."""
    run = await simulation("wan", report_cycles=SAMPLES + 20 + frames, max_samples=SAMPLES).to_its_end()
    header = run.batches[0][0]
    if not isinstance(header, TraceStarted):
        raise TypeError(header)
    infos = [
        msgspec.structs.replace(header.targets[0], label=f"{header.targets[0].label}#{index}")
        for index in range(targets)
    ]
    batches = [_told(batch, infos) for batch in run.batches[1:-1]]
    now = next(at for at, batch in enumerate(batches) if batch[0].at_ns >= (SAMPLES + 10) * ROUND_NS)
    slots = groupby(batches[now:], key=lambda batch: batch[0].at_ns // SLOT_NS)
    coming = [list(slot) for _, slot in slots][:frames]
    span_ns = coming[-1][-1][-1].at_ns - coming[0][0][0].at_ns
    return Rounds(
        [[msgspec.structs.replace(header, targets=tuple(infos))], *batches[:now]], coming, span_ns / 1e9
    )


def _told(batch: Sequence[Event], infos: Sequence[TargetInfo]) -> list[Event]:
    """The batch, of every target and over several flows."""
    return [
        msgspec.structs.replace(event, target=info.label, **_flow(event)) for info in infos for event in batch
    ]


def _flow(event: Event) -> dict[str, int]:
    return {"flow": event.round % FLOWS} if isinstance(event, OF_PROBES) else {}


@asynccontextmanager
async def opened(told: Rounds, size: tuple[int, int]) -> AsyncIterator[tuple[HopscopeApp, Fed]]:
    """The application after all that is past."""
    source = Fed()
    app = HopscopeApp(source, Look())
    app.driver_class = _Nowhere
    running = asyncio.create_task(app.run_async(headless=False, size=size, mouse=False))
    await asyncio.sleep(SETTLED_S)
    gc.collect()
    collect_in_short_passes()
    for batch in told.past:
        source.bridge.update(batch)
    await asyncio.sleep(SETTLED_S)
    try:
        yield app, source
    finally:
        app.exit()
        await running
        gc.unfreeze()
    if app.failure is not None:
        raise app.failure


async def pressed(app: HopscopeApp, keys: Sequence[str]) -> None:
    """Keys as a terminal gives them, each drawn."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))
        await asyncio.sleep(4 * PAUSE_S)


class Held(NamedTuple):
    """What one view did to the loop."""

    opening_ms: float
    """CPU time from the key to the picture."""
    longest_ms: list[float]
    """The longest callback of each frame."""
    share: float
    """CPU time by time traced."""


async def held(loop: Loop, told: Rounds, size: tuple[int, int], keys: Sequence[str]) -> Held:
    """Open a view and draw all frames in it."""
    async with opened(told, size) as (app, source):
        loop.take_ms()
        await pressed(app, keys)
        opening = sum(loop.take_ms())
        longest, total = [], 0.0
        running = asyncio.get_running_loop()
        for frame in told.frames:
            loop.take_ms()
            for batch in frame:
                running.call_soon(source.bridge.update, batch)
            await asyncio.sleep(PAUSE_S)
            await asyncio.sleep(3 * PAUSE_S)
            taken = loop.take_ms()
            longest.append(max(taken))
            total += sum(taken)
        return Held(opening, longest, total / 1000 / told.seconds)


async def main() -> None:
    """Measure and print."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES
    wanted = sys.argv[2:]
    loop = Loop()
    print(
        f"{'targets':>7} {'size':>7} {'view':16} {'open':>7} {'p50':>7} {'p99':>7} {'worst':>7} {'CPU':>6}"
        f"   ms of the loop, {frames} frames"
    )
    for targets in (1, MANY):
        told = await rounds(targets, frames)
        for size in SIZES:
            for view, keys in VIEWS.items():
                if (view != "overview" or targets > 1) and (not wanted or view in wanted):
                    found = await held(loop, told, size, keys)
                    p50, p99, worst = (percentile(found.longest_ms, share) for share in (0.5, 0.99, 1))
                    print(
                        f"{targets:7} {size[0]:3}x{size[1]:<3} {view:16} {found.opening_ms:7.1f} {p50:7.2f}"
                        f" {p99:7.2f} {worst:7.2f} {found.share:6.1%}   {mark(p99, HOLD_MS)}",
                        flush=True,
                    )


if __name__ == "__main__":
    asyncio.run(main())
