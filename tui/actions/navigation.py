"""Moving among hops, responders and targets; leaving."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.screens.main import MainScreen


def next_hop(screen: MainScreen) -> None:
    """Select the hop below."""
    _step(screen, 1)


def previous_hop(screen: MainScreen) -> None:
    """Select the hop above."""
    _step(screen, -1)


def _step(screen: MainScreen, by: int) -> None:
    target = screen.scene.target
    if target is None or not target.snapshot.hops:
        return
    ttls = [int(hop.ttl) for hop in target.snapshot.hops]
    at = ttls.index(target.selected) + by if target.selected in ttls else (0 if by > 0 else len(ttls) - 1)
    screen.select(ttls[min(max(at, 0), len(ttls) - 1)])


def clear_selection(screen: MainScreen) -> None:
    """Select nothing."""
    screen.select(None)


def freeze(screen: MainScreen) -> None:
    """Let the picture stand still, or go on."""
    screen.freeze()


def leave(screen: MainScreen) -> None:
    """End the program."""
    screen.app.exit()


ACTIONS: dict[str, Callable[[MainScreen], None]] = {
    "next-hop": next_hop,
    "previous-hop": previous_hop,
    "clear-selection": clear_selection,
    "freeze": freeze,
    "quit": leave,
}
