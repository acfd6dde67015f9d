"""The application on events that are all there already: nothing moves but what a test presses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from textual.pilot import Pilot

from tests.session_driver import simulation
from tests.stats.logbook import Log
from tracer.events import Event, TargetEvent, TraceStarted
from tracer.model import ChannelInfo, ClockInfo, Protocol, StampClock, TargetInfo
from tui.app import HopscopeApp
from tui.bridge import Bridge
from tui.scene import Look
from tui.screens.main import MainScreen
from tui.view.facts import Fact
from tui.view.scrubber import Playback
from tui.widgets import Lines


class StillSource:
    """Gives what it was given, and keeps what is asked of it."""

    facts: frozenset[Fact] = frozenset({Fact.LIVE})

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.bridge = Bridge()
        self._events = [*events]
        self.bridge.update(self._events)
        self.added: list[str] = []
        self.closed: list[str] = []

    async def run(self) -> None:
        """Everything has come."""

    def stop(self) -> None:
        """Nothing runs."""

    def playback(self, label: str | None) -> Playback | None:  # noqa: ARG002 - as it is asked
        """This is no recording."""
        return None

    def recorded(self) -> Sequence[Event]:
        return self._events

    async def add(self, query: str) -> None:
        self.added.append(query)

    def close(self, label: str) -> None:
        self.closed.append(label)


async def traced(scenario: str, queries: Sequence[str] = (), **options: Any) -> list[Event]:
    """All events of a session in virtual time."""
    return (await simulation(scenario, queries, **options).to_its_end()).events


def started(*targets: TargetInfo) -> TraceStarted:
    return TraceStarted(
        version="0",
        started_at="2025-01-01T00:00:00.000000Z",
        config={},
        targets=targets,
        source=None,
        channel=ChannelInfo(name="sim", protocol=Protocol.ICMP, privileged=False, reason="a test"),
        clock=ClockInfo(tx=StampClock.KERNEL, rx=StampClock.KERNEL),
    )


def events_of(log: Log, label: str) -> list[TargetEvent]:
    """A log as that of another target."""
    return [msgspec.structs.replace(event, target=label) for event in log.events]


@asynccontextmanager
async def opened(
    events: Iterable[Event] = (), look: Look | None = None, size: tuple[int, int] = (100, 30)
) -> AsyncIterator[tuple[Pilot[None], MainScreen]]:
    """The screen, drawn once."""
    app = HopscopeApp(StillSource(events), look)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, MainScreen)
        screen.tick()
        await pilot.pause()
        yield pilot, screen


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Keys one after the other, each drawn."""
    for key in keys:
        await pilot.press(key)
        await pilot.pause()


def texts(widget: Lines) -> list[str]:
    """What a widget shows, line by line as the terminal gets it."""
    if not widget.display:
        return []
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


def text_of(widget: Lines) -> str:
    return "\n".join(texts(widget))
