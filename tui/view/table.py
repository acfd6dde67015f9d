"""Columns and rows laid out in a given width, as lines ready to draw."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tui.view.cells import Align, Line, clip_line, fit, fit_line, line_width
from tui.view.columns import Column
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.rows import Order, Row
from tui.view.style import Style

GAP = 1
"""Cells between two columns."""

_USABLE = 8
"""Cells in which a column with a weight still says something."""


class Placed(msgspec.Struct, frozen=True):
    """A column and the cells it has."""

    column: Column
    at: int
    """Its first cell."""
    width: int


Layout = tuple[Placed, ...]


def lay_out(columns: Sequence[Column], width: int, asked: dict[str, int] | None = None) -> Layout:
    """Place the columns in ``width`` cells.

    Each gets its preferred width, or the one the user ``asked`` for by column id; where that is too much,
    those that can shrink do, by what they can spare. Cells left over go to columns with a weight. What does
    not fit even so is left out from the right, though never the first column; one that can be of any width
    rather takes the little that is left.
    """
    wanted = {column.id: max((asked or {}).get(column.id, column.width.preferred), 1) for column in columns}
    least = {column.id: min(column.width.minimum, wanted[column.id]) for column in columns}
    shown = list(columns)
    left_out = None
    while len(shown) > 1 and _total(shown, least) > width:
        left_out = shown.pop()
    room = width - _total(shown, least) - GAP
    if left_out is not None and left_out.width.weight and room >= _USABLE:
        shown.append(left_out)
        least[left_out.id] = room
    widths = {column.id: wanted[column.id] for column in shown}
    _shrink(shown, widths, least, _total(shown, widths) - width)
    _grow(shown, widths, width - _total(shown, widths), frozenset(asked or ()))
    placed, at = [], 0
    for column in shown:
        size = min(widths[column.id], max(width - at, 0))
        placed.append(Placed(column, at, size))
        at += size + GAP
    return tuple(placed)


def _total(columns: Sequence[Column], widths: dict[str, int]) -> int:
    return sum(widths[column.id] for column in columns) + GAP * max(len(columns) - 1, 0)


def _shrink(columns: Sequence[Column], widths: dict[str, int], least: dict[str, int], excess: int) -> None:
    while excess > 0:
        widest = max(columns, key=lambda column: widths[column.id] - least[column.id])
        if widths[widest.id] == least[widest.id]:
            return
        widths[widest.id] -= 1
        excess -= 1


def _grow(columns: Sequence[Column], widths: dict[str, int], spare: int, fixed: frozenset[str]) -> None:
    growing = [column for column in columns if column.width.weight and column.id not in fixed]
    weights = sum(column.width.weight for column in growing)
    left = spare
    for column in growing if spare > 0 else ():
        part = spare * column.width.weight // weights
        widths[column.id] += part
        left -= part
    if growing and left > 0:
        widths[growing[0].id] += left


def column_at(layout: Layout, cell: int) -> Column | None:
    """The column under a mouse at ``cell``; None between and beyond them."""
    return next((placed.column for placed in layout if placed.at <= cell < placed.at + placed.width), None)


def edge_at(layout: Layout, cell: int) -> Placed | None:
    """The column whose right edge, the gap behind it, is under a mouse at ``cell``."""
    return next((placed for placed in layout[:-1] if cell == placed.at + placed.width), None)


def header_line(layout: Layout, glyphs: Glyphs = UNICODE, sorted_by: tuple[str, Order] | None = None) -> Line:
    """The headers; the column ``sorted_by`` (its id) carries the direction."""
    return _join([(_header(placed, glyphs, sorted_by), placed) for placed in layout], glyphs, Style.HEADER)


def _header(placed: Placed, glyphs: Glyphs, sorted_by: tuple[str, Order] | None) -> Line:
    text = placed.column.header
    if sorted_by is not None and sorted_by[0] == placed.column.id:
        mark = glyphs.sort_up if sorted_by[1] is Order.ASCENDING else glyphs.sort_down
        text = fit(text, min(len(text), placed.width - 1), ellipsis="") + mark
    return ((text, Style.HEADER),)


def row_line(row: Row, layout: Layout, glyphs: Glyphs = UNICODE) -> Line:
    """One row, exactly as wide as the layout."""
    return _join([(_cell(row, placed, glyphs), placed) for placed in layout], glyphs, Style.TEXT)


def _cell(row: Row, placed: Placed, glyphs: Glyphs) -> Line:
    column = placed.column
    if column.paint is not None:
        return column.paint(row, placed.width, glyphs)
    return ((column.text(row), column.style_of(row)),)


def _join(cells: Sequence[tuple[Line, Placed]], glyphs: Glyphs, fill: Style) -> Line:
    line: list[tuple[str, Style]] = []
    for index, (cell, placed) in enumerate(cells):
        if index:
            line.append((" " * GAP, fill))
        line += _aligned(cell, placed, glyphs, fill)
    return tuple(segment for segment in line if segment[0])


def _aligned(cell: Line, placed: Placed, glyphs: Glyphs, fill: Style) -> Line:
    if len(cell) == 1 and (text := cell[0][0]).isascii() and len(text) < placed.width:
        # What nearly every cell is, in a fraction of the time.
        blank = (" " * (placed.width - len(text)), fill)
        return (blank, *cell) if placed.column.align is Align.RIGHT else (*cell, blank)
    clipped = clip_line(cell, placed.width, glyphs.ellipsis)
    padding = (" " * (placed.width - line_width(clipped)), fill)
    if placed.column.align is Align.RIGHT:
        return (padding, *clipped)
    return fit_line(clipped, placed.width, glyphs.ellipsis, fill)


def markdown(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """The whole table as Markdown, nothing cut off."""
    ruler = ["---:" if column.align is Align.RIGHT else ":---" for column in columns]
    lines = [[column.header for column in columns], ruler]
    lines += [[_escaped(column.text(row)) for column in columns] for row in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


_MARKDOWN = str.maketrans({char: f"\\{char}" for char in "\\`*_{}[]<>|#!"})


def _escaped(text: str) -> str:
    return text.translate(_MARKDOWN)
