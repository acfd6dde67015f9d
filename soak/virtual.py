"""Ten million probes in virtual time: ``python -m soak.virtual [--probes N]``.

Session, engines, statistics, the books of the screen and its views, drawn once a second of virtual time (ten
times would draw more than it probes), on the network of ``soak.world``. Told for each window: resident
memory, live blocks of the allocator (exact, and free to ask), objects the collector knows, and what
tracemalloc finds still alive of the last few thousand probes: it slows everything threefold, so it runs for
those only, and what they leave must not grow.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
import tracemalloc
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from textual.geometry import Size as Cells

from soak import sizes
from soak.world import World
from tracer.clock import VirtualClock
from tracer.config import TraceConfig
from tracer.engine.ports import plan_kind
from tracer.events import Event, Load, NameResolved
from tracer.model import Address, EndReason, Family, Protocol, Route, SourceInfo, TargetInfo, TraceId
from tracer.names import AsnInfo, AsNumber
from tracer.session import Prepared, Session
from tui.bridge import Bridge
from tui.parts import banner_lines, head_lines, offered_views, target_tabs, view_tabs
from tui.scene import Look
from tui.source import Memory, newest
from tui.view.facts import Fact
from tui.view.log import Choice, shown
from tui.view.steps import finished
from tui.view.timeline import entry_line
from tui.widgets import VIEWS, Detail, Lines, LogView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soak.sizes import Size
    from tui.scene import Scene
    from tui.view.cells import Line

PROTOCOLS = (Protocol.ICMP, Protocol.ICMP, Protocol.UDP, Protocol.TCP)
"""Of the targets."""
CONFIG = TraceConfig(
    min_round_duration_ns=100_000_000,
    max_round_duration_ns=100_000_000,
    max_rate=100_000,
)
SCREEN = Cells(120, 36)
REDRAW_NS = 1_000_000_000
VIEW_LASTS = 5
"""Pictures of a view before the next one is shown."""
TICK_NS = 100_000_000
"""Between two names."""
NAMED = 6000
"""Addresses that names are told of in turn: more than anyone remembers."""
BLOCKS_GROW, RESIDENT_GROWS_MB, TRACED_GROWS = 0.02, 8.0, 0.25
"""How much more there may be at the end than when every book is full. Of live blocks 2 %: one forgotten
object in 350 of the six million probes that follow would be more. Of resident memory 8 MB: the allocator
returns pools only when they are empty. Of what the traced probes leave a quarter, between the medians of the
two halves: a table that happens to be enlarged among them counts whole."""


FULL = 7
"""The look that the others are compared with: at the eighth, every book is full. A responder's window holds
256 samples, and those 300 that are seen once in many rounds have had so many after 3.6 million probes; the
log's rarest kind is full after 0.8 million. TTLs beyond the target, which are probed when the path grows,
keep 52 levels each: 28 of them fill up just before 4 million."""


class Seen(NamedTuple):
    """The memory after so many probes."""

    probes: int
    virtual_h: float
    seconds: float
    resident_mb: float
    blocks: int
    objects: int
    traced_kb: float
    peak_kb: float


class Picture:
    """The screen without a terminal: what the application would draw, as lines of styled text."""

    facts: frozenset[Fact] = frozenset({Fact.LIVE})

    def __init__(self) -> None:
        self.bridge = Bridge(CONFIG.max_samples)
        self.drawn = 0
        self._memory = Memory()
        self._views = {view.name: view.widget(id=view.name) for view in VIEWS}
        self._detail = Detail(id="detail")
        self._names = cycle(self._views)
        self._shown = next(self._names)

    def hear(self, events: Sequence[Event]) -> None:
        """What a live source does with events."""
        self.bridge.update(events)
        self._memory.keep(events)

    async def run(self) -> None:
        """The session feeds it."""

    def stop(self) -> None:
        """The session stops."""

    def playback(self, label: str | None) -> None:
        """Never."""

    def recorded(self) -> Sequence[Event]:
        """What can be written to a file later."""
        return self._memory.log()

    def draw(self) -> None:
        """The newest picture of every part of the screen."""
        if self.bridge.header is None:
            return
        self.drawn += 1
        current = self.drawn // VIEW_LASTS % len(PROTOCOLS)
        scene = finished(newest(self, Look(details=True, all_events=bool(current)), frozenset(), None))
        first = scene.targets[current]
        targets = (
            *scene.targets[:current],
            msgspec.structs.replace(first, selected=6),
            *scene.targets[current + 1 :],
        )
        if self.drawn % VIEW_LASTS == 0:
            self._shown = next(self._names)
        if self._shown not in offered_views(scene):
            self._shown = next(iter(self._views))
        scene = msgspec.structs.replace(scene, targets=targets, current=current, view=self._shown)
        head_lines(scene, SCREEN.width)
        banner_lines(scene, SCREEN.width)
        target_tabs(scene, SCREEN.width)
        view_tabs(scene, SCREEN.width)
        for part in (self._views[self._shown], self._detail):
            for _ in part.prepare(scene):
                pass
            _lines(part, scene)


def _lines(part: Lines, scene: Scene) -> Sequence[Line]:
    """What a part of the screen shows; the log draws only the entries in its window."""
    if not isinstance(part, LogView):
        return part.lines_of(scene, SCREEN)
    entries = shown(scene.targets[scene.current].entries, Choice(everything=scene.look.all_events))
    return [entry_line(entry, SCREEN.width) for entry in entries[-SCREEN.height :]]


class TickingClock(VirtualClock):
    """A virtual clock that does something at every tick it passes."""

    def __init__(self, tick_ns: int, on_tick: Callable[[], None]) -> None:
        super().__init__()
        self._tick_ns = tick_ns
        self._next_ns = tick_ns
        self._on_tick = on_tick

    async def wait(self, deadline_ns: int | None, fileno: int | None) -> None:
        while deadline_ns is not None and self._next_ns <= deadline_ns:
            self.advance(max(self._next_ns - self.now_ns(), 0))
            self._next_ns += self._tick_ns
            self._on_tick()
        await super().wait(deadline_ns, fileno)


class Soak:
    """One run, and what was seen of the memory in it."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.seen: list[Seen] = []
        self.picture = Picture()
        self.clock = TickingClock(TICK_NS, self._tick)
        self.world = World(self.clock)
        self.session = Session(_prepared(self.clock, self.world), CONFIG, [self.picture.hear])
        self._begun = time.monotonic()
        self._next_window = size.window
        self._named = 0
        self._told: list[Event] = []

    async def run(self) -> None:
        """To the last probe."""
        self.session.listen(self._end_when_done)
        await self.session.run()
        self.world.close()

    def _end_when_done(self, events: Sequence[Event]) -> None:  # noqa: ARG002 - counts what left instead
        if self.world.sent >= self.size.probes:
            self.session.stop(EndReason.INTERRUPTED)

    def _tick(self) -> None:
        """A picture; names and the load of this process; a look at the memory where a window ends."""
        now = self.clock.now_ns()
        self.session.tell(
            [self._name(now), Load(at_ns=now, target="t0", over_ns=10**8, lag_ns=1, cpu_ns=1, memory=1)]
        )
        if now % REDRAW_NS < TICK_NS:
            self.picture.draw()
        if self.world.sent >= self._next_window:
            self._next_window += self.size.window
            self._look()
        elif self.world.sent >= self._next_window - self.size.traced and not tracemalloc.is_tracing():
            gc.collect()
            tracemalloc.start()

    def _name(self, now: int) -> NameResolved:
        self._named = (self._named + 1) % NAMED
        b, a = divmod(self._named, 24)
        return NameResolved(
            at_ns=now,
            target=f"t{self._named % len(PROTOCOLS)}",
            address=Address(f"198.18.{a}.{b}"),
            hostnames=(f"r{now // 10**9}.example.net",),
            asn=AsnInfo(number=AsNumber(64_496 + b), name="EXAMPLE"),
        )

    def _look(self) -> None:
        gc.collect()
        current, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        look = Seen(
            probes=self.world.sent,
            virtual_h=self.clock.now_ns() / 3600e9,
            seconds=time.monotonic() - self._begun,
            resident_mb=_resident_mb(),
            blocks=sys.getallocatedblocks(),
            objects=len(gc.get_objects()),
            traced_kb=current / 1024,
            peak_kb=peak / 1024,
        )
        self.seen.append(look)
        _tell(look, self.seen[min(FULL, len(self.seen) - 1)])


