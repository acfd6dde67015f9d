"""Recent round-trip times in one line: a bar for each probe, and for a lost one a mark that is no bar."""

from __future__ import annotations

from collections.abc import Sequence

from tui.view.cells import Line, merged
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.style import Style


def sparkline(
    recent_ns: Sequence[int | None],
    width: int,
    glyphs: Glyphs = UNICODE,
    scale_ns: tuple[int, int] | None = None,
) -> Line:
    """The newest ``width`` outcomes, newest on the right, in exactly ``width`` cells.

    None is a lost probe. ``scale_ns`` gives the values of the lowest and the highest bar, for lines that are
    to be compared; without it each line spans what it shows.
    """
    if width <= 0:
        return ()
    shown = recent_ns[-width:]
    answered = [rtt for rtt in shown if rtt is not None]
    low, high = scale_ns or (min(answered, default=0), max(answered, default=0))
    bars = [
        (glyphs.loss, Style.LOSS)
        if rtt is None
        else (glyphs.levels[level(rtt, low, high, len(glyphs.levels))], Style.SPARK)
        for rtt in shown
    ]
    return merged([(" " * (width - len(bars)), Style.TEXT), *bars])


def level(value: float, low: float, high: float, levels: int) -> int:
    """Which of ``levels`` equal steps from ``low`` to ``high`` a value falls into, 0..levels-1."""
    if high <= low:
        return 0 if value <= low else levels - 1
    return max(0, min(levels - 1, int((value - low) * levels / (high - low))))
