"""Choosing, ordering and sizing the columns: what the dialog lists and how a choice changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from tui.view.cells import Line, fit, fit_line
from tui.view.columns import COLUMNS, Column, available
from tui.view.facts import Fact
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.strings import say
from tui.view.style import Style

WIDEST = 80
"""Cells a column can be made wide."""


class Item(msgspec.Struct, frozen=True):
    """A line of the list."""

    column: Column
    shown: bool


def listed(letters: str, facts: Iterable[Fact]) -> tuple[Item, ...]:
    """The shown columns in their order, then the others that have data, in the order of the registry."""
    known = available(COLUMNS.values(), facts)
    shown = [column for column in map(COLUMNS.__getitem__, letters) if column in known]
    return (
        *(Item(column, shown=True) for column in shown),
        *(Item(column, shown=False) for column in known if column.id not in letters),
    )


def toggled(letters: str, column_id: str) -> str:
    """Show or hide a column; the last one stays."""
    if column_id not in letters:
        return letters + column_id
    return letters.replace(column_id, "") if len(letters) > 1 else letters


def moved(letters: str, column_id: str, by: int, facts: Iterable[Fact]) -> str:
    """Let a shown column change places with its neighbour (``by`` is 1 or -1) among those with data."""
    shown = [item.column.id for item in listed(letters, facts) if item.shown]
    if column_id not in shown:
        return letters
    to = shown.index(column_id) + by
    if not 0 <= to < len(shown):
        return letters
    return letters.translate(str.maketrans(column_id + shown[to], shown[to] + column_id))


def resized(widths: Mapping[str, int], column: Column, width: int) -> dict[str, int]:
    """Give a column a width in cells, within reason."""
    return {**widths, column.id: min(max(width, column.width.minimum), WIDEST)}


def widened(widths: Mapping[str, int], column: Column, by: int) -> dict[str, int]:
    """Make a column wider or narrower."""
    return resized(widths, column, widths.get(column.id, column.width.preferred) + by)


def line(item: Item, widths: Mapping[str, int], width: int, glyphs: Glyphs = UNICODE) -> Line:
    """An item in exactly ``width`` cells: shown or not, letter, header, width, meaning."""
    column = item.column
    asked = say("columns.width", cells=widths[column.id]) if column.id in widths else ""
    mark, style = (glyphs.ticked, Style.KEY) if item.shown else (glyphs.unticked, Style.MUTED)
    return fit_line(
        (
            (f" {mark} ", style),
            (f"{column.id} ", Style.LABEL),
            (fit(column.header, 8, ellipsis=glyphs.ellipsis), Style.STRONG if item.shown else Style.TEXT),
            (fit(asked, 6), Style.LABEL),
            (column.help, Style.TEXT if item.shown else Style.MUTED),
        ),
        width,
        glyphs.ellipsis,
    )
