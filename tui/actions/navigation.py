"""Moving among hops, responders, targets and views; leaving."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.parts import VIEW_NAMES, offered_views, rows_of
from tui.scene import Scene, TargetScene
from tui.view.rows import severity_of
from tui.view.style import Severity
from tui.widgets import Prompt

if TYPE_CHECKING:
    from tui.screens.main import MainScreen

_WORST_FIRST = [*Severity]


def next_hop(screen: MainScreen) -> None:
    """Select the row below."""
    _step(screen, 1)


def previous_hop(screen: MainScreen) -> None:
    """Select the row above."""
    _step(screen, -1)


def _step(screen: MainScreen, by: int) -> None:
    target = screen.scene.target
    if target is None or screen.body.step(by):
        return
    ttls = shown_ttls(screen.scene, target)
    if not ttls:
        return
    at = ttls.index(target.selected) + by if target.selected in ttls else (0 if by > 0 else len(ttls) - 1)
    screen.select(ttls[min(max(at, 0), len(ttls) - 1)])


def shown_ttls(scene: Scene, target: TargetScene) -> list[int]:
    """The hops as they stand in the table: filtered and sorted."""
    return [row.ttl for row in rows_of(scene, target) if row.leads]


def next_responder(screen: MainScreen) -> None:
    """Select the next responder of the hop."""
    _cycle(screen, 1)


def previous_responder(screen: MainScreen) -> None:
    """Select the responder before."""
    _cycle(screen, -1)


def _cycle(screen: MainScreen, by: int) -> None:
    target = screen.scene.target
    hops = () if target is None else target.snapshot.hops
    for hop in hops:
        if target is not None and hop.ttl == target.selected and hop.responders:
            screen.select(hop.ttl, (target.ordinal + by) % len(hop.responders))


def clear_selection(screen: MainScreen) -> None:
    """Close what is open, one thing at a time; in the end select nothing."""
    prompt = screen.query_one(Prompt)
    if prompt.is_open:
        prompt.dismiss()
        screen.change_look(needle="")
    elif screen.look.needle:
        screen.change_look(needle="")
    elif screen.look.details:
        screen.change_look(details=False)
    else:
        screen.select(None)


def hop_details(screen: MainScreen) -> None:
    """Open the panel about the selected hop, or close it; without a selection the worst hop is selected."""
    screen.change_look(details=not screen.look.details)
    target = screen.scene.target
    if screen.look.details and target is not None and target.selected is None:
        screen.select(_worst(target))


def _worst(target: TargetScene) -> int | None:
    judged = zip(target.snapshot.hops, target.snapshot.hop_verdicts, strict=False)
    ranked = [(_WORST_FIRST.index(severity_of(verdict)), int(hop.ttl)) for hop, verdict in judged]
    return min(ranked)[1] if ranked else None


def open_row(screen: MainScreen) -> None:
    """Show more of what is selected: the target of the overview, the hop elsewhere."""
    if not screen.body.open_row():
        hop_details(screen)


def next_view(screen: MainScreen) -> None:
    """Show the next view that has data."""
    _turn(screen, 1)


def previous_view(screen: MainScreen) -> None:
    """Show the view before."""
    _turn(screen, -1)


def _turn(screen: MainScreen, by: int) -> None:
    names = offered_views(screen.scene)
    at = names.index(screen.view) if screen.view in names else 0
    screen.show_view(names[(at + by) % len(names)])


def _show(name: str) -> Callable[[MainScreen], None]:
    return lambda screen: screen.show_view(name)


def freeze(screen: MainScreen) -> None:
    """Let the picture stand still, or go on."""
    screen.freeze()


def leave(screen: MainScreen) -> None:
    """End the program."""
    screen.app.exit()


ACTIONS: dict[str, Callable[[MainScreen], None]] = {
    "next-hop": next_hop,
    "previous-hop": previous_hop,
    "next-hop-address": next_responder,
    "previous-hop-address": previous_responder,
    "clear-selection": clear_selection,
    "hop-details": hop_details,
    "open": open_row,
    "next-view": next_view,
    "previous-view": previous_view,
    **{name: _show(name) for name in VIEW_NAMES},
    "freeze": freeze,
    "quit": leave,
}
