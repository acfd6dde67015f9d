"""Columns of plain text, as wide as their cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

GAP = " "
_MIN_WIDTH = 15
"""The column that gives way stays wide enough for a dotted IPv4 address."""


def lay_out(rows: Sequence[Sequence[str]], *, left: int, width: int | None) -> list[list[str]]:
    """Return the lines of each row, padded to one length; cells are right-aligned but for column ``left``.

    Where the table is wider than ``width``, that column gives way: a cell too long for it gets a line to
    itself, the rest of its row the next one. Nothing is cut off.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        others = sum(widths) - widths[left] + len(GAP) * (len(widths) - 1)
        widths[left] = min(widths[left], max(width - others, _MIN_WIDTH))
    return [_lines(row, widths, left) for row in rows]


def _lines(row: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    if len(row[left]) <= widths[left]:
        return [_line(row, widths, left)]
    own = [*row[: left + 1], *repeat("", len(row) - left - 1)]
    rest = [*repeat("", left + 1), *row[left + 1 :]]
    return [_line(own, widths, left), _line(rest, widths, left)]


def _line(row: Sequence[str], widths: Sequence[int], left: int) -> str:
    cells = [cell.rjust(size) for cell, size in zip(row, widths, strict=True)]
    cells[left] = row[left].ljust(widths[left])
    return GAP.join(cells)
