"""The report while it grows: the pretty table drawn over itself on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TextIO

from tracer.events import Event
from tracer.report import pretty
from tracer.report.document import Report
from tui.terminal_size import size_of

REDRAW_S = 0.2
"""Five times a second: quick enough to watch hops appear, slow enough to read."""

_UP_AND_CLEAR = "\x1b[{lines}F\x1b[J"


class LiveTable:
    """Redraws the table when something has changed; leaves the terminal clear for the final report."""

    def __init__(self, reports: Callable[[], list[Report]], terminal: TextIO) -> None:
        self._reports = reports
        self._terminal = terminal
        self._drawn_lines = 0
        self._next_draw_s = 0.0

    def update(self, _events: Sequence[Event]) -> None:
        """Something happened."""
        if time.monotonic() >= self._next_draw_s:
            self._next_draw_s = time.monotonic() + REDRAW_S
            columns, lines = size_of(self._terminal)
            text = pretty.render_running(self._reports(), columns)
            self._draw(text.splitlines()[: lines - 1])

    def close(self) -> None:
        """Take the table away."""
        self._draw([])

    def _draw(self, lines: Sequence[str]) -> None:
        if self._drawn_lines:
            self._terminal.write(_UP_AND_CLEAR.format(lines=self._drawn_lines))
        self._terminal.writelines(f"{line}\n" for line in lines)
        self._terminal.flush()
        self._drawn_lines = len(lines)
