"""How far a headless run has come, on stderr where that is a terminal: rounds done of those asked, and time.

It takes one line, redrawn at most five times a second, and leaves nothing behind.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TextIO

from tracer.events import Event, ProbeSent, TargetAdded, TraceEnded, TraceStarted
from tui.terminal_size import size_of

REDRAW_S = 0.2
APPEARS_AFTER_S = 1.0
"""A run that is over by then shows nothing."""

_BAR = 24
_CLEAR = "\r\x1b[K"


def wanted(stream: TextIO | None) -> bool:
    """Whether somebody watches ``stream``."""
    return stream is not None and not stream.closed and stream.isatty()


def line(done: int, asked: int, elapsed_s: float, width: int) -> str:
    """``[#####.....] 5/10 rounds, 4 s`` in fewer than ``width`` columns; the bar gives way first."""
    done = min(done, asked)
    text = f"{done}/{asked} rounds, {elapsed_s:.0f} s"
    bar = min(_BAR, width - len(text) - 4)
    if bar < 4:
        return text[: max(width - 1, 0)]
    full = bar * done // max(asked, 1)
    return f"[{'#' * full}{'.' * (bar - full)}] {text}"


class Progress:
    """Hears the events and draws. The slowest target tells how far the run is.

    A terminal without cursor control (TERM=dumb) or without colours (NO_COLOR) gets the same characters; on a
    dumb one the line is overwritten with blanks.
    """

    def __init__(self, asked: int, stream: TextIO) -> None:
        self._asked = asked
        self._stream = stream
        self._clear = "\r" if os.environ.get("TERM") in (None, "dumb") else _CLEAR
        self._began_s = time.monotonic()
        self._next_draw_s = self._began_s + APPEARS_AFTER_S
        self._rounds: dict[str, int] = {}
        self._drawn = 0

    def update(self, events: Sequence[Event]) -> None:
        """Hear the next events."""
        for event in events:
            self._count(event)
        now = time.monotonic()
        if now >= self._next_draw_s:
            self._next_draw_s = now + REDRAW_S
            self._draw(now - self._began_s)

    def _count(self, event: Event) -> None:
        match event:
            case TraceStarted():
                self._rounds = {target.label: 0 for target in event.targets}
            case TargetAdded():
                self._rounds[event.target] = 0
            case ProbeSent():
                self._rounds[event.target] = event.round  # the round it belongs to is not done yet
            case TraceEnded():
                self._rounds[event.target] = self._asked

    def _draw(self, elapsed_s: float) -> None:
        done = min(self._rounds.values(), default=0)
        text = line(done, self._asked, elapsed_s, size_of(self._stream)[0])
        self._write(f"{self._clear}{text.ljust(self._drawn)}")
        self._drawn = len(text)

    def close(self) -> None:
        """Take the line away."""
        if self._drawn:
            self._write(f"\r{' ' * self._drawn}\r")
            self._drawn = 0

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:  # the terminal went away; the trace does not mind
            self._drawn = 0
