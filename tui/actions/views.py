"""What part of a view is on the screen, and what is looked at in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tui.actions import replay
from tui.scene import Cursor, TargetScene
from tui.view.chart import View
from tui.view.facts import Fact
from tui.view.inspector import stepped
from tui.view.strings import say
from tui.view.timeline import Entry, Kind, following, preceding
from tui.widgets.inspector_view import inspected_samples

if TYPE_CHECKING:
    from tui.screens.main import MainScreen


def move_chart(step: Callable[[View], View], screen: MainScreen) -> None:
    """Show another part of the time."""
    screen.change_look(chart=step(screen.look.chart))


def toggle_all_events(screen: MainScreen) -> None:
    """List probes and losses in the log, or not."""
    screen.change_look(all_events=not screen.look.all_events)


def page(by: int, screen: MainScreen) -> None:
    """Scroll the view by what fits on the screen, but for one line that stays."""
    view = screen.body
    view.scroll_to(y=view.scroll_offset.y + by * max(view.size.height - view.FIXED - 1, 1), animate=False)


def step_probe(by: int, screen: MainScreen) -> None:
    """Look at the next or the previous probe of the hop."""
    target = screen.scene.target
    if target is not None:
        probe = stepped(inspected_samples(target), target.cursor.probe, by)
        screen.look_at(Cursor(probe=probe, marked=target.cursor.marked, moment_ns=target.cursor.moment_ns))


def jump(command_id: str, kind: Kind, screen: MainScreen) -> None:
    """Go to the next or the previous entry of a kind; a recording goes there itself.

    Losses of hops that never answer are passed over: there is one in every round.
    """
    target = screen.scene.target
    if Fact.REPLAY in screen.scene.facts:
        replay.ACTIONS[command_id](screen)
    elif target is not None:
        marked = target.cursor.marked
        answering = {int(hop.ttl) for hop in target.snapshot.hops if hop.received}
        entries = [item for item in target.entries if item.probe is None or item.probe[0] in answering]
        if command_id.startswith("next"):
            found = following(entries, -1 if marked is None else marked.at_ns, kind)
        else:
            end = screen.scene.position_ns + 1
            found = preceding(entries, end if marked is None else marked.at_ns, kind)
        if found is None:
            screen.notify(say(f"jump.none.{kind.value}"), markup=False)
        else:
            look_at_entry(found, target, screen)


def look_at_entry(found: Entry, target: TargetScene, screen: MainScreen) -> None:
    """Mark an entry of the log; select its probe, where it tells of one; move the chart there."""
    moment, probe = found.at_ns, None
    if found.probe is not None:
        ttl, probe = found.probe
        screen.select(ttl)
        sent = (sample.sent_ns for sample in target.history.samples(ttl) if sample.key == probe)
        moment = next(sent, moment)
    screen.look_at(Cursor(marked=found, moment_ns=moment, probe=probe))
    span = target.history.span_ns()
    if span is not None:
        screen.change_look(chart=screen.look.chart.around(moment, *span))


ACTIONS: dict[str, Callable[[MainScreen], None]] = {
    "zoom-in": partial(move_chart, View.zoomed_in),
    "zoom-out": partial(move_chart, View.zoomed_out),
    "pan-left": partial(move_chart, View.earlier),
    "pan-right": partial(move_chart, View.later),
    "page-down": partial(page, 1),
    "page-up": partial(page, -1),
    "all-events": toggle_all_events,
    "next-probe": partial(step_probe, 1),
    "previous-probe": partial(step_probe, -1),
    **{f"{way}-change": partial(jump, f"{way}-change", Kind.PATH) for way in ("next", "previous")},
    **{f"{way}-loss": partial(jump, f"{way}-loss", Kind.LOSS) for way in ("next", "previous")},
}
