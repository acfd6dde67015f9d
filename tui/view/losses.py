"""Loss over time, in one line."""

from __future__ import annotations

from collections.abc import Sequence

from tracer.model import ProbeState
from tui.view.cells import Line
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.history import Sample
from tui.view.sparkline import level
from tui.view.style import Style


def losses(samples: Sequence[Sample], width: int, glyphs: Glyphs = UNICODE) -> Line:
    """How much was lost over time, in at most ``width`` cells, oldest first.

    Each cell is for equally many probes: nothing lost, a bar for the part that was, or the mark of a loss
    where all were.
    """
    closed = [
        sample.state is ProbeState.LOST
        for sample in samples
        if sample.state in (ProbeState.LOST, ProbeState.REPLIED)
    ]
    cells = max(min(width, len(closed)), 0)
    line = []
    for index in range(cells):
        part = closed[index * len(closed) // cells : (index + 1) * len(closed) // cells]
        line.append(_loss_cell(sum(part) / len(part), glyphs))
    return tuple(line)


def _loss_cell(share: float, glyphs: Glyphs) -> tuple[str, Style]:
    if share == 0:
        return glyphs.silent, Style.MUTED
    if share == 1:
        return glyphs.loss, Style.LOSS
    return glyphs.levels[level(share, 0, 1, len(glyphs.levels))], Style.ALARMING
