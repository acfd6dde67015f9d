"""Where the hops are: a map of the world with the path across it.

The projection is equirectangular: a degree is as long in every direction, wherever it is. The path is drawn
as straight lines between the places of its hops, across the edge of the map where that is the shorter way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from tracer.names import NOTHING, Place
from tracer.stats.snapshot import TraceSnapshot
from tui.view.about import place_text
from tui.view.canvas import Canvas, Dot
from tui.view.cells import Line, clip_line, fit_line
from tui.view.coastline import COASTS, Point
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.strings import say
from tui.view.style import Style

_NORTH, _SOUTH = 84.0, -58.0
"""Beyond these there are no routers, nor much coast."""

_WEST, _EAST = -180.0, 180.0


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """One hop with a known place."""

    ttl: int
    place: Place
    at: Point


def pins(snapshot: TraceSnapshot) -> tuple[Pin, ...]:
    """The hops that have a point on the map, each at the place of the responder that answers most.

    Mask the snapshot first.
    """
    found = []
    for hop in snapshot.hops:
        for responder in sorted(hop.responders, key=lambda one: -one.received):
            place = snapshot.names.get(responder.address, NOTHING).place
            if place is not None and (spot := place.coordinates) is not None:
                found.append(Pin(ttl=hop.ttl, place=place, at=(spot[1], spot[0])))
                break
    return tuple(found)


class Projection(msgspec.Struct, frozen=True):
    """From degrees to the dots of a canvas."""

    columns: int
    rows: int

    def dot(self, at: Point) -> Dot:
        """The dot nearest to a point; of what is beyond an edge, on that edge."""
        longitude, latitude = at
        across = (min(max(longitude, _WEST), _EAST) - _WEST) / (_EAST - _WEST)
        down = (_NORTH - min(max(latitude, _SOUTH), _NORTH)) / (_NORTH - _SOUTH)
        return round(across * (self.columns - 1)), round(down * (self.rows - 1))


def size_within(width: int, height: int) -> tuple[int, int]:
    """Cells across and down of the largest map that fits, at least one each, none of it distorted."""
    shape = (_NORTH - _SOUTH) / (_EAST - _WEST) / 2  # a cell is twice as high as it is wide
    across = max(min(width, round(height / shape)), 1)
    return across, max(min(height, round(across * shape)), 1)


def world(
    found: Sequence[Pin], width: int, height: int, selected: int | None = None, glyphs: Glyphs = UNICODE
) -> tuple[Line, ...]:
    """The map in at most ``width`` by ``height`` cells: coasts, the path, its hops by their TTL."""
    if width <= 0 or height <= 0:
        return ()
    canvas = Canvas(*size_within(width, height), glyphs)
    projection = Projection(canvas.columns, canvas.rows)
    for coast in COASTS:
        for start, end in pairwise(coast):
            _stroke(canvas, projection.dot(start), projection.dot(end), Style.AXIS)
    for here, there in pairwise(found):
        for start, end in _way(here.at, there.at):
            _stroke(canvas, projection.dot(start), projection.dot(end), Style.CHART_SELECTED)
    for pin in sorted(found, key=lambda one: one.ttl == selected):
        _mark(canvas, projection.dot(pin.at), pin, selected)
    return canvas.lines()


def _stroke(canvas: Canvas, start: Dot, end: Dot, style: Style) -> None:
    """The dots between two of them, both included."""
    across, down = end[0] - start[0], end[1] - start[1]
    steps = max(abs(across), abs(down), 1)
    for step in range(steps + 1):
        canvas.dot(start[0] + round(across * step / steps), start[1] + round(down * step / steps), style)


def _way(start: Point, end: Point) -> tuple[tuple[Point, Point], ...]:
    """The straight line between two points, in two parts where it is shorter across the edge."""
    if abs(end[0] - start[0]) <= _EAST:
        return ((start, end),)
    turn = _EAST if start[0] > 0 else _WEST
    across = end[0] + 2 * turn - start[0]
    latitude = start[1] + (end[1] - start[1]) * (turn - start[0]) / across
    return ((start, (turn, latitude)), ((-turn, latitude), end))


def _mark(canvas: Canvas, at: Dot, pin: Pin, selected: int | None) -> None:
    """The TTL, over what is drawn there; it begins where the hop is, or ends there at the right edge."""
    text = str(pin.ttl)
    style = Style.SELECTED if pin.ttl == selected else Style.STRONG
    step = canvas.dots_across
    first = min(at[0], canvas.columns - len(text) * step)
    for number, char in enumerate(text):
        canvas.mark(first + number * step, at[1], char, style)


def caption(found: Sequence[Pin], selected: int | None, width: int, glyphs: Glyphs = UNICODE) -> Line:
    """Where the selected hop is, or the last that is known; exactly ``width`` cells."""
    pin = next((one for one in found if one.ttl == selected), None)
    if selected is not None and pin is None:
        text = say("map.unknown", ttl=selected)
    else:
        shown = pin or found[-1]
        text = say("map.hop", ttl=shown.ttl, place=place_text(shown.place))
    return fit_line(((text, Style.HEADER),), width, glyphs.ellipsis, Style.HEADER)


def legend(
    found: Sequence[Pin], selected: int | None, width: int, glyphs: Glyphs = UNICODE
) -> tuple[Line, ...]:
    """One line for each hop that has a place, of at most ``width`` cells."""
    return tuple(
        clip_line(
            (
                (f"{pin.ttl:>3} ", Style.KEY),
                (pin.place.label or place_text(pin.place), _legend_style(pin.ttl, selected)),
            ),
            width,
            glyphs.ellipsis,
        )
        for pin in found
    )


def _legend_style(ttl: int, selected: int | None) -> Style:
    return Style.SELECTED if ttl == selected else Style.TEXT
