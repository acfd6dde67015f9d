"""Dots on a grid of cells: eight to a cell in braille, one to a cell in ASCII."""

from __future__ import annotations

from tui.view.cells import Line, Segment, merged
from tui.view.glyphs import Glyphs
from tui.view.style import Style

_BRAILLE = 0x2800
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""By column and row of a cell (Unicode block *Braille Patterns*)."""

Dot = tuple[int, int]


class Canvas:
    """``width`` by ``height`` cells, at least one each; dots are counted from the top left."""

    def __init__(self, width: int, height: int, glyphs: Glyphs) -> None:
        self._width, self._height, self._glyphs = width, height, glyphs
        per_cell = (1, 1) if glyphs.dots else (len(_BITS), len(_BITS[0]))
        self._across, self._down = per_cell
        self._masks: dict[Dot, int] = {}
        self._styles: dict[Dot, Style] = {}
        self._marks: dict[Dot, Segment] = {}

    @property
    def columns(self) -> int:
        """Dots across."""
        return self._width * self._across

    @property
    def rows(self) -> int:
        """Dots down."""
        return self._height * self._down

    def dot(self, x: int, y: int, style: Style) -> None:
        """Set one dot; outside the canvas nothing happens. The last style in a cell is the cell's."""
        if 0 <= x < self.columns and 0 <= y < self.rows:
            cell = (x // self._across, y // self._down)
            self._masks[cell] = self._masks.get(cell, 0) | _BITS[x % self._across][y % self._down]
            self._styles[cell] = style

    def line(self, start: Dot, end: Dot, style: Style) -> None:
        """Set the dots between two of them, both included."""
        steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
        for step in range(steps + 1):
            x = start[0] + round((end[0] - start[0]) * step / steps)
            y = start[1] + round((end[1] - start[1]) * step / steps)
            self.dot(x, y, style)

    def mark(self, x: int, y: int, text: str, style: Style) -> None:
        """Put a character of one cell over the dots."""
        if 0 <= x < self.columns and 0 <= y < self.rows:
            self._marks[x // self._across, y // self._down] = (text, style)

    def lines(self) -> tuple[Line, ...]:
        """The cells, from the top, each line exactly as wide as the canvas."""
        return tuple(
            merged(self._cell((column, row)) for column in range(self._width)) for row in range(self._height)
        )

    def _cell(self, cell: Dot) -> Segment:
        if cell in self._marks:
            return self._marks[cell]
        mask = self._masks.get(cell, 0)
        if not mask:
            return (" ", Style.TEXT)
        style = self._styles[cell]
        if not self._glyphs.dots:
            return (chr(_BRAILLE + mask), style)
        return (self._glyphs.dots[style is Style.CHART_SELECTED], style)
