"""Dots on a grid of cells: eight to a cell in braille, one to a cell in ASCII."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

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

_CHARS = (" ", *(chr(_BRAILLE + mask) for mask in range(1, 256)))

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
        if 0 <= x < self.columns and 0 <= y < self.rows:
            cell = y // self._down * self._width + x // self._across
            self._masks[cell] |= _BITS[x % self._across][y % self._down]
            self._styles[cell] = style

    def strokes(self, tops: Sequence[int], bottoms: Sequence[int], style: Style) -> None:
        """Set a run of dots in each column, from its top to its bottom, both within the canvas.

        None where the top lies below the bottom.
        """
        masks, styles, down, across, width = self._masks, self._styles, self._down, self._across, self._width
        for x, (top, bottom) in enumerate(zip(tops, bottoms, strict=True)):
            if top > bottom:
                continue
            runs = _RUNS[x % across]
            row, start, last, end = top // down, top % down, bottom // down, bottom % down
            cell = row * width + x // across
            if row < last:
                masks[cell] |= runs[start][down - 1]
                styles[cell] = style
                for between in range(cell + width, last * width, width):
                    masks[between] |= runs[0][down - 1]
                    styles[between] = style
                cell, start = last * width + x // across, 0
            masks[cell] |= runs[start][end]
            styles[cell] = style

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
        marked: dict[int, list[tuple[int, Segment]]] = {}
        for cell, segment in self._marks.items():
            marked.setdefault(cell // self._width, []).append((cell % self._width, segment))
        return tuple(self._line(row, marked.get(row, ())) for row in range(self._height))

    def _line(self, row: int, marks: Sequence[tuple[int, Segment]]) -> Line:
        cells = slice(row * self._width, (row + 1) * self._width)
        masks = self._masks[cells]
        if not marks and not any(masks):
            return ((" " * self._width, Style.TEXT),)
        looks = [
            style if mask else Style.TEXT for mask, style in zip(masks, self._styles[cells], strict=True)
        ]
        chars = self._chars(masks, looks)
        for column, (char, style) in marks:
            chars[column], looks[column] = char, style
        line: list[Segment] = []
        start = 0
        for style, run in groupby(looks):
            end = start + len([*run])
            line.append(("".join(chars[start:end]), style))
            start = end
        return tuple(line)

    def _chars(self, masks: Sequence[int], looks: Sequence[Style]) -> list[str]:
        if not self._glyphs.dots:
            return [_CHARS[mask] for mask in masks]
        plain, selected = self._glyphs.dots[0], self._glyphs.dots[1]
        return [
            (selected if style is Style.CHART_SELECTED else plain) if mask else " "
            for mask, style in zip(masks, looks, strict=True)
        ]
