"""All targets in one table: how far, how long, how much is lost, and what that means."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from tracer.model import EndReason
from tracer.stats.snapshot import HopSnapshot, TraceSnapshot
from tracer.text import printable
from tui.view import format as fmt
from tui.view.cells import Align, Line, fit, fit_line, line_width
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.privacy import HIDDEN
from tui.view.rows import severity_of
from tui.view.sparkline import sparkline
from tui.view.strings import say
from tui.view.style import SEVERITY_STYLES, Severity, Style
from tui.view.verdict_line import outcome

_MOST_OF_A_NAME = 40


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One target in a row. Its texts are printable."""

    name: str
    severity: Severity
    hops: int | None
    """Length of the path; None while that is not known."""
    end: HopSnapshot | None
    """The target itself, as a hop; None until it answers."""
    told: str
    """The path in a sentence."""


def title(snapshot: TraceSnapshot) -> str:
    """What a target is called on tabs and in tables."""
    return say("row.hidden") if snapshot.target.query == HIDDEN else printable(snapshot.target.query)


def health(snapshot: TraceSnapshot) -> Severity:
    """How a target does: its path's verdict, or that it could not be traced at all."""
    if snapshot.reason is EndReason.ERROR:
        return Severity.ALARMING
    return severity_of(snapshot.path_verdict)


def summary(snapshot: TraceSnapshot) -> Summary:
    """What one row says of a target."""
    ends = [hop for hop in snapshot.hops if hop.ttl == snapshot.target_ttl and hop.received]
    verdict = snapshot.path_verdict
    return Summary(
        name=title(snapshot),
        severity=health(snapshot),
        hops=int(ends[0].ttl) if ends else None,
        end=ends[0] if ends else None,
        told=outcome(snapshot) if verdict is None else printable(verdict.sentence),
    )


class _Cell(msgspec.Struct, frozen=True):
    header: str
    width: int
    align: Align
    draw: Callable[[Summary, int, Glyphs], Line]
    worth: int
    """What has the least is left out first where there is no room."""


def _rtt(field: str) -> Callable[[Summary, int, Glyphs], Line]:
    def draw(row: Summary, _width: int, _glyphs: Glyphs) -> Line:
        rtt = None if row.end is None else row.end.rtt
        return ((fmt.ms(None if rtt is None else getattr(rtt, field)), Style.TEXT),)

    return draw


def _mark(row: Summary, _width: int, glyphs: Glyphs) -> Line:
    return ((glyphs.severity[row.severity], SEVERITY_STYLES[row.severity]),)


def _name(row: Summary, width: int, glyphs: Glyphs) -> Line:
    return ((fit(row.name, width, ellipsis=glyphs.ellipsis), Style.STRONG),)


def _hops(row: Summary, _width: int, _glyphs: Glyphs) -> Line:
    return ((fmt.count(row.hops), Style.TEXT),)


def _loss(row: Summary, _width: int, _glyphs: Glyphs) -> Line:
    lost = row.end is not None and row.end.lost > 0
    return (
        (
            fmt.percent(None if row.end is None else row.end.loss_pct),
            SEVERITY_STYLES[row.severity] if lost else Style.TEXT,
        ),
    )


def _recent(row: Summary, width: int, glyphs: Glyphs) -> Line:
    return sparkline(() if row.end is None else row.end.recent_ns, width, glyphs)


def _told(row: Summary, _width: int, _glyphs: Glyphs) -> Line:
    return ((row.told, SEVERITY_STYLES[row.severity]),)


def _cells(rows: Sequence[Summary], width: int) -> tuple[_Cell, ...]:
    """What fits into ``width`` cells; the sentence gets the rest."""
    name = min(max((len(row.name) for row in rows), default=0), _MOST_OF_A_NAME, max(width // 3, 8))
    cells = [
        _Cell("overview.mark", 1, Align.LEFT, _mark, 9),
        _Cell("overview.target", max(name, 8), Align.LEFT, _name, 8),
        _Cell("overview.hops", 4, Align.RIGHT, _hops, 4),
        _Cell("overview.loss", 5, Align.RIGHT, _loss, 7),
        _Cell("overview.p50", 5, Align.RIGHT, _rtt("p50_ns"), 6),
        _Cell("overview.p99", 5, Align.RIGHT, _rtt("p99_ns"), 3),
        _Cell("overview.recent", 12, Align.LEFT, _recent, 2),
    ]
    while len(cells) > 1 and _total(cells) > width:
        cells.remove(min(cells, key=lambda cell: cell.worth))
    rest = width - _total(cells) - 1
    if rest >= 12:
        cells.append(_Cell("overview.told", rest, Align.LEFT, _told, 1))
    return tuple(cells)


def _total(cells: Sequence[_Cell]) -> int:
    return sum(cell.width for cell in cells) + len(cells) - 1


def overview(rows: Sequence[Summary], current: int, width: int, glyphs: Glyphs = UNICODE) -> tuple[Line, ...]:
    """A header and a line for each target, each of exactly ``width`` cells; ``current`` is the chosen row."""
    cells = _cells(rows, width)
    head = [_fitted(((say(cell.header), Style.HEADER),), cell, glyphs, Style.HEADER) for cell in cells]
    lines = [_row(head, width, glyphs, Style.HEADER)]
    for index, row in enumerate(rows):
        drawn = [_fitted(cell.draw(row, cell.width, glyphs), cell, glyphs, Style.TEXT) for cell in cells]
        line = _row(drawn, width, glyphs, Style.TEXT)
        lines.append(tuple((text, Style.SELECTED) for text, _ in line) if index == current else line)
    return tuple(lines)


def _fitted(cell: Line, place: _Cell, glyphs: Glyphs, fill: Style) -> Line:
    if place.align is Align.LEFT:
        return fit_line(cell, place.width, glyphs.ellipsis, fill)
    return ((" " * (place.width - line_width(cell)), fill), *cell)


def _row(cells: Sequence[Line], width: int, glyphs: Glyphs, fill: Style) -> Line:
    line: list[tuple[str, Style]] = []
    for cell in cells:
        line += [(" ", fill), *cell] if line else cell
    return fit_line(tuple(segment for segment in line if segment[0]), width, glyphs.ellipsis, fill)
