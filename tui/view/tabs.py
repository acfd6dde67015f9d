"""A line of tabs, for views and targets alike: what fits around the chosen one, and where each stands."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tui.view.cells import Line, clip, clip_line, line_width
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.style import Style

_LONGEST = 24
"""Cells of a title; a host name may be much longer."""


class Tab(msgspec.Struct, frozen=True, kw_only=True):
    """One tab. Its title is printable."""

    title: str
    key: str = ""
    """What to press for it; empty where there is none."""
    mark: tuple[str, Style] | None = None


class PlacedTab(msgspec.Struct, frozen=True):
    """Where a tab stands on the line."""

    index: int
    at: int
    width: int


class TabLine(msgspec.Struct, frozen=True):
    """The line, and what is under a mouse."""

    line: Line
    placed: tuple[PlacedTab, ...]

    def index_at(self, cell: int) -> int | None:
        """Which tab is at a cell; None beside them."""
        found = (tab.index for tab in self.placed if tab.at <= cell < tab.at + tab.width)
        return next(found, None)


def tab_line(tabs: Sequence[Tab], current: int, width: int, glyphs: Glyphs = UNICODE) -> TabLine:
    """As many tabs as fit into ``width`` cells, the one at ``current`` among them.

    Where some are left out, a mark on that side tells.
    """
    if not tabs or width <= 0:
        return TabLine((), ())
    drawn = [_tab(tab, glyphs, is_current=index == current) for index, tab in enumerate(tabs)]
    first, last = _window([line_width(line) for line in drawn], min(max(current, 0), len(tabs) - 1), width)
    line: list[tuple[str, Style]] = []
    placed = []
    at = 0
    if first > 0:
        line.append((glyphs.more_left, Style.MUTED))
        at = 1
    for index in range(first, last):
        line += drawn[index]
        placed.append(PlacedTab(index, at, line_width(drawn[index])))
        at += placed[-1].width
    if last < len(tabs):
        line.append((glyphs.more_right, Style.MUTED))
    return TabLine(clip_line(tuple(line), width, glyphs.ellipsis), tuple(placed))


def _tab(tab: Tab, glyphs: Glyphs, *, is_current: bool) -> Line:
    title = clip(tab.title, _LONGEST, glyphs.ellipsis)
    parts: list[tuple[str, Style]] = [(" ", Style.TEXT)]
    if tab.mark is not None:
        parts += [tab.mark, (" ", Style.TEXT)]
    if tab.key:
        parts.append((f"{tab.key} ", Style.KEY))
    parts += [(title, Style.TEXT), (" ", Style.TEXT)]
    return tuple((text, Style.SELECTED) for text, _ in parts) if is_current else tuple(parts)


def _window(widths: Sequence[int], current: int, room: int) -> tuple[int, int]:
    """From the chosen tab outwards, as far as there is room; a cell on each side is kept for the marks."""
    if sum(widths) <= room:
        return 0, len(widths)
    first, last, used = current, current + 1, widths[current]
    while True:
        if last < len(widths) and used + widths[last] <= room - 2:
            used += widths[last]
            last += 1
        elif first > 0 and used + widths[first - 1] <= room - 2:
            first -= 1
            used += widths[first]
        else:
            return first, last