def _prepared(clock: VirtualClock, world: World) -> Prepared:
    source = SourceInfo(Address("198.18.0.1"), None)
    targets = tuple(
        TargetInfo(
            label=f"t{number}", query=f"t{number}", address=Address(f"203.0.113.{number + 1}"), source=source
        )
        for number in range(len(PROTOCOLS))
    )
    routes = tuple(
        Route(
            trace=TraceId(number),
            target=target.address or Address(""),
            family=Family.IPV4,
            protocol=protocol,
            plan=plan_kind(protocol, CONFIG),
            source=source,
            bind_source=False,
            bind_device=False,
            timeout_ns=CONFIG.timeout_ns,
        )
        for number, (target, protocol) in enumerate(zip(targets, PROTOCOLS, strict=True))
    )
    return Prepared(
        channel=world, clock=clock, targets=targets, routes=routes, usable_ports=range(33_000, 60_000), seed=1
    )


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _tell(look: Seen, first: Seen) -> None:
    grown = f"{look.resident_mb - first.resident_mb:+7.2f} {look.blocks - first.blocks:+9,}"
    print(
        f"{look.probes:12,} {look.virtual_h:8.2f} {look.probes / look.seconds:9,.0f} {look.resident_mb:8.1f}"
        f" {look.blocks:10,} {look.objects:9,} {look.traced_kb:10,.0f} {look.peak_kb:9,.0f} {grown}",
        flush=True,
    )


