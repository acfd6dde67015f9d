"""Hops by time: the warmer a cell, the longer the round-trip time; a lost probe is no temperature at all."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from statistics import median

import msgspec

from tracer.model import ProbeState
from tui.view import format as fmt
from tui.view.cells import Align, Line, Segment, fit, fit_line, merged
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.history import Sample
from tui.view.sparkline import level
from tui.view.strings import say
from tui.view.style import HEAT, Style

_LABEL_WIDTH = 4
_SMALLEST_LABELLED = 12
"""Narrower maps go without labels."""


class HeatRow(msgspec.Struct, frozen=True):
    """One hop."""

    label: str
    """Printable."""
    samples: tuple[Sample, ...]


class Span(msgspec.Struct, frozen=True):
    """Which rounds are shown."""

    per_cell: int = 1
    """Rounds that share a cell, at least 1."""
    back: int = 0
    """How many cells the right end stands before the newest round."""


def heatmap(
    rows: Sequence[HeatRow], width: int, height: int, span: Span | None = None, glyphs: Glyphs = UNICODE
) -> tuple[Line, ...]:
    """At most ``height`` lines of exactly ``width`` cells, one for each hop from the first.

    A cell is one round, or several: then any loss makes it a loss, else the median is shown. Heat is the
    logarithm of the time between the least and the greatest that is shown, so that the near hops differ too.
    Blank: not probed, or not answered yet.
    """
    if width <= 0:
        return ((),) * min(max(height, 0), len(rows))
    label_width = _LABEL_WIDTH if width >= _SMALLEST_LABELLED else 0
    columns = max(width - label_width, 0)
    shown = rows[: max(height, 0)]
    cells = [_cells(row, columns, span or Span(), _newest(rows)) for row in shown]
    low, high = bounds(cells)
    return tuple(
        fit_line(
            merged(
                [
                    (_label(row.label, label_width, glyphs), Style.LABEL),
                    *(_segment(cell, low, high, glyphs) for cell in line),
                ]
            ),
            width,
            glyphs.ellipsis,
        )
        for row, line in zip(shown, cells, strict=True)
    )


class Lost(msgspec.Struct, frozen=True):
    """A cell in which something was lost."""


LOST = Lost()
Cell = float | Lost | None
"""Round-trip time in nanoseconds, lost, or not probed."""


def _newest(rows: Sequence[HeatRow]) -> int:
    return max((sample.round for row in rows for sample in row.samples), default=0)


def _cells(row: HeatRow, columns: int, span: Span, newest: int) -> list[Cell]:
    # Cells begin at round 0, so that they do not change their content as rounds are added.
    last = newest // span.per_cell - span.back
    first = last - columns + 1
    heaps: dict[int, list[Sample]] = {}
    for sample in row.samples:
        cell = sample.round // span.per_cell
        if first <= cell <= last:
            heaps.setdefault(cell, []).append(sample)
    return [_cell(heaps.get(cell, [])) for cell in range(first, last + 1)]


def _cell(samples: Sequence[Sample]) -> Cell:
    if any(sample.state is ProbeState.LOST for sample in samples):
        return LOST
    times = [sample.rtt_ns for sample in samples if sample.rtt_ns is not None]
    return float(median(times)) if times else None


def bounds(cells: Sequence[Sequence[Cell]]) -> tuple[float, float]:
    """The least and the greatest time in the cells; 0 and 0 without any."""
    times = [cell for line in cells for cell in line if isinstance(cell, float)]
    return min(times, default=0.0), max(times, default=0.0)


def heat_of(rtt_ns: float, low: float, high: float) -> int:
    """The heat level of a time, 0..5, on a logarithmic scale from ``low`` to ``high``."""
    return level(log(max(rtt_ns, 1.0)), log(max(low, 1.0)), log(max(high, 1.0)), len(HEAT))


def _segment(cell: Cell, low: float, high: float, glyphs: Glyphs) -> Segment:
    if cell is None:
        return (" ", Style.TEXT)
    if isinstance(cell, Lost):
        return (glyphs.loss, Style.LOSS)
    heat = heat_of(cell, low, high)
    return (glyphs.heat[heat], HEAT[heat])


def _label(label: str, width: int, glyphs: Glyphs) -> str:
    return fit(label, width - 1, Align.RIGHT, glyphs.ellipsis) + " " if width else ""


def legend(rows: Sequence[HeatRow], width: int, glyphs: Glyphs = UNICODE) -> Line:
    """What the cells mean, in at most ``width`` cells."""
    low, high = bounds([[_cell([sample]) for sample in row.samples] for row in rows])
    steps = [(mark, style) for mark, style in zip(glyphs.heat, HEAT, strict=True)]
    text = say("heat.legend", low=fmt.ms(low), high=fmt.ms(high))
    lost = say("heat.lost")
    line = [*steps, (f" {text}  ", Style.LABEL), (glyphs.loss, Style.LOSS), (f" {lost}", Style.LABEL)]
    return merged(fit_line(tuple(line), width, glyphs.ellipsis))
