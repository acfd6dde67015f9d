"""Runs the application on the in-memory internet: virtual time, and a redraw that the test calls."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from textual.pilot import Pilot
from textual.screen import Screen

from tests.session_driver import simulation
from tracer import prepare
from tracer.clock import VirtualClock
from tracer.config import TraceConfig
from tracer.events import Event
from tracer.model import Route, TargetInfo
from tracer.record import Recorder
from tracer.session import Prepared
from tui.app import HopscopeApp
from tui.screens.main import MainScreen
from tui.source import LiveSource

ScreenT = TypeVar("ScreenT", bound=Screen[Any])


def live(scenario: str = "lan", queries: tuple[str, ...] = (), **options: Any) -> LiveSource:
    """A source that traces a scenario for a few rounds and then stands still."""
    options.setdefault("report_cycles", 3)

    async def prepared(config: TraceConfig) -> Prepared:
        return prepare.simulated(queries, config, scenario, VirtualClock())

    async def another(query: str, prepared: Prepared, config: TraceConfig) -> tuple[TargetInfo, Route | None]:
        return prepare.another_simulated(query, prepared, config, scenario)

    return LiveSource(prepared, another, TraceConfig(**options))


async def settled(app: HopscopeApp) -> MainScreen:
    """The main screen, once every target's trace has ended and is drawn."""
    screen = main_screen(app)
    for _ in range(10_000):
        screen.tick()
        targets = screen.scene.targets
        if targets and all(target.snapshot.reason is not None for target in targets):
            return screen
        await asyncio.sleep(0)
    raise AssertionError("the trace has not ended")


def main_screen(app: HopscopeApp) -> MainScreen:
    (screen,) = [screen for screen in app.screen_stack if isinstance(screen, MainScreen)]
    return screen


async def until(pilot: Pilot[Any], kind: type[ScreenT]) -> ScreenT:
    """The screen on top, which must come to be of this kind."""
    for _ in range(100):
        await pilot.pause()
        if isinstance(pilot.app.screen, kind):
            return pilot.app.screen
    raise AssertionError(f"{type(pilot.app.screen)} is on top")


async def type_in(pilot: Pilot[Any], text: str) -> None:
    await pilot.press(*(_KEYS.get(char, char) for char in text))


_KEYS = {
    ".": "full_stop", "/": "slash", "-": "minus", "_": "underscore", ":": "colon", " ": "space",
    "#": "number_sign", "[": "left_square_bracket", "]": "right_square_bracket",
}  # fmt: skip


async def recorded(path: Path, scenario: str = "loss", **options: Any) -> list[Event]:
    """Record a session in virtual time; returns what was recorded."""
    options.setdefault("report_cycles", 30)
    run = await simulation(scenario, **options).to_its_end()
    write(path, run.events)
    return run.events


def write(path: Path, events: list[Event]) -> None:
    recorder = Recorder(path)
    recorder.write(events)
    recorder.close()


def moved(event: Event, by_ns: int) -> Event:
    """The same event, later."""
    return msgspec.structs.replace(event, at_ns=event.at_ns + by_ns)