def verdict(seen: Sequence[Seen]) -> list[str]:
    """What grew after every book was full; empty where nothing did."""
    first, last = seen[FULL], seen[-1]
    found = []
    if last.blocks > first.blocks * (1 + BLOCKS_GROW):
        found.append(f"live blocks grew from {first.blocks:,} to {last.blocks:,}")
    if last.resident_mb > first.resident_mb + RESIDENT_GROWS_MB:
        found.append(f"resident memory grew by {last.resident_mb - first.resident_mb:.1f} MB")
    full = [look.traced_kb for look in seen[FULL:]]
    before, after = median(full[: len(full) // 2]), median(full[len(full) // 2 :])
    if after > before * (1 + TRACED_GROWS):
        found.append(f"the traced probes left {after:,.0f} kB, in the first half {before:,.0f} kB")
    return found


def main() -> int:
    """Run, print, judge."""
    size = sizes.asked(__doc__ or "")
    print(
        f"{size.probes:,} probes in virtual time, windows of {size.window:,}, {size.traced:,} of each traced"
    )
    print(
        f"{'probes':>12} {'virt. h':>8} {'probes/s':>9} {'RSS MB':>8} {'blocks':>10} {'objects':>9}"
        f" {'traced kB':>10} {'peak kB':>9} {'+MB':>7} {'+blocks':>9}",
        flush=True,
    )
    soak = Soak(size)
    asyncio.run(soak.run())
    print(
        f"{soak.picture.drawn:,} pictures; bounds after look {FULL + 1}: blocks +{BLOCKS_GROW:.0%},"
        f" resident +{RESIDENT_GROWS_MB:.0f} MB, traced +{TRACED_GROWS:.0%}"
    )
    if size.window < sizes.WHOLE.window or len(soak.seen) <= FULL + 1:
        print("memory flat: not judged, the books are not full after so few probes")
        return 0
    wrong = verdict(soak.seen)
    print("memory flat: " + ("yes" if not wrong else "NO: " + "; ".join(wrong)))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
