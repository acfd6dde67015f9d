"""The world, and where on it the hops are."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.geometry import Size

from tui.scene import Scene
from tui.view.cells import Line, fit_line
from tui.view.empty import empty
from tui.view.worldmap import Pin, caption, legend, pins, world
from tui.widgets.hop_table import HopTable
from tui.widgets.kept import Kept
from tui.widgets.lines import Lines

BESIDE_FROM = 100
"""From this width on the places stand beside the map."""

_LEGEND = 30
"""Cells of the places."""


class MapView(Lines):
    """Draws the map when a hop has moved, or another is selected."""

    FIXED = 1

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._map: Kept[tuple[Line, ...]] = Kept()
        self._pins: tuple[Pin, ...] = ()

    def on_click(self, event: events.Click) -> None:
        """Select the hop of the legend under the mouse."""
        number = self.line_at(event.y) - self.FIXED
        if event.x >= self.size.width - _LEGEND and 0 <= number < len(self._pins):
            self.post_message(HopTable.Selected(self._pins[number].ttl, 0))

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        target, look = scene.target, scene.look
        if target is None:
            return empty("empty.target", size.width)
        self._pins = found = pins(target.snapshot)
        if not found:
            return empty("empty.map", size.width)
        beside = size.width >= BESIDE_FROM
        room = Size(size.width - (_LEGEND + 1 if beside else 0), max(size.height - self.FIXED, 1))
        selected = target.selected
        drawn = self._map.get(
            (found, room, selected, look.glyphs.name),
            lambda: world(found, *room, selected, look.glyphs),
        )
        lines = [caption(found, selected, size.width, look.glyphs)]
        if not beside:
            return (*lines, *drawn)
        places = legend(found, selected, _LEGEND, look.glyphs)
        return (*lines, *joined_rows(drawn, places, room.width))


def joined_rows(left: Sequence[Line], right: Sequence[Line], width: int) -> tuple[Line, ...]:
    """Two drawings beside each other, the right one from ``width`` cells on."""
    rows = max(len(left), len(right))
    return tuple(
        (
            *fit_line(left[row] if row < len(left) else (), width + 1),
            *(right[row] if row < len(right) else ()),
        )
        for row in range(rows)
    )
