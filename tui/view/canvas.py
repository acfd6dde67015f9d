"""Dots on a grid of cells: eight to a cell in braille, one to a cell in ASCII."""

from __future__ import annotations

from tui.view.cells import Line, Segment
from tui.view.glyphs import Glyphs
from tui.view.style import Style

_BRAILLE = 0x2800
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""By column and row of a cell (Unicode block *Braille Patterns*)."""

_RUNS = tuple(
    tuple(tuple(sum(column[top : bottom + 1]) for bottom in range(len(column))) for top in range(len(column)))
    for column in _BITS
)
"""The bits of a column from a top to a bottom row, both included."""

Dot = tuple[int, int]


class Canvas:
    """``width`` by ``height`` cells, at least one each; dots are counted from the top left."""

    def __init__(self, width: int, height: int, glyphs: Glyphs) -> None:
        self._width, self._height, self._glyphs = width, height, glyphs
        per_cell = (1, 1) if glyphs.dots else (len(_BITS), len(_BITS[0]))
        self._across, self._down = per_cell
        self.columns = width * self._across
        """Dots across."""
        self.rows = height * self._down
        """Dots down."""
        self._masks = [0] * (width * height)
        self._styles = [Style.TEXT] * (width * height)
        self._marks: dict[int, Segment] = {}

    @property
    def dots_across(self) -> int:
        """Dots across a cell."""
        return self._across

    def dot(self, x: int, y: int, style: Style) -> None:
        """Set one dot; outside the canvas nothing happens. The last style in a cell is the cell's."""
        self.column(x, y, y, style)

    def column(self, x: int, top: int, bottom: int, style: Style) -> None:
        """Set the dots of one column from ``top`` to ``bottom``, both included."""
        if top < 0 or bottom >= self.rows:
            top, bottom = max(top, 0), min(bottom, self.rows - 1)
        if not 0 <= x < self.columns or top > bottom:
            return
        masks, styles, down = self._masks, self._styles, self._down
        runs = _RUNS[x % self._across]
        cell = top // down * self._width + x // self._across
        start, left = top % down, bottom - top
        while left >= 0:
            taken = min(left, down - 1 - start)
            masks[cell] |= runs[start][start + taken]
            styles[cell] = style
            cell += self._width
            left -= taken + 1
            start = 0

    def line(self, start: Dot, end: Dot, style: Style) -> None:
        """Set the dots between two of them, both included."""
        (left, here), (right, there) = min(start, end), max(start, end)
        across, rise = right - left, there - here
        if abs(rise) <= across:
            for x in range(across + 1):
                self.dot(left + x, here + round(rise * x / max(across, 1)), style)
            return
        step = 1 if rise > 0 else -1
        y = here
        for x in range(across):
            turn = here + round(rise * (2 * x + 1) / (2 * across))
            self.column(left + x, min(y, turn), max(y, turn), style)
            y = turn + step
        self.column(right, min(y, there), max(y, there), style)

    def mark(self, x: int, y: int, text: str, style: Style) -> None:
        """Put a character of one cell over the dots."""
        if 0 <= x < self.columns and 0 <= y < self.rows:
            self._marks[y // self._down * self._width + x // self._across] = (text, style)

    def rule(self, x: int, text: str, style: Style) -> None:
        """A vertical line of characters, behind what has been drawn so far."""
        if 0 <= x < self.columns:
            place = x // self._across
            for cell in range(place, len(self._masks), self._width):
                if not self._masks[cell]:
                    self._marks.setdefault(cell, (text, style))

    def lines(self) -> tuple[Line, ...]:
        """The cells, from the top, each line exactly as wide as the canvas."""
        return tuple(self._line(row * self._width) for row in range(self._height))

    def _line(self, first: int) -> Line:
        line: list[Segment] = []
        text, style = "", Style.TEXT
        for cell in range(first, first + self._width):
            char, here = self._marks.get(cell) or self._cell(cell)
            if here is not style and text:
                line.append((text, style))
                text = ""
            text, style = text + char, here
        return (*line, (text, style))

    def _cell(self, cell: int) -> Segment:
        mask = self._masks[cell]
        if not mask:
            return _EMPTY
        style = self._styles[cell]
        if not self._glyphs.dots:
            return chr(_BRAILLE + mask), style
        return self._glyphs.dots[style is Style.CHART_SELECTED], style


_EMPTY: Segment = (" ", Style.TEXT)
