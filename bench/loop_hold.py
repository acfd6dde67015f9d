"""How long the screen keeps the event loop on which the probes leave.

``python -m bench.loop_hold [FRAMES [TARGETS [VIEW ...]]]``.

The application in this process, on a terminal that takes everything, and a trace whose windows are full; then
further rounds, drawn as they come. Every callback of the loop is timed in CPU time of its thread. Other
programs on this machine lengthen even that, by what they take of caches and of a shared core: a yardstick,
always the same work, is timed beside every frame, and the percentiles are of times divided by how much longer
than at its best the yardstick took. The worst is as it was. Prints a table; judges nothing.

Most of its time it waits for the next redraw, and does not hang. On two processors that twelve programs
wanted all views at the default of 60 frames took 475 s, 112 s of them on a processor; ``8 1 table`` took 46 s
there and takes 8 s on an idle machine.
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

from bench.table import mark, percentile
from bench.yardstick import Yardstick
from tests.session_driver import simulation
from tracer.events import ProbeLost, ProbeSent, ReplyReceived, TraceStarted
from tracer.model import Stamp
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
SIZES = ((80, 24), (200, 50))
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
WARM_FRAMES = 6
"""Not counted: the collector finds what the measurement itself has made."""
SETTLED_S = 0.5
PAUSE_S = 0.06
"""Textual draws sixty times a second at most."""


class Fed:
    """A source that is fed by hand."""

    facts: frozenset[Fact] = frozenset({Fact.LIVE})

    def __init__(self) -> None:
        self.bridge = Bridge(SAMPLES)

    async def run(self) -> None:
        """Nothing runs by itself."""

    def enter(self, batch: Sequence[Event]) -> None:
        """The next events."""
        self.bridge.update(batch)

    def stop(self) -> None:
        """Nothing runs."""

    def playback(self, label: str | None) -> None:
        """This is no recording."""

    def recorded(self) -> Sequence[Event]:
        return ()


class _Nowhere(HeadlessDriver):
    """What is written is made all the same."""

    is_headless = False


class Taken(NamedTuple):
    """What callbacks took."""

    total_ms: float
    longest_ms: float
    """Without those that enter events."""
    entering_ms: float
    """The longest of those that do."""
    drawing_ms: float
    """All but those."""


class Loop:
    """Times every callback of the event loop."""

    def __init__(self) -> None:
        self._entering_ms: list[float] = []
        self._other_ms: list[float] = []
        run = asyncio.events.Handle._run  # noqa: SLF001 - the one place every callback goes through

        def timed(handle: asyncio.Handle) -> Any:
            enters = getattr(handle._callback, "__name__", "") == Fed.enter.__name__  # type: ignore[attr-defined] # noqa: SLF001
            kept = self._entering_ms if enters else self._other_ms
            before = time.thread_time_ns()
            try:
                return run(handle)
            finally:
                kept.append((time.thread_time_ns() - before) / 1e6)

        setattr(asyncio.events.Handle, "_run", timed)  # noqa: B010 - mypy forbids the plain way

    def take(self) -> Taken:
        """What was timed since the last call."""
        entering, other = self._entering_ms, self._other_ms
        self._entering_ms, self._other_ms = [], []
        return Taken(
            sum(entering) + sum(other), max(other, default=0.0), max(entering, default=0.0), sum(other)
        )


class Bench(NamedTuple):
    """What is measured with."""

    loop: Loop
    yardstick: Yardstick


class Rounds(NamedTuple):
    """A trace as the bridge gets it."""

    past: list[list[Event]]
    """Enough to fill every window."""
    frames: list[list[list[Event]]]
    """What comes between one redraw and the next, batch by batch."""
    seconds: float
    """How long the frames took."""


async def rounds(
    targets: int, frames: int, path: str = "wan", past: int = SAMPLES + 10, slot_ns: int = SLOT_NS
) -> Rounds:
    """A path once, told of so many targets: so many rounds that are past, then frames of a slot each."""
    cycles = past + 10 + frames
    run = await simulation(path, report_cycles=cycles, max_samples=SAMPLES, max_rate=10_000).to_its_end()
    header = run.batches[0][0]
    if not isinstance(header, TraceStarted):
        raise TypeError(header)
    infos = [
        msgspec.structs.replace(header.targets[0], label=f"{header.targets[0].label}#{index}")
        for index in range(targets)
    ]
    batches = [_told(batch, infos) for batch in run.batches[1:-1]]
    now = next(at for at, batch in enumerate(batches) if batch[0].at_ns >= past * ROUND_NS)
    slots = groupby(batches[now:], key=lambda batch: batch[0].at_ns // slot_ns)
    coming = [list(slot) for _, slot in slots][:frames]
    span_ns = coming[-1][-1][-1].at_ns - coming[0][0][0].at_ns
    return Rounds(
        [[msgspec.structs.replace(header, targets=tuple(infos))], *batches[:now]], coming, span_ns / 1e9
    )


def later(told: Rounds, source: Fed) -> Rounds:
    """The frames again, behind all that was told."""
    begun = told.frames[0][0][0].at_ns
    by_ns = max(source.bridge.position_ns + SLOT_NS - begun, 0) // ROUND_NS * ROUND_NS
    by_rounds = by_ns // ROUND_NS
    return told._replace(
        frames=[
            [[_moved(event, by_ns, by_rounds) for event in batch] for batch in frame] for frame in told.frames
        ]
    )


def _moved(event: Event, by_ns: int, by_rounds: int) -> Event:
    changes: dict[str, Any] = {"at_ns": event.at_ns + by_ns}
    if isinstance(event, OF_PROBES):
        changes["round"] = event.round + by_rounds
    for stamp in ("tx", "rx"):
        if (known := getattr(event, stamp, None)) is not None:
            changes[stamp] = Stamp(known.ns + by_ns, known.clock)
    return msgspec.structs.replace(event, **changes)


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
    app = HopscopeApp(source, Look(refresh_ns=20_000_000))
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
    """CPU time from the keys to the picture."""
    entering_ms: list[float]
    """The longest batch of events in each frame."""
    longest_ms: list[float]
    """The longest other callback in each frame, by the yardstick."""
    worst_ms: float
    """The longest of all, as it was."""
    share: float
    """CPU time by time traced, by the yardstick."""


async def held(bench: Bench, app: HopscopeApp, source: Fed, told: Rounds, keys: Sequence[str]) -> Held:
    """Open a view and draw all frames in it."""
    bench.loop.take()
    await pressed(app, keys)
    opening = bench.loop.take().total_ms
    longest: list[float] = []
    entering: list[float] = []
    worst = total = 0.0
    running = asyncio.get_running_loop()
    for number, frame in enumerate(told.frames):
        if number == WARM_FRAMES:
            longest.clear()
            entering.clear()
            worst = total = 0.0
        slow = bench.yardstick.slowness()
        bench.loop.take()
        for batch in frame:
            running.call_soon(source.enter, batch)
        await asyncio.sleep(PAUSE_S * (2 if len(source.bridge.reports()) > 1 else 1))
        taken = bench.loop.take()
        slow = (slow + bench.yardstick.slowness()) / 2
        longest.append(taken.longest_ms / slow)
        entering.append(taken.entering_ms / slow)
        worst = max(worst, taken.longest_ms)
        total += taken.total_ms / slow
    measured = 1 - WARM_FRAMES / len(told.frames)
    return Held(opening, entering, longest, worst, total / 1000 / told.seconds / measured)


async def main() -> None:
    """Measure and print."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES
    all_targets = [int(one) for one in sys.argv[2:3]] or (1, MANY)
    wanted = sys.argv[3:]
    bench = Bench(Loop(), Yardstick())
    opening, theming, holding = [], [], []
    print(f"{'':32} {'open':>6} {'p50':>6} {'p99':>6} {'worst':>6} {'events':>6} {'CPU':>6}   ms of the loop")
    for targets in all_targets:
        told = await rounds(targets, frames)
        for size in SIZES:
            async with opened(told, size) as (app, source):
                for view, keys in VIEWS.items():
                    if (view != "overview" or targets > 1) and (not wanted or view in wanted):
                        coming = later(told, source)
                        gc.collect()  # of what the measurement itself made
                        found = await held(bench, app, source, coming, keys)
                        _tell(targets, size, view, found)
                        opening.append(found.opening_ms)
                        holding.append(percentile(found.longest_ms, 0.99))
                        await pressed(app, ("escape",) if "d" not in keys else ("escape", "d"))
                        bench.loop.take()
                        await pressed(app, ("T",))
                        theming.append(bench.loop.take().total_ms)
    print("\nworst of all:")
    _sum_up("a redraw holds the loop, p99", max(holding), HOLD_MS)
    _sum_up("opening a view", max(opening), OPEN_MS)
    _sum_up("changing the theme", max(theming), OPEN_MS)


def _sum_up(what: str, value: float, budget: float) -> None:
    print(f"{what:32} {value:7.1f} ms   {mark(value, budget)}")


def _tell(targets: int, size: tuple[int, int], view: str, found: Held) -> None:
    p50, p99 = (percentile(found.longest_ms, share) for share in (0.5, 0.99))
    where = f"{targets} target{'s' * (targets > 1)}, {size[0]}x{size[1]}"
    print(
        f"{where:18} {view:13} {found.opening_ms:6.1f} {p50:6.2f} {p99:6.2f} {found.worst_ms:6.2f}"
        f" {percentile(found.entering_ms, 0.99):6.2f} {found.share:6.1%}   {mark(p99, HOLD_MS)}",
        file=sys.__stdout__,  # while the application runs, stdout is its own
        flush=True,
    )


if __name__ == "__main__":
    asyncio.run(main())
