"""Round-trip times of all hops over time, as dots on a canvas with axes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import msgspec

from tracer.model import ProbeState
from tui.view import format as fmt
from tui.view.canvas import Canvas, Dot
from tui.view.cells import Align, Line, fit, fit_line
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.history import Sample
from tui.view.steps import Steps, finished
from tui.view.strings import say
from tui.view.style import CHART, Style

MAX_ZOOM = 64
_GUTTER = fmt.NUMBER_WIDTH + 1
_LEAST_WIDTH, _LEAST_HEIGHT = _GUTTER + 6, 4
"""Below so many cells the axes are left out."""

Point = tuple[int, int | None]
"""When a probe was sent and its round-trip time, both in nanoseconds; None = lost."""


class Series(msgspec.Struct, frozen=True):
    """One line of the chart."""

    ttl: int
    points: tuple[Point, ...]
    """By the time they were sent."""
    resumed: frozenset[int] = frozenset()
    """When probing went on after rounds in which the hop was not probed."""


class View(msgspec.Struct, frozen=True):
    """Which part of the time is shown."""

    zoom: int = 1
    """1 shows everything, 2 half of it, up to 64."""
    pan: int = 0
    """How many quarters of the window its right end stands before the newest sample."""

    def zoomed_in(self) -> View:
        """Half the window."""
        return View(min(self.zoom * 2, MAX_ZOOM), self.pan)

    def zoomed_out(self) -> View:
        """Twice the window."""
        return View(max(self.zoom // 2, 1), self.pan // 2)

    def earlier(self) -> View:
        """A quarter of the window back; as far as there are samples."""
        return View(self.zoom, min(self.pan + 1, 4 * (self.zoom - 1)))

    def later(self) -> View:
        """A quarter of the window forward; up to the newest sample."""
        return View(self.zoom, max(self.pan - 1, 0))

    def around(self, at_ns: int, oldest_ns: int, newest_ns: int) -> View:
        """The same zoom with a moment as near to the middle as there are samples."""
        span = max((newest_ns - oldest_ns) // self.zoom, 1)
        quarters = round(4 * (newest_ns - at_ns - span / 2) / span)
        return View(self.zoom, min(max(quarters, 0), 4 * (self.zoom - 1)))

    def window(self, oldest_ns: int, newest_ns: int) -> tuple[int, int]:
        """The moments at the left and the right end, at least 1 ns apart."""
        span = max((newest_ns - oldest_ns) // self.zoom, 1)
        right = newest_ns - span * min(self.pan, 4 * (self.zoom - 1)) // 4
        return right - span, right


def series_of(ttl: int, samples: Sequence[Sample]) -> Series:
    """The line of a hop from its history; probes still outstanding are not on it yet."""
    points = [
        (sample.sent_ns, sample.rtt_ns)
        for sample in samples
        if sample.rtt_ns is not None or sample.state is ProbeState.LOST
    ]
    resumed = frozenset(
        after.sent_ns for before, after in pairwise(samples) if after.round > before.round + 1
    )
    return Series(ttl, tuple(sorted(points, key=_moment)), resumed)


def _moment(point: Point) -> int:
    return point[0]


class _Frame(msgspec.Struct, frozen=True):
    """What is where on the canvas."""

    left: int
    right: int
    low: float
    high: float

    def within(self, line: Series) -> Sequence[Point]:
        """The points between left and right."""
        first = bisect_left(line.points, self.left, key=_moment)
        return line.points[first : bisect_right(line.points, self.right, key=_moment)]

    def placing(self, canvas: Canvas) -> Callable[[int, float], Dot]:
        """Where on the canvas a moment and a round-trip time are."""
        left, across = self.left, (canvas.columns - 1) / (self.right - self.left)
        high, down = self.high, (canvas.rows - 1) / (self.high - self.low)
        return lambda at, rtt: (round((at - left) * across), round((high - rtt) * down))


def chart(
    series: Sequence[Series],
    width: int,
    height: int,
    view: View | None = None,
    selected: int | None = None,
    glyphs: Glyphs = UNICODE,
    moment_ns: int | None = None,
) -> tuple[Line, ...]:
    """``height`` lines of exactly ``width`` cells, with a vertical line at ``moment_ns``.

    Lines break at losses and where a hop was not probed. The losses of the ``selected`` hop (a TTL), else of
    the last line given, stand as marks on the bottom: those of all hops at once would say nothing. Where
    there is room, a scale in ms stands on the left and the time before the newest sample below.
    """
    return finished(chart_steps(series, width, height, view, selected, glyphs, moment_ns))


def chart_steps(
    series: Sequence[Series],
    width: int,
    height: int,
    view: View | None = None,
    selected: int | None = None,
    glyphs: Glyphs = UNICODE,
    moment_ns: int | None = None,
) -> Steps[tuple[Line, ...]]:
    """``chart``, with a pause after every hop."""
    if width <= 0 or height <= 0:
        return ((),) * max(height, 0)
    ends = [line.points[end][0] for line in series if line.points for end in (0, -1)]
    if not ends:
        return _empty(width, height, glyphs)
    frame = _frame(series, (view or View()).window(min(ends), max(ends)))
    yield
    if width < _LEAST_WIDTH or height < _LEAST_HEIGHT:
        return (yield from _canvas(series, (width, height), frame, (selected, moment_ns), glyphs))
    size = (width - _GUTTER, height - 2)
    drawn = yield from _canvas(series, size, frame, (selected, moment_ns), glyphs)
    labels = _scale(frame, len(drawn))
    body = [
        (
            (fit(label, _GUTTER - 1, Align.RIGHT) + (glyphs.tick if label else glyphs.vertical), Style.AXIS),
            *line,
        )
        for label, line in zip(labels, drawn, strict=True)
    ]
    return (*body, *_time_axis(frame, max(ends), width, glyphs))


def _empty(width: int, height: int, glyphs: Glyphs) -> tuple[Line, ...]:
    text = fit_line(((say("chart.empty"), Style.MUTED),), width, glyphs.ellipsis)
    blank = ((" " * width, Style.TEXT),)
    return (text, *(blank,) * (height - 1))


def _frame(series: Sequence[Series], window: tuple[int, int]) -> _Frame:
    left, right = window
    shown = _Frame(left, right, 0, 1)
    seen = [rtt for line in series for _, rtt in shown.within(line) if rtt is not None]
    low, high = float(min(seen, default=0)), float(max(seen, default=1))
    # From zero, unless the differences would be lost in the distance from it.
    low = 0.0 if low < high / 2 else low
    return _Frame(left, right, low, high if high > low else low + max(low * 0.1, 1.0))


def _canvas(
    series: Sequence[Series],
    size: tuple[int, int],
    frame: _Frame,
    marked: tuple[int | None, int | None],
    glyphs: Glyphs,
) -> Steps[tuple[Line, ...]]:
    canvas = Canvas(*size, glyphs)
    selected, moment_ns = marked
    chosen = [line for line in series if line.ttl == selected]
    for line in [*(line for line in series if line.ttl != selected), *chosen]:
        _draw(canvas, line, frame, style_of(line.ttl, selected))
        yield
    placed = frame.placing(canvas)
    for line in chosen or series[-1:]:
        for at, rtt in frame.within(line):
            if rtt is None:
                x, _ = placed(at, frame.low)
                canvas.mark(x, canvas.rows - 1, glyphs.loss, Style.LOSS)
    if moment_ns is not None:
        canvas.rule(placed(moment_ns, frame.low)[0], glyphs.vertical, Style.KEY)
    return canvas.lines()


def style_of(ttl: int, selected: int | None) -> Style:
    """How the line of a hop is drawn."""
    return Style.CHART_SELECTED if ttl == selected else CHART[ttl % len(CHART)]


def _draw(canvas: Canvas, line: Series, frame: _Frame, style: Style) -> None:
    """The points joined in their order, as one run of dots in each column."""
    runs = _Runs(canvas)
    placed, resumed = frame.placing(canvas), line.resumed
    before: Dot | None = None
    for at, rtt in frame.within(line):
        if rtt is None:
            before = None
            continue
        here = placed(at, rtt)
        if before is None or at in resumed:
            runs.begin(here, style)
        else:
            runs.join(before, here)
        before = here
    canvas.strokes(runs.tops, runs.bottoms, style)


class _Runs:
    """From where to where a line covers each column of dots."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self.tops = [canvas.rows] * canvas.columns
        self.bottoms = [-1] * canvas.columns

    def begin(self, start: Dot, style: Style) -> None:
        """A first point; what came before a gap in the same column is drawn already and stays apart."""
        x, y = start
        if self.tops[x] <= self.bottoms[x]:
            nothing = [self._canvas.rows] * x
            self._canvas.strokes([*nothing, self.tops[x]], [*([-1] * x), self.bottoms[x]], style)
        self.tops[x] = self.bottoms[x] = y

    def join(self, start: Dot, end: Dot) -> None:
        """A line to the next point, which does not lie on the left."""
        (left, y), (right, there) = start, end
        across, rise = right - left, there - y
        if abs(rise) <= across:
            for x in range(1, across):
                self._cover(left + x, y + round(rise * x / across), y + round(rise * x / across))
            self._cover(right, there, there)
            return
        step = 1 if rise > 0 else -1
        for x in range(across):
            turn = start[1] + round(rise * (2 * x + 1) / (2 * across))
            self._cover(left + x, y, turn)
            y = turn + step
        # Steep: the last step may have gone beyond the end.
        self._cover(right, min(y, there) if step > 0 else max(y, there), there)

    def _cover(self, x: int, one: int, other: int) -> None:
        top, bottom = (one, other) if one < other else (other, one)
        # min() and max() would take as long as all the rest of a drawing.
        if top < self.tops[x]:  # noqa: PLR1730
            self.tops[x] = top
        if bottom > self.bottoms[x]:  # noqa: PLR1730
            self.bottoms[x] = bottom


def _scale(frame: _Frame, lines: int) -> Iterator[str]:
    """A label at the top, in the middle and at the bottom."""
    labelled = {0, lines // 2, lines - 1} if lines > 2 else {0, lines - 1}
    for index in range(lines):
        part = index / max(lines - 1, 1)
        yield fmt.ms(frame.high - (frame.high - frame.low) * part) if index in labelled else ""


def _time_axis(frame: _Frame, newest: int, width: int, glyphs: Glyphs) -> tuple[Line, Line]:
    across = width - _GUTTER
    axis = " " * (_GUTTER - 1) + glyphs.corner + glyphs.horizontal * across
    start, end = _ago(newest - frame.left), _ago(newest - frame.right)
    room = across - len(end)
    unit = fit(say("chart.unit"), _GUTTER - 1, Align.RIGHT) + " "
    labels = unit + fit(start, room) + end if room >= len(start) else unit + fit(start, across)
    return ((axis, Style.AXIS),), ((labels, Style.AXIS),)


def _ago(span_ns: int) -> str:
    return say("chart.ago", span=fmt.duration(span_ns)) if span_ns > 0 else say("chart.now")
