"""Hops by time: the warmer a cell, the longer the round-trip time; a lost probe is no temperature at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log

import msgspec

from tracer.model import ProbeState
from tui.view import format as fmt
from tui.view.cells import Align, Line, Segment, cell_width, fit, fit_line, merged
from tui.view.chart import View
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.history import Sample
from tui.view.steps import Steps, finished
from tui.view.strings import counted, say
from tui.view.style import HEAT, Style

_LABEL_WIDTH = 4
_SMALLEST_LABELLED = 12
"""Narrower maps go without labels."""


class HeatRow(msgspec.Struct, frozen=True):
    """One hop."""

    label: str
    """Printable."""
    samples: tuple[Sample, ...]
    label_style: Style = Style.LABEL


class Span(msgspec.Struct, frozen=True):
    """Which rounds are shown."""

    per_cell: int = 1
    """Rounds that share a cell, at least 1."""
    back: int = 0
    """How many cells the right end stands before the newest round."""


def span_of(view: View, rounds: tuple[int, int], columns: int) -> Span:
    """The rounds that a chart's ``view`` shows, of those from the first to the last that are known.

    Rounds share a cell by powers of two, so that cells seldom change what they stand for.
    """
    first, last = rounds
    per_cell = 1
    while per_cell * columns < last - first + 1 and columns > 0:
        per_cell *= 2
    per_cell = max(per_cell // view.zoom, 1)
    most = max(last // per_cell - first // per_cell - columns + 1, 0)
    return Span(per_cell, min(view.pan * columns // 4, most))


def rounds_of(rows: Sequence[HeatRow]) -> tuple[int, int]:
    """The first and the last round of all samples; twice 0 without any."""
    rounds = [sample.round for row in rows for sample in (*row.samples[:1], *row.samples[-1:])]
    return min(rounds, default=0), max(rounds, default=0)


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
    shown = rows[: max(height, 0)]
    columns = max(width - _label_width(rows, width), 0)
    grid = finished(_grid(shown, columns, span, _newest(rows)))
    return finished(_body(shown, grid, width, glyphs))


def picture(
    rows: Sequence[HeatRow], width: int, view: View | None = None, glyphs: Glyphs = UNICODE
) -> tuple[Line, ...]:
    """The legend, the whole map, and which rounds it shows; lines of exactly ``width`` cells."""
    return finished(picture_steps(rows, width, view, glyphs))


def picture_steps(
    rows: Sequence[HeatRow], width: int, view: View | None = None, glyphs: Glyphs = UNICODE
) -> Steps[tuple[Line, ...]]:
    """``picture``, with pauses."""
    if width <= 0:
        return ((),) * (len(rows) + 2)
    columns = max(width - _label_width(rows, width), 0)
    span = span_of(view or View(), rounds_of(rows), columns)
    grid = yield from _grid(rows, columns, span, _newest(rows))
    body = yield from _body(rows, grid, width, glyphs)
    return (legend(grid, width, glyphs), *body, _axis(grid, columns, width, glyphs))


def _label_width(rows: Sequence[HeatRow], width: int) -> int:
    if width < _SMALLEST_LABELLED:
        return 0
    longest = max((cell_width(row.label) for row in rows), default=0) + 1
    return max(_LABEL_WIDTH, min(longest, width // 4))


def _body(rows: Sequence[HeatRow], grid: Grid, width: int, glyphs: Glyphs) -> Steps[tuple[Line, ...]]:
    label_width = _label_width(rows, width)
    segment = _painter(grid, glyphs)
    lines: list[Line] = []
    for row, cells in zip(rows, grid.cells, strict=True):
        line = merged([*_label(row, label_width, glyphs), *map(segment, cells)])
        lines.append(fit_line(line, width, glyphs.ellipsis))
        yield
    return tuple(lines)


def _axis(grid: Grid, columns: int, width: int, glyphs: Glyphs) -> Line:
    start, end = (say("heat.round", round=number + 1) for number in grid.rounds)
    room = columns - cell_width(end)
    text = " " * grid.blank + start
    text = fit(text, room) + end if room > cell_width(text) else fit(end, columns, Align.RIGHT)
    return fit_line(((" " * (width - columns) + text, Style.AXIS),), width, glyphs.ellipsis)


class Lost(msgspec.Struct, frozen=True):
    """A cell in which something was lost."""


LOST = Lost()
Cell = float | Lost | None
"""Round-trip time in nanoseconds, lost, or not probed."""


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """What the cells hold, before they are drawn."""

    cells: tuple[tuple[Cell, ...], ...]
    """One row for each hop."""
    low: float
    """Least time, in nanoseconds; 0 without any."""
    high: float
    per_cell: int
    """Rounds that share a cell."""
    rounds: tuple[int, int]
    """The first and the last that the cells stand for, as far as there are any."""
    blank: int
    """Cells on the left that stand for no round yet."""


def _newest(rows: Sequence[HeatRow]) -> int:
    return max((sample.round for row in rows for sample in row.samples[-1:]), default=0)


def _grid(rows: Sequence[HeatRow], columns: int, span: Span | None, newest: int) -> Steps[Grid]:
    told = span or Span()
    # Cells begin at round 0, so that they do not change their content as rounds are added.
    last = newest // told.per_cell - told.back
    first = last - columns + 1
    cells: list[tuple[Cell, ...]] = []
    for row in rows:
        cells.append(_cells(row, range(first, last + 1), told.per_cell))
        yield
    times = [cell for line in cells for cell in line if isinstance(cell, float)]
    return Grid(
        cells=tuple(cells),
        low=min(times, default=0.0),
        high=max(times, default=0.0),
        per_cell=told.per_cell,
        blank=min(max(-first, 0), columns),
        rounds=(max(first, 0) * told.per_cell, min((last + 1) * told.per_cell - 1, newest)),
    )


def _cells(row: HeatRow, shown: range, per_cell: int) -> tuple[Cell, ...]:
    times: dict[int, list[int]] = {}
    lost: set[int] = set()
    for sample in row.samples:
        cell = sample.round // per_cell
        if not shown.start <= cell < shown.stop:
            continue
        if sample.state is ProbeState.LOST:
            lost.add(cell)
        elif sample.rtt_ns is not None:
            times.setdefault(cell, []).append(sample.rtt_ns)
    return tuple(LOST if cell in lost else _median(times.get(cell, ())) for cell in shown)


def _median(times: Sequence[int]) -> float | None:
    # Not that of ``statistics``, which takes longer than all the rest for the few times of a cell.
    if not times:
        return None
    ordered = sorted(times)
    return (ordered[(len(times) - 1) // 2] + ordered[len(times) // 2]) / 2


def _painter(grid: Grid, glyphs: Glyphs) -> Callable[[Cell], Segment]:
    """How a cell is drawn: its heat is on a logarithmic scale from the least time to the greatest."""
    low = log(max(grid.low, 1.0))
    span = log(max(grid.high, 1.0)) - low
    shades = [*zip(glyphs.heat, HEAT, strict=True)]
    shades.append(shades[-1])  # the greatest time itself

    def segment(cell: Cell) -> Segment:
        if cell is None:
            return _BLANK
        if isinstance(cell, Lost):
            return (glyphs.loss, Style.LOSS)
        return shades[int((log(max(cell, 1.0)) - low) * len(HEAT) / span) if span else 0]

    return segment


_BLANK: Segment = (" ", Style.TEXT)


def _label(row: HeatRow, width: int, glyphs: Glyphs) -> Line:
    text = fit(row.label, width - 1, Align.RIGHT, glyphs.ellipsis)
    return ((text, row.label_style), (" ", Style.TEXT)) if width else ()


def legend(grid: Grid, width: int, glyphs: Glyphs = UNICODE) -> Line:
    """What the cells mean, in exactly ``width`` cells."""
    steps = [(mark, style) for mark, style in zip(glyphs.heat, HEAT, strict=True)]
    text = say("heat.legend", low=fmt.ms(grid.low), high=fmt.ms(grid.high))
    lost = say("heat.lost") if grid.per_cell == 1 else say("heat.lost-any")
    scale = say("heat.cell", rounds=counted(grid.per_cell, "rounds"))
    line = [
        *steps,
        (f" {text}  ", Style.LABEL),
        (glyphs.loss, Style.LOSS),
        (f" {lost}  ", Style.LABEL),
        (scale, Style.LABEL),
    ]
    return merged(fit_line(tuple(line), width, glyphs.ellipsis))
