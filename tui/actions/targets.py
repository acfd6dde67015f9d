"""Several targets: which one is on the screen, further ones, and those that are no longer wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tracer.errors import HopscopeError
from tracer.text import named
from tui.source import Tracing
from tui.view.strings import say
from tui.widgets import Prompt

if TYPE_CHECKING:
    from tui.screens.main import MainScreen


def next_target(screen: MainScreen) -> None:
    """Show the next target, after the last the first."""
    _turn(screen, 1)


def previous_target(screen: MainScreen) -> None:
    """Show the target before."""
    _turn(screen, -1)


def _turn(screen: MainScreen, by: int) -> None:
    if count := len(screen.scene.targets):
        screen.current = (screen.current + by) % count


def ask_for_target(screen: MainScreen) -> None:
    """Ask which target to add."""
    source = screen.source
    if not isinstance(source, Tracing):
        screen.notify(say("target.cannot"), severity="warning", markup=False)
        return

    def add(query: str) -> None:
        if query:
            screen.run_worker(_add(screen, source, query), name="add-target")

    screen.query_one(Prompt).ask("target.hint", done=add)


async def _add(screen: MainScreen, source: Tracing, query: str) -> None:
    """A name that cannot be found is told, and nothing else happens."""
    try:
        await source.add(query)
    except HopscopeError as error:
        screen.notify(str(error), severity="error", markup=False)
    else:
        screen.notify(say("target.added", query=named(query)), markup=False)


def close_target(screen: MainScreen) -> None:
    """End the trace of the target on the screen and show it no longer; the last one stays."""
    target = screen.scene.target
    if target is None or len(screen.scene.targets) < 2:
        return
    if isinstance(screen.source, Tracing):
        screen.source.close(target.label)
    screen.hidden |= {target.label}


ACTIONS: dict[str, Callable[[MainScreen], None]] = {
    "next-trace": next_target,
    "previous-trace": previous_target,
    "add-target": ask_for_target,
    "close-target": close_target,
}
