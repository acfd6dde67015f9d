"""The settings dialog as lines."""

from __future__ import annotations

from tracer.text import printable
from tui.draft import Item, Tab
from tui.view.cells import Line, cell_width, fit, fit_line
from tui.view.help import wrapped
from tui.view.style import Style

_TITLE, _VALUE = 26, 22
_GAP = 2


def tabs_line(shown: Tab, width: int) -> Line:
    """The names of the pages."""
    line = [(f" {tab.heading} ", Style.SELECTED if tab is shown else Style.LABEL) for tab in Tab]
    return fit_line(tuple(line), width)


def tab_at(cell: int) -> Tab | None:
    """The page whose name stands at a cell."""
    end = 0
    for tab in Tab:
        end += cell_width(tab.heading) + _GAP
        if cell < end:
            return tab
    return None


def item_line(item: Item, width: int, ellipsis: str, *, chosen: bool) -> Line:
    """One option in exactly ``width`` cells: name, value, and what it means or why it is refused."""
    title = min(_TITLE, max(width // 3, 8))
    value = min(_VALUE, max(width // 4, 6))
    said = (printable(item.error), Style.ALARMING) if item.error else (item.help, Style.MUTED)
    shown = Style.CHANGED if item.waiting else Style.VALUE
    return fit_line(
        (
            (f" {fit(item.title, title - 2, ellipsis=ellipsis)} ", Style.SELECTED if chosen else Style.LABEL),
            (f" {fit(printable(item.value), value - 2, ellipsis=ellipsis)} ", shown),
            said,
        ),
        width,
        ellipsis,
    )


def about_lines(item: Item, width: int) -> tuple[Line, ...]:
    """What an option means, or why its value is refused, uncut."""
    text, style = (item.error, Style.ALARMING) if item.error else (item.help, Style.TEXT)
    return tuple(
        fit_line(((f" {part}", style),), width) for part in wrapped(printable(text), max(width - 2, 1))
    )


def apply_line(text: str, width: int, ellipsis: str, *, chosen: bool) -> Line:
    """The line that starts over."""
    return fit_line(((f" {printable(text)} ", Style.SELECTED if chosen else Style.STRONG),), width, ellipsis)
