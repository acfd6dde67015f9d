"""The line that shows where a recording stands: moment, length, speed, and what happened when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import groupby

import msgspec

from tui.view import format as fmt
from tui.view.cells import Line, clip_line, line_width
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.strings import say
from tui.view.style import Severity, Style

SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Seconds of the recording in a second."""

_LEAST_BAR = 10
"""A shorter bar tells nothing; the words go first."""


class Playback(msgspec.Struct, frozen=True, kw_only=True):
    """Where a recording stands."""

    position_ns: int
    length_ns: int
    speed: float = 1.0
    """One of ``SPEEDS``."""
    playing: bool = False
    changes: tuple[int, ...] = ()
    """When the path changed, in ascending order."""
    losses: tuple[int, ...] = ()
    """When probes of hops that answer at all were lost, in ascending order."""


def faster(speed: float) -> float:
    """The next greater speed."""
    return SPEEDS[min(SPEEDS.index(speed) + 1, len(SPEEDS) - 1)]


def slower(speed: float) -> float:
    """The next smaller speed."""
    return SPEEDS[max(SPEEDS.index(speed) - 1, 0)]


def scrubber(playback: Playback, width: int, glyphs: Glyphs = UNICODE) -> Line:
    """The line in at most ``width`` cells: the words, then the bar."""
    words = _words(playback)
    room = width - line_width(words)
    if room < _LEAST_BAR:
        return clip_line(words, width, glyphs.ellipsis)
    return (*words, *_bar(playback, room, glyphs))


def moment_at(playback: Playback, cell: int, width: int) -> int | None:
    """The moment at a cell of the line; None outside the bar."""
    start = line_width(_words(playback))
    room = width - start
    if room < _LEAST_BAR or not start <= cell < width:
        return None
    return playback.length_ns * (cell - start) // (room - 1)


def _words(playback: Playback) -> Line:
    state = say("scrubber.playing" if playback.playing else "scrubber.held")
    return (
        (f" {state} ", Style.STRONG if playback.playing else Style.CHANGED),
        (f"{fmt.moment(playback.position_ns)} / {fmt.moment(playback.length_ns)} ", Style.TEXT),
        (f"{_speed(playback.speed):>3}x ", Style.KEY),
    )


def _speed(speed: float) -> str:
    return say("scrubber.half") if speed < 1 else f"{speed:.0f}"


def _bar(playback: Playback, width: int, glyphs: Glyphs) -> Line:
    last = max(playback.length_ns, 1)
    knob = min(playback.position_ns, last) * (width - 1) // last
    cells = [(glyphs.horizontal, Style.SPARK if cell < knob else Style.AXIS) for cell in range(width)]
    _put_marks(cells, playback.losses, last, (glyphs.loss, Style.LOSS))
    _put_marks(cells, playback.changes, last, (glyphs.severity[Severity.WARNING], Style.WARNING))
    cells[knob] = (glyphs.bar, Style.KEY)
    return tuple(
        ("".join(char for char, _ in run), style)
        for style, group in groupby(cells, key=lambda cell: cell[1])
        for run in (tuple(group),)
    )


def _put_marks(
    cells: list[tuple[str, Style]], moments: Sequence[int], last: int, mark: tuple[str, Style]
) -> None:
    """Mark every cell in whose part of the time one of ``moments`` lies."""
    steps = len(cells) - 1
    for cell in range(len(cells)):
        begin = -(-last * cell // steps)
        at = bisect_left(moments, begin)
        if at < len(moments) and moments[at] * steps // last == cell:
            cells[cell] = mark
